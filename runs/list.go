package runs

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Filter says which runs are asked for. A zero field asks for nothing; the zero value means all runs.
type Filter struct {
	Test        string
	Branch      string // branch or tag of what was tested
	Environment string
	Status      Status
	Since       time.Time // runs that began at that time or later
	Labels      map[string]string
	Pinned      bool // only runs that somebody pinned
	Limit       int  // 0: no limit
}

// pageSize is how many runs are read in one request.
const pageSize = 500

// withoutParts asks for everything but the parts, which are large and for merging only.
var withoutParts = map[string]any{"excludes": []string{"k6.run.parts"}}

// List returns the runs that the filter asks for, the newest first, without their parts. A run whose
// heartbeat stopped is interrupted, and is marked so in the index where that is allowed. No run at all
// is no error.
func (s *Store) List(ctx context.Context, f Filter) ([]*Document, error) {
	return s.list(ctx, s.query(f), f.Limit, withoutParts)
}

// list reads the runs that a query finds, the newest first, of each what source says.
func (s *Store) list(ctx context.Context, query any, limit int, source any) ([]*Document, error) {
	found := []*Document{}
	body := map[string]any{
		"query": query, "_source": source, "track_total_hits": false,
		"sort": []any{map[string]any{"@timestamp": "desc"}, map[string]any{"k6.run.id": "asc"}},
	}
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(found))
		}
		body["size"] = size
		var answer struct {
			Hits struct {
				Hits []struct {
					Source *Document `json:"_source"`
					Sort   []any     `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		if err := s.search(ctx, s.runsIndex(), body, &answer); err != nil {
			return nil, wrap(err, "listing runs")
		}
		for _, hit := range answer.Hits.Hits {
			if hit.Source == nil {
				return nil, errors.New("listing runs: the server's answer lacks what the runs are")
			}
			found = append(found, s.settle(ctx, hit.Source))
			body["search_after"] = hit.Sort
		}
		if len(answer.Hits.Hits) < size || limit > 0 && len(found) >= limit {
			return found, nil
		}
	}
}

// search asks an index, which need not be there.
func (s *Store) search(ctx context.Context, index string, body, answer any) error {
	return s.Client.JSON(ctx, http.MethodPost, "/"+index+"/_search?ignore_unavailable=true&allow_no_indices=true", body, answer)
}

// query is the filter in the server's words.
func (s *Store) query(f Filter) map[string]any {
	var terms []any
	for _, field := range []struct{ name, value string }{
		{"k6.test", f.Test}, {"vcs.ref.head.name", f.Branch}, {"service.environment", f.Environment},
	} {
		if field.value != "" {
			terms = append(terms, term(field.name, field.value))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		terms = append(terms, term("labels."+labelKey(key), f.Labels[key]))
	}
	if f.Pinned {
		terms = append(terms, term("k6.run.pinned", true))
	}
	if !f.Since.IsZero() {
		terms = append(terms, map[string]any{"range": map[string]any{"@timestamp": map[string]any{"gte": f.Since.UTC()}}})
	}
	if f.Status != "" {
		terms = append(terms, s.withStatus(f.Status))
	}
	return map[string]any{"bool": map[string]any{"filter": terms}}
}

// withStatus asks for runs that have a status, or will when they are settled.
func (s *Store) withStatus(status Status) any {
	silent := map[string]any{"range": map[string]any{"k6.run.heartbeat": map[string]any{"lt": s.now().Add(-stale).UTC()}}}
	running := term("k6.run.status", Running)
	switch status {
	case Running:
		return map[string]any{"bool": map[string]any{"filter": running, "must_not": silent}}
	case Interrupted:
		return map[string]any{"bool": map[string]any{"should": []any{
			term("k6.run.status", Interrupted),
			map[string]any{"bool": map[string]any{"filter": []any{running, silent}}},
		}}}
	default:
		return term("k6.run.status", status)
	}
}

// settle takes a run whose heartbeat stopped for interrupted, in the index too where that is allowed.
// Any other run stays as it is.
func (s *Store) settle(ctx context.Context, d *Document) *Document {
	if d.K6.Run.Status != Running || s.now().Sub(d.K6.Run.Heartbeat) <= stale {
		return d
	}
	// An error is no reason not to show the run as it is: whoever only reads may not write.
	settled, _ := s.update(ctx, d.K6.Run.ID, func(*Facts) {})
	if settled == nil {
		copied := *d
		copied.K6.Run.Status, copied.K6.Run.Partial, copied.Event.Outcome = Interrupted, true, "failure"
		return &copied
	}
	if d.K6.Run.Parts == nil {
		settled.K6.Run.Parts = nil
	}
	return settled
}
