package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/report"
)

// troubled is a run in which much went wrong, and what the logs said.
func troubled() (*report.RunLogs, *runs.Document) {
	d := failedRun()
	moment := func(seconds float64) time.Time { return d.Timestamp.Add(time.Duration(seconds * float64(time.Second))) }
	during := logs.Span{From: d.Timestamp, To: moment(300)}
	counts := func(during, before int64) *logs.Count { return &logs.Count{During: during, Reference: before} }
	found := &logs.Findings{
		Pattern: "filebeat-*,logs-*", During: during, Reference: during.Earlier(5 * time.Minute), Compared: true,
		Lines: *counts(1_203_120, 98_204), Errors: counts(1204, 31), Warnings: counts(310, 295), ServerErrors: counts(812, 3),
		Latency: &logs.Latencies{
			During:    logs.Percentiles{P50: value(71), P95: value(198), P99: value(380)},
			Reference: logs.Percentiles{P50: value(12.5), P95: value(31), P99: value(88)},
		},
		More: []logs.Difference{
			{Role: logs.Message, Class: logs.Errors, Value: "timeout after <n> ms calling payments", Example: "timeout after 5012 ms calling payments",
				Count: *counts(812, 3), First: moment(62), Last: moment(281)},
			{Role: logs.Message, Class: logs.Lines, Value: "cache miss of <uuid>", Count: *counts(48_000, 120), Approximate: true, First: moment(1), Last: moment(299)},
			{Role: logs.Route, Class: logs.Errors, Value: "/api/orders/<n>", Count: *counts(900, 7), First: moment(62), Last: moment(281)},
			{Role: logs.Status, Class: logs.Lines, Value: "503", Count: *counts(812, 3), First: moment(62), Last: moment(281)},
		},
		Servers: []logs.ServerEvent{
			{Time: moment(130), Event: logs.Silent, Host: "web-2", Service: "shop", Instance: "4711", Message: "GET /api/items 200"},
			{Time: moment(142.5), Event: logs.Started, Host: "web-2", Service: "shop", Message: "server started on port 8080"},
		},
		Worst: &logs.Moment{Span: logs.Span{From: moment(130), To: moment(135)}, Count: 4021, Lines: []logs.LineOfKind{
			{Line: logs.Line{Time: moment(130.25), Class: logs.Errors, Level: "ERROR", Host: "web-1", Service: "shop", Message: "timeout after 5003 ms calling payments"}, Count: 212},
			{Line: logs.Line{Time: moment(131), Class: logs.Warnings, Host: "web-1", Message: strings.Repeat("pool is nearly exhausted ", 6)}, Count: 1},
		}},
		Lacks: []string{"no service that lines can be counted by: which one logged more cannot be told"},
		Notes: []string{"in the reference span another test was running: checkout #811 main@99e0f1c (0193a1b2-8d4f), which is not what people call quiet"},
	}
	worst := &runs.Worst{From: moment(130), Length: 5 * time.Second, Requests: 4970, Failed: 212, P95: 5012}
	all := runLogs(d, worst, found, "before")
	all.Link = "http://kibana:5601/app/dashboards#/view/k6-logs?_g=x"
	return all, d
}

func TestLogsLook(t *testing.T) {
	t.Parallel()
	all, d := troubled()
	shown := lookAt(80).logs(all, d, false) + "\n"
	want, err := os.ReadFile(filepath.Join("testdata", "look", "logs.txt"))
	require.NoError(t, err)
	assert.Equal(t, string(want), shown)
	const screen = 50
	assert.LessOrEqual(t, strings.Count(shown, "\n"), screen)
}

func TestLogsWithoutLines(t *testing.T) {
	t.Parallel()
	all, d := troubled()
	all.Logs = &logs.Findings{Pattern: "filebeat-*", During: all.Logs.During, Reference: all.Logs.Reference, Notes: []string{"filebeat-* has no line at all"}}
	all.Link = ""
	assert.Equal(t, strings.TrimPrefix(`
checkout #812 pr-77@a1b2c3d · today 10:31–10:36 · 5 m · failed
logs filebeat-* · against the span before, today 10:26–10:31

note     filebeat-* has no line at all`, "\n"), lookAt(80).logs(all, d, false))
	all.Logs.Reference.To = all.Logs.Reference.From.Add(time.Second)
	assert.Contains(t, lookAt(80).logs(all, d, false), "the span before, today 10:26\n", "no 10:26–10:26")
	assert.Contains(t, lookAt(8).logs(all, d, false), "filebeat-*", "a note is told at any width")
	all.Logs.Reference.From = all.Logs.Reference.From.AddDate(-1, 0, 0)
	all.Logs.Reference.To = all.Logs.Reference.From.Add(time.Minute)
	assert.Contains(t, lookAt(80).logs(all, d, false), "-22 10:26–10:27\n", "a time of last year has its hour")
	all.Logs.Lines.During, all.Worst = 1, nil
	assert.Contains(t, lookAt(80).logs(all, d, false), "the run has no samples, or they were pruned")
}

// What stands in logs moves no cursor, and is not wider than the screen.
func TestHostileLogs(t *testing.T) {
	t.Parallel()
	all, d := troubled()
	evil := "a\x1b[2J`|<b>@all\n::error::\u202e " + strings.Repeat("日本", 100)
	f := all.Logs
	f.Pattern, f.Notes, f.Lacks = evil, []string{evil}, []string{evil}
	for i := range f.More {
		f.More[i].Value, f.More[i].Example = evil, evil
	}
	for i := range 40 {
		f.Servers = append(f.Servers, logs.ServerEvent{Time: d.Timestamp, Event: logs.Crashed, Host: evil, Service: evil, Message: evil})
		f.More = append(f.More, f.More[i%4])
		f.Worst.Lines = append(f.Worst.Lines, logs.LineOfKind{Line: logs.Line{Level: evil, Host: evil, Service: evil, Message: evil}, Count: 1 << 40})
	}
	all.Link = ""
	for _, width := range []int{80, 120} {
		for _, everything := range []bool{false, true} {
			shown := lookAt(width).logs(all, d, everything)
			assertFits(t, shown, width)
			assert.NotContains(t, shown, "\x1b")
			assert.NotContains(t, shown, "\u202e")
			assert.NotContains(t, shown, "\n::error")
		}
	}
}
