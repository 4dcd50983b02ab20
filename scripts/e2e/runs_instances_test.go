package e2e

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
)

// Three k6 processes with one run id are one run, whatever becomes of one of them.
func TestInstancesOfOneRun(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	const id = "shared"
	start := func(duration string) *process {
		return k6Run(t, ending, s.out("run-id="+id, "run-name=three at once"), "--out=json=samples.json", "-e", "SUMMARY=summary.json",
			"-e", "DURATION="+duration).start(t)
	}
	doomed, others := start("60s"), []*process{start("6s"), start("6s")}
	s.waitFor(t, id, func(d runs.Document) bool { return len(partsOf(t, d)) == 3 })
	s.waitForTold(t, id)
	require.NoError(t, doomed.Process.Kill())
	killed := doomed.wait()

	var want totals
	var outcomes []outcome
	for _, p := range others {
		o := p.wait()
		require.Zero(t, o.code, o.stderr)
		require.Contains(t, o.stderr, "all delivered")
		want = want.plus(readSummary(t, filepath.Join(o.dir, "summary.json")).totals())
		outcomes = append(outcomes, o)
	}
	d := s.run(t, id)
	assert.Equal(t, runs.Running, d.K6.Run.Status, "nobody knows yet")
	s.age(t, id, time.Minute)
	assert.Equal(t, map[string]runs.Status{id: runs.Interrupted}, s.listed(t))

	d = s.run(t, id)
	assert.True(t, d.K6.Run.Partial)
	assert.Equal(t, "three at once", d.K6.Run.Name)
	assert.Len(t, d.K6.Run.Instances, 3)
	parts := partsOf(t, d)
	require.Len(t, parts, 3)
	lost := slices.IndexFunc(parts, func(p runs.Part) bool { return p.Status == runs.Running })
	require.GreaterOrEqual(t, lost, 0)

	// Of the killed one counts what its last heartbeat told: the first of its samples.
	told, types := readSamples(t, filepath.Join(killed.dir, "samples.json"))
	require.Greater(t, len(told), int(parts[lost].Samples))
	told = told[:parts[lost].Samples]
	want = want.plus(told.totals())
	var ended samples
	for _, o := range outcomes {
		all, more := readSamples(t, filepath.Join(o.dir, "samples.json"))
		maps.Copy(types, more)
		ended = append(ended, all...)
	}
	all := slices.Concat(ended, told)
	requireTotals(t, want, all.of("http_req_duration"), d.K6.Summary)
	assert.EqualValues(t, len(all), d.K6.Summary.Samples)

	s.requireMergedSeries(t, id, ended, told, types)

	// Whoever reads the run has it counted from its documents.
	screen := s.show(t, id)
	assert.Contains(t, screen, "INTERRUPTED")
	assert.Contains(t, screen, "3 k6 processes")
	d = s.run(t, id)
	assert.True(t, d.Counted())
	assert.Greater(t, d.K6.Summary.Requests, want.requests)
	assert.InDelta(t, s.requests(t), d.K6.Summary.Requests, 0)
}

// requireMergedSeries demands the series of those that ended, and, of the whole run and its scenarios,
// what the killed one told by its last heartbeat.
func (s store) requireMergedSeries(t testing.TB, id string, ended, told samples, types map[string]string) {
	t.Helper()
	want := ended.series([]string{"http_req_duration{name:home}"})
	for key, n := range slices.Concat(ended, told).series(nil) {
		if key.scope == "run" || key.scope == "scenario" {
			want[key] = n
		}
	}
	got := s.series(t, id)
	for key := range want {
		if types[key.metric] != "counter" && types[key.metric] != "gauge" {
			continue
		}
		// A counter's rate and a gauge's last value have no meaning of their own over several processes.
		require.Contains(t, got, key)
		assert.InDelta(t, len(want[key].values), got[key].K6.Series.Count, 0, "%+v: count", key)
		assert.InDelta(t, want[key].sum, got[key].K6.Series.Sum, rounding*want[key].size, "%+v: sum", key)
		delete(want, key)
		delete(got, key)
	}
	requireSeries(t, want, types, 0, got)
}
