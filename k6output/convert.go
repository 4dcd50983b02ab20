package k6output

import (
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest"
)

// converter turns k6's samples into ours. k6 hands out one pointer for equal tag sets, and one for a
// metric, so both are looked up by pointer. It is not safe for concurrent use.
type converter struct {
	registry *ingest.Registry
	metrics  map[*metrics.Metric]*ingest.Metric
	tags     *ingest.TagTable[*metrics.TagSet]

	// what the last sample had: its neighbour mostly has the same
	lastMetric *metrics.Metric
	metric     *ingest.Metric
	lastTags   *metrics.TagSet
	tagSet     *ingest.TagSet
	meta       *ingest.Meta
}

func newConverter(registry *ingest.Registry) *converter {
	return &converter{
		registry: registry,
		metrics:  map[*metrics.Metric]*ingest.Metric{},
		tags:     ingest.NewTagTable[*metrics.TagSet](),
	}
}

// convert fills out with what the sample says.
func (c *converter) convert(in *metrics.Sample, out *ingest.Sample) {
	out.Time = in.Time.UnixNano()
	out.Value = in.Value
	if in.Metric != c.lastMetric {
		c.lastMetric, c.metric = in.Metric, c.metricOf(in.Metric)
	}
	out.Metric = c.metric
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
	if known, ok := c.metrics[in]; ok {
		return known
	}
	metric := c.registry.Define(in.Name, typeOf(in.Type))
	c.metrics[in] = metric
	return metric
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
