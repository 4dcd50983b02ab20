package runs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// MaxRecounted is how many documents of a run are counted anew at most, which takes some seconds. What a larger
// run lacks, the seconds after its last heartbeat, weighs little beside the rest of it.
const MaxRecounted = 50_000

// errRevived is a k6 process that was taken for killed, and has been heard of since.
var errRevived = errors.New("its k6 goes on")

// recount makes the numbers of k6 processes that were killed anew, from their documents, and stores them, so that it is
// done once, and again where more documents have come, as those of a spool do. The run stays as it is, with the numbers
// of its last heartbeat, where that is not possible: too many documents, or less in them than the heartbeat told of, or
// a user who may not write.
func (s *Store) recount(ctx context.Context, d *Document) *Document {
	if d.K6.Run.Status != Interrupted || !d.K6.Run.Partial {
		return d
	}
	parts, err := d.parts()
	if err != nil {
		return d
	}
	budget := int64(MaxRecounted)
	for _, p := range parts {
		if !p.silent(s.now()) {
			continue
		}
		c := counting{Store: s, run: d, part: p}
		if err := c.measure(ctx); err != nil || c.documents <= p.Read || c.documents > budget {
			continue
		}
		budget -= c.documents
		// An error is no reason not to show the run as it is.
		if recounted, err := c.count(ctx); err == nil {
			d = recounted
		}
	}
	return d
}

// counting is a part of a run that is counted anew.
type counting struct {
	*Store
	run         *Document
	part        Part
	documents   int64
	first, last time.Time // of the documents
}

// query asks for the part's documents.
func (c *counting) query() []any {
	return []any{term("k6.run.id", c.run.K6.Run.ID), term("k6.instance", c.part.Instance)}
}

// measure finds out how many documents there are, and of what time.
func (c *counting) measure(ctx context.Context) error {
	at := func(aggregation string) any {
		return map[string]any{aggregation: map[string]any{"field": "@timestamp"}}
	}
	type moment struct {
		Value float64 `json:"value"` // ms since 1970; 0 where there is none
	}
	var answer struct {
		Hits struct {
			Total struct {
				Value int64 `json:"value"`
			} `json:"total"`
		} `json:"hits"`
		Aggregations struct{ First, Last moment } `json:"aggregations"`
	}
	err := c.search(ctx, c.metricsIndex(), map[string]any{
		"size": 0, "track_total_hits": true, "query": map[string]any{"bool": map[string]any{"filter": c.query()}},
		"aggs": map[string]any{"first": at("min"), "last": at("max")},
	}, &answer)
	c.documents = answer.Hits.Total.Value
	c.first, c.last = time.UnixMilli(int64(answer.Aggregations.First.Value)), time.UnixMilli(int64(answer.Aggregations.Last.Value))
	return err
}

// count reads the documents, and puts what they add up to in place of what the part told, unless that was more. It
// returns the run as it is then.
func (c *counting) count(ctx context.Context) (*Document, error) {
	// Writing it as it is tells, before all is read, whether the user may write, and whether the k6 is still silent.
	if _, err := c.replace(ctx, c.part); err != nil {
		return nil, err
	}
	snapshot, err := c.snapshot(ctx)
	if passing(err) || ctx.Err() != nil {
		return nil, err
	}
	if snapshot != nil {
		if err := c.put(ctx, snapshot); err != nil {
			return nil, err
		}
	}
	// That comes last, so that what was not put in place to the end is done again, and also where there was nothing to
	// put, so that nobody reads all that for nothing a second time.
	done := c.part
	done.Read = c.documents
	return c.replace(ctx, done)
}

// put stores a snapshot in place of what the part told, unless a series told more: the part goes first, as its k6 may
// have been heard of meanwhile, and then series that nobody else has changed since.
func (c *counting) put(ctx context.Context, snapshot *Snapshot) error {
	for batch := range slices.Chunk(snapshot.writes, seriesBatch) {
		if err := c.mergeStored(ctx, batch); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(snapshot.writes, (*seriesWrite).lowers) {
		return nil
	}
	d, err := c.replace(ctx, snapshot.part)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(snapshot.writes, seriesBatch) {
		conflicts, err := c.bulkSeries(ctx, batch)
		if err != nil {
			return err
		}
		if len(conflicts) > 0 {
			return errRevived
		}
	}
	return c.saveThresholds(ctx, d)
}

// lowers says whether the new part of a series that heartbeats tell of has less than the one that it replaces.
func (w *seriesWrite) lowers() bool {
	if scope := w.doc.K6.Series.Scope; scope != series.WholeRun && scope != series.Scenario {
		return false
	}
	switch w.doc.K6.Metric.Type {
	case ingest.Counter.String():
		return less(w.part.Sum, w.replaced.Sum)
	case ingest.Gauge.String():
		return false
	default:
		return w.part.Count < w.replaced.Count
	}
}

// replace writes a part in place of the one that is counted, provided that this is as it was.
func (c *counting) replace(ctx context.Context, part Part) (*Document, error) {
	d, err := c.change(ctx, c.run.K6.Run.ID, func(d *Document) (*Document, error) {
		parts, i, err := c.find(d)
		if err != nil {
			return nil, err
		}
		parts[i] = part
		return newDocument(d.facts(), parts, c.now())
	})
	if err != nil {
		return nil, err
	}
	c.part = part
	return d, nil
}

// find returns the parts of a run, and which of them is the one that is counted, as it was.
func (c *counting) find(d *Document) (parts []Part, i int, err error) {
	if d == nil {
		return nil, 0, &UnknownRunError{Ref: c.run.K6.Run.ID}
	}
	if parts, err = d.parts(); err != nil {
		return nil, 0, err
	}
	i = slices.IndexFunc(parts, func(p Part) bool {
		return p.Instance == c.part.Instance && p.Status == Running && p.Heartbeat.Equal(c.part.Heartbeat) && p.Read == c.part.Read
	})
	if i < 0 {
		return nil, 0, errRevived
	}
	return parts, i, nil
}

// snapshot is what the documents add up to; nil where the part told more.
func (c *counting) snapshot(ctx context.Context) (*Snapshot, error) {
	told := c.part
	var thresholds []ThresholdSource
	for _, v := range told.Thresholds {
		thresholds = append(thresholds, ThresholdSource{v.Metric, v.Expression})
	}
	recorder := NewRecorder(c.run.facts(), 0, thresholds)
	recorder.instance = told.Instance
	r := rawReader{store: c.Store, query: c.query(), recorder: recorder, registry: ingest.NewRegistry(), tags: ingest.NewTagTable[string]()}
	if err := r.read(ctx, c.first, c.last.Add(leastSlice)); err != nil {
		return nil, err
	}
	snapshot, err := recorder.Snapshot(c.outcome(), true, told.Heartbeat)
	if err != nil || snapshot == nil || !snapshot.part.covers(told) {
		return nil, err
	}
	part := &snapshot.part
	part.Counted, part.Read = true, told.Read
	// Of gauges documents have one value a second.
	part.VUs, part.Slowest = max(part.VUs, told.VUs), max(part.Slowest, told.Slowest)
	for i := range part.Thresholds { // of tags that no document has under their own names
		if v := &part.Thresholds[i]; v.Value == nil {
			v.Value = told.Thresholds[i].Value
		}
	}
	return snapshot, nil
}

// outcome is what the part told beside its samples. It stays that of a k6 that is running, which fell silent: so it is
// taken for interrupted for as long as nothing else is heard of it. Of the documents that were in its spool those may
// have come that it told of and that are not missing.
func (c *counting) outcome() Outcome {
	told := c.part
	lost := told.Rejected + told.Undelivered - told.Spooled
	spooled := min(told.Spooled, max(0, told.Documents-lost-c.documents))
	return Outcome{
		Status: Running, Documents: c.documents + lost + spooled,
		Stats: ingest.Stats{Rejected: told.Rejected, Undelivered: lost - told.Rejected, Spooled: spooled},
	}
}
