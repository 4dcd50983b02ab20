package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/elastic"
)

// Counts says how many documents of each kind belong to a run, or were deleted.
type Counts struct {
	Samples     int64 `json:"samples"` // documents in <prefix>-metrics-*
	Series      int64 `json:"series"`  // with the verdicts on thresholds
	Comparisons int64 `json:"comparisons"`
	Runs        int64 `json:"runs"` // the run's own document: 0 or 1
}

// Total is the sum.
func (c Counts) Total() int64 { return c.Samples + c.Series + c.Comparisons + c.Runs }

// place is where documents of a run are.
type place struct {
	index string
	query any
	count func(*Counts) *int64
}

// places lists where a run has documents, its own document last: while that is there, a deletion that
// stopped halfway can be found and done again.
func (s *Store) places(runID string) []place {
	run := term("k6.run.id", runID)
	compared := map[string]any{"bool": map[string]any{"should": []any{run, term("k6.comparison.baseline.ids", runID)}}}
	return []place{
		{s.metricsIndex(), run, func(c *Counts) *int64 { return &c.Samples }},
		{s.seriesIndex(), run, func(c *Counts) *int64 { return &c.Series }},
		{s.Prefix + "-comparisons", compared, func(c *Counts) *int64 { return &c.Comparisons }},
		{s.runsIndex(), run, func(c *Counts) *int64 { return &c.Runs }},
	}
}

// Count says how many documents a run has.
func (s *Store) Count(ctx context.Context, runID string) (Counts, error) {
	var counts Counts
	for _, p := range s.places(runID) {
		if err := s.refresh(ctx, p.index); err != nil {
			return counts, wrap(err, "counting the documents of run %s", runID)
		}
		n, err := s.count(ctx, p.index, p.query)
		if err != nil {
			return counts, wrap(err, "counting the documents of run %s", runID)
		}
		*p.count(&counts) = n
	}
	return counts, nil
}

func (s *Store) count(ctx context.Context, index string, query any) (int64, error) {
	var answer struct{ Count int64 }
	path := "/" + index + "/_count?ignore_unavailable=true&allow_no_indices=true"
	err := s.Client.JSON(ctx, http.MethodPost, path, map[string]any{"query": query}, &answer)
	return answer.Count, err
}

// RunningError is a run that still writes, and so cannot be deleted.
type RunningError struct{ Label string }

// Error says so.
func (e *RunningError) Error() string {
	return fmt.Sprintf("%s is still running: stop it first", e.Label)
}

// Delete deletes all documents of a run, its own one last; what it counts is what it deleted, also on an
// error, after which it can be done again. progress, which may be nil, is told the counts so far. A run
// that is running is a *RunningError; one without a document of its own may still have others.
func (s *Store) Delete(ctx context.Context, runID string, progress func(Counts)) (Counts, error) {
	var counts Counts
	d, err := s.Load(ctx, runID)
	var unknown *UnknownRunError
	switch {
	case err != nil && !errors.As(err, &unknown):
		return counts, err
	case err == nil && s.settle(ctx, d).K6.Run.Status == Running:
		return counts, &RunningError{d.Label()}
	}
	for _, p := range s.places(runID) {
		err := s.deleteAll(ctx, p.index, p.query, func(n int64) {
			*p.count(&counts) += n
			if progress != nil {
				progress(counts)
			}
		})
		if err != nil {
			return counts, wrap(err, "deleting run %s", runID)
		}
	}
	return counts, nil
}

const (
	// deletedAtOnce is how many documents one request deletes: few enough to end before it times out.
	deletedAtOnce = 10_000
	// listedAtOnce is how many ids are read and deleted where the server cannot delete by query.
	listedAtOnce = 5_000
)

// deleteAll deletes what the query finds, bit by bit. A document that somebody changes at the same
// moment is tried again.
func (s *Store) deleteAll(ctx context.Context, index string, query any, deleted func(int64)) error {
	if err := s.refresh(ctx, index); err != nil {
		return err
	}
	some := s.deleteByQuery
	for {
		n, err := some(ctx, index, query)
		if cannotDeleteByQuery(err) {
			some = s.deleteListed
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return s.nothingLeft(ctx, index, query)
		}
		deleted(n)
	}
}

// nothingLeft makes sure that a deletion came to its end.
func (s *Store) nothingLeft(ctx context.Context, index string, query any) error {
	left, err := s.count(ctx, index, query)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d documents of %s could not be deleted; try again", left, index)
	}
	return err
}

// cannotDeleteByQuery is how a server without the module for it answers.
func cannotDeleteByQuery(err error) bool {
	var answer *elastic.Error
	return errors.As(err, &answer) && strings.HasSuffix(answer.Path, byQuery) && elastic.IsUnknown(err)
}

const byQuery = "/_delete_by_query"

// deleteByQuery has the server delete some of what the query finds.
func (s *Store) deleteByQuery(ctx context.Context, index string, query any) (int64, error) {
	var answer struct {
		Deleted  int64 `json:"deleted"`
		Failures []struct {
			Cause struct {
				Reason string `json:"reason"`
			} `json:"cause"`
		} `json:"failures"`
	}
	path := fmt.Sprintf("/%s%s?conflicts=proceed&refresh=true&ignore_unavailable=true&allow_no_indices=true&max_docs=%d&scroll_size=%d",
		index, byQuery, deletedAtOnce, listedAtOnce)
	err := s.Client.JSON(ctx, http.MethodPost, path, map[string]any{"query": query}, &answer)
	if err == nil && len(answer.Failures) > 0 {
		err = fmt.Errorf("the server could not delete from %s: %s", index, elastic.Explain(answer.Failures[0].Cause.Reason))
	}
	return answer.Deleted, err
}

// deleteListed reads some of the ids that the query finds, and deletes them.
func (s *Store) deleteListed(ctx context.Context, index string, query any) (int64, error) {
	var found struct {
		Hits struct {
			Hits []struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			} `json:"hits"`
		} `json:"hits"`
	}
	ask := map[string]any{"query": query, "size": listedAtOnce, "_source": false, "sort": []string{"_doc"}}
	if err := s.search(ctx, index, ask, &found); err != nil || len(found.Hits.Hits) == 0 {
		return 0, err
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, hit := range found.Hits.Hits {
		if err := encoder.Encode(map[string]any{"delete": map[string]any{"_index": hit.Index, "_id": hit.ID}}); err != nil {
			return 0, err
		}
	}
	return s.bulkDelete(ctx, body.Bytes())
}

// refresh makes what was written a moment ago visible. Not everybody may; then it is visible seconds later.
func (s *Store) refresh(ctx context.Context, index string) error {
	err := s.Client.JSON(ctx, http.MethodPost, "/"+index+"/_refresh?ignore_unavailable=true&allow_no_indices=true", nil, nil)
	if elastic.IsStatus(err, http.StatusForbidden) {
		return nil
	}
	return err
}

// bulkDelete sends the body, and counts what was deleted.
func (s *Store) bulkDelete(ctx context.Context, body []byte) (int64, error) {
	var answer struct {
		Items []struct {
			Delete struct {
				Status int `json:"status"`
				Error  struct {
					Reason string `json:"reason"`
				} `json:"error"`
			} `json:"delete"`
		} `json:"items"`
	}
	path := "/_bulk?refresh=true&filter_path=items.*.status,items.*.error.reason"
	if err := s.Client.JSON(ctx, http.MethodPost, path, body, &answer); err != nil {
		return 0, err
	}
	var deleted int64
	for _, item := range answer.Items {
		switch status := item.Delete.Status; {
		case status == http.StatusNotFound, status == http.StatusConflict: // somebody else was at it
		case status >= http.StatusMultipleChoices:
			return deleted, fmt.Errorf("the server could not delete: %s", elastic.Explain(item.Delete.Error.Reason))
		default:
			deleted++
		}
	}
	return deleted, nil
}

// PruneOptions say whose sample documents go. A run must be old enough and none of the last ones; runs
// that are running are never pruned.
type PruneOptions struct {
	OlderThan  time.Duration // since the run began; 0: any age
	KeepLast   int           // of each test, so many of its newest runs keep their samples
	KeepPinned bool          // pinned runs keep theirs
	Test       string        // only runs of this test; empty: of all
	DryRun     bool          // only say what would go
}

// Pruned is a run whose sample documents went.
type Pruned struct {
	Run     *Document
	Samples int64
}

// PruneReport says what was pruned, or would be.
type PruneReport struct {
	Runs    []Pruned // the newest first
	Indices []string // dropped as a whole, sorted
	Samples int64    // documents of all runs together
	DryRun  bool
}

// Prune deletes sample documents of runs; their run and series documents stay. An index that holds
// nothing else is dropped as a whole, which costs nothing. progress, which may be nil, is told how many
// documents went so far. The report holds also on an error.
func (s *Store) Prune(ctx context.Context, o PruneOptions, progress func(samples int64)) (PruneReport, error) {
	report := PruneReport{DryRun: o.DryRun}
	all, err := s.List(ctx, Filter{Test: o.Test})
	if err != nil {
		return report, err
	}
	if err := s.refresh(ctx, s.metricsIndex()); err != nil {
		return report, wrap(err, "pruning")
	}
	held, err := s.held(ctx)
	if err != nil {
		return report, wrap(err, "pruning")
	}
	p := pruning{Store: s, report: &report, progress: progress, held: held, going: map[string]bool{}}
	p.choose(s.pruned(all, o))
	return report, wrap(p.run(ctx), "pruning")
}

// pruned picks the runs that the options give up. They come the newest first.
func (s *Store) pruned(all []*Document, o PruneOptions) []*Document {
	seen := map[string]int{}
	var picked []*Document
	for _, d := range all {
		seen[d.K6.Test]++
		switch {
		case seen[d.K6.Test] <= o.KeepLast,
			o.KeepPinned && d.K6.Run.Pinned,
			d.K6.Run.Status == Running,
			s.now().Sub(d.Timestamp) < o.OlderThan:
		default:
			picked = append(picked, d)
		}
	}
	return picked
}

// held counts the documents of each run in each metrics index. Documents without a run are under "".
func (s *Store) held(ctx context.Context) (map[string]map[string]int64, error) {
	pages := map[string]any{"size": 1000, "sources": []any{
		map[string]any{"index": map[string]any{"terms": map[string]any{"field": "_index"}}},
		map[string]any{"run": map[string]any{"terms": map[string]any{"field": "k6.run.id", "missing_bucket": true}}},
	}}
	body := map[string]any{"size": 0, "aggs": map[string]any{"held": map[string]any{"composite": pages}}}
	held := map[string]map[string]int64{}
	for {
		var answer struct {
			Aggregations struct {
				Held struct {
					After   map[string]any `json:"after_key"`
					Buckets []struct {
						Key   struct{ Index, Run string } `json:"key"`
						Count int64                       `json:"doc_count"`
					} `json:"buckets"`
				} `json:"held"`
			} `json:"aggregations"`
		}
		if err := s.search(ctx, s.metricsIndex(), body, &answer); err != nil {
			return nil, err
		}
		for _, b := range answer.Aggregations.Held.Buckets {
			if held[b.Key.Index] == nil {
				held[b.Key.Index] = map[string]int64{}
			}
			held[b.Key.Index][b.Key.Run] = b.Count
		}
		if answer.Aggregations.Held.After == nil {
			return held, nil
		}
		pages["after"] = answer.Aggregations.Held.After
	}
}

// pruning is one prune under way.
type pruning struct {
	*Store
	report   *PruneReport
	progress func(int64)
	held     map[string]map[string]int64 // documents by index and run
	going    map[string]bool             // ids of the runs whose samples go
	gone     int64
}

// choose enters the runs that still have samples into the report, and the indices that hold only them.
func (p *pruning) choose(picked []*Document) {
	for _, d := range picked {
		var samples int64
		for _, runs := range p.held {
			samples += runs[d.K6.Run.ID]
		}
		if samples == 0 {
			continue
		}
		p.going[d.K6.Run.ID] = true
		p.report.Runs = append(p.report.Runs, Pruned{d, samples})
		p.report.Samples += samples
	}
	for _, index := range slices.Sorted(maps.Keys(p.held)) {
		if p.whole(index) {
			p.report.Indices = append(p.report.Indices, index)
		}
	}
}

// whole says whether all runs in the index go.
func (p *pruning) whole(index string) bool {
	for run := range p.held[index] {
		if !p.going[run] {
			return false
		}
	}
	return true
}

// run drops indices and deletes documents, unless it is only tried.
func (p *pruning) run(ctx context.Context) error {
	if p.report.DryRun || len(p.report.Runs) == 0 {
		return nil
	}
	dropped := p.report.Indices
	p.report.Indices = nil
	for _, index := range dropped {
		if err := p.drop(ctx, index); err != nil {
			return err
		}
	}
	for _, r := range p.report.Runs {
		err := p.deleteAll(ctx, p.metricsIndex(), term("k6.run.id", r.Run.K6.Run.ID), p.went)
		if err != nil {
			return err
		}
	}
	return nil
}

// drop drops an index if it still holds nothing else: a run may have begun meanwhile. One that is not
// dropped has its documents deleted with the others.
func (p *pruning) drop(ctx context.Context, index string) error {
	path := "/" + url.PathEscape(index)
	if err := p.refresh(ctx, index); err != nil {
		return err
	}
	others := map[string]any{"bool": map[string]any{"must_not": map[string]any{
		"terms": map[string]any{"k6.run.id": slices.Sorted(maps.Keys(p.held[index]))},
	}}}
	n, err := p.count(ctx, index, others)
	if err != nil || n > 0 {
		return err
	}
	err = p.Client.JSON(ctx, http.MethodDelete, path, nil, nil)
	if elastic.IsStatus(err, http.StatusForbidden) {
		return nil
	}
	if err != nil {
		return err
	}
	p.report.Indices = append(p.report.Indices, index)
	for _, samples := range p.held[index] {
		p.went(samples)
	}
	return nil
}

// went adds to what went so far.
func (p *pruning) went(samples int64) {
	p.gone += samples
	if p.progress != nil {
		p.progress(p.gone)
	}
}
