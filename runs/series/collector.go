// Package series sums a run up: one series for each metric and each thing that it is about. A series
// says as much about a run of a billion requests as about one of ten thousand, at the same cost.
//
// It is not a stable Go API; what is stable are the fields of documents.
package series

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/k6es/k6es/ingest"
)

// Scope says what kind of thing a series is about.
type Scope string

// The scopes.
const (
	WholeRun  Scope = "run"
	Scenario  Scope = "scenario"
	Group     Scope = "group"
	Request   Scope = "name" // name × method × class of status
	Check     Scope = "check"
	Threshold Scope = "threshold" // the sub-metric that a threshold names
	Other     Scope = "other"     // what was too small to keep apart
)

// Key says what a series is about. Only the fields of its scope are set.
type Key struct {
	Scope    Scope
	Scenario string
	Group    string
	Name     string
	Method   string
	Status   string // 2xx, 3xx, …; "none" when there was no response; another protocol's status as it is
	Check    string
	Selector string // of a sub-metric, as k6 writes it: name:home,status:200
}

// String is the key for people, and part of a document's id.
func (k Key) String() string {
	switch k.Scope {
	case Scenario:
		return "scenario " + k.Scenario
	case Group:
		return "group " + k.Group
	case Request:
		method := k.Method
		if strings.HasPrefix(k.Name, method+" ") { // scripts like to name requests "GET /items"
			method = ""
		}
		return strings.Join(slices.DeleteFunc([]string{method, k.Name, k.Status}, func(s string) bool { return s == "" }), " ")
	case Check:
		return "check " + k.Check
	case Threshold:
		return "{" + k.Selector + "}"
	default:
		return string(k.Scope)
	}
}

// compare orders keys. It is for many of them: it makes no texts.
func (k Key) compare(other Key) int {
	if k.Name != other.Name {
		return strings.Compare(k.Name, other.Name)
	}
	return cmp.Or(
		strings.Compare(string(k.Scope), string(other.Scope)), strings.Compare(k.Method, other.Method), strings.Compare(k.Status, other.Status),
		strings.Compare(k.Scenario, other.Scenario), strings.Compare(k.Group, other.Group), strings.Compare(k.Check, other.Check),
		strings.Compare(k.Selector, other.Selector))
}

// Submetric is a part of a metric's samples that a threshold names: those that have all the tags.
type Submetric struct {
	Metric   string
	Selector string
	Tags     []ingest.Tag
}

const (
	// MaxSeries bounds the series of a run. When there would be more, the smallest are merged into
	// one of scope Other. Most have few values and take about 1.5 KiB; a trend with very many takes up
	// to 9 KiB, since values from a microsecond to a quarter of an hour fall into 2,100 buckets.
	MaxSeries = 10_000
	// maxSectioned bounds, for each metric, the requests that keep their distribution by sections of
	// time. When there would be more, those with the fewest samples give it up. A busy one takes 70 to
	// 130 KiB (log-normal times, σ 0.5 to 1).
	maxSectioned = 500
	// mergedAtOnce is the share of series that is merged when there are too many.
	mergedAtOnce = 5 // one in five
	// maxEntries and maxEntryText bound what is remembered of tag sets: how many, and the bytes of their tags.
	maxEntries   = 16_384
	maxEntryText = 16 << 20
)

// Collector makes the series of a run while its samples pass. It is not safe for concurrent use.
type Collector struct {
	submetrics map[string][]Submetric
	series     map[seriesKey]*Series
	entries    map[*ingest.TagSet]*entry
	entryText  int // bytes of the tags of entries
	lastTags   *ingest.TagSet
	last       *entry
	first      int64 // time of the first sample
	latest     int64 // time of the latest one
	samples    int64
	merged     int64
	sectioned  map[*ingest.Metric]int // how many of the requests' series keep sections
}

type seriesKey struct {
	metric *ingest.Metric
	key    Key
}

// entry is what one set of tags leads to: the series of each metric that came with it.
type entry struct {
	metrics []*ingest.Metric
	series  [][]*Series
	next    int // where the next sample's metric probably stands
}

// NewCollector makes a collector; submetrics are those that thresholds name.
func NewCollector(submetrics []Submetric) *Collector {
	c := &Collector{
		submetrics: map[string][]Submetric{}, series: map[seriesKey]*Series{}, entries: map[*ingest.TagSet]*entry{},
		sectioned: map[*ingest.Metric]int{},
	}
	for _, s := range submetrics {
		c.Watch(s)
	}
	return c
}

// Add counts a sample, whose value must be finite, in every series that it belongs to.
func (c *Collector) Add(s *ingest.Sample) {
	if c.samples == 0 {
		c.first, c.latest = s.Time, s.Time
	}
	c.samples++
	c.latest = max(c.latest, s.Time)
	if s.Tags != c.lastTags || c.last == nil {
		c.lastTags, c.last = s.Tags, c.entry(s.Tags)
	}
	all := c.seriesOf(c.last, s)
	if s.Metric.Type != ingest.Trend && s.Metric.Type != ingest.Unknown {
		for _, one := range all {
			one.count(s.Value, s.Time)
		}
		return
	}
	p := pointOf(s.Value)
	section := c.elapsed(s.Time) / firstSection
	for _, one := range all {
		one.count(s.Value, s.Time)
		one.trend.add(p, section)
	}
}

// elapsed is how long after the first sample that is, 0 for what was before it, the longest time that can be
// counted for what was later than that.
func (c *Collector) elapsed(at int64) int64 {
	if at <= c.first {
		return 0
	}
	if elapsed := at - c.first; elapsed > 0 {
		return elapsed
	}
	return math.MaxInt64
}

func (c *Collector) entry(tags *ingest.TagSet) *entry {
	if e, ok := c.entries[tags]; ok {
		return e
	}
	if len(c.entries) >= maxEntries || c.entryText+tags.Size() > maxEntryText {
		clear(c.entries)
		c.entryText = 0
	}
	e := &entry{}
	c.entries[tags] = e
	c.entryText += tags.Size()
	return e
}

// seriesOf finds the series of a sample. k6 hands over metrics in the same order again and again, so
// the one behind the last is tried first.
func (c *Collector) seriesOf(e *entry, s *ingest.Sample) []*Series {
	if e.next < len(e.metrics) && e.metrics[e.next] == s.Metric {
		e.next++
		return e.series[e.next-1]
	}
	for i, m := range e.metrics {
		if m == s.Metric {
			e.next = i + 1
			return e.series[i]
		}
	}
	series := c.resolve(s)
	e.metrics = append(e.metrics, s.Metric)
	e.series = append(e.series, series)
	e.next = len(e.metrics)
	return series
}

// resolve lists the series that a sample of that metric and those tags belongs to. What a tag says is cut
// as in documents, so that series are bounded in size too.
func (c *Collector) resolve(s *ingest.Sample) []*Series {
	tag := func(key string) string { return ingest.CutText(s.Tags.Get(key)) }
	keys := []Key{{Scope: WholeRun}}
	if scenario := tag("scenario"); scenario != "" {
		keys = append(keys, Key{Scope: Scenario, Scenario: scenario})
	}
	if group := ingest.CutText(strings.TrimPrefix(s.Tags.Get("group"), "::")); group != "" {
		keys = append(keys, Key{Scope: Group, Group: group})
	}
	if name := tag("name"); name != "" {
		keys = append(keys, Key{Scope: Request, Name: name, Method: tag("method"), Status: statusClass(tag("status"))})
	}
	if check := tag("check"); check != "" && s.Metric.Name == "checks" {
		keys = append(keys, Key{Scope: Check, Check: check})
	}
	for _, sub := range c.submetrics[s.Metric.Name] {
		if sub.matches(s.Tags) {
			keys = append(keys, Key{Scope: Threshold, Selector: sub.Selector})
		}
	}
	all := make([]*Series, 0, len(keys))
	for _, key := range keys {
		all = append(all, c.open(s.Metric, key))
	}
	return all
}

func (s Submetric) matches(tags *ingest.TagSet) bool {
	for _, tag := range s.Tags {
		if tags.Get(tag.Key) != tag.Value {
			return false
		}
	}
	return true
}

func statusClass(status string) string {
	switch {
	case len(status) == 3 && status[0] >= '1' && status[0] <= '5':
		return status[:1] + "xx"
	case status == "0":
		return "none"
	default:
		return status
	}
}

// open finds or makes a series.
func (c *Collector) open(metric *ingest.Metric, key Key) *Series {
	if s, ok := c.series[seriesKey{metric, key}]; ok {
		return s
	}
	if len(c.series) >= MaxSeries && key.Scope != WholeRun && key.Scope != Threshold && key.Scope != Other {
		c.shrink()
	}
	s := newSeries(metric, key)
	if s.sectionedRequest() {
		if c.sectioned[metric] >= maxSectioned {
			c.flatten(metric)
		}
		c.sectioned[metric]++
	}
	c.series[seriesKey{metric, key}] = s
	return s
}

// flatten lets the requests of a metric that have the fewest samples give up their sections.
func (c *Collector) flatten(metric *ingest.Metric) {
	var all []*Series
	for k, s := range c.series {
		if k.metric == metric && s.sectionedRequest() {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, bySize)
	for _, s := range all[:max(1, len(all)/mergedAtOnce)] {
		s.trend.flatten()
		c.sectioned[metric]--
	}
}

func bySize(a, b *Series) int {
	if a.Count != b.Count {
		return cmp.Compare(a.Count, b.Count)
	}
	if a.Metric.Name != b.Metric.Name {
		return strings.Compare(a.Metric.Name, b.Metric.Name)
	}
	return a.Key.compare(b.Key)
}

// shrink merges the smallest series into one of scope Other for each metric.
func (c *Collector) shrink() {
	var small []*Series
	for _, s := range c.series {
		switch s.Key.Scope {
		case WholeRun, Threshold, Other:
		default:
			small = append(small, s)
		}
	}
	slices.SortFunc(small, bySize)
	for _, s := range small[:max(1, len(small)/mergedAtOnce)] {
		c.open(s.Metric, Key{Scope: Other}).merge(s)
		delete(c.series, seriesKey{s.Metric, s.Key})
		if s.sectionedRequest() {
			c.sectioned[s.Metric]--
		}
		c.merged++
	}
	clear(c.entries)
	c.entryText, c.last = 0, nil
}

// Merged is how many series were too small to be kept apart.
func (c *Collector) Merged() int64 { return c.merged }

// Samples is how many samples came so far.
func (c *Collector) Samples() int64 { return c.samples }

// Watch adds a sub-metric, before the first sample of its metric.
func (c *Collector) Watch(s Submetric) {
	if !slices.ContainsFunc(c.submetrics[s.Metric], func(o Submetric) bool { return o.Selector == s.Selector }) {
		c.submetrics[s.Metric] = append(c.submetrics[s.Metric], s)
	}
}

// Busiest lists the request series that keep tenths, those with the most samples first, n at most of
// each metric.
func (c *Collector) Busiest(n int) []*Series {
	byMetric := map[*ingest.Metric][]*Series{}
	for _, s := range c.series {
		if s.sectionedRequest() {
			byMetric[s.Metric] = append(byMetric[s.Metric], s)
		}
	}
	var busiest []*Series
	for _, all := range byMetric {
		slices.SortFunc(all, func(a, b *Series) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key.String(), b.Key.String()))
		})
		busiest = append(busiest, all[:min(n, len(all))]...)
	}
	return busiest
}

// Times are those of the first sample and of the latest one, in nanoseconds since 1970;
// ok is false while there is none.
func (c *Collector) Times() (first, latest int64, ok bool) { return c.first, c.latest, c.samples > 0 }

// Find returns the series of a metric's name and key, nil if no sample of it came.
func (c *Collector) Find(metric string, key Key) *Series {
	for k, s := range c.series {
		if k.key == key && k.metric.Name == metric {
			return s
		}
	}
	return nil
}

// All lists the series of the scopes, all of them when none is named, sorted by metric and key.
func (c *Collector) All(scopes ...Scope) []*Series {
	all := make([]*Series, 0, len(c.series))
	for _, s := range c.series {
		if len(scopes) == 0 || slices.Contains(scopes, s.Key.Scope) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *Series) int {
		return cmp.Or(cmp.Compare(a.Metric.Name, b.Metric.Name), cmp.Compare(a.Key.Scope, b.Key.Scope), cmp.Compare(a.Key.String(), b.Key.String()))
	})
	return all
}
