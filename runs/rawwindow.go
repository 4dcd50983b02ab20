package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/compare"
)

// Comparable reads what a stored run is compared by: its series, or, for a window, its raw documents in
// it. It is an error if there is none of those any more. The document must have its parts.
func (s *Store) Comparable(ctx context.Context, d *Document, w Window) (compare.Run, error) {
	if !w.All() {
		return s.comparableWindow(ctx, d, w)
	}
	all, err := s.LoadSeries(ctx, d.K6.Run.ID, SeriesFilter{Scopes: ComparedScopes})
	if err != nil {
		return compare.Run{}, err
	}
	return Comparable(d, all)
}

// parallelRuns is how many runs are read at a time.
const parallelRuns = 4

// Comparables are the runs as Comparable reads them, in the same order, several at a time. The first error ends it.
func (s *Store) Comparables(ctx context.Context, all []*Document, w Window) ([]compare.Run, error) {
	read := make([]compare.Run, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRuns)
	for i, d := range all {
		group.Go(func() (err error) {
			read[i], err = s.Comparable(ctx, d, w)
			return err
		})
	}
	return read, group.Wait()
}

// comparableWindow makes the samples of the window anew from their documents.
func (s *Store) comparableWindow(ctx context.Context, d *Document, w Window) (compare.Run, error) {
	r := rawReader{
		store: s, query: []any{term("k6.run.id", d.K6.Run.ID)}, recorder: NewRecorder(d.facts(), 0, nil),
		registry: ingest.NewRegistry(), tags: ingest.NewTagTable[string](),
	}
	start := d.Timestamp.Truncate(leastSlice)
	from, to := start.Add(w.From), start.Add(time.Duration(d.K6.Run.Duration*float64(time.Second))+time.Second)
	if w.To > 0 && start.Add(w.To).Before(to) {
		to = start.Add(w.To)
	}
	if err := r.read(ctx, from, to); err != nil {
		return compare.Run{}, fmt.Errorf("reading the window %s of run %s: %w", w, d.K6.Run.ID, err)
	}
	snapshot, err := r.recorder.Snapshot(Outcome{Status: d.K6.Run.Status}, true, d.K6.Run.Heartbeat)
	if err != nil {
		return compare.Run{}, err
	}
	if snapshot == nil {
		return compare.Run{}, s.nothing(ctx, d, w)
	}
	whole, err := Comparable(d, nil)
	if err != nil {
		return compare.Run{}, err
	}
	run, err := snapshot.Comparable()
	if err != nil {
		return compare.Run{}, err
	}
	run.Instances, run.Interrupted, run.Partial = whole.Instances, whole.Interrupted, whole.Partial
	return run, nil
}

// Comparable is what the snapshot's run is compared by.
func (s *Snapshot) Comparable() (compare.Run, error) {
	d, err := s.Document()
	if err != nil {
		return compare.Run{}, err
	}
	return Comparable(d, s.Series())
}

// rawReader reads documents of samples, and adds the samples up.
type rawReader struct {
	store    *Store
	query    []any // filters: which documents
	recorder *Recorder
	registry *ingest.Registry
	tags     *ingest.TagTable[string]
}

// Documents are read in slices of time, so that none needs an order among those of one moment.
const (
	maxSlice   = 10_000 // documents that one request may return on every server
	firstSlice = 10 * time.Second
	leastSlice = time.Millisecond // the precision of times in documents
)

// read reads what is from a time up to another, in order and in slices. A slice with too many documents is cut in half.
func (r *rawReader) read(ctx context.Context, at, end time.Time) error {
	for length := firstSlice; at.Before(end); {
		next := at.Add(length)
		if next.After(end) {
			next = end
		}
		documents, err := r.slice(ctx, at, next)
		switch {
		case err != nil:
			return err
		case len(documents) == maxSlice && length > leastSlice:
			length = max(length/2, leastSlice).Truncate(leastSlice)
			continue
		case len(documents) == maxSlice:
			return fmt.Errorf("there are %d documents or more at %s", maxSlice, at.Format(time.RFC3339Nano))
		case len(documents) < maxSlice/4:
			length *= 2
		}
		for i := range documents {
			if err := r.add(&documents[i].Source); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

// rawDocument is what of a document of <prefix>-metrics series are made of.
type rawDocument struct {
	Timestamp time.Time `json:"@timestamp"`
	Event     struct {
		Dataset string `json:"dataset"`
	} `json:"event"`
	K6   map[string]json.RawMessage `json:"k6"`
	HTTP struct {
		Request struct {
			Method string `json:"method"`
		} `json:"request"`
		Response struct {
			Status *int `json:"status_code"`
		} `json:"response"`
	} `json:"http"`
	RPC struct {
		Method string `json:"method"`
		GRPC   struct {
			Status *int `json:"status_code"`
		} `json:"grpc"`
	} `json:"rpc"`
}

// status is the tag of that name; empty where there was none. A request without an answer has 0.
func (d *rawDocument) status() string {
	status := cmp.Or(d.HTTP.Response.Status, d.RPC.GRPC.Status)
	switch {
	case status != nil:
		return strconv.Itoa(*status)
	case d.Event.Dataset == "k6.http":
		return "0"
	default:
		return ""
	}
}

type rawHit struct {
	Source rawDocument `json:"_source"`
}

func (r *rawReader) slice(ctx context.Context, from, to time.Time) ([]rawHit, error) {
	var answer struct {
		Hits struct {
			Hits []rawHit `json:"hits"`
		} `json:"hits"`
	}
	body := map[string]any{
		"size": maxSlice, "track_total_hits": false, "sort": []string{"@timestamp"},
		"_source": []string{"@timestamp", "event.dataset", "k6", "http.request.method", "http.response.status_code", "rpc.method", "rpc.grpc.status_code"},
		"query": map[string]any{"bool": map[string]any{"filter": append(slices.Clone(r.query),
			map[string]any{"range": map[string]any{"@timestamp": map[string]any{"gte": from.UTC(), "lt": to.UTC()}}},
		)}},
	}
	err := r.store.search(ctx, r.store.metricsIndex(), body, &answer)
	return answer.Hits.Hits, err
}

// nothing says why no document is in the window.
func (s *Store) nothing(ctx context.Context, d *Document, w Window) error {
	var answer struct {
		Count int64 `json:"count"`
	}
	query := map[string]any{"query": term("k6.run.id", d.K6.Run.ID)}
	path := "/" + s.metricsIndex() + "/_count?ignore_unavailable=true&allow_no_indices=true"
	if err := s.Client.JSON(ctx, http.MethodPost, path, query, &answer); err != nil {
		return err
	}
	if answer.Count == 0 {
		return fmt.Errorf("a window needs the raw documents of run %s, and they were pruned. Compare without a window, "+
			"or with the file that the run was loaded from", d.Label())
	}
	return fmt.Errorf("run %s has nothing in the window %s: it lasted %.0f s", d.Label(), w, d.K6.Run.Duration)
}

// add adds the samples of a document: a built-in metric stands under its own name, a custom one under
// "metric".
func (r *rawReader) add(d *rawDocument) error {
	sample := ingest.Sample{Time: d.Timestamp.UnixNano(), Tags: r.tagsOf(d)}
	for _, name := range slices.Sorted(maps.Keys(d.K6)) {
		value := d.K6[name]
		var err error
		if name == "metric" {
			err = r.custom(sample, value)
		} else if sample.Metric = r.registry.Lookup([]byte(name)); sample.Metric.Builtin() {
			err = r.builtin(sample, value)
		}
		if err != nil {
			return fmt.Errorf("reading a document of %s: %w", d.Timestamp.Format(time.RFC3339Nano), err)
		}
	}
	return nil
}

func (r *rawReader) builtin(sample ingest.Sample, value json.RawMessage) error {
	if sample.Metric.Name == "checks" {
		var checks struct{ Passes, Fails int64 }
		err := json.Unmarshal(value, &checks)
		r.repeat(sample, checks.Passes, checks.Fails)
		return err
	}
	var values numbers
	err := json.Unmarshal(value, &values)
	r.list(sample, values)
	return err
}

// numbers are the values of a field: one, or several in an array.
type numbers []float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *numbers) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]float64)(n))
	}
	*n = make([]float64, 1)
	return json.Unmarshal(text, &(*n)[0])
}

// list adds a sample for each value.
func (r *rawReader) list(sample ingest.Sample, values numbers) {
	for _, sample.Value = range values {
		r.recorder.Add(&sample)
	}
}

// custom adds what a document says of a custom metric.
func (r *rawReader) custom(sample ingest.Sample, value json.RawMessage) error {
	var m struct {
		Name, Type          string
		Sum, Last, Min, Max float64
		Value               numbers
		Passes, Fails       int64
	}
	if err := json.Unmarshal(value, &m); err != nil {
		return err
	}
	typ, _ := ingest.ParseMetricType(m.Type)
	sample.Metric = r.registry.Define(m.Name, typ)
	switch typ {
	case ingest.Rate:
		r.repeat(sample, m.Passes, m.Fails)
		return nil
	case ingest.Counter:
		sample.Value = m.Sum
	case ingest.Gauge:
		r.list(sample, slices.DeleteFunc(numbers{m.Min, m.Max}, func(value float64) bool { return value == m.Last }))
		sample.Value = m.Last
	default:
		r.list(sample, m.Value)
		return nil
	}
	r.recorder.Add(&sample)
	return nil
}

// repeat adds samples of a rate.
func (r *rawReader) repeat(sample ingest.Sample, passes, fails int64) {
	sample.Value = 1
	for range passes {
		r.recorder.Add(&sample)
	}
	sample.Value = 0
	for range fails {
		r.recorder.Add(&sample)
	}
}

// tagsOf are the tags by which series are kept.
func (r *rawReader) tagsOf(d *rawDocument) *ingest.TagSet {
	pairs := []ingest.Tag{{Key: "method", Value: cmp.Or(d.HTTP.Request.Method, d.RPC.Method)}, {Key: "status", Value: d.status()}}
	key := strings.Builder{}
	key.WriteString(pairs[0].Value + "\x00" + pairs[1].Value)
	for _, name := range []string{"scenario", "group", "name", "check"} {
		var text string
		if json.Unmarshal(d.K6[name], &text) == nil {
			if name == "group" {
				text = "::" + text
			}
			pairs = append(pairs, ingest.Tag{Key: name, Value: text})
		}
		key.WriteString("\x00" + text)
	}
	if set, ok := r.tags.Get(key.String()); ok {
		return set
	}
	return r.tags.Put(key.String(), pairs)
}
