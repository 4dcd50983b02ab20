package runs

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/runs/series"
)

func unmarshal(text string, out any) error { return json.Unmarshal([]byte(text), out) }

func TestMergeTakesTheGravestStatus(t *testing.T) {
	t.Parallel()
	part := func(status Status, silent time.Duration) Part {
		return Part{Status: status, Reason: "of " + string(status), Heartbeat: morning.Add(-silent)}
	}
	counted := func(silent time.Duration) Part {
		p := part(Running, silent)
		p.Counted = true
		return p
	}
	for name, c := range map[string]struct {
		parts   []Part
		status  Status
		reason  string
		partial bool
	}{
		"passed":                   {[]Part{part(Passed, 0), part(Passed, time.Hour)}, Passed, "of passed", false},
		"one failed":               {[]Part{part(Passed, 0), part(Failed, 0)}, Failed, "of failed", false},
		"one aborted":              {[]Part{part(Aborted, 0), part(Failed, 0)}, Aborted, "of aborted", false},
		"one interrupted":          {[]Part{part(Interrupted, 0), part(Aborted, 0)}, Interrupted, "of interrupted", false},
		"one still running":        {[]Part{part(Interrupted, 0), part(Running, 29*time.Second)}, Running, "of running", false},
		"three beats to the dot":   {[]Part{part(Running, 30*time.Second)}, Running, "of running", false},
		"more than three beats":    {[]Part{part(Running, 31*time.Second)}, Interrupted, "its heartbeat stopped at 2026-11-22T10:30:36Z", true},
		"killed and counted":       {[]Part{counted(time.Minute)}, Interrupted, "its heartbeat stopped at 2026-11-22T10:30:07Z; counted from its documents", true},
		"counted, and alive":       {[]Part{counted(29 * time.Second)}, Running, "of running", false},
		"counted, another goes on": {[]Part{counted(time.Minute), part(Running, 0)}, Running, "of running", true},
		"one of two counted":       {[]Part{counted(time.Minute), part(Running, time.Hour)}, Interrupted, "its heartbeat stopped at 2026-11-22T10:30:07Z", true},
		"one killed, others well":  {[]Part{part(Passed, 0), part(Running, time.Minute)}, Interrupted, "its heartbeat stopped at 2026-11-22T10:30:07Z", true},
	} {
		m, err := merge(c.parts, morning)
		require.NoError(t, err, name)
		assert.Equal(t, c.status, m.Status, name)
		assert.Equal(t, c.reason, m.Reason, name)
		assert.Equal(t, c.partial, m.partial, name)
	}
}

func TestMergeCoversTheTimeOfAll(t *testing.T) {
	t.Parallel()
	m, err := merge([]Part{
		{Instance: "b", Start: morning.Add(time.Second), End: morning.Add(time.Minute), VUs: 3, Slowest: 5},
		{Instance: "a", Start: morning, End: morning.Add(30 * time.Second), VUs: 4, Slowest: 4},
	}, morning)
	require.NoError(t, err)
	assert.Equal(t, morning, m.Start)
	assert.Equal(t, morning.Add(time.Minute), m.End)
	assert.Equal(t, []string{"b", "a"}, m.instances)
	assert.Equal(t, 7.0, m.VUs)
	assert.Equal(t, 5.0, m.Slowest)
}

func TestMergeVerdicts(t *testing.T) {
	t.Parallel()
	value := 214.0
	crossed := Verdict{Metric: "a", Expression: "p(95)<200", Value: &value, Crossed: true, Evaluated: true, By: "k6"}
	met := Verdict{Metric: "a", Expression: "p(95)<200", Value: &value, Evaluated: true, By: "k6"}
	empty := Verdict{Metric: "a", Expression: "p(95)<200", Evaluated: true, By: "k6"}
	unasked := Verdict{Metric: "a", Expression: "p(95)<200"}
	other := Verdict{Metric: "a", Expression: "avg<1"}
	assert.Equal(t, []Verdict{other, crossed}, mergeVerdicts([]Verdict{met, other}, []Verdict{crossed}))
	assert.Equal(t, []Verdict{crossed}, mergeVerdicts([]Verdict{crossed}, []Verdict{met}))
	assert.Equal(t, []Verdict{met}, mergeVerdicts([]Verdict{empty}, []Verdict{met}))
	assert.Equal(t, []Verdict{empty}, mergeVerdicts([]Verdict{unasked}, []Verdict{empty, unasked}))
}

func fullFacts() Facts {
	return Facts{
		ID: "0193a1b2", Name: "#812 main@a1b2c3d", Test: "checkout", Note: "new pool", Pinned: true, K6Version: "2.2.0", Version: "1.0.0",
		Script: "checkout.js", ScriptHash: "9f86", Scenarios: []string{"browse: constant-vus"}, OptionsHash: "2c26", Service: "shop",
		Environment: "staging", Labels: map[string]string{"team": "shop"},
		Origin: ci.Origin{Provider: ci.GitHub, RunNumber: "812", Branch: "main", SHA: "a1b2c3d"}.Fields(),
	}
}

func TestDocumentKeepsFacts(t *testing.T) {
	t.Parallel()
	d, err := newDocument(fullFacts(), []Part{{Instance: "a", Status: Passed, Start: morning, End: morning.Add(time.Minute)}}, morning)
	require.NoError(t, err)
	text, err := json.Marshal(d)
	require.NoError(t, err)
	require.NoError(t, mappings.Validate(mappings.Runs, text))
	var read Document
	require.NoError(t, json.Unmarshal(text, &read))
	assert.Equal(t, fullFacts(), read.facts())
}

func TestDocumentCutsWhatServersRefuse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 20_000)
	facts := Facts{Note: long, Labels: map[string]string{"a": long}}
	d, err := newDocument(facts, []Part{{Status: Aborted, Reason: long}}, morning)
	require.NoError(t, err)
	for _, text := range []string{d.K6.Run.Note, d.K6.Run.Reason, d.Labels["a"]} {
		assert.Equal(t, strings.Repeat("ä", 4096)+"…", text)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	for status, outcome := range map[Status]string{Passed: "success", Failed: "failure", Aborted: "failure", Interrupted: "failure", Running: ""} {
		d, err := newDocument(Facts{}, []Part{{Status: status, Heartbeat: morning}}, morning)
		require.NoError(t, err)
		assert.Equal(t, outcome, d.Event.Outcome)
		assert.Equal(t, status == Running, d.Event.End == nil, status)
	}
}

func TestDashboardLinkIsEscaped(t *testing.T) {
	t.Parallel()
	link := DashboardState(`it's "#1"!`, morning, morning.Add(time.Minute))
	assert.Equal(t, `?_g=(filters:!(),refreshInterval:(pause:!t,value:0),time:(from:'2026-11-22T10:31:02.000Z',to:'2026-11-22T10:32:12.000Z'))`+
		`&_a=(query:(language:kuery,query:'k6.run.id:"it!'s%20%5C%22%231%5C%22!!" or not k6.run.id:*'))`, link)
}

func TestDamagedParts(t *testing.T) {
	t.Parallel()
	for _, parts := range []string{`null`, `"%%"`, `"bm90IEpTT04="`} {
		d := &Document{}
		d.K6.Run.ID, d.K6.Run.Parts = "run", json.RawMessage(parts)
		_, err := d.parts()
		assert.ErrorContains(t, err, "reading the parts of run run", parts)
		s := &SeriesDocument{}
		s.K6.Run.ID, s.K6.Series.Key, s.K6.Series.Parts = "run", "GET /", json.RawMessage(parts)
		_, err = s.parts()
		assert.ErrorContains(t, err, "reading the series GET / of run run", parts)
	}
}

// trendOf makes a series of values a second apart.
func trendOf(t *testing.T, name string, typ ingest.MetricType, values ...float64) *series.Series {
	t.Helper()
	registry := ingest.NewRegistry()
	metric := registry.Lookup([]byte(name))
	if !metric.Builtin() {
		registry.Define(name, typ)
		metric = registry.Lookup([]byte(name))
	}
	c := series.NewCollector(nil)
	for i, value := range values {
		c.Add(&ingest.Sample{Time: morning.Add(time.Duration(i) * time.Second).UnixNano(), Value: value, Metric: metric, Tags: ingest.NewTagSet(nil)})
	}
	return c.Find(name, series.Key{Scope: series.WholeRun})
}

func TestThresholdExpressions(t *testing.T) {
	t.Parallel()
	trend := trendOf(t, "http_req_duration", ingest.Trend, 100, 200, 300, 400)
	counter := trendOf(t, "orders", ingest.Counter, 1, 2, 3)
	rate := trendOf(t, "paid", ingest.Rate, 1, 1, 0, 1)
	gauge := trendOf(t, "queue", ingest.Gauge, 9, 5)
	for _, c := range []struct {
		s          *series.Series
		expression string
		value      float64
		crossed    bool
	}{
		{trend, "avg<250", 250, true}, {trend, "avg<=250", 250, false}, {trend, "min>=100", 100, false}, {trend, "max<400", 400, true},
		{trend, "med<300", 200, false}, {trend, " p( 99.9 ) < 1e3 ", 400, false}, {trend, "p(50)>200.5", 200, true},
		{counter, "count>5", 6, false}, {counter, "count==6", 6, false}, {counter, "rate>2", 2, true},
		{rate, "rate>0.8", 0.75, true}, {rate, "rate===0.75", 0.75, false}, {rate, "rate!=0.75", 0.75, true}, {gauge, "value<6", 5, false},
	} {
		value, crossed, ok := ThresholdSource{Expression: c.expression}.evaluate(c.s, 3*time.Second)
		require.True(t, ok, c.expression)
		within(t, c.value, value, 0.005, c.expression)
		if !strings.Contains(c.expression, "p(") && !strings.Contains(c.expression, "med") {
			assert.Equal(t, c.crossed, crossed, c.expression)
		}
	}
	for _, expression := range []string{"p95<200", "count<5", "avg<", "avg<x", "avg<1.2.3", "rate<1", "value<1", ""} {
		_, crossed, ok := ThresholdSource{Expression: expression}.evaluate(trend, time.Second)
		assert.False(t, ok || crossed, expression)
	}
	_, _, ok := ThresholdSource{Expression: "avg<1"}.evaluate(nil, time.Second)
	assert.False(t, ok)
}

func TestThresholdSubmetric(t *testing.T) {
	t.Parallel()
	sub, ok := ThresholdSource{Metric: `http_req_duration{name:"GET /items", status:200}`}.submetric()
	assert.True(t, ok)
	assert.Equal(t, series.Submetric{
		Metric: "http_req_duration", Selector: `name:"GET /items", status:200`,
		Tags: []ingest.Tag{{Key: "name", Value: "GET /items"}, {Key: "status", Value: "200"}},
	}, sub)
	for _, metric := range []string{"http_req_duration", "http_req_duration{}"} {
		_, ok = ThresholdSource{Metric: metric}.submetric()
		assert.False(t, ok, metric)
	}
}

func TestRecorderVerdicts(t *testing.T) {
	t.Parallel()
	thresholds := []ThresholdSource{
		{"http_req_duration{name:GET /fast}", "p(95)<0.001"}, {"http_req_duration", "max<60000"}, {"nothing", "count>1"},
	}
	r := NewRecorder(Facts{ID: "run"}, 7, thresholds)
	forEachSample(t, sampleFiles[0], r.Add)
	verdicts := func(o Outcome) (Status, []Verdict) {
		snapshot, err := r.Snapshot(o, true, morning)
		require.NoError(t, err)
		part := snapshot.Part()
		for i := range part.Thresholds {
			if i < 2 {
				assert.NotNil(t, part.Thresholds[i].Value)
				part.Thresholds[i].Value = nil
			}
		}
		return part.Status, part.Thresholds
	}
	status, evaluated := verdicts(Outcome{Status: Passed, Evaluate: true})
	assert.Equal(t, Failed, status)
	assert.Equal(t, []Verdict{
		{Metric: thresholds[0].Metric, Expression: "p(95)<0.001", Crossed: true, Evaluated: true, By: "k6es"},
		{Metric: "http_req_duration", Expression: "max<60000", Evaluated: true, By: "k6es"},
		{Metric: "nothing", Expression: "count>1", Evaluated: true, By: "k6es"},
	}, evaluated)
	given := []Verdict{{Metric: "http_req_duration", Expression: "max<60000", Crossed: true, Evaluated: true, By: "k6"}}
	_, mixed := verdicts(Outcome{Status: Failed, Verdicts: given})
	assert.Equal(t, given[0], mixed[1])
	assert.False(t, mixed[0].Evaluated)
}

func TestRecorderWithoutSamples(t *testing.T) {
	t.Parallel()
	snapshot, err := NewRecorder(Facts{}, 7, nil).Snapshot(Outcome{}, true, morning)
	require.NoError(t, err)
	assert.Nil(t, snapshot)
}

func TestHeartbeatHasWholeRunAndScenariosOnly(t *testing.T) {
	t.Parallel()
	r := record(t, sampleFiles[0], Facts{ID: "run"})
	beat, err := r.Snapshot(Outcome{Status: Running}, false, morning)
	require.NoError(t, err)
	end, err := r.Snapshot(Outcome{Status: Passed}, true, morning)
	require.NoError(t, err)
	scopes := map[series.Scope]bool{}
	for _, s := range beat.Series() {
		scopes[s.K6.Series.Scope] = true
		part, err := s.Merged()
		require.NoError(t, err)
		assert.Empty(t, part.Tenths)
	}
	assert.Equal(t, map[series.Scope]bool{series.WholeRun: true, series.Scenario: true}, scopes)
	assert.Greater(t, len(end.Series()), len(beat.Series()))
}
