package runs

import (
	"context"
	"fmt"
	"time"
)

// MaxBaseline is how many earlier runs a run is compared with at most, unless somebody names them.
const MaxBaseline = 10

// Candidate is a run for which comparable ones are looked for. Only Test and Start must be set; a run
// without an environment is comparable with others that have none.
type Candidate struct {
	ID          string // is not among the runs found
	Test        string
	Environment string
	Branch      string
	BaseBranch  string // that the candidate's branch is to be merged into
	Start       time.Time
}

// Candidate is the run as one for which comparable ones are looked for.
func (d *Document) Candidate() Candidate {
	c := Candidate{
		ID: d.K6.Run.ID, Test: d.K6.Test, Branch: d.VCS.Ref.Head.Name, BaseBranch: d.VCS.Ref.Base.Name, Start: d.Timestamp,
	}
	if d.Service != nil {
		c.Environment = d.Service.Environment
	}
	return c
}

// branches are those on which a baseline is looked for, in order.
func (c Candidate) branches() []string {
	if c.BaseBranch != "" && c.BaseBranch != c.Branch {
		return []string{c.BaseBranch, c.Branch}
	}
	return []string{c.Branch}
}

// Baseline lists the latest runs that the candidate can be compared with, MaxBaseline at most, the newest
// first: earlier ones of the same test in the same environment that came to their end, on the branch that
// the candidate is to be merged into, or else on its own. None is no error.
func (s *Store) Baseline(ctx context.Context, c Candidate) ([]*Document, error) {
	for _, branch := range c.branches() {
		found, err := s.list(ctx, c.query(branch), MaxBaseline, true)
		if err != nil || len(found) > 0 {
			return found, wrap(err, "looking for a baseline")
		}
	}
	return nil, nil
}

// query asks for the runs on a branch.
func (c Candidate) query(branch string) map[string]any {
	filter := []any{
		term("k6.test", c.Test),
		map[string]any{"terms": map[string]any{"k6.run.status": []Status{Passed, Failed}}},
		map[string]any{"range": map[string]any{"@timestamp": map[string]any{"lt": c.Start.UTC()}}},
	}
	mustNot := []any{term("k6.run.id", c.ID)}
	for _, field := range []struct{ name, value string }{
		{"service.environment", c.Environment}, {"vcs.ref.head.name", branch},
	} {
		if field.value == "" {
			mustNot = append(mustNot, map[string]any{"exists": map[string]any{"field": field.name}})
		} else {
			filter = append(filter, term(field.name, field.value))
		}
	}
	return map[string]any{"bool": map[string]any{"filter": filter, "must_not": mustNot}}
}

// Pinned is the newest run of the candidate's test and environment that somebody pinned, but for the
// candidate itself. The error is an *UnknownRunError if there is none.
func (s *Store) Pinned(ctx context.Context, c Candidate) (*Document, error) {
	found, err := s.List(ctx, Filter{Test: c.Test, Environment: c.Environment, Pinned: true, Limit: 2})
	if err != nil {
		return nil, err
	}
	for _, d := range found {
		if d.K6.Run.ID != c.ID {
			return s.open(ctx, d.K6.Run.ID)
		}
	}
	return nil, &UnknownRunError{Ref: pinned, Why: fmt.Sprintf("no other run of test %q is pinned", c.Test)}
}

// Latest is the run of a test that n others are newer than.
func (s *Store) Latest(ctx context.Context, test string, n int) (*Document, error) {
	ref := latest
	if n > 0 {
		ref = fmt.Sprintf("%s~%d", latest, n)
	}
	found, err := s.List(ctx, Filter{Test: test, Limit: n + 1})
	switch {
	case err != nil:
		return nil, err
	case len(found) <= n:
		return nil, &UnknownRunError{Ref: ref, Why: fewRuns(len(found), test)}
	}
	return s.open(ctx, found[n].K6.Run.ID)
}

// fewRuns says how many runs of a test there are.
func fewRuns(n int, test string) string {
	switch n {
	case 0:
		return fmt.Sprintf("there is no run of test %q", test)
	case 1:
		return fmt.Sprintf("there is only 1 run of test %q", test)
	default:
		return fmt.Sprintf("there are only %d runs of test %q", n, test)
	}
}

// FindOf is Find, but latest and latest~N mean runs of the test, where one is named.
func (s *Store) FindOf(ctx context.Context, test, ref string) (*Document, error) {
	if n, ok := parseLatest(ref); ok && test != "" {
		return s.Latest(ctx, test, n)
	}
	return s.Find(ctx, ref)
}
