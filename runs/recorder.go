package runs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// Recorder gathers what is to be said of a run while its samples pass: its headline numbers, thresholds
// and series. It is not safe for concurrent use; a Snapshot of it may be used anywhere.
type Recorder struct {
	// Started is when a live run began: a run that ends before its first sample has a document too. Zero
	// for a file, which is no run without samples.
	Started time.Time

	facts      Facts
	instance   string
	collector  *series.Collector
	thresholds []ThresholdSource
}

// NewRecorder makes a recorder for one instance of a run.
func NewRecorder(facts Facts, instance uint64, thresholds []ThresholdSource) *Recorder {
	r := &Recorder{facts: facts, instance: fmt.Sprintf("%016x", instance), collector: series.NewCollector(nil)}
	for _, t := range thresholds {
		r.Threshold(t)
	}
	return r
}

// Threshold adds a threshold; one on a sub-metric before the first sample of its metric.
func (r *Recorder) Threshold(t ThresholdSource) {
	if slices.Contains(r.thresholds, t) {
		return
	}
	r.thresholds = append(r.thresholds, t)
	if sub, ok := t.submetric(); ok {
		r.collector.Watch(sub)
	}
}

// FileThresholds adds the thresholds that a file named for its metrics: those of the registry.
func (r *Recorder) FileThresholds(registry *ingest.Registry) {
	for _, metric := range registry.Metrics() {
		for _, expression := range metric.Thresholds {
			r.Threshold(ThresholdSource{Metric: metric.Name, Expression: expression})
		}
	}
}

// Add counts a sample, whose value must be finite.
func (r *Recorder) Add(s *ingest.Sample) { r.collector.Add(s) }

// Has says whether samples of the metric came.
func (r *Recorder) Has(metric string) bool {
	return r.collector.Find(metric, series.Key{Scope: series.WholeRun}) != nil
}

// Merged is how many series were too small to be kept apart.
func (r *Recorder) Merged() int64 { return r.collector.Merged() }

// Outcome is what is known of a run's end, or of its state, from elsewhere than its samples.
type Outcome struct {
	Status    Status // Passed becomes Failed where a threshold was crossed
	Reason    string
	Verdicts  []Verdict // k6's own; nil where the thresholds are to be evaluated here
	Evaluate  bool      // evaluate thresholds that have no verdict
	Documents int64
	Stats     ingest.Stats
	BadLines  int64
	Content   ingest.Content // of a file
}

// Snapshot is what a recorder knew at a moment, ready to be stored.
type Snapshot struct {
	facts  Facts
	part   Part
	writes []*seriesWrite
	stored *Document // as Record wrote it
}

// Stored is the run's document as Record wrote it, with the parts of all instances; nil where it did not.
func (s *Snapshot) Stored() *Document { return s.stored }

// Part is the instance's part of the run's document.
func (s *Snapshot) Part() Part { return s.part }

// Snapshot takes down what is known now: all series with their tenths at the end of a run, or only those
// of the whole run and its scenarios, for a heartbeat. It returns nil while there is no sample, unless Started is set.
func (r *Recorder) Snapshot(o Outcome, end bool, now time.Time) (*Snapshot, error) {
	start, last, ok := r.span()
	if !ok {
		return nil, nil //nolint:nilnil // nothing to take down, and that is well
	}
	s := &Snapshot{facts: r.facts}
	var err error
	if s.part, err = r.part(o, start, last, now); err != nil {
		return nil, err
	}
	scopes := []series.Scope{series.WholeRun, series.Scenario}
	var busiest map[series.Key]bool
	if end {
		scopes, busiest = nil, r.busiest()
	}
	c := seriesContext{facts: r.facts, start: start, end: last}
	for _, one := range r.collector.All(scopes...) {
		part, err := c.newSeriesPart(one, r.instance, end && (one.Key.Scope != series.Request || busiest[one.Key]))
		if err != nil {
			return nil, err
		}
		doc, err := c.document(one.Metric.Name, one.Metric.Type.String(), one.Key, []SeriesPart{part})
		if err != nil {
			return nil, err
		}
		s.writes = append(s.writes, &seriesWrite{id: doc.K6.Series.ID, doc: doc, part: part})
	}
	return s, nil
}

// span is from the first sample to the latest one; the moment of the start while there is none.
func (r *Recorder) span() (start, last time.Time, ok bool) {
	first, latest, ok := r.collector.Times()
	if !ok {
		return r.Started.UTC(), r.Started.UTC(), !r.Started.IsZero()
	}
	return time.Unix(0, first).UTC(), time.Unix(0, latest).UTC(), true
}

// busiestNames is how many request names keep the tenths by which runs are compared.
const busiestNames = 500

// busiest picks the requests with the most samples.
func (r *Recorder) busiest() map[series.Key]bool {
	keys := map[series.Key]bool{}
	for _, one := range r.collector.Busiest(busiestNames) {
		keys[one.Key] = true
	}
	return keys
}

// part makes the instance's part of the run's document.
func (r *Recorder) part(o Outcome, start, end, now time.Time) (Part, error) {
	p := Part{
		Instance: r.instance, Status: o.Status, Reason: o.Reason, Start: start, End: end, Heartbeat: now.UTC(),
		Documents: o.Documents, Rejected: o.Stats.Rejected, Undelivered: o.Stats.Undelivered + o.Stats.Spooled,
		Spooled: o.Stats.Spooled, BadLines: o.BadLines, Samples: r.collector.Samples(), Content: o.Content,
	}
	whole := series.Key{Scope: series.WholeRun}
	find := func(metric string) *series.Series {
		if s := r.collector.Find(metric, whole); s != nil {
			return s
		}
		return &series.Series{}
	}
	failed, checks, durations := find(failures), find("checks"), find(duration)
	p.Requests = find("http_reqs").Sum
	p.Failures, p.Judged = float64(failed.Passes), float64(failed.Count)
	p.Checks, p.Misses = float64(checks.Passes), float64(checks.Count-checks.Passes)
	p.Iterations, p.Dropped = find("iterations").Sum, find("dropped_iterations").Sum
	p.Sent, p.Received = find("data_sent").Sum, find("data_received").Sum
	p.VUs, p.Slowest = find("vus").Max, durations.Max
	sketch, err := durations.Sketch()
	if err != nil {
		return p, err
	}
	if sketch != nil {
		p.Durations = *sketch
	}
	p.Thresholds = r.verdicts(o, end.Sub(start))
	if p.Status == Passed && slices.ContainsFunc(p.Thresholds, func(v Verdict) bool { return v.Crossed }) {
		p.Status, p.Reason = Failed, "thresholds were crossed"
	}
	return p, nil
}

// How often a snapshot is tried to be stored, and the pause after the first attempt, which doubles with
// each: eight seconds in all.
const (
	maxAttempts = 6
	firstPause  = 250 * time.Millisecond
)

// Record stores a snapshot: the series first, so that a run that is there can be compared. It tries
// again for some seconds while the server is busy or away.
func (s *Store) Record(ctx context.Context, snapshot *Snapshot) error {
	pause := firstPause
	for range maxAttempts - 1 {
		err := s.record(ctx, snapshot)
		if !passing(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause *= 2
		}
	}
	return s.record(ctx, snapshot)
}

// passing says whether an error is one that may be gone soon.
func passing(err error) bool {
	var answer *elastic.Error
	var refused *refusedError
	var connection *elastic.ConnectionError
	status := 0
	switch {
	case errors.As(err, &connection):
		return true
	case errors.As(err, &answer):
		status = answer.Status
	case errors.As(err, &refused):
		status = refused.status
	}
	return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

func (s *Store) record(ctx context.Context, snapshot *Snapshot) error {
	if err := s.saveSeries(ctx, snapshot.writes); err != nil {
		return err
	}
	d, err := s.Save(ctx, snapshot.facts, snapshot.part)
	if err != nil {
		return err
	}
	snapshot.stored = d
	return s.saveThresholds(ctx, d)
}
