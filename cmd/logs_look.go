package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/report"
)

// How much is shown on one screen.
const (
	fewMessages = 6
	fewValues   = 6
	fewEvents   = 6
	fewLines    = 6
)

// logs tells what the logs said during a run, in the order in which a person asks.
func (l look) logs(all *report.RunLogs, d *runs.Document, everything bool) string {
	told := []string{l.logsHead(all, d)}
	if all.Logs.Lines.During > 0 {
		told = append(told, l.logNumbers(all), l.moreFrequent(all.Logs, everything), l.serverEvents(all.Logs, everything),
			l.worstLines(all, everything))
	}
	var chapters []string
	for _, chapter := range append(told, l.logNotes(all)) {
		if chapter != "" {
			chapters = append(chapters, chapter)
		}
	}
	return strings.Join(chapters, "\n\n")
}

func (l look) logsHead(all *report.RunLogs, d *runs.Document) string {
	status := l.paint(statusColour(d.K6.Run.Status), oneLine(string(d.K6.Run.Status)))
	name := l.paint(bold, cutTo(oneLine(all.Run.Test+" "+all.Run.Name), l.width-2))
	f := all.Logs
	return l.flow([]string{name, l.times(d), span(d.K6.Run.Duration), status}) + "\n" +
		l.flow([]string{"logs " + oneLine(f.Pattern), fmt.Sprintf("against %s, %s",
			report.SpanName(all.Against), l.between(f.Reference.From, f.Reference.To))})
}

// logNumbers is the table of how much was logged, and of how long the service took.
func (l look) logNumbers(all *report.RunLogs) string {
	t := table{look: l, columns: []column{
		{}, {head: "DURING", right: true}, {head: "REFERENCE", right: true}, {right: true},
	}}
	for _, row := range report.LogRows(all.Logs, all.Run.Latency) {
		during := cell{text: row.During, colour: bold}
		if row.Bad {
			during.colour = red
		}
		t.rows = append(t.rows, []cell{{text: row.What, colour: faint}, during, {text: row.Reference}, {text: row.Difference}})
	}
	return t.String()
}

// moreFrequent is the table of what came more often.
func (l look) moreFrequent(f *logs.Findings, everything bool) string {
	if len(f.More) == 0 {
		return report.Nothing(f)
	}
	head := "MORE FREQUENT"
	if !f.Compared {
		head = "WHAT WAS SAID"
	}
	t := table{look: l, columns: []column{
		{head: head, least: 24}, {head: "OF"}, {head: "DURING", right: true}, {head: "REFERENCE", right: true, drop: 1},
		{head: "FIRST"}, {head: "LAST"},
	}}
	messages, values, hidden := 0, 0, 0
	for _, d := range f.More {
		shown, limit := &values, fewValues
		if d.Role == logs.Message {
			shown, limit = &messages, fewMessages
		}
		if *shown++; *shown > limit && !everything {
			hidden++
			continue
		}
		what := cell{text: report.DifferenceText(d)}
		if d.Class == logs.Errors {
			what.colour = red
		}
		t.rows = append(t.rows, []cell{
			what, {text: string(d.Class)}, {text: report.Counted(d.Count.During, d)}, {text: report.Reference(f, d)},
			{text: l.clock(d.First)}, {text: l.clock(d.Last)},
		})
	}
	return t.String() + l.hidden(hidden)
}

// hidden says how many rows are not shown.
func (l look) hidden(n int) string {
	if n == 0 {
		return ""
	}
	return l.paint(faint, fmt.Sprintf("\n… and %d more (--all)", n))
}

func (l look) clock(at time.Time) string { return at.In(l.zone).Format(time.TimeOnly) }

// serverEvents tells which servers started and stopped.
func (l look) serverEvents(f *logs.Findings, everything bool) string {
	if len(f.Servers) == 0 {
		return ""
	}
	t := table{look: l, columns: []column{{head: "WHEN"}, {head: "EVENT"}, {head: "SERVER", least: 24}}}
	n := len(f.Servers)
	if !everything {
		n = min(n, fewEvents)
	}
	for _, e := range f.Servers[:n] {
		event := cell{text: string(e.Event)}
		if e.Event == logs.Crashed || e.Event == logs.Silent {
			event.colour = red
		}
		t.rows = append(t.rows, []cell{{text: l.clock(e.Time)}, event, {text: report.EventText(e)}})
	}
	return t.String() + l.hidden(len(f.Servers)-n)
}

// worstLines are the log lines of the worst seconds.
func (l look) worstLines(all *report.RunLogs, everything bool) string {
	if all.Worst == nil {
		return "which seconds were the worst cannot be told: the run has no samples, or they were pruned"
	}
	head := fmt.Sprintf("WORST %.0f SECONDS, from %s: %s", all.Worst.To.Sub(all.Worst.From).Seconds(), l.clock(all.Worst.From), all.Worst)
	lines := []string{l.paint(faint, cutTo(head, l.width))}
	kinds := all.Logs.Worst.Lines
	n := len(kinds)
	if !everything {
		n = min(n, fewLines)
	}
	for _, kind := range kinds[:n] {
		times := ""
		if kind.Count > 1 {
			times = fmt.Sprintf(" ×%d", kind.Count)
		}
		line := kind.Time.In(l.zone).Format("15:04:05.000") + " "
		room := l.width - text.StringWidth(line) - text.StringWidth(times)
		told := cutEnd(oneLine(report.LineText(kind.Line)), room)
		if kind.Class == logs.Errors {
			told = l.paint(red, told)
		}
		lines = append(lines, line+told+times)
	}
	if len(kinds) == 0 {
		lines = append(lines, "no line was logged")
	}
	return strings.Join(lines, "\n") + l.hidden(len(kinds)-n)
}

// cutEnd shortens a text that is too wide: what a line says begins at its beginning.
func cutEnd(s string, width int) string {
	if text.StringWidth(s) <= width || width < 1 {
		return s
	}
	return strings.TrimRight(text.Trim(s, width-1), " ") + "…"
}

// logNotes say what must be known to trust the rest, and where to look further.
func (l look) logNotes(all *report.RunLogs) string {
	var lines []string
	for _, of := range []struct {
		name      string
		colour    colour
		sentences []string
	}{{"note", yellow, all.Logs.Notes}, {"note", faint, all.Logs.Lacks}} {
		for _, sentence := range of.sentences {
			for i, line := range strings.Split(text.WrapSoft(oneLine(sentence), max(20, l.width-noteMargin-1)), "\n") {
				name := of.name
				if i > 0 {
					name = ""
				}
				lines = append(lines, l.paint(of.colour, fmt.Sprintf("%-*s%s", noteMargin, name, strings.TrimRight(line, " "))))
			}
		}
	}
	if all.Link != "" {
		lines = append(lines, l.paint(faint, fmt.Sprintf("%-*s", noteMargin, "Kibana"))+all.Link)
	}
	return strings.Join(lines, "\n")
}

const noteMargin = 9
