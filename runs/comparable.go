package runs

import (
	"strings"
	"time"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/runs/series"
)

// ComparedScopes are the scopes of the series by which runs are compared.
var ComparedScopes = []series.Scope{series.WholeRun, series.Scenario, series.Request}

// Comparable is a run as package compare takes it, from its document and its series of ComparedScopes.
func Comparable(d *Document, all []*SeriesDocument) (compare.Run, error) {
	parts, err := d.parts()
	if err != nil {
		return compare.Run{}, err
	}
	run := compare.Run{
		ID: d.K6.Run.ID, Name: d.K6.Run.Name, Start: d.Timestamp, Duration: time.Duration(d.K6.Run.Duration * float64(time.Second)),
		Instances: len(parts), Closed: d.closedModel(),
		Interrupted: d.K6.Run.Status == Interrupted || d.K6.Run.Status == Aborted, Partial: d.K6.Run.Partial,
		Trends: map[compare.Key]compare.Trend{}, Rates: map[compare.Key]compare.Rate{}, Counters: map[compare.Key]float64{},
		Uncompared: map[string]string{},
	}
	merged := map[compare.Key]*SeriesPart{}
	types := map[string]string{}
	for _, s := range all {
		key, ok := comparedKey(s)
		if !ok {
			continue
		}
		part, err := s.Merged()
		if err != nil {
			return run, err
		}
		types[key.Metric] = s.K6.Metric.Type
		if known := merged[key]; known == nil {
			merged[key] = &part
		} else if *known, err = mergeSeries([]SeriesPart{*known, part}); err != nil {
			return run, err
		}
	}
	for key, part := range merged {
		enter(&run, key, types[key.Metric], part)
	}
	return run, nil
}

// comparedKey is the series' place in a comparison. Requests of one name and method are one, whatever
// they were answered with.
func comparedKey(s *SeriesDocument) (key compare.Key, ok bool) {
	key.Metric = s.K6.Metric.Name
	switch s.K6.Series.Scope {
	case series.WholeRun:
		key.Scope = compare.WholeRun
	case series.Scenario:
		key.Scope, key.Name = compare.Scenario, s.K6.Scenario
	case series.Request:
		key.Scope, key.Name = compare.Request, s.K6.Name
		if s.HTTP != nil && !strings.HasPrefix(key.Name, s.HTTP.Request.Method+" ") {
			key.Name = s.HTTP.Request.Method + " " + key.Name
		}
	default:
		return key, false
	}
	return key, true
}

// enter puts a series into the map of its type.
func enter(run *compare.Run, key compare.Key, typ string, part *SeriesPart) {
	switch typ {
	case ingest.Counter.String():
		if movesBytes(key.Metric) {
			run.Uncompared[key.Metric] = "neither more nor less data is better"
			return
		}
		run.Counters[key] = part.Sum
	case ingest.Gauge.String():
		run.Uncompared[key.Metric] = "a gauge is not compared"
	case ingest.Unknown.String():
		run.Uncompared[key.Metric] = "the metric's type is not known"
	case ingest.Rate.String():
		run.Rates[key] = compare.Rate{Hits: part.Passes, Total: part.Count}
	case ingest.Trend.String():
		if part.Sketch == nil || part.Tenths == nil && key.Scope == compare.Request {
			return
		}
		trend := compare.Trend{Unit: unitOf(key.Metric), Whole: part.Sketch}
		for i := range min(len(part.Tenths), len(trend.Tenths)) {
			if tenth := &part.Tenths[i]; tenth.Count() > 0 {
				trend.Tenths[i] = tenth
			}
		}
		run.Trends[key] = trend
	}
}

// movesBytes says whether the counter tells how much was moved, of which neither more nor less is better.
func movesBytes(metric string) bool {
	switch metric {
	case "data_sent", "data_received", "browser_data_sent", "browser_data_received":
		return true
	}
	return false
}

// unitOf is the unit of a trend: k6's own are times, except for one score; of the script's own nobody
// knows.
func unitOf(metric string) compare.Unit {
	m := ingest.NewRegistry().Lookup([]byte(metric))
	if m.Millis() {
		return compare.Milliseconds
	}
	return compare.Number
}

// closedModel says whether the run's load waits for answers: whether any scenario's executor starts an
// iteration when the one before has ended. A run whose executors nobody knows is not called closed.
func (d *Document) closedModel() bool {
	for _, scenario := range d.K6.Scenarios {
		if _, executor, _ := strings.Cut(scenario, ": "); executor != "" && !strings.HasSuffix(executor, "-arrival-rate") {
			return true
		}
	}
	return false
}

// Document is the run's document as if the snapshot were all of it, for comparing files without a server.
func (s *Snapshot) Document() (*Document, error) {
	return newDocument(s.facts, []Part{s.part}, s.part.Heartbeat)
}

// Series lists the snapshot's series.
func (s *Snapshot) Series() []*SeriesDocument {
	all := make([]*SeriesDocument, len(s.writes))
	for i, w := range s.writes {
		all[i] = w.doc
	}
	return all
}
