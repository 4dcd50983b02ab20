package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs"
)

// RunLogs are a run and what the logs said meanwhile. Its JSON is stable: members are added, and none is
// renamed or removed.
type RunLogs struct {
	Run     RunFacts       `json:"run"`
	Against string         `json:"against"`       // which span it is held against: before, day or week
	Worst   *WorstSeconds  `json:"worst_seconds"` // nil where the run has no samples
	Logs    *logs.Findings `json:"logs"`
	Link    string         `json:"dashboard,omitempty"` // Beside production logs, at the time of the run
}

// RunFacts are what one needs to know of the run.
type RunFacts struct {
	ID       string           `json:"id"`
	Name     string           `json:"name"`
	Test     string           `json:"test"`
	Status   runs.Status      `json:"status"`
	Requests float64          `json:"requests"`
	Failed   *float64         `json:"failed_rate"` // share, 0 to 1; nil where k6 judged no request
	Latency  logs.Percentiles `json:"latency"`     // as k6 saw it, ms
}

// WorstSeconds are where most requests failed, or, if none did, where the 95th percentile was highest.
type WorstSeconds struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Requests int64     `json:"requests"` // iterations of a run without HTTP requests
	Failed   int64     `json:"failed"`
	P95      float64   `json:"p95_ms"`

	Iterations bool `json:"-"` // they are iterations
}

// String says how bad they were.
func (w WorstSeconds) String() string {
	noun := "request"
	if w.Iterations {
		noun = "iteration"
	}
	all := plural(int(w.Requests), noun)
	if w.Failed > 0 {
		return fmt.Sprintf("%d of %s failed, p95 %s", w.Failed, all, milliseconds(w.P95))
	}
	return fmt.Sprintf("%s, p95 %s", all, milliseconds(w.P95))
}

// Spans are what a run may be held against, by name; before is the span just before it.
var Spans = map[string]time.Duration{"before": 0, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}

// SpanName says it in words.
func SpanName(against string) string {
	if against == "before" {
		return "the span before"
	}
	return "a " + against + " earlier"
}

// LogsJSON writes it for programs.
func LogsJSON(w io.Writer, l *RunLogs) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(l)
}

// LogsMarkdown writes it for a job summary or a pull request; times are in UTC.
func LogsMarkdown(l *RunLogs) string {
	var b strings.Builder
	f := l.Logs
	fmt.Fprintf(&b, "### k6es logs · %s, %s\n\n", code(l.Run.Test+" "+l.Run.Name), prose(printable(string(l.Run.Status))))
	fmt.Fprintf(&b, "%s, %s–%s UTC against %s\n\n", code(f.Pattern), f.During.From.UTC().Format("2006-01-02 15:04:05"),
		f.During.To.UTC().Format("15:04:05"), SpanName(l.Against))
	if f.Lines.During > 0 {
		numbers(&b, l)
		differences(&b, f)
		events(&b, f)
		worstLines(&b, l)
	}
	for _, note := range slices.Concat(f.Notes, f.Lacks) {
		fmt.Fprintf(&b, "> %s\n>\n", prose(Shorten(printable(note), longestWarning)))
	}
	if l.Link != "" {
		fmt.Fprintf(&b, "\n[Beside production logs in Kibana](%s)\n", address(l.Link))
	}
	return b.String()
}

func numbers(b *strings.Builder, l *RunLogs) {
	b.WriteString("| | during the run | reference | |\n|---|--:|--:|--:|\n")
	for _, row := range LogRows(l.Logs, l.Run.Latency) {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", row.What, row.During, row.Reference, row.Difference)
	}
	b.WriteString("\n")
}

func events(b *strings.Builder, f *logs.Findings) {
	for _, event := range f.Servers {
		fmt.Fprintf(b, "- %s %s: %s\n", event.Time.UTC().Format(time.TimeOnly), event.Event, code(EventText(event)))
	}
	if len(f.Servers) > 0 {
		b.WriteString("\n")
	}
}

func differences(b *strings.Builder, f *logs.Findings) {
	if len(f.More) == 0 {
		fmt.Fprintf(b, "%s\n\n", prose(Nothing(f)))
		return
	}
	fmt.Fprintf(b, "| %s | of | during the run | reference | first | last |\n|---|---|--:|--:|---|---|\n", moreHead(f))
	for _, d := range f.More {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", cell(DifferenceText(d)), d.Class, Counted(d.Count.During, d), Reference(f, d),
			d.First.UTC().Format(time.TimeOnly), d.Last.UTC().Format(time.TimeOnly))
	}
	b.WriteString("\n")
}

func worstLines(b *strings.Builder, l *RunLogs) {
	if l.Worst == nil || l.Logs.Worst == nil {
		return
	}
	fmt.Fprintf(b, "Worst %.0f seconds of the run, from %s: %s\n\n", l.Worst.To.Sub(l.Worst.From).Seconds(), l.Worst.From.UTC().Format(time.TimeOnly), l.Worst)
	for _, line := range l.Logs.Worst.Lines {
		fmt.Fprintf(b, "- %s ×%d %s\n", line.Time.UTC().Format("15:04:05.000"), line.Count, code(LineText(line.Line)))
	}
	b.WriteString("\n")
}

// LogRow is a number of the logs in both spans, in words.
type LogRow struct {
	What, During, Reference, Difference string
	Bad                                 bool // errors, of which there are more
}

// LogRows are the headline numbers; k6 is the latency that it saw.
func LogRows(f *logs.Findings, k6 logs.Percentiles) []LogRow {
	rows := []LogRow{countRow("lines", f.Lines, f.Compared)}
	for _, of := range []struct {
		what  string
		count *logs.Count
	}{{"errors", f.Errors}, {"warnings", f.Warnings}, {"status 5xx", f.ServerErrors}} {
		if of.count != nil {
			row := countRow(of.what, *of.count, f.Compared)
			row.Bad = of.what != "warnings" && f.Compared && of.count.During > of.count.Reference
			rows = append(rows, row)
		}
	}
	if f.Latency == nil {
		return rows
	}
	for _, p := range []struct {
		what                  string
		during, reference, k6 *float64
	}{
		{"service p50", f.Latency.During.P50, f.Latency.Reference.P50, k6.P50},
		{"service p95", f.Latency.During.P95, f.Latency.Reference.P95, k6.P95},
		{"service p99", f.Latency.During.P99, f.Latency.Reference.P99, k6.P99},
	} {
		row := LogRow{What: p.what, During: optional(p.during), Reference: optional(p.reference)}
		if p.k6 != nil {
			row.Difference = "k6 " + milliseconds(*p.k6)
		}
		rows = append(rows, row)
	}
	return rows
}

func countRow(what string, c logs.Count, compared bool) LogRow {
	row := LogRow{What: what, During: humanize.Comma(c.During), Reference: humanize.Comma(c.Reference)}
	switch {
	case !compared:
		row.Reference = "–"
	case c.Reference > 0:
		row.Difference = runs.Difference("", float64(c.During)/float64(c.Reference)-1)
	}
	return row
}

func optional(ms *float64) string {
	if ms == nil {
		return "–"
	}
	return milliseconds(*ms)
}

// Counted is a count of a difference, with a mark on an estimate.
func Counted(n int64, d logs.Difference) string {
	if d.Approximate && n > 0 {
		return "≈" + humanize.Comma(n)
	}
	return humanize.Comma(n)
}

// Reference is the count of a difference in the reference span.
func Reference(f *logs.Findings, d logs.Difference) string {
	if !f.Compared {
		return "–"
	}
	return Counted(d.Count.Reference, d)
}

// DifferenceText says what came more often.
func DifferenceText(d logs.Difference) string {
	if d.Role == logs.Message {
		return d.Value
	}
	return string(d.Role) + " " + d.Value
}

// Nothing says that nothing came more often, where that could be told.
func Nothing(f *logs.Findings) string {
	switch {
	case !f.Compared && f.Errors != nil && f.Errors.During == 0:
		return "no error was logged"
	case !f.Compared:
		return "nothing to compare with"
	default:
		return "nothing came significantly more often than in the reference span"
	}
}

func moreHead(f *logs.Findings) string {
	if f.Compared {
		return "came more often"
	}
	return "what was said"
}

// EventText says which server an event is about, and what the line said.
func EventText(e logs.ServerEvent) string {
	who := words(e.Host, e.Service)
	if e.Instance != "" {
		who = strings.TrimSpace(who + " process " + e.Instance)
	}
	switch e.Event {
	case logs.Silent:
		return who + ", last: " + e.Message
	case logs.Appeared:
		return who + ", first: " + e.Message
	default:
		return strings.TrimSpace(who + " " + e.Message)
	}
}

// LineText is a line as one reads it.
func LineText(l logs.Line) string {
	level := l.Level
	if level == "" && l.Class != logs.Lines {
		level = strings.TrimSuffix(string(l.Class), "s")
	}
	return words(level, l.Host, l.Service, l.Message)
}

// words are the words of some texts, one blank between each.
func words(texts ...string) string {
	return strings.Join(strings.Fields(strings.Join(texts, " ")), " ")
}

const shownLogs = 5 // of what a comparison tells of the logs

// logLines are what a comparison tells of the logs, in a few lines.
func logLines(f *logs.Findings, location *time.Location) []string {
	if f == nil {
		return nil
	}
	var facts []string
	for _, row := range LogRows(f, logs.Percentiles{}) {
		if !strings.HasPrefix(row.What, "service") || row.What == "service p95" {
			facts = append(facts, fmt.Sprintf("%s %s (%s)", row.What, row.During, row.Reference))
		}
	}
	lines := []string{printable(f.Pattern) + ", in brackets the span before: " + strings.Join(facts, " · ")}
	for i, d := range f.More {
		if i == shownLogs {
			lines = append(lines, fmt.Sprintf("and %d more that came more often", len(f.More)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s (%s), %s–%s", Shorten(printable(DifferenceText(d)), longestCode/2), Counted(d.Count.During, d),
			d.Class, Reference(f, d), d.First.In(location).Format(time.TimeOnly), d.Last.In(location).Format(time.TimeOnly)))
	}
	if len(f.More) == 0 {
		lines = append(lines, Nothing(f))
	}
	for i, e := range f.Servers {
		if i == shownLogs {
			lines = append(lines, fmt.Sprintf("and %d more servers that came or went", len(f.Servers)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("%s at %s: %s", e.Event, e.Time.In(location).Format(time.TimeOnly), Shorten(printable(EventText(e)), longestCode/2)))
	}
	for _, note := range f.Notes {
		lines = append(lines, printable(note))
	}
	return lines
}
