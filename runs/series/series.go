package series

import (
	"math"
	"time"

	"github.com/k6es/k6es/ingest"
)

// Series is what the samples of one metric about one thing add up to.
type Series struct {
	Metric *ingest.Metric
	Key    Key
	Count  int64 // samples
	Sum    float64
	Min    float64
	Max    float64
	Last   float64 // the value of the latest sample
	Passes int64   // samples whose value is not 0

	lastAt int64
	trend  *trend // nil unless percentiles can be had
}

func newSeries(metric *ingest.Metric, key Key) *Series {
	s := &Series{Metric: metric, Key: key}
	if metric.Type == ingest.Trend || metric.Type == ingest.Unknown {
		s.trend = &trend{sectioned: sectioned(metric, key)}
	}
	return s
}

// sectioned says whether the series keeps tenths of the run: those by which runs are compared.
func sectioned(metric *ingest.Metric, key Key) bool {
	switch key.Scope {
	case WholeRun, Scenario, Request:
	default:
		return false
	}
	switch metric.Name {
	case "http_req_duration", "grpc_req_duration", "browser_http_req_duration", "ws_connecting", "iteration_duration":
		return true
	}
	return key.Scope == WholeRun && !metric.Builtin()
}

// sectionedRequest says whether the series is of a request and keeps sections.
func (s *Series) sectionedRequest() bool {
	return s.Key.Scope == Request && s.trend != nil && s.trend.sectioned
}

func (s *Series) count(value float64, at int64) {
	if s.Count == 0 || value < s.Min {
		s.Min = value
	}
	if s.Count == 0 || value > s.Max {
		s.Max = value
	}
	if s.Count == 0 || at >= s.lastAt {
		s.Last, s.lastAt = value, at
	}
	if value != 0 {
		s.Passes++
	}
	s.Count++
	s.Sum = Finite(s.Sum + value)
}

// Finite is the value, or where it is infinite the largest number of its sign: JSON has no infinity, and
// the sum of numbers that a script may add can pass what a float64 holds.
func Finite(value float64) float64 { return max(-math.MaxFloat64, min(math.MaxFloat64, value)) }

func (s *Series) merge(other *Series) {
	if s.Count == 0 {
		s.Min, s.Max = other.Min, other.Max
	}
	s.Min, s.Max = min(s.Min, other.Min), max(s.Max, other.Max)
	if other.lastAt >= s.lastAt {
		s.Last, s.lastAt = other.Last, other.lastAt
	}
	s.Count += other.Count
	s.Sum = Finite(s.Sum + other.Sum)
	s.Passes += other.Passes
	if s.trend != nil && other.trend != nil {
		s.trend.merge(other.trend)
	}
}

// Sketch is the distribution of the values; nil for a metric without percentiles.
func (s *Series) Sketch() (*Sketch, error) {
	if s.trend == nil {
		return nil, nil //nolint:nilnil // there is none, and that is well
	}
	var sketch Sketch
	return &sketch, s.trend.whole(&sketch)
}

// Tenths are the distributions in each tenth of the run, which lasted that long; nil for a series that
// keeps none.
func (s *Series) Tenths(duration time.Duration) ([]*Sketch, error) {
	if s.trend == nil || !s.trend.sectioned {
		return nil, nil
	}
	return s.trend.tenths(duration)
}

const (
	// firstSection is how long sections are at first: a run of a second has more than ten. They double in
	// length when there are too many, and come past whole seconds, to which windows are cut.
	firstSection = int64(time.Second) / 16
	maxSections  = 40
	tenthsOfRun  = 10
)

// trend is a distribution in sections of time; one section for all when it is not sectioned.
type trend struct {
	sectioned bool
	doubled   int // a section is firstSection << doubled long
	sections  []bins
}

// add adds a value of that section, counted in firstSections.
func (t *trend) add(p point, section int64) {
	if !t.sectioned {
		section = 0
	}
	for section>>t.doubled >= maxSections {
		t.double()
	}
	i := int(section >> t.doubled)
	for len(t.sections) <= i {
		t.sections = append(t.sections, bins{})
	}
	t.sections[i].add(p)
}

// double merges neighbours, so that sections are twice as long.
func (t *trend) double() {
	t.doubled++
	half := (len(t.sections) + 1) / 2
	for i := range half {
		merged := t.sections[2*i]
		if 2*i+1 < len(t.sections) {
			merged.merge(&t.sections[2*i+1])
		}
		t.sections[i] = merged
	}
	clear(t.sections[half:])
	t.sections = t.sections[:half]
}

// flatten gives up the sections.
func (t *trend) flatten() {
	for i := 1; i < len(t.sections); i++ {
		t.sections[0].merge(&t.sections[i])
	}
	t.sectioned, t.doubled = false, 0
	t.sections = t.sections[:min(1, len(t.sections))]
}

func (t *trend) merge(other *trend) {
	for i := range other.sections {
		if len(t.sections) == 0 {
			t.sections = append(t.sections, bins{})
		}
		t.sections[0].merge(&other.sections[i])
	}
}

func (t *trend) whole(into *Sketch) error {
	for i := range t.sections {
		if err := t.sections[i].into(into); err != nil {
			return err
		}
	}
	return nil
}

// tenths gives each section to the tenth of the run in which its middle lies.
func (t *trend) tenths(duration time.Duration) ([]*Sketch, error) {
	tenths := make([]*Sketch, tenthsOfRun)
	for i := range tenths {
		tenths[i] = &Sketch{}
	}
	length := float64(firstSection << t.doubled)
	for i := range t.sections {
		middle := (float64(i) + 0.5) * length
		tenth := int(min(tenthsOfRun*middle/max(float64(duration), 1), tenthsOfRun-1))
		if err := t.sections[i].into(tenths[tenth]); err != nil {
			return nil, err
		}
	}
	return tenths, nil
}
