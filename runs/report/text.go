package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// Options are how text is written. The zero value is plain text in 80 columns, times in UTC.
type Options struct {
	Width    int // columns; 80 at least
	Colour   bool
	All      bool           // also rows of scenarios and requests in which nothing changed
	Location *time.Location // of times; nil: UTC
}

const (
	leastWidth = 80
	mostWidth  = 100 // wider is harder to read
	columns    = 50  // what stands right of a row's name
	leastWhat  = 6   // of what the row of a scenario or request is about, such as p(95)
	leastName  = 12  // of that name, although what it is about may be long: then the line's middle is cut
	unchanged  = 10  // scenarios and requests that are shown although nothing changed
	margin     = 11  // of what stands beside a heading
)

// Text writes a comparison for a terminal.
func Text(w io.Writer, c *runs.Comparison, options Options) error {
	t := textWriter{Options: options, c: c}
	t.Width = min(max(t.Width, leastWidth), mostWidth)
	if t.Location == nil {
		t.Location = time.UTC
	}
	t.runs()
	t.rows()
	t.notes()
	t.logs()
	t.end()
	_, err := io.WriteString(w, t.b.String())
	return err
}

type textWriter struct {
	Options
	c *runs.Comparison
	b strings.Builder
}

func (t *textWriter) line(format string, args ...any) {
	t.b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// beside writes a text beside a heading, in as many lines as it takes.
func (t *textWriter) beside(heading, text string) {
	for _, line := range wrap(text, t.Width-margin) {
		t.line("%-*s%s", margin, heading, line)
		heading = ""
	}
}

// runs says what is compared with what, and under which load.
func (t *textWriter) runs() {
	r, contender := t.c.Report, t.c.Contender
	t.beside("baseline", baselineInFull(t.c, t.Location))
	if len(t.c.Baseline) > 0 {
		t.beside("", strings.Join(load(r.BaselineLoad), " · "))
	}
	text := about(contender, t.Location)
	if contender.Status != runs.Passed && contender.Status != "" {
		text += ", " + printable(string(contender.Status))
	}
	if crossed := thresholds(contender); crossed != "" {
		text += " (" + crossed + ")"
	}
	t.beside("contender", text)
	t.beside("", strings.Join(load(r.ContenderLoad), " · "))
	for i, crossed := range contender.Crossed {
		if i == shownCrossed {
			t.beside("", fmt.Sprintf("and %d more thresholds", len(contender.Crossed)-i))
			break
		}
		t.beside("", t.paint(red, "crossed: ")+printable(crossed))
	}
	if !t.c.Window.All() {
		t.beside("window", t.c.Window.String()+" of each run")
	}
}

const shownCrossed = 5

// rows writes the table: the whole run, then scenarios, then requests, the worst first in each.
func (t *textWriter) rows() {
	if len(t.c.Report.Rows) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.columns("", "baseline", "contender", "diff", "noise", "verdict"))
	hidden := 0
	for _, part := range []struct {
		scope compare.Scope
		title string
	}{{compare.WholeRun, ""}, {compare.Scenario, "scenarios"}, {compare.Request, "requests"}} {
		rows, more := t.visible(part.scope)
		hidden += more
		if part.title != "" && len(rows) > 0 {
			t.line("%s", t.paint(bold, part.title))
		}
		for _, row := range rows {
			t.row(row)
		}
	}
	if hidden > 0 {
		t.line("%s", t.paint(faint, plural(hidden, "more value")+" did not change enough to matter (--all shows them)"))
	}
}

func (t *textWriter) columns(name string, cells ...any) string {
	return fmt.Sprintf("%s %10s %10s %9s %8s  %s", append([]any{pad(name, t.Width-columns)}, cells...)...)
}

// visible are the rows of one scope that are shown, and how many are not.
func (t *textWriter) visible(scope compare.Scope) (rows []compare.Row, hidden int) {
	calm := 0
	for _, row := range t.c.Report.Rows {
		switch {
		case row.Key.Scope != scope, scope == compare.Scenario && !t.All && t.oneScenario():
		case t.All, scope == compare.WholeRun, row.Verdict != compare.Same:
			rows = append(rows, row)
		case headline(row) && calm < unchanged:
			rows = append(rows, row)
			calm++
		default:
			hidden++
		}
	}
	return rows, hidden
}

// oneScenario says whether there is only one scenario, which is the whole run once more.
func (t *textWriter) oneScenario() bool {
	names := map[string]bool{}
	for _, row := range t.c.Report.Rows {
		if row.Key.Scope == compare.Scenario {
			names[row.Key.Name] = true
		}
	}
	return len(names) < 2
}

// headline says whether the row stands for its scenario or request when nothing changed there.
func headline(row compare.Row) bool {
	return row.Key.Metric == "http_req_duration" && row.Percentile == 0.95
}

func (t *textWriter) row(row compare.Row) {
	name := label(row)
	if row.Key.Scope != compare.WholeRun {
		what := short(row)
		room := t.Width - columns - 3 - max(utf8.RuneCountInString(what), leastWhat)
		name = "  " + pad(printable(row.Key.Name), max(room, leastName)) + " " + what
	}
	line := t.columns(name, Value(row, row.Baseline), Value(row, row.Contender), runs.Difference(row.Unit, row.Diff), noise(row), "")
	t.line("%s%s", line, t.paint(colours[row.Verdict], verdict(row.Verdict)))
}

// notes says what must be known to trust the rows.
func (t *textWriter) notes() {
	if groups := unjudged(t.c); len(groups) > 0 {
		t.line("")
		heading := "not judged"
		for _, g := range groups {
			t.beside(heading, fmt.Sprintf("%s: %s (%s)", plural(len(g.values), "value"), printable(g.reason), g.examples(3, 40)))
			heading = ""
		}
	}
	if all := reasons(t.c); len(all) > 0 {
		t.line("")
		heading := "reasons"
		for i, reason := range all {
			if i == shownReasons {
				t.beside("", fmt.Sprintf("and %d more", len(all)-i))
				break
			}
			t.beside(heading, printable(reason))
			heading = ""
		}
	}
	if len(t.c.Report.Warnings) > 0 {
		t.line("")
	}
	for _, warning := range t.c.Report.Warnings {
		t.beside("warning", printable(warning))
	}
}

const shownReasons = 5

// logs says what production logs said during the contender.
func (t *textWriter) logs() {
	if t.c.Logs == nil {
		return
	}
	t.line("")
	heading := "logs"
	for _, line := range logLines(t.c.Logs, t.Location) {
		t.beside(heading, line)
		heading = ""
	}
}

// end says what it came to.
func (t *textWriter) end() {
	t.line("")
	if t.c.Link != "" {
		t.line("%s", t.c.Link)
	}
	t.line("verdict: %s · exit %d%s", t.paint(colours[t.c.Report.Verdict], Sentence(t.c)), t.c.ExitCode, t.exit())
}

// exit says what the exit code means.
func (t *textWriter) exit() string {
	switch {
	case t.c.ExitCode != 0:
		return " (--fail-on never: 0)"
	case t.c.Report.Regression():
		return " (--fail-on never)"
	default:
		return ""
	}
}

// Sequences that colour a terminal.
const (
	red    = "\x1b[31m"
	bad    = "\x1b[1;31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

var colours = map[compare.Verdict]string{compare.Worse: bad, compare.Better: green, compare.Unsure: yellow}

func (t *textWriter) paint(colour, text string) string {
	if !t.Colour || colour == "" {
		return text
	}
	return colour + text + reset
}

// pad makes a text just so many columns wide.
func pad(text string, width int) string {
	text = Shorten(text, width)
	return text + strings.Repeat(" ", width-utf8.RuneCountInString(text))
}

// wrap breaks a text into lines, at spaces; a word that is longer than a line is cut.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = Shorten(word, width)
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
