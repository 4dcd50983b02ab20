package runs

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// SeriesPart is what one instance has to say of a series.
type SeriesPart struct {
	Instance string          `json:"instance"`
	Start    time.Time       `json:"start"` // of the instance's first and last sample, whichever series they belong to
	End      time.Time       `json:"end"`
	Count    int64           `json:"count"`
	Sum      float64         `json:"sum"`
	Min      float64         `json:"min"`
	Max      float64         `json:"max"`
	Last     float64         `json:"last"`
	Passes   int64           `json:"passes"`
	Sketch   *series.Sketch  `json:"sketch,omitempty"` // nil for a metric without percentiles
	Tenths   []series.Sketch `json:"tenths,omitempty"` // ten, or none
}

// SeriesDocument is one series of a run as it is stored in <prefix>-series.
type SeriesDocument struct {
	Timestamp time.Time      `json:"@timestamp"` // the run's start
	Event     eventFields    `json:"event"`
	HTTP      *httpFields    `json:"http,omitempty"`
	K6        seriesK6Fields `json:"k6"`
}

type httpFields struct {
	Request struct {
		Method string `json:"method"`
	} `json:"request"`
}

type seriesK6Fields struct {
	Run struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"run"`
	Test     string       `json:"test"`
	Scenario string       `json:"scenario,omitempty"`
	Group    string       `json:"group,omitempty"`
	Name     string       `json:"name,omitempty"`
	Check    string       `json:"check,omitempty"`
	Metric   metricFields `json:"metric"`
	Series   SeriesFields `json:"series"`
}

type metricFields struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// SeriesFields are the numbers of a series.
type SeriesFields struct {
	ID       string          `json:"id"` // the document's own: it makes the order of equal names certain
	Scope    series.Scope    `json:"scope"`
	Key      string          `json:"key"` // what it is about, for people
	Status   string          `json:"status,omitempty"`
	Selector string          `json:"selector,omitempty"`
	Count    int64           `json:"count"`
	Sum      float64         `json:"sum"`
	Rate     float64         `json:"rate"` // of a counter: its sum a second; of a rate: the share of passes; else samples a second
	Min      float64         `json:"min"`
	Max      float64         `json:"max"`
	Avg      float64         `json:"avg"`
	Last     *float64        `json:"last,omitempty"` // of a gauge
	Passes   *int64          `json:"passes,omitempty"`
	Fails    *int64          `json:"fails,omitempty"`
	Median   *float64        `json:"med,omitempty"` // percentiles of a trend, nearest rank within half a percent
	P90      *float64        `json:"p90,omitempty"`
	P95      *float64        `json:"p95,omitempty"`
	P99      *float64        `json:"p99,omitempty"`
	P999     *float64        `json:"p999,omitempty"`
	Parts    json.RawMessage `json:"parts"` // base64 of the JSON of []SeriesPart
}

// seriesContext is what the documents of a run's series have in common.
type seriesContext struct {
	facts      Facts
	start, end time.Time
}

// seriesID is the document's id: the same for all instances of the run.
func seriesID(runID, metric string, key series.Key) string {
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %q %q %q", runID, metric, key.Scope, key.Scenario, key.Group, key.Name,
		key.Method, key.Status, key.Check, key.Selector))
	return base64.RawURLEncoding.EncodeToString(hash[:15])
}

// newSeriesPart takes a series out of the collector of an instance.
func (c seriesContext) newSeriesPart(s *series.Series, instance string, tenths bool) (SeriesPart, error) {
	part := SeriesPart{Instance: instance, Start: c.start, End: c.end, Count: s.Count, Sum: s.Sum, Min: s.Min, Max: s.Max, Last: s.Last, Passes: s.Passes}
	var err error
	if part.Sketch, err = s.Sketch(); err != nil || !tenths {
		return part, err
	}
	sketches, err := s.Tenths(c.end.Sub(c.start))
	for _, sketch := range sketches {
		part.Tenths = append(part.Tenths, *sketch)
	}
	return part, err
}

// document makes the document of a series from its parts.
func (c seriesContext) document(metric, typ string, key series.Key, parts []SeriesPart) (*SeriesDocument, error) {
	d := &SeriesDocument{Event: eventFields{Dataset: "k6.series"}}
	d.K6.Run.ID, d.K6.Run.Name, d.K6.Test = c.facts.ID, c.facts.Name, c.facts.Test
	d.K6.Scenario, d.K6.Group, d.K6.Name, d.K6.Check = key.Scenario, key.Group, key.Name, key.Check
	d.K6.Metric = metricFields{metric, typ}
	if key.Method != "" {
		d.HTTP = &httpFields{}
		d.HTTP.Request.Method = key.Method
	}
	d.K6.Series = SeriesFields{ID: seriesID(c.facts.ID, metric, key), Scope: key.Scope, Key: key.String(), Status: key.Status, Selector: key.Selector}
	return d, d.fill(parts)
}

// fill computes the numbers from the parts.
func (d *SeriesDocument) fill(parts []SeriesPart) error {
	m, err := mergeSeries(parts)
	if err != nil {
		return err
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return fmt.Errorf("encoding a series: %w", err)
	}
	f := &d.K6.Series
	if f.Parts, err = json.Marshal(text); err != nil {
		return err
	}
	d.Timestamp = m.Start
	f.Count, f.Sum, f.Min, f.Max = m.Count, m.Sum, m.Min, m.Max
	if m.Count > 0 {
		f.Avg = m.Sum / float64(m.Count)
	}
	d.typed(m, m.End.Sub(m.Start).Seconds())
	return nil
}

// typed fills in what only some types of metrics have.
func (d *SeriesDocument) typed(m SeriesPart, seconds float64) {
	f := &d.K6.Series
	perSecond := func(sum float64) float64 {
		if seconds <= 0 {
			return 0
		}
		return series.Finite(sum / seconds)
	}
	f.Rate = perSecond(float64(m.Count))
	switch d.K6.Metric.Type {
	case ingest.Counter.String():
		f.Rate = perSecond(m.Sum)
	case ingest.Rate.String():
		fails := m.Count - m.Passes
		f.Passes, f.Fails = &m.Passes, &fails
		f.Rate = 0
		if m.Count > 0 {
			f.Rate = float64(m.Passes) / float64(m.Count)
		}
	case ingest.Gauge.String():
		f.Last = &m.Last
	}
	if m.Sketch != nil {
		f.Median, f.P90, f.P95, f.P99, f.P999 = m.at(.5), m.at(.9), m.at(.95), m.at(.99), m.at(.999)
	}
}

// at is a percentile, kept within what was measured.
func (p SeriesPart) at(q float64) *float64 {
	value, ok := p.Sketch.Quantile(q)
	if !ok {
		return nil
	}
	value = min(max(value, p.Min), p.Max)
	return &value
}

// mergeSeries adds parts up.
func mergeSeries(parts []SeriesPart) (SeriesPart, error) {
	var m SeriesPart
	for _, p := range parts {
		if p.Count == 0 {
			continue
		}
		if m.Count == 0 {
			m.Min, m.Max, m.Start = p.Min, p.Max, p.Start
		}
		if p.Start.Before(m.Start) {
			m.Start = p.Start
		}
		if p.End.After(m.End) {
			m.End = p.End
		}
		m.Min, m.Max, m.Last = min(m.Min, p.Min), max(m.Max, p.Max), p.Last
		m.Count += p.Count
		m.Sum = series.Finite(m.Sum + p.Sum)
		m.Passes += p.Passes
		if err := m.mergeSketches(p); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (p *SeriesPart) mergeSketches(other SeriesPart) error {
	if other.Sketch == nil {
		return nil
	}
	if p.Sketch == nil {
		p.Sketch = &series.Sketch{}
	}
	if p.Tenths == nil && other.Tenths != nil {
		p.Tenths = make([]series.Sketch, len(other.Tenths))
	}
	for i := range min(len(p.Tenths), len(other.Tenths)) {
		if err := p.Tenths[i].Merge(&other.Tenths[i]); err != nil {
			return err
		}
	}
	return p.Sketch.Merge(other.Sketch)
}

// parts reads the parts of a stored series.
func (d *SeriesDocument) parts() ([]SeriesPart, error) {
	var text []byte
	var parts []SeriesPart
	if err := json.Unmarshal(d.K6.Series.Parts, &text); err != nil {
		return nil, fmt.Errorf("reading the series %s of run %s: %w", d.K6.Series.Key, d.K6.Run.ID, err)
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, fmt.Errorf("reading the series %s of run %s: %w", d.K6.Series.Key, d.K6.Run.ID, err)
	}
	return parts, nil
}

// Merged is what the series adds up to over all instances.
func (d *SeriesDocument) Merged() (SeriesPart, error) {
	parts, err := d.parts()
	if err != nil {
		return SeriesPart{}, err
	}
	return mergeSeries(parts)
}

// replacePart puts a part in the place of the instance's earlier one, or behind the others.
func replacePart(parts []SeriesPart, part SeriesPart) []SeriesPart {
	i := slices.IndexFunc(parts, func(p SeriesPart) bool { return p.Instance == part.Instance })
	if i < 0 {
		return append(parts, part)
	}
	parts[i] = part
	return parts
}
