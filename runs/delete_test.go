package runs

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// withoutReindex is the store on a server that lacks the module for deletion by query.
func (s *Store) withoutReindex(status int) *Store {
	return s.through(func(ctx context.Context, method, path string, in, out any) error {
		if before, _, _ := strings.Cut(path, "?"); strings.HasSuffix(before, byQuery) {
			return &elastic.Error{Method: method, URL: "http://es:9200", Path: before, Status: status}
		}
		return s.Client.JSON(ctx, method, path, in, out)
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning.Add(30*24*time.Hour))
	store.upload(t, sampleFiles[0], Facts{ID: "keep", Test: "checkout", Name: "kept"})
	for name, s := range map[string]*Store{
		"by query": store, "400": store.withoutReindex(http.StatusBadRequest), "404": store.withoutReindex(http.StatusNotFound),
		"405": store.withoutReindex(http.StatusMethodNotAllowed),
	} {
		store.upload(t, sampleFiles[0], Facts{ID: "gone", Test: "checkout", Name: "deleted"})
		for _, id := range []string{"keep", "gone"} {
			store.bulk(t, fmt.Appendf(nil, `{"index":{"_index":"%s-comparisons","_id":%q}}`+"\n"+`{"k6":{"run":{"id":%q}}}`+"\n", store.Prefix, id, id))
		}
		store.bulk(t, fmt.Appendf(nil, `{"index":{"_index":"%s-comparisons","_id":"baseline"}}`+"\n"+
			`{"k6":{"run":{"id":"other"},"comparison":{"baseline":{"ids":["gone","x"]}}}}`+"\n", store.Prefix))
		kept, err := store.Count(t.Context(), "keep")
		require.NoError(t, err)
		counted, err := store.Count(t.Context(), "gone")
		require.NoError(t, err)
		assert.EqualValues(t, 2, counted.Comparisons)
		assert.EqualValues(t, 1, counted.Runs)
		var told Counts
		deleted, err := s.Delete(t.Context(), "gone", func(c Counts) { told = c })
		require.NoError(t, err, name)
		assert.Equal(t, counted, deleted, name)
		assert.Equal(t, counted, told, name)
		assert.Greater(t, deleted.Samples, int64(1000), name)
		left, err := store.Count(t.Context(), "gone")
		require.NoError(t, err)
		assert.Zero(t, left.Total(), name)
		stays, err := store.Count(t.Context(), "keep")
		require.NoError(t, err)
		assert.Equal(t, kept, stays, name)
		again, err := s.Delete(t.Context(), "gone", nil)
		require.NoError(t, err, name)
		assert.Zero(t, again.Total(), name)
	}
}

// A run of many documents is deleted in several requests, each of which ends before it times out.
func TestDeleteGoesStepByStep(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for name, s := range map[string]*Store{"by query": store, "listed": store.withoutReindex(http.StatusMethodNotAllowed)} {
		const n = deletedAtOnce + 5
		store.sampled(t, "2026.11", "large", n)
		var steps []int64
		deleted, err := s.Delete(t.Context(), "large", func(c Counts) { steps = append(steps, c.Samples) })
		require.NoError(t, err, name)
		assert.EqualValues(t, n, deleted.Samples, name)
		assert.Greater(t, len(steps), 1, name)
		assert.EqualValues(t, n, steps[len(steps)-1], name)
	}
}

func TestRunningRunsAreNotDeleted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	store.save(t, Facts{ID: "run", Test: "checkout", Name: "nightly"}, Part{Status: Running, Heartbeat: morning})
	_, err := store.Delete(t.Context(), "run", nil)
	var running *RunningError
	require.ErrorAs(t, err, &running)
	assert.EqualError(t, err, "checkout nightly (run) is still running: stop it first")
	_, err = store.at(morning.Add(time.Minute)).Delete(t.Context(), "run", nil)
	require.NoError(t, err, "once its heartbeat stopped it can be deleted")
}

func TestDeleteTellsWhatTheServerSays(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	store.sampled(t, "2026.11", "run", 1)
	answering := func(answer string) *Store {
		return store.through(func(ctx context.Context, method, path string, in, out any) error {
			if strings.Contains(path, byQuery) && answer != "" {
				return unmarshal(answer, out)
			}
			return store.Client.JSON(ctx, method, path, in, out)
		})
	}
	_, err := answering(`{"deleted":0,"failures":[{"cause":{"reason":"read only"}}]}`).Delete(t.Context(), "run", nil)
	assert.EqualError(t, err, "deleting run run: the server could not delete from "+store.Prefix+"-metrics-*: read only")
	_, err = answering(`{"deleted":0,"version_conflicts":1}`).Delete(t.Context(), "run", nil)
	assert.EqualError(t, err, "deleting run run: 1 documents of "+store.Prefix+"-metrics-* could not be deleted; try again")
	denied := store.through(func(ctx context.Context, method, path string, in, out any) error {
		if strings.Contains(path, byQuery) {
			return forbidden(method, strings.Split(path, "?")[0])
		}
		return store.Client.JSON(ctx, method, path, in, out)
	})
	_, err = denied.Delete(t.Context(), "run", nil)
	assert.True(t, elastic.IsStatus(err, http.StatusForbidden), "%v", err)
}

// pruneable is a store with two tests' runs, ten days apart from each other, with samples in two months.
func pruneable(t *testing.T) *Store {
	t.Helper()
	now := morning
	store := newStore(t, servertest.URL(t, servertest.FirstClass), now)
	for i, run := range []struct {
		id, test string
		pinned   bool
		status   Status
	}{
		{"live", "checkout", false, Running}, {"c1", "checkout", false, Passed}, {"c2", "checkout", true, Passed}, {"c3", "checkout", false, Failed},
		{"s1", "search", false, Passed}, {"s2", "search", false, Interrupted}, {"c4", "checkout", false, Passed},
	} {
		start := now.Add(-time.Duration(i) * 10 * 24 * time.Hour)
		store.save(t, Facts{ID: run.id, Test: run.test, Name: run.id, Pinned: run.pinned}, Part{Status: run.status, Start: start, End: start, Heartbeat: now})
	}
	store.sampled(t, "2026.11", "live", 3)
	store.sampled(t, "2026.11", "c1", 4)
	store.sampled(t, "2026.11", "c3", 5)
	store.sampled(t, "2026.10", "c3", 6)
	store.sampled(t, "2026.10", "s2", 7)
	store.sampled(t, "2026.09", "c2", 8)
	store.sampled(t, "2026.09", "c4", 9)
	return store
}

func TestPrunePicks(t *testing.T) {
	t.Parallel()
	store := pruneable(t)
	day := 24 * time.Hour
	for _, c := range []struct {
		options PruneOptions
		runs    []string
		indices []string
		samples int64
	}{
		{PruneOptions{KeepPinned: true}, []string{"c1", "c3", "s2", "c4"}, []string{"2026.10"}, 31},
		{PruneOptions{}, []string{"c1", "c2", "c3", "s2", "c4"}, []string{"2026.09", "2026.10"}, 39},
		{PruneOptions{OlderThan: 25 * day}, []string{"c3", "s2", "c4"}, []string{"2026.10"}, 27},
		{PruneOptions{OlderThan: 25 * day, KeepLast: 1}, []string{"c3", "s2", "c4"}, []string{"2026.10"}, 27},
		{PruneOptions{KeepLast: 3, KeepPinned: true}, []string{"c3", "c4"}, nil, 20},
		{PruneOptions{KeepLast: 3}, []string{"c3", "c4"}, nil, 20},
		{PruneOptions{Test: "search"}, []string{"s2"}, nil, 7},
		{PruneOptions{OlderThan: 500 * day}, []string{}, nil, 0},
	} {
		if len(c.options.Test) == 0 && c.options.OlderThan == 25*day {
			c.options.KeepPinned = true
		}
		c.options.DryRun = true
		report, err := store.Prune(t.Context(), c.options, nil)
		require.NoError(t, err)
		picked, indices := []string{}, []string(nil)
		for _, p := range report.Runs {
			picked = append(picked, p.Run.K6.Run.ID)
		}
		for _, index := range report.Indices {
			indices = append(indices, strings.TrimPrefix(index, store.Prefix+"-metrics-"))
		}
		assert.Equal(t, c.runs, picked, "%+v", c.options)
		assert.Equal(t, c.indices, indices, "%+v", c.options)
		assert.Equal(t, c.samples, report.Samples, "%+v", c.options)
	}
	assert.Equal(t, []string{"metrics-2026.09", "metrics-2026.10", "metrics-2026.11", "runs"}, store.indices(t), "only said")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	store := pruneable(t)
	var told int64
	report, err := store.Prune(t.Context(), PruneOptions{KeepPinned: true}, func(samples int64) { told = samples })
	require.NoError(t, err)
	assert.EqualValues(t, 31, report.Samples)
	assert.EqualValues(t, 31, told)
	assert.Equal(t, []string{store.Prefix + "-metrics-2026.10"}, report.Indices)
	assert.Equal(t, []string{"metrics-2026.09", "metrics-2026.11", "runs"}, store.indices(t))
	for id, samples := range map[string]int64{"live": 3, "c1": 0, "c2": 8, "c3": 0, "s2": 0, "c4": 0} {
		counts, err := store.Count(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, samples, counts.Samples, id)
		assert.EqualValues(t, 1, counts.Runs, id)
	}
	again, err := store.Prune(t.Context(), PruneOptions{KeepPinned: true}, nil)
	require.NoError(t, err)
	assert.Empty(t, again.Runs)
}

// A run that begins between looking and dropping keeps its samples.
func TestPruneDropsNoIndexThatAnotherRunWrites(t *testing.T) {
	t.Parallel()
	store := pruneable(t)
	looked := false
	s := store.through(func(ctx context.Context, method, path string, in, out any) error {
		err := store.Client.JSON(ctx, method, path, in, out)
		if body, ok := in.(map[string]any); ok && body["aggs"] != nil && !looked {
			looked = true
			store.sampled(t, "2026.10", "newcomer", 2)
		}
		return err
	})
	report, err := s.Prune(t.Context(), PruneOptions{KeepPinned: true}, nil)
	require.NoError(t, err)
	assert.Empty(t, report.Indices)
	for id, samples := range map[string]int64{"newcomer": 2, "s2": 0, "c3": 0} {
		counts, err := store.Count(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, samples, counts.Samples, id)
	}
}

// Whoever may delete documents but no index prunes all the same. Documents without a run keep an index.
func TestPruneWithoutDroppingIndices(t *testing.T) {
	t.Parallel()
	store := pruneable(t)
	s := store.through(func(ctx context.Context, method, path string, in, out any) error {
		if method == http.MethodDelete {
			return forbidden(method, path)
		}
		return store.Client.JSON(ctx, method, path, in, out)
	})
	report, err := s.Prune(t.Context(), PruneOptions{KeepPinned: true, Test: "search"}, nil)
	require.NoError(t, err)
	assert.EqualValues(t, 7, report.Samples)
	var body bytes.Buffer
	fmt.Fprintf(&body, `{"index":{"_index":"%s-metrics-2026.10"}}`+"\n"+`{"@timestamp":"2026-10-01T00:00:00Z"}`+"\n", store.Prefix)
	store.bulk(t, body.Bytes())
	report, err = store.Prune(t.Context(), PruneOptions{KeepPinned: true}, nil)
	require.NoError(t, err)
	assert.Empty(t, report.Indices)
	assert.Len(t, store.documents(t, store.Prefix+"-metrics-2026.10"), 1)
}
