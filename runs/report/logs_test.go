package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/report"
)

// runLogs are a run, and logs that say something of everything.
func runLogs() *report.RunLogs {
	begin := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	moment := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	count := func(during, reference int64) *logs.Count { return &logs.Count{During: during, Reference: reference} }
	value := func(v float64) *float64 { return &v }
	during := logs.Span{From: begin, To: moment(300)}
	return &report.RunLogs{
		Run: report.RunFacts{
			ID: "812", Name: "#812 pr-77@a1b2c3d", Test: "checkout", Status: runs.Failed, Requests: 299_000, Failed: value(0.0012),
			Latency: logs.Percentiles{P50: value(82), P95: value(214.2), P99: value(391)},
		},
		Against: "day", Link: "http://kibana:5601/app/dashboards#/view/k6-logs?_g=(time:(from:'a',to:'b'))",
		Worst: &report.WorstSeconds{From: moment(130), To: moment(135), Requests: 4970, Failed: 212, P95: 5012},
		Logs: &logs.Findings{
			Pattern: "filebeat-*", During: during, Reference: during.Earlier(24 * time.Hour), Compared: true,
			Lines: *count(120_312, 98_204), Errors: count(1204, 31), Warnings: count(310, 0), ServerErrors: count(812, 3),
			Latency: &logs.Latencies{During: logs.Percentiles{P50: value(71), P95: value(198), P99: value(380)}, Reference: logs.Percentiles{P50: value(12)}},
			More: []logs.Difference{
				{Role: logs.Message, Class: logs.Errors, Value: "timeout after <n> ms | <b>", Example: "timeout after 5012 ms | <b>",
					Count: *count(812, 3), Approximate: true, First: moment(62), Last: moment(281)},
				{Role: logs.Host, Class: logs.Errors, Value: "web-2", Count: *count(900, 0), First: moment(62), Last: moment(281)},
			},
			Servers: []logs.ServerEvent{
				{Time: moment(130), Event: logs.Silent, Host: "web-2", Service: "shop", Instance: "4711", Message: "GET /api/items 200"},
				{Time: moment(142), Event: logs.Started, Host: "web-2", Service: "shop", Message: "server started on port 8080"},
			},
			Worst: &logs.Moment{Span: logs.Span{From: moment(130), To: moment(135)}, Count: 4021, Lines: []logs.LineOfKind{{
				Line:  logs.Line{Time: moment(131), Class: logs.Errors, Level: "ERROR", Host: "web-1", Service: "shop", Message: "timeout after 5003 ms"},
				Count: 212,
			}}},
			Lacks: []string{"no status of responses that lines can be counted by: how many requests failed cannot be told"},
			Notes: []string{"in the reference span another test was running: checkout #811"},
		},
	}
}

func TestLogsGolden(t *testing.T) {
	t.Parallel()
	golden(t, "logs-markdown", []byte(report.LogsMarkdown(runLogs())))
	var b bytes.Buffer
	require.NoError(t, report.LogsJSON(&b, runLogs()))
	golden(t, "logs-json", b.Bytes())

	c := comparison(t)
	c.Logs = runLogs().Logs
	for _, format := range []report.Format{report.FormatText, report.FormatMarkdown} {
		b.Reset()
		require.NoError(t, report.Write(&b, c, format, report.Options{}))
		_, told, found := strings.Cut(b.String(), map[report.Format]string{
			report.FormatText: "\nlogs ", report.FormatMarkdown: "What production logs said",
		}[format])
		require.True(t, found)
		golden(t, "compare-logs-"+string(format), []byte(told))
	}
}

// TestLogsWithoutClaims says nothing of what cannot be told.
func TestLogsWithoutClaims(t *testing.T) {
	t.Parallel()
	l := runLogs()
	l.Logs.Compared, l.Logs.Errors, l.Logs.Latency, l.Worst, l.Link = false, nil, nil, nil, ""
	text := report.LogsMarkdown(l)
	assert.Contains(t, text, "| lines | 120,312 | – |  |")
	assert.Contains(t, text, "| what was said | of |")
	assert.NotContains(t, text, "| errors | 1,204")
	assert.NotContains(t, text, "Worst")
	l.Logs.More = nil
	assert.Contains(t, report.LogsMarkdown(l), "nothing to compare with")
	l.Logs.Compared = true
	assert.Contains(t, report.LogsMarkdown(l), "nothing came significantly more often than in the reference span")
	l.Logs.Lines.During = 0
	assert.NotContains(t, report.LogsMarkdown(l), "nothing came")
}

func TestWorstSeconds(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "212 of 4,970 requests failed, p95 5.01 s", report.WorstSeconds{Requests: 4970, Failed: 212, P95: 5012}.String())
	assert.Equal(t, "1 request, p95 12.0 ms", report.WorstSeconds{Requests: 1, P95: 12}.String())
	assert.Equal(t, "30 iterations, p95 12.0 ms", report.WorstSeconds{Requests: 30, P95: 12, Iterations: true}.String())
}

// Log lines are no Markdown, no HTML, and mention nobody.
func TestHostileLogs(t *testing.T) {
	t.Parallel()
	l := runLogs()
	evil := "a`|<b>@all\n::error::x\x1b[31m [x](http://evil) <!-- " + strings.Repeat("é", 400)
	f := l.Logs
	f.Pattern, f.Notes, f.Lacks, l.Run.Name, l.Run.Test = evil, []string{evil}, []string{evil}, evil, evil
	f.More[0].Value, f.More[1].Value = evil, evil
	f.Servers[0].Host, f.Servers[1].Message = evil, evil
	f.Worst.Lines[0].Message, f.Worst.Lines[0].Level = evil, evil
	c := comparison(t)
	c.Logs = f
	var text bytes.Buffer
	require.NoError(t, report.Text(&text, c, report.Options{}))
	codeSpan := regexp.MustCompile("`[^`\n]*`")
	for name, told := range map[string]string{"logs": report.LogsMarkdown(l), "compare": report.Markdown(c, 0), "text": text.String()} {
		assert.NotContains(t, told, "\x1b", name)
		assert.NotContains(t, told, "\n::error", name)
		if name == "text" {
			continue
		}
		outside := codeSpan.ReplaceAllString(told, "")
		for _, bad := range []string{"@all", "<b>", "<!--", "[x]("} {
			assert.NotContains(t, outside, bad, name)
		}
	}
}

// TestLogsJSONIsDocumented: docs/logs.md names every member.
func TestLogsJSONIsDocumented(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, report.LogsJSON(&b, runLogs()))
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "logs.md"))
	require.NoError(t, err)
	members := regexp.MustCompile(`(?m)^ +"(\w+)":`).FindAllStringSubmatch(b.String(), -1)
	require.Greater(t, len(members), 60)
	for _, member := range members {
		assert.True(t, strings.Contains(string(page), "`"+member[1]+"`"), member[1]) //nolint:testifylint // the page is long
	}
}
