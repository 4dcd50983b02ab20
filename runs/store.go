package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// Store reads and writes what is kept of runs: <prefix>-runs, <prefix>-series. It is safe for
// concurrent use, also by several processes: whoever writes a document that somebody else changed
// meanwhile reads it again and merges.
type Store struct {
	Client Client
	Prefix string // index prefix
	Now    func() time.Time

	// alone has the version of each series in which no other instance has a part, as this Store wrote it last:
	// unless somebody comes, the next heartbeat need not read it.
	alone sync.Map // seriesOwner → version
}

func (s *Store) runsIndex() string    { return s.Prefix + "-runs" }
func (s *Store) seriesIndex() string  { return s.Prefix + "-series" }
func (s *Store) metricsIndex() string { return s.Prefix + "-metrics-*" }

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// maxConflicts is how often a write is tried against others who write the same document.
const maxConflicts = 50

// version tells whether a document is still as it was read.
type version struct {
	SeqNo       int64 `json:"_seq_no"`
	PrimaryTerm int64 `json:"_primary_term"`
}

func (v version) query() string {
	return fmt.Sprintf("if_seq_no=%d&if_primary_term=%d", v.SeqNo, v.PrimaryTerm)
}

// Save writes a part of a run: it replaces what the same instance wrote before, and keeps the parts of
// others. Of the facts, those that the run has already stay. It returns what was written.
func (s *Store) Save(ctx context.Context, facts Facts, part Part) (*Document, error) {
	return s.change(ctx, facts.ID, func(d *Document) (*Document, error) {
		if d == nil {
			return newDocument(facts, []Part{part}, s.now())
		}
		parts, err := d.parts()
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Instance == part.Instance })
		if i < 0 {
			parts = append(parts, part)
		} else {
			parts[i] = part
		}
		return newDocument(d.facts().fill(facts), parts, s.now())
	})
}

// fill adds facts that are not known yet.
func (f Facts) fill(more Facts) Facts {
	for _, text := range []struct {
		known *string
		more  string
	}{
		{&f.Note, more.Note}, {&f.K6Version, more.K6Version}, {&f.Script, more.Script}, {&f.ScriptHash, more.ScriptHash},
		{&f.OptionsHash, more.OptionsHash}, {&f.Service, more.Service}, {&f.Environment, more.Environment},
	} {
		if *text.known == "" {
			*text.known = text.more
		}
	}
	f.Version = more.Version
	if f.Scenarios == nil {
		f.Scenarios = more.Scenarios
	}
	return f
}

// Update changes what people say of a run: its note, its labels, whether it is pinned.
func (s *Store) Update(ctx context.Context, id string, change func(*Facts)) error {
	_, err := s.update(ctx, id, change)
	return err
}

// update is Update; it returns what the run's document became, or would have become if it could be written.
func (s *Store) update(ctx context.Context, id string, change func(*Facts)) (*Document, error) {
	return s.change(ctx, id, func(d *Document) (*Document, error) {
		if d == nil {
			return nil, &UnknownRunError{Ref: id}
		}
		parts, err := d.parts()
		if err != nil {
			return nil, err
		}
		facts := d.facts()
		change(&facts)
		return newDocument(facts, parts, s.now())
	})
}

// change reads a run, nil if it is not there, and writes what becomes of it. It begins anew when
// somebody else wrote meanwhile, and returns what was written.
func (s *Store) change(ctx context.Context, id string, change func(*Document) (*Document, error)) (*Document, error) {
	for range maxConflicts {
		before, v, err := s.load(ctx, id)
		if err != nil {
			return nil, err
		}
		after, err := change(before)
		if err != nil {
			return nil, err
		}
		condition := "op_type=create"
		if before != nil {
			condition = v.query()
		}
		err = s.Client.JSON(ctx, http.MethodPut, s.path(id)+"?refresh=true&"+condition, after, nil)
		if !elastic.IsStatus(err, http.StatusConflict) {
			return after, wrap(err, "writing run %s", id)
		}
	}
	return nil, fmt.Errorf("writing run %s: others changed it each of %d times", id, maxConflicts)
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// path is where the run's document is.
func (s *Store) path(id string) string { return "/" + s.runsIndex() + "/_doc/" + url.PathEscape(id) }

// load reads a run; nil if it is not there.
func (s *Store) load(ctx context.Context, id string) (*Document, version, error) {
	var answer struct {
		version
		Found  bool      `json:"found"`
		Source *Document `json:"_source"`
	}
	err := s.Client.JSON(ctx, http.MethodGet, s.path(id), nil, &answer)
	if elastic.IsStatus(err, http.StatusNotFound) {
		return nil, version{}, nil
	}
	if err != nil {
		return nil, version{}, fmt.Errorf("reading a run: %w", err)
	}
	return answer.Source, answer.version, nil
}

// Load reads a run. The error is an *UnknownRunError if it is not there.
func (s *Store) Load(ctx context.Context, id string) (*Document, error) {
	d, _, err := s.load(ctx, id)
	if err == nil && d == nil {
		err = &UnknownRunError{Ref: id}
	}
	return d, err
}

// Ended returns the run of that id if there is one and none of its instances goes on; else nil.
func (s *Store) Ended(ctx context.Context, id string) (*Document, error) {
	d, _, err := s.load(ctx, id)
	if err != nil || d == nil {
		return nil, err
	}
	parts, err := d.parts()
	if err != nil {
		return nil, err
	}
	m, err := merge(parts, s.now())
	if err != nil || m.Status == Running {
		return nil, err
	}
	return d, nil
}

// Earlier is what an earlier upload of a file had to say of the run; nil if there was none, or if the user
// may not look.
func (s *Store) Earlier(ctx context.Context, run ingest.Run) (*Part, error) {
	d, _, err := s.load(ctx, run.ID)
	if elastic.IsStatus(err, http.StatusForbidden) {
		return nil, nil //nolint:nilnil // who may not look is believed
	}
	if err != nil || d == nil {
		return nil, err
	}
	return d.ended(run.Instance)
}

// MetricTypes are the types that the metrics of a run have, by name. It is empty where the user may not look.
func (s *Store) MetricTypes(ctx context.Context, runID string) (map[string]ingest.MetricType, error) {
	stored, err := s.LoadSeries(ctx, runID, SeriesFilter{Scopes: []series.Scope{series.WholeRun}})
	if err != nil && !elastic.IsStatus(err, http.StatusForbidden) {
		return nil, err
	}
	types := map[string]ingest.MetricType{}
	for _, d := range stored {
		types[d.K6.Metric.Name], _ = ingest.ParseMetricType(d.K6.Metric.Type)
	}
	return types, nil
}

// seriesBatch is how many series are written or read in one request.
const seriesBatch = 500

// seriesWrite is a series on its way: its document, and the part in it that is new.
type seriesWrite struct {
	id      string
	doc     *SeriesDocument
	part    SeriesPart
	version *version // of the document that is there; nil if none is known
	shared  bool     // other instances have a part in it

	replaced SeriesPart // the instance's part that was read; the zero value if none was
}

// seriesOwner is an instance, and a series that it has a part in.
type seriesOwner struct{ id, instance string }

func (w *seriesWrite) owner() seriesOwner { return seriesOwner{w.id, w.part.Instance} }

// saveSeries writes parts of series. Those that others wrote too are read, merged and written again.
func (s *Store) saveSeries(ctx context.Context, writes []*seriesWrite) error {
	for _, w := range writes {
		if known, ok := s.alone.Load(w.owner()); ok {
			v := known.(version) //nolint:forcetypeassert,revive // nothing else is put in
			w.version = &v
		}
	}
	for batch := range slices.Chunk(writes, seriesBatch) {
		for range maxConflicts {
			conflicts, err := s.bulkSeries(ctx, batch)
			if err != nil {
				return err
			}
			if batch = conflicts; len(batch) == 0 {
				break
			}
			if err := s.mergeStored(ctx, batch); err != nil {
				return err
			}
		}
		if len(batch) > 0 {
			return fmt.Errorf("writing %d series: others changed them each of %d times", len(batch), maxConflicts)
		}
	}
	return nil
}

func (s *Store) bulkPath() string {
	return "/" + s.seriesIndex() + "/_bulk?refresh=true&filter_path=items.*.status,items.*._seq_no,items.*._primary_term,items.*.error.reason"
}

// bulkAnswer is the server's word on each document of a bulk request, in order, by its action.
type bulkAnswer struct {
	Items []map[string]struct {
		version
		Status int `json:"status"`
		Error  struct {
			Reason string `json:"reason"`
		} `json:"error"`
	} `json:"items"`
}

// refusedError is a document of a bulk request that the server did not take.
type refusedError struct {
	what   string
	status int
	reason string
}

// Error says which one, and why.
func (e *refusedError) Error() string { return e.what + " was refused: " + e.reason }

// bulkSeries writes the documents, and returns those that somebody else wrote meanwhile.
func (s *Store) bulkSeries(ctx context.Context, batch []*seriesWrite) ([]*seriesWrite, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, w := range batch {
		if err := errors.Join(encoder.Encode(w.action()), encoder.Encode(w.doc)); err != nil {
			return nil, fmt.Errorf("encoding the series %s: %w", w.doc.K6.Series.Key, err)
		}
	}
	var answer bulkAnswer
	if err := s.Client.JSON(ctx, http.MethodPost, s.bulkPath(), body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("writing series: %w", err)
	}
	if len(answer.Items) != len(batch) {
		return nil, fmt.Errorf("writing series: the answer speaks of %d documents instead of %d", len(answer.Items), len(batch))
	}
	var conflicts []*seriesWrite
	for i, item := range answer.Items {
		for _, result := range item {
			switch {
			case result.Status == http.StatusConflict:
				conflicts = append(conflicts, batch[i])
			case result.Status >= http.StatusMultipleChoices:
				what := fmt.Sprintf("the series %s of %s", batch[i].doc.K6.Series.Key, batch[i].doc.K6.Metric.Name)
				return nil, &refusedError{what, result.Status, elastic.Explain(result.Error.Reason)}
			default:
				s.remember(batch[i], result.version)
			}
		}
	}
	return conflicts, nil
}

// remember notes which version of a series was written, if it may be written the next time without being read.
func (s *Store) remember(w *seriesWrite, written version) {
	if w.shared || written.PrimaryTerm == 0 { // a term counts from 1: the answer does not tell
		s.alone.Delete(w.owner())
		return
	}
	s.alone.Store(w.owner(), written)
}

func (w *seriesWrite) action() map[string]any {
	if w.version == nil {
		return map[string]any{"create": map[string]any{"_id": w.id}}
	}
	return map[string]any{"index": map[string]any{
		"_id": w.id, "if_seq_no": w.version.SeqNo, "if_primary_term": w.version.PrimaryTerm,
	}}
}

// mergeStored reads what is stored of the series, and puts the new parts into it.
func (s *Store) mergeStored(ctx context.Context, batch []*seriesWrite) error {
	ids := make([]string, len(batch))
	for i, w := range batch {
		ids[i] = w.id
	}
	var answer struct {
		Docs []struct {
			version
			Found  bool            `json:"found"`
			Source *SeriesDocument `json:"_source"`
		} `json:"docs"`
	}
	if err := s.Client.JSON(ctx, http.MethodPost, "/"+s.seriesIndex()+"/_mget", map[string]any{"ids": ids}, &answer); err != nil {
		return fmt.Errorf("reading series: %w", err)
	}
	if len(answer.Docs) != len(batch) {
		return fmt.Errorf("reading series: the answer speaks of %d documents instead of %d", len(answer.Docs), len(batch))
	}
	for i, stored := range answer.Docs {
		w := batch[i]
		if w.version = nil; !stored.Found || stored.Source == nil {
			continue
		}
		parts, err := stored.Source.parts()
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(parts, func(p SeriesPart) bool { return p.Instance == w.part.Instance }); i >= 0 {
			w.replaced = parts[i]
		}
		parts = replacePart(parts, w.part)
		if err := w.doc.fill(parts); err != nil {
			return err
		}
		w.shared = len(parts) > 1
		w.version = &stored.version
	}
	return nil
}

// SeriesFilter says which series are asked for; the zero value: all.
type SeriesFilter struct {
	Scopes  []series.Scope
	Metrics []string
}

// LoadSeries reads all series of a run, of some scopes and metrics where they are named.
func (s *Store) LoadSeries(ctx context.Context, runID string, filter SeriesFilter) ([]*SeriesDocument, error) {
	terms := []any{term("event.dataset", "k6.series"), term("k6.run.id", runID)}
	if len(filter.Scopes) > 0 {
		terms = append(terms, map[string]any{"terms": map[string]any{"k6.series.scope": filter.Scopes}})
	}
	if len(filter.Metrics) > 0 {
		terms = append(terms, map[string]any{"terms": map[string]any{"k6.metric.name": filter.Metrics}})
	}
	var all []*SeriesDocument
	query := map[string]any{
		"size": seriesBatch, "query": map[string]any{"bool": map[string]any{"filter": terms}},
		"sort": []any{"k6.metric.name", "k6.series.scope", "k6.series.key", map[string]any{"k6.series.id": "asc"}},
	}
	for {
		var answer struct {
			Hits struct {
				Hits []struct {
					Source *SeriesDocument `json:"_source"`
					Sort   []any           `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		if err := s.Client.JSON(ctx, http.MethodPost, "/"+s.seriesIndex()+"/_search?ignore_unavailable=true&allow_no_indices=true", query, &answer); err != nil {
			return nil, fmt.Errorf("reading the series of run %s: %w", runID, err)
		}
		for _, hit := range answer.Hits.Hits {
			if hit.Source == nil {
				return nil, fmt.Errorf("reading the series of run %s: the server's answer lacks what they are", runID)
			}
			all = append(all, hit.Source)
			query["search_after"] = hit.Sort
		}
		if len(answer.Hits.Hits) < seriesBatch {
			return all, nil
		}
	}
}

func term(field string, value any) map[string]any {
	return map[string]any{"term": map[string]any{field: value}}
}
