package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
)

const ending = "testdata/ending.js"

// find reads a run's document, as the server has it; ok is false if it is not there.
func (s store) find(t testing.TB, id string) (d runs.Document, ok bool) {
	t.Helper()
	path := "/" + s.prefix + "-" + mappings.Runs + "/_doc/" + id
	if s.send(t, http.MethodGet, path, nil, nil) != http.StatusOK { // 503 while the index is being made
		return d, false
	}
	var answer struct {
		Source json.RawMessage `json:"_source"`
	}
	s.send(t, http.MethodGet, path, nil, &answer)
	require.NoError(t, mappings.Validate(mappings.Runs, answer.Source), "%s", answer.Source)
	require.NoError(t, json.Unmarshal(answer.Source, &d))
	return d, true
}

// run reads a run's document, which must be there.
func (s store) run(t testing.TB, id string) runs.Document {
	t.Helper()
	d, ok := s.find(t, id)
	require.True(t, ok, "there is no document of run %s", id)
	return d
}

// partsOf are what each process of a run had to say.
func partsOf(t testing.TB, d runs.Document) []runs.Part {
	t.Helper()
	var text []byte
	var parts []runs.Part
	require.NoError(t, json.Unmarshal(d.K6.Run.Parts, &text))
	require.NoError(t, json.Unmarshal(text, &parts))
	return parts
}

// waitFor waits until a run's document is as wanted.
func (s store) waitFor(t testing.TB, id string, wanted func(runs.Document) bool) runs.Document {
	t.Helper()
	var d runs.Document
	require.Eventually(t, func() bool {
		found, ok := s.find(t, id)
		d = found
		return ok && wanted(d)
	}, time.Minute, 50*time.Millisecond)
	return d
}

// runsCommand makes a command of `k6es runs`.
func (s store) runsCommand(args ...string) command {
	return command{program: k6es, args: slices.Concat([]string{"runs"}, args, []string{"--url", s.url, "--index-prefix", s.prefix})}
}

// listed is how `k6es runs list` shows the runs.
func (s store) listed(t testing.TB, flags ...string) map[string]runs.Status {
	t.Helper()
	o := s.runsCommand(slices.Concat([]string{"list", "--output", "json"}, flags)...).run(t, 0)
	var listed []runs.Document
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &listed), o.stdout)
	statuses := map[string]runs.Status{}
	for _, d := range listed {
		statuses[d.K6.Run.ID] = d.K6.Run.Status
	}
	return statuses
}

// show is the screen that `k6es runs show` prints.
func (s store) show(t testing.TB, id string) string {
	t.Helper()
	o := s.runsCommand("show", id).run(t, 0)
	assert.Empty(t, o.stderr)
	return o.stdout
}

// readVerdicts reads k6's verdicts on thresholds out of the summary that handleSummary got.
func readVerdicts(t testing.TB, file string) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var s struct {
		Metrics map[string]struct {
			Thresholds map[string]struct{ OK bool }
		}
	}
	require.NoError(t, json.Unmarshal(text, &s))
	verdicts := map[string]map[string]bool{}
	for metric, m := range s.Metrics {
		verdicts[metric] = map[string]bool{}
		for expression, verdict := range m.Thresholds {
			verdicts[metric][expression] = verdict.OK
		}
	}
	return verdicts
}

// requireVerdicts demands k6's own verdicts, with the measured values beside them.
func requireVerdicts(t testing.TB, want map[string]map[string]bool, sum summary, all samples, d runs.Document) {
	t.Helper()
	got, err := d.Verdicts()
	require.NoError(t, err)
	count := 0
	for metric := range maps.Values(want) {
		count += len(metric)
	}
	require.Len(t, got, count)
	for _, v := range got {
		ok, known := want[v.Metric][v.Expression]
		require.True(t, known, "%s %s", v.Metric, v.Expression)
		assert.Equal(t, !ok, v.Crossed, "%s %s", v.Metric, v.Expression)
		assert.True(t, v.Evaluated)
		assert.Equal(t, "k6", v.By)
		compareMeasured(t, v, sum, all)
	}
}

var aggregation = regexp.MustCompile(`^(?:p\(([\d.]+)\)|[a-z]+)`)

// compareMeasured compares the value beside a verdict with k6's. Percentiles are nearest rank, where k6
// interpolates: they are compared with the samples'. So are rates of counters, which k6 divides by a
// duration of its own.
func compareMeasured(t testing.TB, v runs.Verdict, sum summary, all samples) {
	t.Helper()
	name, n := v.Metric+" "+v.Expression, all.of(v.Metric)
	if len(n.values) == 0 {
		assert.Nil(t, v.Value, name)
		return
	}
	require.NotNil(t, v.Value, name)
	parts := aggregation.FindStringSubmatch(v.Expression)
	require.NotNil(t, parts, name)
	m := sum.Metrics[v.Metric]
	want, within := m.Values[parts[0]], rounding
	switch {
	case parts[1] != "":
		p, err := strconv.ParseFloat(parts[1], 64)
		require.NoError(t, err)
		want, within = n.rank(p/100), onePercent
	case parts[0] == "med":
		want, within = n.rank(.5), onePercent
	case parts[0] == "rate" && m.Type == "counter":
		want = n.sum / all.seconds()
	}
	assert.InDelta(t, want, *v.Value, within*want, name)
}

// Each way in which a run can end is told, with the reason.
func TestHowRunsEnd(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	for _, c := range []struct {
		name    string
		flags   []string
		code    int
		status  runs.Status
		reason  string
		crossed []string
	}{
		{name: "passed", status: runs.Passed},
		{name: "crossed", code: 99, status: runs.Failed, reason: "thresholds", crossed: []string{"http_req_failed rate<0.001"}},
		{name: "submetric", code: 99, status: runs.Failed, reason: "thresholds", crossed: []string{"http_req_duration{name:home} p(95)<0.001"}},
		{
			name: "abortOnFail", flags: []string{"-e", "DURATION=30s"}, code: 99, status: runs.Aborted,
			reason: "at least one has abortOnFail enabled", crossed: []string{"http_reqs count<5"},
		},
		// k6 takes what was not measured for 0.
		{name: "setup", code: 107, status: runs.Aborted, reason: "the shop is closed", crossed: []string{"iterations count>0", "level value>0", "weight med>0"}},
		{name: "fail", code: 110, status: runs.Failed, reason: "marked as failed"},
		{name: "abort", flags: []string{"-e", "DURATION=30s"}, code: 108, status: runs.Aborted, reason: "enough is enough"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := k6Run(t, ending, append(c.flags, s.out("run-id="+c.name), "--out=json=samples.json", "-e", "SUMMARY=summary.json",
				"-e", "ENDING="+c.name)...).run(t, c.code)
			require.Contains(t, o.stderr, "all delivered", o.stderr)
			d, summaryFile := s.run(t, c.name), filepath.Join(o.dir, "summary.json")
			all, _ := readSamples(t, filepath.Join(o.dir, "samples.json"))
			sum := readSummary(t, summaryFile)

			assert.Equal(t, c.status, d.K6.Run.Status)
			assert.Contains(t, d.K6.Run.Reason, c.reason)
			assert.Equal(t, c.crossed, d.K6.Crossed)
			assert.False(t, d.K6.Run.Partial)
			requireVerdicts(t, readVerdicts(t, summaryFile), sum, all, d)
			requireTotals(t, sum.totals(), all.of("http_req_duration"), d.K6.Summary)
			s.requireDelivered(t, d, all)
			requireFacts(t, d)

			screen := s.show(t, c.name)
			assert.Contains(t, screen, strings.ToUpper(string(c.status)))
			for _, crossed := range c.crossed {
				assert.Contains(t, strings.Join(strings.Fields(screen), " "), crossed)
			}
			assert.Equal(t, c.status, s.listed(t, "--status", string(c.status))[c.name])
		})
	}
}

// requireDelivered demands that a run's document count what k6 handed over and what is in the index.
func (s store) requireDelivered(t testing.TB, d runs.Document, all samples) {
	t.Helper()
	assert.EqualValues(t, len(all), d.K6.Summary.Samples)
	s.refresh(t)
	var answer struct{ Count int64 }
	s.send(t, http.MethodPost, "/"+s.indices()+"/_count", object{"query": term("k6.run.id", d.K6.Run.ID)}, &answer)
	assert.Equal(t, answer.Count, d.K6.Summary.Documents)
	assert.Zero(t, d.K6.Summary.Rejected)
	assert.Zero(t, d.K6.Summary.Undelivered)
	assert.InDelta(t, all.seconds(), d.K6.Run.Duration, rounding)
	assert.WithinDuration(t, all[0].time, d.Timestamp, 0)
}

// requireFacts demands what is known of each live run of the script.
func requireFacts(t testing.TB, d runs.Document) {
	t.Helper()
	assert.Equal(t, "ending", d.K6.Test)
	assert.NotEmpty(t, d.K6.Run.Name)
	assert.Regexp(t, `^2\.\d+\.\d+$`, d.K6.Version)
	require.NotNil(t, d.K6.Script)
	assert.Equal(t, "ending.js", d.K6.Script.Name)
	assert.Regexp(t, `^[0-9a-f]{16}$`, d.K6.Script.Hash)
	assert.Regexp(t, `^[0-9a-f]{16}$`, d.K6.Script.OptionsHash)
	assert.Equal(t, []string{"browse: constant-vus", "overload: constant-arrival-rate"}, d.K6.Scenarios)
	assert.Len(t, d.K6.Run.Instances, 1)
	assert.Contains(t, d.Links.Dashboard, d.K6.Run.ID)
}

// With --no-thresholds nothing is crossed, and nobody says that anything held.
func TestRunWithoutThresholds(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	k6Run(t, ending, "--no-thresholds", s.out("run-id=unjudged"), "-e", "ENDING=crossed").run(t, 0)
	d := s.run(t, "unjudged")
	assert.Equal(t, runs.Passed, d.K6.Run.Status)
	assert.Empty(t, d.K6.Crossed)
	verdicts, err := d.Verdicts()
	require.NoError(t, err)
	require.NotEmpty(t, verdicts)
	for _, v := range verdicts {
		assert.False(t, v.Evaluated, v.Metric)
		assert.False(t, v.Crossed, v.Metric)
		assert.NotNil(t, v.Value, "%s %s: it is measured all the same", v.Metric, v.Expression)
	}
	screen := s.show(t, "unjudged")
	assert.Contains(t, screen, "0 of 15 thresholds evaluated")
	assert.Contains(t, screen, "not evaluated")
}

// long is a run that goes on until something ends it.
func (s store) long(t testing.TB, id string, flags ...string) *process {
	t.Helper()
	return k6Run(t, ending, append(flags, s.out("run-id="+id), "--out=json=samples.json", "-e", "SUMMARY=summary.json",
		"-e", "DURATION=60s")...).start(t)
}

func isRunning(d runs.Document) bool { return d.K6.Run.Status == runs.Running }

// A run that the user interrupts is told as that, and nothing of it is lost.
func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	p := s.long(t, "interrupted")
	s.waitFor(t, "interrupted", isRunning)
	assert.Equal(t, runs.Running, s.listed(t)["interrupted"])
	require.NoError(t, p.Process.Signal(os.Interrupt))
	o := p.wait()
	assert.Equal(t, 105, o.code, o.stderr)
	assert.Contains(t, o.stderr, "all delivered")

	d := s.run(t, "interrupted")
	all, _ := readSamples(t, filepath.Join(o.dir, "samples.json"))
	assert.Equal(t, runs.Interrupted, d.K6.Run.Status)
	assert.Contains(t, d.K6.Run.Reason, "signal")
	assert.False(t, d.K6.Run.Partial)
	requireTotals(t, readSummary(t, filepath.Join(o.dir, "summary.json")).totals(), all.of("http_req_duration"), d.K6.Summary)
	s.requireDelivered(t, d, all)
	assert.Contains(t, s.show(t, "interrupted"), "INTERRUPTED")
}

// A k6 that is killed cannot tell. Its run seems to go on, until its heartbeat is missed; what it measured is counted
// from its documents by whoever reads the run then.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	p := s.long(t, "killed")
	s.waitFor(t, "killed", isRunning)
	s.waitForTold(t, "killed")
	require.NoError(t, p.Process.Kill())
	o := p.wait()

	d := s.run(t, "killed")
	require.Equal(t, runs.Running, d.K6.Run.Status)
	assert.Equal(t, map[string]runs.Status{"killed": runs.Running}, s.listed(t, "--status", "running"))
	assert.Contains(t, s.show(t, "killed"), "RUNNING")

	s.age(t, "killed", 12*time.Second)
	assert.Equal(t, runs.Running, s.listed(t)["killed"], "it did not miss three beats yet")
	s.age(t, "killed", 20*time.Second)
	assert.Empty(t, s.listed(t, "--status", "running"))
	assert.Equal(t, map[string]runs.Status{"killed": runs.Interrupted}, s.listed(t, "--status", "interrupted"))
	told := s.run(t, "killed")
	assert.Equal(t, runs.Interrupted, told.K6.Run.Status, "whoever notices, writes it down")
	assert.True(t, told.K6.Run.Partial)
	assert.Contains(t, told.K6.Run.Reason, "heartbeat")
	all, _ := readSamples(t, filepath.Join(o.dir, "samples.json"))
	require.Greater(t, len(all), int(told.K6.Summary.Samples))
	all = all[:told.K6.Summary.Samples]
	requireTotals(t, all.totals(), all.of("http_req_duration"), told.K6.Summary)

	hint := func() string { return s.runsCommand("list").run(t, 0).stderr }
	assert.Contains(t, hint(), "counts its documents")
	screen := s.show(t, "killed")
	assert.Contains(t, screen, "INTERRUPTED")
	assert.NotContains(t, hint(), "counts its documents", "that was done")
	d = s.run(t, "killed")
	assert.True(t, d.Counted())
	assert.True(t, d.K6.Run.Partial)
	assert.Greater(t, d.K6.Summary.Requests, told.K6.Summary.Requests)
	assert.InDelta(t, s.requests(t), d.K6.Summary.Requests, 0)
}

// waitForTold waits until the documents have all that the heartbeats of a run's running processes told of: what is added
// up for each second is written when that is over.
func (s store) waitForTold(t testing.TB, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.refresh(t)
		return !slices.ContainsFunc(partsOf(t, s.run(t, id)), func(p runs.Part) bool {
			since := object{"range": object{"@timestamp": object{"gte": p.Heartbeat.Add(time.Second)}}}
			later := series{store: s, t: t, metric: "data_sent", builtin: true, filter: []object{term("k6.instance", p.Instance), since}}
			return p.Status == runs.Running && later.stats("sum")["sum"].sum == 0
		})
	}, time.Minute, 200*time.Millisecond)
}

// age makes the heartbeats of a run's running processes older than they are.
func (s store) age(t testing.TB, id string, by time.Duration) {
	t.Helper()
	path := "/" + s.prefix + "-" + mappings.Runs + "/_doc/" + id
	var answer struct {
		Source json.RawMessage `json:"_source"`
	}
	s.send(t, http.MethodGet, path, nil, &answer)
	older := func(of object) {
		at, err := time.Parse(time.RFC3339Nano, of["heartbeat"].(string))
		require.NoError(t, err)
		of["heartbeat"] = at.Add(-by)
	}
	d := decode(t, answer.Source)
	run := d["k6"].(object)["run"].(object)
	text, err := base64.StdEncoding.DecodeString(run["parts"].(string))
	require.NoError(t, err)
	var parts []object
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&parts))
	older(run)
	for _, part := range parts {
		if part["status"] == string(runs.Running) {
			older(part)
		}
	}
	text, err = json.Marshal(parts)
	require.NoError(t, err)
	run["parts"] = text
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPut, path+"?refresh=true", d, nil))
}
