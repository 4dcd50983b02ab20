package cmd

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
)

// evening is now, in a zone an hour ahead of UTC.
var (
	zone    = time.FixedZone("CET", 3600)
	evening = time.Date(2026, 11, 22, 18, 0, 0, 0, zone)
)

func lookAt(width int) look { return look{width: width, now: evening, zone: zone} }

func value(v float64) *float64 { return &v }

// failedRun is a run that crossed a threshold.
func failedRun() *runs.Document {
	d := &runs.Document{Timestamp: time.Date(2026, 11, 22, 9, 31, 7, 0, time.UTC)}
	d.K6.Run.ID, d.K6.Run.Name, d.K6.Run.Status, d.K6.Run.Duration = "0193a1b2-7c3e-7000", "#812 pr-77@a1b2c3d", runs.Failed, 300
	d.K6.Run.Instances = []string{"a", "b"}
	d.K6.Test, d.K6.Version, d.Agent.Version = "checkout", "2.2.0", "1.0.0"
	d.K6.Summary = runs.Summary{
		Requests: 298_114, RPS: 993.7, Failed: 358, FailedRate: value(.0012), P50: value(82), P95: value(214.2), P99: value(391), Max: value(2114),
		ChecksRate: value(.997), ChecksFailed: 12, Iterations: 74_528, Dropped: 412, VUsMax: 60, DataSent: 5.2e6, DataReceived: 90.2e6,
		Documents: 372_642, Thresholds: 2, ThresholdsCrossed: 1,
	}
	d.Fields = ci.Origin{
		Provider: ci.GitHub, PipelineName: "nightly", RunNumber: "812", TaskName: "load-test", RunURL: "https://github.com/shop/api/actions/runs/9182736455",
		Branch: "feature", SHA: "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678", ChangeID: "77", BaseBranch: "main", RepositoryName: "shop/api",
	}.Fields()
	return d
}

// passedRun is a run of the night, pinned, without HTTP requests' failures.
func passedRun() *runs.Document {
	d := failedRun()
	d.Timestamp = d.Timestamp.Add(-32 * time.Hour)
	d.K6.Run.ID, d.K6.Run.Name, d.K6.Run.Status, d.K6.Run.Pinned = "0193a1b2-8d4f-7000", "nightly", runs.Passed, true
	d.K6.Summary.Failed, d.K6.Summary.FailedRate, d.K6.Summary.P95, d.K6.Summary.ThresholdsCrossed = 0, value(0), value(172), 0
	d.Fields = ci.Origin{Branch: "main", SHA: "99e0f1c"}.Fields()
	return d
}

func TestListIn80Columns(t *testing.T) {
	t.Parallel()
	assert.Equal(t, strings.TrimPrefix(`
WHEN             TEST      RUN                STATUS  TIME REQS RPS FAILED   P95
today 10:31      checkout  #812 pr-…@a1b2c3d  failed    5m 298k 994  0.12% 214ms
yesterday 02:31  checkout  nightly…99e0f1c ★  passed    5m 298k 994     0% 172ms`, "\n"), lookAt(80).runs([]*runs.Document{failedRun(), passedRun()}))
}

func TestListHasMoreColumnsWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	d := passedRun()
	d.K6.Run.Note = "with the\nnew pool"
	all := []*runs.Document{failedRun(), d}
	assert.Equal(t, strings.TrimPrefix(`
WHEN             TEST      RUN                     STATUS  TIME  REQUESTS  RPS  FAILED     P95     P99  CHECKS  VUS  ID             NOTE
today 10:31      checkout  #812 pr-77@a1b2c3d      failed   5 m   298,114  994  0.12 %  214 ms  391 ms  99.7 %   60  0193a1b2-7c3e
yesterday 02:31  checkout  nightly main@99e0f1c ★  passed   5 m   298,114  994     0 %  172 ms  391 ms  99.7 %   60  0193a1b2-8d4f  with the new pool`, "\n"),
		lookAt(150).runs(all))
}

// however says nothing is wider than the screen, whatever it is.
func TestNothingIsWiderThanTheScreen(t *testing.T) {
	t.Parallel()
	worst := failedRun()
	worst.Timestamp = worst.Timestamp.Add(-24 * time.Hour)
	worst.K6.Run.Status, worst.K6.Run.Pinned, worst.K6.Run.Duration = runs.Interrupted, true, 3599
	worst.K6.Run.Reason, worst.K6.Run.Note = strings.Repeat("its heartbeat stopped ", 20), strings.Repeat("a note ", 50)
	worst.K6.Run.Name, worst.K6.Test = "a name that is very long indeed 日本語 "+strings.Repeat("x", 100), strings.Repeat("very-long-test", 5)
	worst.K6.Summary.Requests, worst.K6.Summary.RPS, worst.K6.Summary.P95 = 123_456_789, 34_567, value(12_345)
	worst.K6.Summary.Max, worst.K6.Summary.P99, worst.K6.Summary.FailedRate = value(123_456), value(23_456), value(.999)
	worst.Labels = map[string]string{"team": "shop", "release": "4.2", "region": "eu-central", "somebody": "somewhere", "k": "v"}
	s := longStory(worst)
	for _, width := range []int{80, 81, 100, 120, 200} {
		l := lookAt(width)
		assertFits(t, l.runs([]*runs.Document{worst, failedRun(), passedRun()}), width)
		assertFits(t, l.story(s), width)
		s.all = true
		assertFits(t, l.story(s), width)
		s.all = false
		assertFits(t, l.pruned(runs.PruneReport{Runs: []runs.Pruned{{Run: worst, Samples: 123_456_789}}}), width)
	}
}

// An id that stands for a name is whole at any width, and not there twice.
func TestListOfRunsWithoutNames(t *testing.T) {
	t.Parallel()
	first, second := failedRun(), passedRun()
	first.K6.Run.Name, first.Fields = runs.NameAt(first.Timestamp), ci.Fields{}
	first.K6.Test, first.K6.Summary.VUsMax = strings.Repeat("very-long-test", 5), 0
	for _, width := range []int{60, 80, 150} {
		assert.Contains(t, lookAt(width).runs([]*runs.Document{first}), "  0193a1b2-7c3e  failed", width)
	}
	wide := lookAt(220).runs([]*runs.Document{first, second})
	assert.Equal(t, 1, strings.Count(wide, "0193a1b2-7c3e"), wide)
	assert.Contains(t, wide, "99.7 %    –\n", "k6 counted no virtual users")
	assert.NotContains(t, lookAt(220).runs([]*runs.Document{first}), "ID")
	assert.Contains(t, lookAt(80).numbers(first), "VUs –")
}

// What is in the spool is called by ids that can be copied, on a terminal by short ones.
func TestSpoolIsListedByIDs(t *testing.T) {
	t.Parallel()
	const id = "01a205c9-cf6f-7e20-8864-d20cd83854f6"
	entries := []spool.Entry{
		{Info: spool.Info{RunID: id, Test: "checkout", Instance: "a"}}, {Info: spool.Info{RunID: id, Test: "checkout", Instance: "b"}},
		{Info: spool.Info{RunID: "01a205c9-a0b1-7e20-8864-d20cd83854f6", Test: "checkout"}},
	}
	l := lookAt(60)
	assert.Equal(t, 2, strings.Count(l.spool(entries), "  "+id+"  "))
	l.screen = true
	assert.Equal(t, 2, strings.Count(l.spool(entries), "  01a205c9-cf6f  "))
	assertFits(t, l.spool(entries), 60)
	found, err := chosen(entries, []string{"01a205c9-cf6f"}, "spool")
	require.NoError(t, err)
	assert.Equal(t, entries[:2], found)
}

func assertFits(t *testing.T, shown string, width int) {
	t.Helper()
	for line := range strings.Lines(shown) {
		line = strings.TrimRight(line, "\n")
		assert.LessOrEqual(t, text.StringWidthWithoutEscSequences(line), width, line)
		assert.Equal(t, strings.TrimRight(line, " "), line)
	}
}

func longStory(d *runs.Document) story {
	s := aStory(d)
	for range 20 {
		s.requests = append(s.requests, runs.RequestStats{
			Name: "GET https://shop.example.org/" + strings.Repeat("long/", 30), Count: 12_345_678, Judged: 12_345_678, Failed: 12_345_677, RPS: 12_345,
			P50: 12_345, P95: 123_456, P99: 234_567, Max: 345_678,
		})
		s.problems = append(s.problems, runs.Problem{Name: s.requests[0].Name, Status: 503, Code: "1503", Message: strings.Repeat("went wrong ", 20), Count: 1e9})
		s.checks = append(s.checks, runs.CheckStats{Name: strings.Repeat("is\x1b[31m right ", 20), Count: 1e9, Failed: 1e9 - 1})
		s.verdicts = append(s.verdicts, runs.Verdict{Metric: "http_req_duration{name:" + strings.Repeat("x", 90) + "}", Expression: "p(99.999)<=12345.678", Value: value(12_345.6789)})
	}
	return s
}

// aStory is a run of five minutes that grew slow in the middle.
func aStory(d *runs.Document) story {
	timeline := &runs.Timeline{Step: 5 * time.Second}
	for i := range 60 {
		m := runs.Moment{Rate: 900 + 100*math.Sin(float64(i)/5), P95: value(180 + 160*math.Exp(-math.Pow(float64(i-35)/6, 2)))}
		if i > 30 && i < 40 {
			m.Failed = 8
		}
		timeline.Moments = append(timeline.Moments, m)
	}
	return story{
		run: d, timeline: timeline,
		verdicts: []runs.Verdict{
			{Metric: "http_req_duration", Expression: "p(95)<200", Value: value(214.2), Crossed: true, Evaluated: true, By: "k6"},
			{Metric: "http_req_failed", Expression: "rate<0.01", Value: value(.001201), Evaluated: true, By: "k6"},
		},
		requests: []runs.RequestStats{
			{Name: "POST /orders", Count: 89_400, Failed: 268, Judged: 89_400, P50: 180, P95: 391, P99: 702, Max: 2114, RPS: 298},
			{Name: "GET /items", Count: 149_000, Failed: 75, Judged: 149_000, P50: 61, P95: 118, P99: 240, Max: 1204, RPS: 496.7},
		},
		problems: []runs.Problem{
			{Name: "POST /orders", Code: "1050", Message: "request timeout", Count: 301}, {Name: "GET /items", Status: 503, Code: "1503", Count: 57},
		},
		checks: []runs.CheckStats{{Name: "status is 201", Count: 89_400, Failed: 268}},
	}
}

func TestStoryIn80Columns(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "look", "show.txt"))
	require.NoError(t, err)
	assert.Equal(t, string(want), lookAt(80).story(aStory(failedRun()))+"\n")
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*story){
		"PASSED  no thresholds": func(s *story) {
			s.verdicts, s.run.K6.Summary.Thresholds = nil, 0
		},
		"PASSED  the threshold holds":         func(s *story) { s.verdicts, s.run.K6.Summary.Thresholds = s.verdicts[1:], 1 },
		"PASSED  1 of 2 thresholds evaluated": func(s *story) { s.verdicts[0].Evaluated = false },
		"PASSED  2 of 2 thresholds hold":      func(*story) {},
		"ABORTED  by test.abort(); 2 of 2 thresholds hold": func(s *story) {
			s.run.K6.Run.Status, s.run.K6.Run.Reason = runs.Aborted, "by test.abort()"
		},
		"INTERRUPTED  it fell silent; 2 of 2 thresholds hold; the numbers are those of\n             its last heartbeat, without what came later": func(s *story) {
			s.run.K6.Run.Status, s.run.K6.Run.Reason, s.run.K6.Run.Partial = runs.Interrupted, "it fell silent", true
		},
		"INTERRUPTED  it fell silent; counted from its documents; 2 of 2 thresholds hold;\n             what it had not sent is missing": func(s *story) {
			s.run.K6.Run.Status, s.run.K6.Run.Partial = runs.Interrupted, true
			s.run.K6.Run.Reason = "it fell silent; counted from its documents"
		},
		"FAILED  by test.fail(); 2 of 2 thresholds hold": func(s *story) {
			s.run.K6.Run.Status, s.run.K6.Run.Reason = runs.Failed, "by test.fail()"
		},
		"FAILED  1 of 2 thresholds crossed: http_req_duration p(95)<200 was 214 ms": func(s *story) {
			s.run.K6.Run.Status, s.run.K6.Run.Reason, s.run.K6.Summary.ThresholdsCrossed = runs.Failed, "thresholds were crossed", 1
			s.verdicts[0].Crossed = true
		},
		"RUNNING  last heard of 7 seconds ago": func(s *story) {
			s.run.K6.Run.Status, s.run.K6.Run.Heartbeat = runs.Running, evening.Add(-7*time.Second)
		},
	} {
		s := aStory(passedRun())
		s.verdicts[0].Crossed = false
		change(&s)
		assert.Equal(t, want, lookAt(80).verdict(s))
	}
}

func TestMeasured(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]runs.Verdict{
		"214 ms":       {Metric: "http_req_duration{name:x}", Expression: "p(95)<200", Value: value(214.2)},
		"0.007469":     {Metric: "http_req_failed", Expression: "rate<0.05", Value: value(.00746887)},
		"123456":       {Metric: "http_reqs", Expression: "count>1", Value: value(123_456)},
		"12.35":        {Metric: "mine", Expression: "avg<1", Value: value(12.3456)},
		"not measured": {Metric: "mine", Expression: "avg<1"},
	} {
		assert.Equal(t, want, measured(v))
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	d := failedRun()
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, "today 10:31–10:36"},
		{func() { d.K6.Run.Duration = 3 }, "today 10:31"},
		{func() { d.K6.Run.Duration = 20 * 3600 }, "today 10:31–Nov 23 06:31"},
		{func() { d.Timestamp, d.K6.Run.Duration = d.Timestamp.AddDate(-1, 0, 0), 60 }, "2025-11-22 10:31–10:32"},
		{func() { d.K6.Run.Status = runs.Running }, "since 2025-11-22"},
	} {
		c.change()
		assert.Equal(t, c.want, lookAt(80).times(d))
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{
		"2026-11-22T09:31:07Z": "today 10:31", "2026-11-21T23:00:00Z": "today 00:00", "2026-11-21T22:59:59Z": "yesterday 23:59",
		"2026-11-20T01:00:00Z": "Nov 20 02:00", "2026-01-03T01:00:00Z": "Jan  3 02:00", "2025-12-31T12:00:00Z": "2025-12-31", "2025-12-31T23:30:00Z": "Jan  1 00:30",
		"2027-01-05T00:00:00Z": "2027-01-05",
	} {
		moment, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		assert.Equal(t, want, lookAt(80).when(moment), at)
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "0.0 s", 7.55: "7.5 s", 9.97: "10 s", 42.4: "42 s", 59.6: "1 m", 300.2: "5 m", 200: "3 m 20 s", 1234: "21 m", 3599: "60 m", 3600: "1 h 0 m", 7384: "2 h 3 m",
	} {
		assert.Equal(t, want, span(seconds), seconds)
	}
	for of, want := range map[float64]string{
		0: "0 %", 1e-9: "<0.01 %", .0012: "0.12 %", .0471: "4.71 %", .12345: "12.3 %", .997: "99.7 %", .9999999: "99.99 %", 1: "100 %",
	} {
		assert.Equal(t, want, share(&of), of)
	}
	assert.Empty(t, share(nil))
	for n, want := range map[float64]string{0: "0", 99_999: "99,999", 298_114: "298k", 1_250_000: "1.2M", 123_456_789: "123M"} {
		assert.Equal(t, want, compact(n), n)
	}
	for step, want := range map[float64]float64{0: 1, .03: .03, .031: .04, 8.6: 10, 12: 15, 21: 25, 30: 30, 100: 100, 101: 150} {
		assert.InEpsilon(t, want, niceStep(step), 1e-9, step)
	}
}

func TestCutTo(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{0: "main@a1b2c3d", 1: "…", 2: "m…", 5: "ma…3d", 11: "main@…b2c3d", 12: "main@a1b2c3d"} {
		assert.Equal(t, want, cutTo("main@a1b2c3d", width), width)
	}
	for width := 1; width < 20; width++ {
		assert.LessOrEqual(t, text.StringWidth(cutTo("日本語のとても長い名前", width)), width)
	}
}

func TestChartOfNothing(t *testing.T) {
	t.Parallel()
	assert.Empty(t, lookAt(80).chart(&runs.Timeline{Of: "iteration_duration", Pruned: true}, evening))
	assert.Empty(t, lookAt(80).chart(&runs.Timeline{Step: time.Second, Moments: make([]runs.Moment, 5)}, evening))
	one := lookAt(80).chart(&runs.Timeline{Step: time.Second, Moments: []runs.Moment{{Rate: 1, P95: value(2)}}}, evening)
	assert.Contains(t, one, "load    1.0/s ████")
	holes := &runs.Timeline{Step: time.Second, Moments: []runs.Moment{{Rate: 1, P95: value(2)}, {}, {Rate: 2, P95: value(0)}}}
	assertFits(t, lookAt(80).chart(holes, evening), 80)
}

func TestColour(t *testing.T) {
	t.Parallel()
	l := lookAt(150)
	l.colour = true
	all := []*runs.Document{failedRun(), passedRun()}
	coloured := l.runs(all)
	assert.Contains(t, coloured, "\x1b[31mfailed\x1b[0m")
	assert.Contains(t, coloured, "\x1b[33m★\x1b[0m")
	assert.Contains(t, l.story(aStory(failedRun())), "\x1b[31mFAILED\x1b[0m")
	escapes := regexp.MustCompile("\x1b\\[[0-9;]*m")
	l.colour = false
	assert.Equal(t, l.runs(all), escapes.ReplaceAllString(coloured, ""))
	l.colour = true
	shown := escapes.ReplaceAllString(l.story(aStory(failedRun())), "")
	l.colour = false
	assert.Equal(t, l.story(aStory(failedRun())), shown)
}

func TestWidth(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := runsCommand{env: Env{Out: &out, Vars: map[string]string{}}, now: time.Now, zone: zone}
	assert.Equal(t, 80, r.look(0).width)
	assert.Equal(t, 120, r.look(120).width)
	r.env.Vars["COLUMNS"] = "100"
	assert.Equal(t, 100, r.look(0).width)
	assert.Equal(t, 90, r.look(90).width)
	assert.False(t, r.look(0).colour)
}

func TestSince(t *testing.T) {
	t.Parallel()
	r := runsCommand{now: func() time.Time { return evening }, zone: zone}
	for text, want := range map[string]time.Time{
		"": {}, "7d": evening.AddDate(0, 0, -7), "2w": evening.AddDate(0, 0, -14), "12h": evening.Add(-12 * time.Hour), "30m": evening.Add(-30 * time.Minute),
		"2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, zone), "2026-11-01T10:30": time.Date(2026, 11, 1, 10, 30, 0, 0, zone),
		"2026-11-01T10:30:00Z": time.Date(2026, 11, 1, 10, 30, 0, 0, time.UTC),
	} {
		at, err := r.parseSince(text)
		require.NoError(t, err, text)
		assert.True(t, want.Equal(at), "%s: %s", text, at)
	}
	for _, text := range []string{"7", "d", "-7d", "yesterday", "2026-13-01", "99999999999d", "4000000w"} {
		_, err := r.parseSince(text)
		assert.Error(t, err, text)
	}
}

func TestJSONIsForPrograms(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := runsCommand{env: Env{Out: &out}}
	require.NoError(t, r.env.printJSON([]*runs.Document{}))
	assert.Equal(t, "[]\n", out.String())
	out.Reset()
	require.NoError(t, r.env.printJSON(failedRun()))
	assert.NotContains(t, out.String(), "parts")
	assert.True(t, json.Valid(out.Bytes()))
}
