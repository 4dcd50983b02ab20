package k6output

import (
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest"
)

// converter turns k6's samples into ours. k6 hands out one pointer for equal tag sets, and one for a
// metric, so both are looked up by pointer. It is not safe for concurrent use.
type converter struct {
	registry *ingest.Registry
	metrics  map[*metrics.Metric]*knownMetric
	tags     *ingest.TagTable[*metrics.TagSet]

	// what the last sample had: its neighbour mostly has the same tags and metadata
	metric   *knownMetric
	lastTags *metrics.TagSet
	tagSet   *ingest.TagSet
	meta     *ingest.Meta
}

// knownMetric is a metric in k6's form and in ours.
type knownMetric struct {
	k6   *metrics.Metric
	ours *ingest.Metric
	next *knownMetric // that of the sample that came behind the last one of this metric: mostly it comes again
}

func newConverter(registry *ingest.Registry) *converter {
	return &converter{
		registry: registry,
		metrics:  map[*metrics.Metric]*knownMetric{},
		tags:     ingest.NewTagTable[*metrics.TagSet](),
		metric:   &knownMetric{},
	}
}

// convert fills out with what the sample says.
func (c *converter) convert(in *metrics.Sample, out *ingest.Sample) {
	out.Time = in.Time.UnixNano()
	out.Value = in.Value
	out.Metric = c.metricOf(in.Metric)
	if in.Tags != c.lastTags || c.tagSet == nil {
		c.lastTags, c.tagSet = in.Tags, c.tagsOf(in.Tags)
	}
	out.Tags = c.tagSet
	if !c.meta.Matches(in.Metadata) {
		c.meta = ingest.NewMeta(ingest.TagsFromMap(in.Metadata))
	}
	out.Meta = c.meta
}

func (c *converter) metricOf(in *metrics.Metric) *ingest.Metric {
	if next := c.metric.next; next != nil && next.k6 == in {
		c.metric = next
		return next.ours
	}
	known, ok := c.metrics[in]
	if !ok {
		known = &knownMetric{k6: in, ours: c.registry.Define(in.Name, typeOf(in.Type))}
		c.metrics[in] = known
	}
	c.metric.next, c.metric = known, known
	return known.ours
}

func typeOf(t metrics.MetricType) ingest.MetricType {
	switch t {
	case metrics.Counter:
		return ingest.Counter
	case metrics.Gauge:
		return ingest.Gauge
	case metrics.Rate:
		return ingest.Rate
	case metrics.Trend:
		return ingest.Trend
	default:
		return ingest.Unknown
	}
}

func (c *converter) tagsOf(in *metrics.TagSet) *ingest.TagSet {
	if known, ok := c.tags.Get(in); ok {
		return known
	}
	var tags map[string]string
	if in != nil {
		tags = in.Map()
	}
	return c.tags.Put(in, ingest.TagsFromMap(tags))
}
