package logs_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// The run of these tests lasts ten minutes, after ten quiet ones.
const runLength = 10 * time.Minute

var (
	runStart  = logstest.Begin.Add(runLength)
	during    = logs.Span{From: runStart, To: runStart.Add(runLength)}
	reference = during.Earlier(runLength)
	worst     = logs.Span{From: at(900), To: at(905)}
)

// at is a time of the 1,200 seconds that are logged, of which the run is the second half.
func at(second int) time.Time { return logstest.Begin.Add(time.Duration(second) * time.Second) }

// planted are log lines of a shape.
type planted struct {
	t     *testing.T
	shape logstest.Shape
	lines []m
}

// line adds a line like one of the shape's, with other values.
func (p *planted) line(like int, then time.Time, other map[logs.Role]any) {
	p.t.Helper()
	text, err := json.Marshal(p.shape.Lines[like])
	require.NoError(p.t, err)
	var line m
	require.NoError(p.t, json.Unmarshal(text, &line))
	line["@timestamp"] = logstest.ISO(then)
	for role, value := range other {
		field := p.shape.Show[role]
		if field == "" {
			field = p.shape.Fields[role]
		}
		if field == "" {
			continue
		}
		into, path := line, strings.Split(field, ".")
		for _, name := range path[:len(path)-1] {
			into = into[name].(m)
		}
		into[path[len(path)-1]] = value
	}
	p.lines = append(p.lines, line)
}

// usual adds what is logged all the time: a line a second, one in ten an error, with another number each.
func (p *planted) usual() {
	for second := range int(2 * runLength / time.Second) {
		said := map[logs.Role]any{}
		if second%10 == 7 {
			said[logs.Message] = fmt.Sprintf("cache miss of key %d", 17*second)
		}
		p.line(second%logstest.LineCount, at(second), said)
	}
}

// What the planted lines say.
const (
	plantedErrors  = 60
	timeoutMessage = "timeout after <n> ms calling payments"
	fatalMessage   = "server stopped: listen EADDRINUSE"
)

// trouble adds what went wrong in the run: another route times out, a host dies, another one starts.
func (p *planted) trouble() {
	for i := range plantedErrors {
		p.line(3, at(900).Add(time.Duration(i)*700*time.Millisecond), map[logs.Role]any{
			logs.Message: fmt.Sprintf("timeout after %d ms calling payments", 5000+i), logs.Route: "/api/pay",
		})
	}
	for second := 0; second < 850; second += 3 {
		p.line(0, at(second), map[logs.Role]any{logs.Host: "web-2"})
	}
	p.line(3, at(850), map[logs.Role]any{logs.Host: "web-2", logs.Message: fatalMessage})
	p.line(0, at(1000), map[logs.Role]any{logs.Host: "web-3", logs.Message: "server started on port 8080"})
	for second := 1001; second < 1200; second += 3 {
		p.line(0, at(second), map[logs.Role]any{logs.Host: "web-3"})
	}
}

func examine(t *testing.T, client *elastic.Client, shape logs.Shape, question logs.Question) *logs.Findings {
	t.Helper()
	if question.Now.IsZero() {
		question.Now = at(1200)
	}
	found, err := logs.Examine(t.Context(), client, shape, question)
	require.NoError(t, err)
	return found
}

// TestExamine finds what was planted in logs of every shape, and nothing where nothing differs.
func TestExamine(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		for _, shape := range logstest.Shapes {
			t.Run(shape.Name, func(t *testing.T) {
				t.Parallel()
				client, prefix := connect(t, url), servertest.Prefix(t, url)
				calm, bad := &planted{t: t, shape: shape}, &planted{t: t, shape: shape}
				calm.usual()
				logstest.Fill(t, client, prefix+"-calm-"+shape.Index, shape.Mappings, calm.lines)
				bad.usual()
				bad.trouble()
				logstest.Fill(t, client, prefix+"-bad-"+shape.Index, shape.Mappings, bad.lines)

				question := logs.Question{During: during, Reference: reference, Worst: worst}
				found := examine(t, client, probe(t, client, prefix+"-calm-*"), question)
				assert.Empty(t, found.More, "nothing differs")
				assert.Empty(t, found.Servers)
				assert.Empty(t, found.Notes)
				assert.Equal(t, logs.Count{During: 600, Reference: 600}, found.Lines)
				assert.True(t, found.Compared)
				checkTrouble(t, shape, examine(t, client, probe(t, client, prefix+"-bad-*"), question))
			})
		}
	})
}

func has(shape logstest.Shape, role logs.Role) bool { return !slices.Contains(shape.Missing, role) }

func checkTrouble(t *testing.T, shape logstest.Shape, found *logs.Findings) {
	t.Helper()
	class := logs.Errors
	if !has(shape, logs.Level) {
		class = logs.Lines
	} else {
		assert.Equal(t, &logs.Count{During: 60 + plantedErrors + 1, Reference: 60}, found.Errors)
		assert.Equal(t, &logs.Count{During: 60, Reference: 60}, found.Warnings)
	}
	require.NotEmpty(t, found.More)
	first := found.More[0]
	assert.Equal(t, logs.Message, first.Role)
	assert.Equal(t, timeoutMessage, first.Value)
	assert.Equal(t, "timeout after 5000 ms calling payments", first.Example)
	assert.Equal(t, class, first.Class)
	assert.Equal(t, logs.Count{During: plantedErrors}, first.Count)
	assert.False(t, first.Approximate)
	assert.WithinDuration(t, at(900), first.First, 0)
	assert.WithinDuration(t, at(900).Add((plantedErrors-1)*700*time.Millisecond), first.Last, 0)

	if has(shape, logs.Route) {
		route := difference(t, found, logs.Route, "/api/pay")
		assert.Equal(t, int64(plantedErrors), route.Count.During)
		assert.WithinDuration(t, at(900), route.First, 0)
		assert.WithinDuration(t, first.Last, route.Last, 0)
		assert.Equal(t, &logs.Count{During: 60 + plantedErrors + 1, Reference: 60}, found.ServerErrors)
		assert.Equal(t, int64(60+plantedErrors+1), difference(t, found, logs.Status, "503").Count.During)
	}
	for _, role := range []logs.Role{logs.Service, logs.Route, logs.Status} {
		lacking := slices.ContainsFunc(found.Lacks, func(text string) bool { return strings.HasPrefix(text, "no "+string(role)) })
		assert.Equal(t, !has(shape, role), lacking, role)
	}
	if has(shape, logs.Latency) {
		assert.InDelta(t, 6, *found.Latency.During.P50, 2, "ms")
		assert.InDelta(t, 6, *found.Latency.Reference.P50, 2, "ms")
	} else {
		assert.Nil(t, found.Latency)
	}

	events := map[logs.Event]logs.ServerEvent{}
	for _, event := range found.Servers {
		assert.NotContains(t, events, event.Event, "one each")
		events[event.Event] = event
	}
	died := events[logs.Stopped]
	assert.Equal(t, "web-2", died.Host)
	assert.Equal(t, fatalMessage, died.Message)
	assert.WithinDuration(t, at(850), died.Time, 0)
	came := events[logs.Started]
	assert.Equal(t, "web-3", came.Host)
	assert.WithinDuration(t, at(1000), came.Time, 0)
	assert.Len(t, events, 2, "what a line said is not told again as silence")

	require.NotEmpty(t, found.Worst.Lines)
	assert.Equal(t, int64(5+8), found.Worst.Count)
	line := found.Worst.Lines[0]
	assert.Equal(t, timeoutMessage, logs.Pattern(line.Message))
	assert.Equal(t, int64(8), line.Count)
	assert.Equal(t, "web-1", line.Host)
}

func difference(t *testing.T, found *logs.Findings, role logs.Role, value string) logs.Difference {
	t.Helper()
	i := slices.IndexFunc(found.More, func(d logs.Difference) bool { return d.Role == role && d.Value == value })
	require.GreaterOrEqual(t, i, 0, "%s %s in %v", role, value, found.More)
	return found.More[i]
}

// TestExamineSample finds what was planted where there are more lines than are read, and counts it exactly
// where words find it.
func TestExamineSample(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	shape := logstest.Shapes[0] // message is text
	p := &planted{t: t, shape: shape}
	for i := range 6000 { // five a second, one in ten an error
		said := map[logs.Role]any{logs.Message: fmt.Sprintf("order %d placed", i)}
		if i%10 == 3 {
			said[logs.Message] = fmt.Sprintf("no stock of item %d", i)
		}
		p.line(i%10, at(0).Add(time.Duration(i)*200*time.Millisecond), said)
	}
	for i := range 4000 { // errors of the run: mostly one, rarely another
		message := fmt.Sprintf("cannot reach stock service, attempt %d", i)
		if i%100 == 0 {
			message = fmt.Sprintf("disk of shard %d is full", i)
		}
		p.line(3, at(700).Add(time.Duration(i)*100*time.Millisecond), map[logs.Role]any{logs.Message: message})
	}
	logstest.Fill(t, client, prefix+"-"+shape.Index, shape.Mappings, p.lines)
	found := examine(t, client, probe(t, client, pattern), logs.Question{During: during, Reference: reference})
	assert.Equal(t, logs.Count{During: 7000, Reference: 3000}, found.Lines, "all are counted")
	assert.Equal(t, &logs.Count{During: 4300, Reference: 300}, found.Errors)

	most := difference(t, found, logs.Message, "cannot reach stock service, attempt <n>")
	assert.True(t, most.Approximate)
	assert.InEpsilon(t, 3960, most.Count.During, 0.1)
	assert.Zero(t, most.Count.Reference)
	rare := difference(t, found, logs.Message, "disk of shard <n> is full")
	assert.False(t, rare.Approximate)
	assert.Equal(t, logs.Count{During: 40}, rare.Count)
	assert.WithinDuration(t, at(700), rare.First, 0)
	assert.WithinDuration(t, at(1090), rare.Last, 0)
	assert.Equal(t, found.More, examine(t, client, probe(t, client, pattern), logs.Question{During: during, Reference: reference}).More,
		"the sample is the same each time")
}

// TestExamineRawPaths folds the numbers in paths, be there more of them than the server counts one by one.
func TestExamineRawPaths(t *testing.T) {
	t.Parallel()
	for like, class := range map[int]logs.Class{0: logs.Lines, 3: logs.Errors} {
		client, prefix, pattern := onServer(t)
		shape := logstest.Shapes[0]
		p := &planted{t: t, shape: shape}
		for i := range 2400 {
			path := fmt.Sprintf("/items/%d", i)
			if i%2 == 0 && i >= 1200 {
				path = fmt.Sprintf("/admin/%d/keys", i)
			}
			p.line(like, at(i/2), map[logs.Role]any{logs.Route: path, logs.Message: "request"})
		}
		logstest.Fill(t, client, prefix+"-"+shape.Index, shape.Mappings, p.lines)
		found := examine(t, client, probe(t, client, pattern), logs.Question{During: during, Reference: reference})
		require.Len(t, found.More, 1, class)
		route := difference(t, found, logs.Route, "/admin/<n>/keys")
		assert.InEpsilon(t, 600, route.Count.During, 0.15)
		assert.Zero(t, route.Count.Reference)
		assert.True(t, route.Approximate)
		assert.Equal(t, class, route.Class)
	}
}

// TestExamineSays says plainly why there is nothing to tell, or not all.
func TestExamineSays(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	shape := logstest.Shapes[3]
	p := &planted{t: t, shape: shape}
	p.usual() // seconds 0 to 1199
	logstest.Fill(t, client, prefix+"-"+shape.Index, shape.Mappings, p.lines)
	probed := probe(t, client, pattern)
	span := func(from, to int) logs.Span { return logs.Span{From: at(from), To: at(to)} }
	for name, c := range map[string]struct {
		during, reference logs.Span
		now               int
		compared          bool
		want              string
	}{
		"not kept":         {span(-900, -600), span(-1200, -900), 1200, false, "the logs begin at 2026-11-22 10:00:00 UTC, after the run: what was logged meanwhile is not kept any more"},
		"not shipped":      {span(1500, 1800), span(1200, 1500), 1800, false, "the logs end at 2026-11-22 10:19:59 UTC, before the run: nothing has been shipped since, or the clock of whoever writes them is behind"},
		"no reference":     {span(100, 400), span(-200, 100), 1200, false, "the logs begin at 2026-11-22 10:00:00 UTC: there is nothing to compare with from 2026-11-22 09:56:40 UTC on"},
		"late":             {span(700, 1300), span(100, 700), 1300, true, "the logs end at 2026-11-22 10:19:59 UTC, 1m41s before the run does: they come late, or not any more"},
		"from the future":  {span(300, 600), span(0, 300), 600, true, "the newest line is from 2026-11-22 10:19:59 UTC, 9m59s ahead of now: a clock or time zone is wrong"},
		"nothing is wrong": {span(600, 1200), span(0, 600), 1200, true, ""},
	} {
		found := examine(t, client, probed, logs.Question{During: c.during, Reference: c.reference, Now: at(c.now)})
		assert.Equal(t, c.compared, found.Compared, name)
		if c.want == "" {
			assert.Empty(t, found.Notes, name)
			continue
		}
		require.Len(t, found.Notes, 1, name)
		assert.Contains(t, found.Notes[0], c.want, name)
	}

	unheld := examine(t, client, probed, logs.Question{During: span(100, 400), Reference: span(-200, 100)})
	require.NotEmpty(t, unheld.More, "what errors said is told without a comparison")
	for _, d := range unheld.More {
		assert.NotEqual(t, logs.Lines, d.Class)
	}
	old := &planted{t: t, shape: shape}
	old.line(0, at(-3600), nil)
	logstest.Fill(t, client, prefix+"-old", shape.Mappings, old.lines)
	quiet := examine(t, client, probed, logs.Question{During: span(0, 600), Reference: span(-600, 0)})
	require.Len(t, quiet.Notes, 1)
	assert.Contains(t, quiet.Notes[0], "next to nothing was logged in the reference span (lines: 0)")
	assert.Empty(t, quiet.Servers)
	for _, d := range quiet.More {
		assert.True(t, d.Class != logs.Lines || d.Role == logs.Status, "%v", d)
	}

	logstest.Fill(t, client, prefix+"-empty", shape.Mappings, nil)
	nothing := examine(t, client, probe(t, client, prefix+"-empty"), logs.Question{During: during, Reference: reference})
	assert.Equal(t, []string{prefix + "-empty has no line at all"}, nothing.Notes)
	assert.NotNil(t, nothing.More)

	_, err := logs.Examine(t.Context(), connect(t, "http://127.0.0.1:1"), probed, logs.Question{During: during, Reference: reference})
	require.ErrorContains(t, err, "reading "+pattern+": ")
	require.ErrorContains(t, err, "does not answer")
}

// TestExamineSilence concludes from silence what no line says, and of processes whose host goes on.
func TestExamineSilence(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	shape := logstest.Shapes[2] // pino, which has a pid
	p := &planted{t: t, shape: shape}
	say := func(second int, host string, pid int) {
		p.line(0, at(second), map[logs.Role]any{logs.Host: host})
		p.lines[len(p.lines)-1]["pid"] = pid
	}
	for second := range 1200 {
		switch {
		case second < 900:
			say(second, "web-1", 17)
		default:
			say(second, "web-1", 18)
		}
		if second < 800 {
			say(second, "web-2", 5)
		}
		if second >= 1000 {
			say(second, "web-3", 9)
		}
		if second%400 == 0 {
			say(second, "cron", 1) // rare, so its silence says nothing
		}
	}
	logstest.Fill(t, client, prefix+"-"+shape.Index, shape.Mappings, p.lines)
	logstest.Fill(t, client, prefix+"-other", properties(m{"when": date}), []m{{"when": logstest.ISO(at(0))}})
	found := examine(t, client, probe(t, client, pattern), logs.Question{During: during, Reference: reference})
	assert.Empty(t, found.Notes, "an index without the time hinders nothing")
	var told []string
	for _, e := range found.Servers {
		told = append(told, fmt.Sprintf("%s %s %s %d", e.Event, e.Host, e.Instance, int(e.Time.Sub(at(0)).Seconds())))
	}
	assert.Equal(t, []string{"silent web-2 5 799", "silent web-1 17 899", "appeared web-1 18 900", "appeared web-3 9 1000"}, told)
}
