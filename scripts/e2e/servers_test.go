package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// heavy runs a test that would cost minutes for each server: on the first-class one, and on the others
// only where K6ES_LONG asks for that.
func heavy(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	if long {
		servertest.Each(t, test)
		return
	}
	test(t, servertest.URL(t, servertest.FirstClass))
}

const (
	sampleFile    = "../../examples/data/checkout-2026-11-22.json.gz"
	sampleSummary = "../../examples/data/checkout-2026-11-22.summary.json"
)

// The whole way, on every server: setup, a live run and an upload with exact numbers, runs, a comparison,
// retention, deletion.
func TestEveryServer(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		t.Run("setup", func(t *testing.T) { testSetup(t, s) })
		r := record(t, url, everything, []int{99}, "--tag", "release=v1.2.3")
		t.Run("live", func(t *testing.T) {
			r.requireNumbers(t, r.summary, 0)
			r.requireValid(t)
			r.requireDurations(t)
		})
		t.Run("upload", func(t *testing.T) { testUpload(t, s) })
		t.Run("runs", func(t *testing.T) { testRuns(t, r) })
		t.Run("retention", func(t *testing.T) { testRetention(t, s) })
		t.Run("delete", func(t *testing.T) { testDelete(t, r) })
	})
}

// command makes a command of k6es that works in the store.
func (s store) command(args ...string) command {
	return command{program: k6es, args: append(args, "--url", s.url, "--index-prefix", s.prefix)}
}

func testSetup(t *testing.T, s store) {
	o := s.command("setup", "--check").run(t, 1)
	assert.Contains(t, o.stdout, s.template()+": missing")
	o = s.command("setup").run(t, 0)
	assert.Contains(t, o.stdout, s.template()+": installed")
	o = s.command("setup").run(t, 0)
	assert.Contains(t, o.stdout, s.template()+": unchanged")
	o = s.command("setup", "--check").run(t, 0)
	assert.Contains(t, o.stdout, s.template()+": current")
	s.requireWell(t)
}

// requireWell demands that the doctor find nothing that does not work, and that it could look at all.
func (s store) requireWell(t testing.TB) {
	t.Helper()
	var findings []struct{ Check, Mark, Text string }
	o := s.command("doctor", "--output", "json").run(t, 0)
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &findings), o.stdout)
	marks := map[string]string{}
	for _, f := range findings {
		marks[f.Check] = f.Mark
		assert.NotContains(t, f.Text, "could not be looked at", f.Check)
	}
	for _, check := range []string{"credentials", "templates", "clock", "blocks", "new indices"} {
		assert.Equal(t, "ok", marks[check], "%s: %s", check, o.stdout)
	}
}

// requireDurations demands scaled_float for durations, or double where the server says that it lacks the
// module for that, as the bare distributions of some do.
func (s store) requireDurations(t testing.TB) {
	t.Helper()
	wanted, probe := mappings.ScaledFloat, object{"mappings": object{"properties": object{"x": object{"type": mappings.ScaledFloat, "scaling_factor": 10}}}}
	if s.send(t, http.MethodPut, "/"+s.prefix+"-probe", probe, nil) == http.StatusBadRequest {
		t.Log("FALLBACK: this server lacks scaled_float (module mapper-extras): double is used")
		wanted = mappings.Double
	}
	var fields struct {
		Fields map[string]map[string]any
	}
	s.send(t, http.MethodGet, "/"+s.indices()+"/_field_caps?fields=k6.http_req_duration", nil, &fields)
	assert.Contains(t, fields.Fields["k6.http_req_duration"], wanted)
}

// testUpload loads the run that the repository ships, twice.
func testUpload(t *testing.T, s store) {
	r := s.load(t, absolute(t, sampleFile))
	assert.Equal(t, r.Documents, r.Created)
	s.requireNumbers(t, readSummary(t, sampleSummary), 0)
	s.requireValid(t)
	again := s.load(t, absolute(t, sampleFile))
	assert.Zero(t, again.Created)
	assert.Equal(t, r.Documents, again.Existing)
	assert.Equal(t, r.Documents, s.count(t))
}

// fileRun is the id under which the live run's file is loaded beside it.
const fileRun = "the-file"

// testRuns loads the live run's own file beside it: both are the same to whoever looks at them.
func testRuns(t *testing.T, r recording) {
	live, test, _ := identity(everything)
	r.load(t, r.json, "--run-id", fileRun, "--test", test, "--run-name", fileRun)
	assert.Equal(t, []string{live, fileRun}, slices.Sorted(slices.Values(keys(r.listed(t)))))
	assert.Contains(t, r.show(t, live), "FAILED")
	first, second := r.run(t, live), r.run(t, fileRun)
	assert.Equal(t, runs.Failed, first.K6.Run.Status)
	assert.Equal(t, r.summary.totals().requests, second.K6.Summary.Requests)
	assert.Equal(t, first.K6.Summary.Requests, second.K6.Summary.Requests)
	assert.Equal(t, first.K6.Summary.P95, second.K6.Summary.P95)

	c := r.compared(t, 0, fileRun, "--baseline", live)
	require.Len(t, c.Baseline, 1)
	require.NotEmpty(t, c.Rows)
	for _, row := range c.Rows {
		assert.InDelta(t, row.Baseline, row.Contender, 1e-9, row.Series)
	}
	assert.Empty(t, c.worse())
	assert.Len(t, r.stored(t, mappings.Comparisons), 1)
}

func keys[V any](m map[string]V) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	return all
}

var cronLine = regexp.MustCompile(`(?m)^  17 3 \* \* \*  k6es (runs prune --older-than )30d (--yes .*)$`)

// testRetention: no server of the tests has ILM or ISM, so it is told what to schedule; that works.
func testRetention(t *testing.T, s store) {
	o := s.command("setup", "--retention", "30d").run(t, 0)
	assert.Contains(t, o.stdout, "has neither ILM nor ISM")
	line := cronLine.FindStringSubmatch(o.stdout)
	require.NotNil(t, line, o.stdout)
	require.NotZero(t, s.count(t))
	pruned := command{program: k6es, args: strings.Fields(line[1] + "0d " + line[2])}.run(t, 0)
	assert.Contains(t, pruned.stdout, "with the index "+s.prefix+"-metrics-")
	assert.False(t, s.exists(t))
	assert.Len(t, s.listed(t), 1, "the run stays")
	s.command("setup", "--retention", "off").run(t, 0)
}

// testDelete deletes the live run, and leaves its file's run alone.
func testDelete(t *testing.T, r recording) {
	if r.send(t, http.MethodPost, "/"+r.prefix+"-nothing-*/_delete_by_query", object{"query": object{"match_all": object{}}}, nil) != http.StatusOK {
		t.Log("FALLBACK: this server cannot delete by query (module reindex): documents are listed and deleted in bulk")
	}
	live, _, _ := identity(everything)
	before := r.count(t)
	o := r.runsCommand("delete", live, "--yes").run(t, 0)
	assert.Contains(t, o.stdout, "deleted ")
	assert.Zero(t, r.requests(t, term("k6.run.id", live)))
	assert.Equal(t, before/2, r.count(t), "the other half is that of the file")
	r.requireNumbers(t, r.summary, 0)
	assert.Equal(t, []string{fileRun}, keys(r.listed(t)))
	_, there := r.find(t, live)
	assert.False(t, there)
	assert.Empty(t, r.stored(t, mappings.Comparisons), "a comparison goes with its runs")
}
