package runs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

var firstDay = time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)

// shopRun is a run of ten requests of the test "shop" that began some days after firstDay.
type shopRun struct {
	id, branch, base, environment, test string
	day                                 int
	status                              runs.Status
	pinned                              bool
}

func (r shopRun) record(t *testing.T, store *runs.Store) {
	t.Helper()
	if r.test == "" {
		r.test = "shop"
	}
	if r.status == "" {
		r.status = runs.Passed
	}
	start := firstDay.AddDate(0, 0, r.day)
	recorder := runs.NewRecorder(runs.Facts{
		ID: r.id, Name: r.id, Test: r.test, Environment: r.environment, Pinned: r.pinned, Origin: ci.Origin{Branch: r.branch, BaseBranch: r.base}.Fields(),
	}, 1, nil)
	metric, tags := ingest.NewRegistry().Lookup([]byte("http_req_duration")), ingest.NewTagSet(nil)
	for i := range 10 {
		recorder.Add(&ingest.Sample{Time: start.Add(time.Duration(i) * time.Second).UnixNano(), Value: 1, Metric: metric, Tags: tags})
	}
	snapshot, err := recorder.Snapshot(runs.Outcome{Status: r.status}, true, time.Now())
	require.NoError(t, err)
	require.NoError(t, store.Record(t.Context(), snapshot))
}

func TestBaselineSelection(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	client, err := elastic.New(elastic.Config{URLs: []string{url}, Timeout: 30 * time.Second})
	require.NoError(t, err)
	store := &runs.Store{Client: client, Prefix: servertest.Prefix(t, url)}
	require.NoError(t, mappings.Ensure(t.Context(), client, mappings.Options{Prefix: store.Prefix}, true))

	all := []shopRun{
		{id: "feature-early", branch: "feature", base: "main", environment: "staging", day: 13},
		{id: "running", branch: "main", environment: "staging", day: 14, status: runs.Running},
		{id: "aborted", branch: "main", environment: "staging", day: 14, status: runs.Aborted},
		{id: "interrupted", branch: "main", environment: "staging", day: 14, status: runs.Interrupted},
		{id: "crossed", branch: "main", environment: "staging", day: 14, status: runs.Failed, pinned: true},
		{id: "elsewhere", branch: "main", environment: "production", day: 14, pinned: true},
		{id: "nowhere", branch: "main", day: 14},
		{id: "other", branch: "main", environment: "staging", test: "other", day: 14, pinned: true},
		{id: "later", branch: "main", environment: "staging", day: 20},
		{id: "homeless", day: 14},
		{id: "v1", branch: "develop", environment: "staging", day: 3},
	}
	for day := range 12 {
		all = append(all, shopRun{id: fmt.Sprintf("main-%02d", day), branch: "main", environment: "staging", day: day, pinned: day == 5})
	}
	for _, run := range all {
		run.record(t, store)
	}

	noon := firstDay.AddDate(0, 0, 15)
	onMain := []string{"crossed", "main-11", "main-10", "main-09", "main-08", "main-07", "main-06", "main-05", "main-04", "main-03"}
	tests := map[string]struct {
		candidate runs.Candidate
		want      []string
	}{
		"main":                {runs.Candidate{ID: "x", Test: "shop", Environment: "staging", Branch: "main", Start: noon}, onMain},
		"change of main":      {runs.Candidate{ID: "x", Test: "shop", Environment: "staging", Branch: "feature", BaseBranch: "main", Start: noon}, onMain},
		"base has none":       {runs.Candidate{ID: "x", Test: "shop", Environment: "staging", Branch: "feature", BaseBranch: "release", Start: noon}, []string{"feature-early"}},
		"no base":             {runs.Candidate{ID: "x", Test: "shop", Environment: "staging", Branch: "feature", Start: noon}, []string{"feature-early"}},
		"itself":              {runs.Candidate{ID: "feature-early", Test: "shop", Environment: "staging", Branch: "feature", Start: noon}, nil},
		"earlier ones only":   {runs.Candidate{ID: "main-01", Test: "shop", Environment: "staging", Branch: "main", Start: firstDay.AddDate(0, 0, 1)}, []string{"main-00"}},
		"another environment": {runs.Candidate{ID: "x", Test: "shop", Environment: "production", Branch: "main", Start: noon}, []string{"elsewhere"}},
		"no environment":      {runs.Candidate{ID: "x", Test: "shop", Branch: "main", Start: noon}, []string{"nowhere"}},
		"nothing known":       {runs.Candidate{ID: "x", Test: "shop", Start: noon}, []string{"homeless"}},
		"unknown test":        {runs.Candidate{ID: "x", Test: "shops", Environment: "staging", Branch: "main", Start: noon}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := store.Baseline(t.Context(), test.candidate)
			require.NoError(t, err)
			assert.Equal(t, test.want, ids(found))
			for _, d := range found {
				_, err := store.Comparable(t.Context(), d, runs.Window{})
				require.NoError(t, err, "it has all that is needed to compare it")
			}
		})
	}

	d, err := store.Load(t.Context(), "feature-early")
	require.NoError(t, err)
	assert.Equal(t, runs.Candidate{ID: "feature-early", Test: "shop", Environment: "staging", Branch: "feature", BaseBranch: "main", Start: firstDay.AddDate(0, 0, 13)}, d.Candidate())

	pinned, err := store.Pinned(t.Context(), d.Candidate())
	require.NoError(t, err)
	assert.Equal(t, "crossed", pinned.K6.Run.ID, "the newest of the test and environment")
	pinned, err = store.Pinned(t.Context(), runs.Candidate{ID: "crossed", Test: "shop", Environment: "staging"})
	require.NoError(t, err)
	assert.Equal(t, "main-05", pinned.K6.Run.ID, "not the candidate itself")
	_, err = store.Pinned(t.Context(), runs.Candidate{Test: "shops"})
	require.EqualError(t, err, `unknown run "pinned": no other run of test "shops" is pinned`)

	latest, err := store.FindOf(t.Context(), "other", "latest")
	require.NoError(t, err)
	assert.Equal(t, "other", latest.K6.Run.ID)
	latest, err = store.FindOf(t.Context(), "", "latest")
	require.NoError(t, err)
	assert.Equal(t, "later", latest.K6.Run.ID)
	_, err = store.FindOf(t.Context(), "other", "latest~1")
	var unknown *runs.UnknownRunError
	require.ErrorAs(t, err, &unknown)
	assert.Contains(t, err.Error(), `there is only 1 run of test "other"`)
}

func ids(found []*runs.Document) []string {
	var all []string
	for _, d := range found {
		all = append(all, d.K6.Run.ID)
	}
	return all
}

// asked is a server that has nothing and remembers what it was asked.
type asked struct {
	bodies []string
	err    error
}

func (a *asked) JSON(_ context.Context, _, _ string, in, _ any) error {
	text, err := json.Marshal(in)
	a.bodies = append(a.bodies, string(text))
	return errors.Join(err, a.err)
}

// TestBaselineAsksForTheBaseFirst: the branch that a change is to be merged into goes before its own.
func TestBaselineAsksForTheBaseFirst(t *testing.T) {
	t.Parallel()
	server := &asked{}
	store := &runs.Store{Client: server, Prefix: "k6"}
	found, err := store.Baseline(t.Context(), runs.Candidate{Test: "shop", Branch: "feature", BaseBranch: "main"})
	require.NoError(t, err)
	assert.Empty(t, found)
	require.Len(t, server.bodies, 2)
	assert.Contains(t, server.bodies[0], `"vcs.ref.head.name":"main"`)
	assert.Contains(t, server.bodies[1], `"vcs.ref.head.name":"feature"`)

	server.bodies, server.err = nil, errors.New("gone")
	_, err = store.Baseline(t.Context(), runs.Candidate{Test: "shop", Branch: "main", BaseBranch: "main"})
	require.EqualError(t, err, "looking for a baseline: listing runs: gone")
	assert.Len(t, server.bodies, 1)
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]runs.Window{
		"30s:": {From: 30 * time.Second}, ":5m": {To: 5 * time.Minute}, "1m:1m30s": {From: time.Minute, To: 90 * time.Second}, ":": {},
	} {
		w, err := runs.ParseWindow(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, w)
		if !w.All() {
			assert.Equal(t, text, w.String())
		}
	}
	w := runs.Window{From: time.Second, To: 2 * time.Second}
	assert.False(t, w.Has(time.Second-1))
	assert.True(t, w.Has(time.Second))
	assert.True(t, w.Has(2*time.Second-1))
	assert.False(t, w.Has(2*time.Second))
	assert.True(t, runs.Window{From: time.Second}.Has(time.Hour))
	for _, text := range []string{"", "30s", "x:", ":x", "-1s:", "2m:1m", ":0s"} {
		_, err := runs.ParseWindow(text)
		assert.Error(t, err, text)
	}
}

func TestDirections(t *testing.T) {
	t.Parallel()
	of := func(metric, expression string) runs.Verdict {
		return runs.Verdict{Metric: metric, Expression: expression}
	}
	assert.Equal(t, map[string]compare.Direction{
		"orders_placed": compare.HigherIsBetter, "errors": compare.LowerIsBetter, "score": compare.HigherIsBetter,
	}, runs.Directions([]runs.Verdict{
		of("orders_placed", "rate>0.9"), of("errors", "count<10"), of("score", "p(95)>=7"), of("score", "avg > 8"),
		of("torn", "avg>1"), of("torn", "avg<9"), of("exact", "count==7"), of("wrong", "so what"),
		of("http_reqs", "count<10000"), of("part{name:x}", "rate>0.5"),
	}))
	assert.Empty(t, runs.Directions(nil))
}
