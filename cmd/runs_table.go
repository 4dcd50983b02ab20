package cmd

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/k6es/k6es/terminal"
)

// colour is an ANSI colour; the zero value is none.
type colour int

const (
	bold   colour = 1
	faint  colour = 2
	red    colour = 31
	green  colour = 32
	yellow colour = 33
	blue   colour = 36
)

// paint colours a text where that can be seen.
func (l look) paint(c colour, text string) string {
	if !l.colour || c == 0 || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, text)
}

// star marks a pinned run.
const star = "★"

// cell is one cell of a table.
type cell struct {
	text   string
	colour colour
	mark   string // stands behind the text, and stays when the text is cut
}

func (c cell) width() int {
	if c.mark == "" {
		return text.StringWidth(c.text)
	}
	return text.StringWidth(c.text) + 1 + text.StringWidth(c.mark)
}

// column is one column of a table.
type column struct {
	head  string
	right bool
	least int  // the text may be cut to that width where there is no room; 0: it may not
	extra bool // shown only where there is room and something to show
	drop  int  // left out where there is no room even so, 1 first; 0: never
	width int
}

// table is a table without lines that fits a width.
type table struct {
	look
	columns []column
	rows    [][]cell
	tight   bool // numbers stand closer to each other
}

// gap is how many blanks stand behind a column.
func (t *table) gap(i int) int {
	if t.tight && t.columns[i].right {
		return 1
	}
	return 2
}

// natural is how wide the table is when nothing is cut, without extra columns.
func (t *table) natural() int {
	return t.total(func(c column) bool { return !c.extra })
}

// squeeze takes the blanks out of numbers: 5m for 5 m.
func (t *table) squeeze() {
	for i, c := range t.columns {
		for _, row := range t.rows {
			if c.right {
				row[i].text = strings.ReplaceAll(row[i].text, " ", "")
			}
		}
	}
}

func (t *table) measure() {
	for i := range t.columns {
		c := &t.columns[i]
		c.width = 0
		for _, row := range t.rows {
			row[i].text = oneLine(row[i].text)
			c.width = max(c.width, row[i].width())
		}
		if c.width > 0 || !c.extra {
			c.width = max(c.width, text.StringWidth(c.head))
		}
	}
}

func (t *table) total(counts func(column) bool) int {
	t.measure()
	total, last := 0, 0
	for i, c := range t.columns {
		if counts(c) {
			last = t.gap(i)
			total += c.width + last
		}
	}
	return total - last
}

// fit chooses the columns, and how wide those are that may be cut.
func (t *table) fit() (shown []int) {
	t.tight = t.natural() > t.width
	left := t.width - t.natural()
	for i, c := range t.columns {
		switch {
		case !c.extra:
			shown = append(shown, i)
		case c.width > 0 && c.width+t.gap(i) <= left:
			shown = append(shown, i)
			left -= c.width + t.gap(i)
		}
	}
	for i := len(t.columns) - 1; i >= 0 && left < 0; i-- {
		if c := &t.columns[i]; c.least > 0 {
			cut := min(-left, max(0, c.width-max(c.least, text.StringWidth(c.head))))
			c.width -= cut
			left += cut
		}
	}
	for drop := 1; left < 0 && drop <= len(t.columns); drop++ {
		for at, i := range shown {
			if t.columns[i].drop == drop {
				left += t.columns[i].width + t.gap(i)
				shown = append(shown[:at:at], shown[at+1:]...)
				break
			}
		}
	}
	return shown
}

// String draws the table.
func (t *table) String() string {
	shown := t.fit()
	writer := pretty.NewWriter()
	writer.SetStyle(pretty.Style{
		Box:     pretty.BoxStyle{PaddingRight: " "},
		Format:  pretty.FormatOptions{Header: text.FormatDefault},
		Options: pretty.OptionsNoBordersAndSeparators,
	})
	var heads pretty.Row
	var configs []pretty.ColumnConfig
	for n, i := range shown {
		c := t.columns[i]
		blanks := strings.Repeat(" ", t.gap(i)-1) // the style adds one
		heads = append(heads, t.paint(faint, c.head)+blanks)
		config := pretty.ColumnConfig{Number: n + 1, Align: text.AlignLeft, AlignHeader: text.AlignLeft}
		if c.right {
			config.Align, config.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs = append(configs, config)
	}
	writer.AppendHeader(heads)
	writer.SetColumnConfigs(configs)
	for _, row := range t.rows {
		var cells pretty.Row
		for _, i := range shown {
			cells = append(cells, t.cell(row[i], t.columns[i].width)+strings.Repeat(" ", t.gap(i)-1))
		}
		writer.AppendRow(cells)
	}
	return trimLines(writer.Render())
}

// cell draws a cell no wider than that.
func (t *table) cell(c cell, width int) string {
	if c.mark == "" {
		return t.paint(c.colour, cutTo(c.text, width))
	}
	cut := cutTo(c.text, width-1-text.StringWidth(c.mark))
	return t.paint(c.colour, cut) + " " + t.paint(yellow, c.mark)
}

// cutTo shortens a text that is too wide; what is left out is left out in its middle, as names mostly
// differ at their ends.
func cutTo(s string, width int) string {
	if text.StringWidth(s) <= width || width < 1 {
		return s
	}
	runes := []rune(s)
	head, tail := len(runes)/2, len(runes)/2
	for text.StringWidth(string(runes[:head]))+1+text.StringWidth(string(runes[tail:])) > width && (head > 0 || tail < len(runes)) {
		if head > len(runes)-tail || tail == len(runes) {
			head--
		} else {
			tail++
		}
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}

// trimLines takes the blanks off the ends of lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// oneLine makes a text fit for a line: white space is one blank, and what would move the cursor can be seen.
func oneLine(s string) string { return terminal.Escape(strings.Join(strings.Fields(s), " ")) }

// flow joins parts by a dot, on as many lines as the width asks for. A part that is too wide is cut,
// unless it is an address.
func (l look) flow(parts []string) string {
	const separator = " · "
	var lines []string
	line := ""
	for _, part := range parts {
		if text.StringWidthWithoutEscSequences(part) > l.width-2 && !strings.Contains(part, "://") {
			part = cutTo(part, l.width-2)
		}
		switch {
		case part == "":
		case line == "":
			line = part
		case text.StringWidthWithoutEscSequences(line+separator+part) > l.width:
			lines = append(lines, line)
			line = "  " + part
		default:
			line += separator + part
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// when says a time as people do: today 10:31, yesterday 02:00, Nov 3 02:00, 2025-11-03.
func (l look) when(at time.Time) string {
	at = at.In(l.zone)
	now := l.now.In(l.zone)
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch {
	case day(at) == day(now):
		return "today " + at.Format("15:04")
	case day(at) == day(now.AddDate(0, 0, -1)):
		return "yesterday " + at.Format("15:04")
	case at.Year() == now.Year():
		return at.Format("Jan _2 15:04")
	default:
		return day(at)
	}
}

// span is how long something lasted, with its two largest units.
func span(seconds float64) string {
	switch s := int64(math.Round(seconds)); {
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && s%60 == 0:
		return fmt.Sprintf("%d m", s/60)
	case s < 600:
		return fmt.Sprintf("%d m %d s", s/60, s%60)
	case s < 3600:
		return fmt.Sprintf("%d m", (s+30)/60)
	default:
		return fmt.Sprintf("%d h %d m", s/3600, s%3600/60)
	}
}

// number writes a whole number with its thousands set apart.
func number(n float64) string { return humanize.Comma(int64(math.Round(n))) }

// compact writes a number in four or five characters.
func compact(n float64) string {
	switch {
	case n < 100_000:
		return number(n)
	case n < 1e6:
		return fmt.Sprintf("%.0fk", n/1e3)
	case n < 1e8:
		return fmt.Sprintf("%.1fM", n/1e6)
	default:
		return fmt.Sprintf("%.0fM", n/1e6)
	}
}

// rate writes how many a second.
func rate(perSecond float64) string {
	if perSecond < 10 {
		return fmt.Sprintf("%.1f", perSecond)
	}
	return number(perSecond)
}

// share writes a share as per cent; empty where there is none.
func share(of *float64) string {
	switch {
	case of == nil:
		return ""
	case *of == 0:
		return "0 %"
	case *of < 0.00005:
		return "<0.01 %"
	case *of < 0.1:
		return fmt.Sprintf("%.2f %%", 100**of)
	case *of > 0.999 && *of < 1: // not quite all is not all
		return fmt.Sprintf("%.2f %%", math.Min(99.99, 100**of))
	case *of == 1:
		return "100 %"
	default:
		return fmt.Sprintf("%.1f %%", 100**of)
	}
}

func optionalMillis(ms *float64) string {
	if ms == nil {
		return ""
	}
	return milliseconds(*ms)
}
