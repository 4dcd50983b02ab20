package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// Markdown is a comparison for a job summary or a pull request. Where limit is not 0, rows are left out
// until it has so many bytes at most; it takes about 16 KiB for what is never left out.
func Markdown(c *runs.Comparison, limit int) string {
	for n := len(c.Report.Rows); ; n /= 2 {
		text := markdown(c, n)
		if limit == 0 || len(text) <= limit || n == 0 {
			return text
		}
	}
}

// Comment is a comparison as the body of a comment on a pull request: Markdown with a hidden marker that
// is the same for every comparison of the test, by which the comment is found again.
func Comment(c *runs.Comparison, limit int) string {
	marker := Marker(c.Test) + "\n"
	return marker + Markdown(c, limit-len(marker))
}

// Marker is the hidden line by which the comment on a test is found.
func Marker(test string) string {
	// Two hyphens would end the HTML comment.
	return "<!-- k6es comparison: " + strings.ReplaceAll(Shorten(printable(test), longestCode), "--", "-%2D") + " -->"
}

// markdown writes the first rows only.
func markdown(c *runs.Comparison, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### k6es compare · %s: %s\n\n", code(c.Test), Sentence(c))
	sides(&b, c)
	rows := c.Report.Rows
	var notable []compare.Row
	for _, row := range rows {
		if row.Key.Scope == compare.WholeRun || row.Verdict != compare.Same {
			notable = append(notable, row)
		}
	}
	table(&b, notable[:min(n, len(notable), shownRows)])
	if len(rows) > len(notable) || len(notable) > shownRows {
		fmt.Fprintf(&b, "<details><summary>All %s</summary>\n\n", plural(len(rows), "value"))
		table(&b, rows[:min(n, len(rows))])
		if n < len(rows) {
			fmt.Fprintf(&b, "%s did not fit in here.\n\n", plural(len(rows)-n, "more value"))
		}
		b.WriteString("</details>\n\n")
	}
	remarks(&b, c)
	fmt.Fprintf(&b, "Noise is the band in which equal runs differ. %s: worse, %s: repeat the run, %s: no difference that matters.\n",
		"**WORSE**", "?", "\\~")
	return b.String()
}

// shownRows is how many rows are shown without unfolding all.
const shownRows = 50

// sides are the runs and their load.
func sides(b *strings.Builder, c *runs.Comparison) {
	b.WriteString("| | run | requests/s | failed | dropped iterations | duration |\n|---|---|--:|--:|--:|--:|\n")
	side := func(name, run string, l compare.Load) {
		cells := load(l)
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", name, run, strings.TrimSuffix(cells[0], " req/s"),
			strings.TrimSuffix(cells[1], " failed"), strings.TrimSuffix(cells[2], " dropped iterations"), cells[3])
	}
	if len(c.Baseline) > 0 {
		side("baseline", cell(baselineInFull(c, time.UTC)+" UTC"), c.Report.BaselineLoad)
	}
	contender := cell(about(c.Contender, time.UTC) + " UTC")
	if url := c.Contender.PipelineURL; strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		contender = fmt.Sprintf("[%s](%s)", contender, address(url))
	}
	if status := c.Contender.Status; status != runs.Passed && status != "" {
		contender += " " + prose(printable(string(status)))
	}
	side("contender", contender, c.Report.ContenderLoad)
	b.WriteString("\n")
	for i, crossed := range c.Contender.Crossed {
		if i == shownCrossed {
			fmt.Fprintf(b, "- and %d more thresholds\n", len(c.Contender.Crossed)-i)
			break
		}
		fmt.Fprintf(b, "- threshold crossed: %s\n", code(crossed))
	}
	if len(c.Contender.Crossed) > 0 {
		b.WriteString("\n")
	}
}

func table(b *strings.Builder, rows []compare.Row) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("| | baseline | contender | difference | noise | verdict |\n|---|--:|--:|--:|--:|---|\n")
	for _, row := range rows {
		name := label(row)
		if row.Key.Scope != compare.WholeRun {
			name = row.Key.String() + aspect(row.Unit, row.Percentile)
		}
		word := verdict(row.Verdict)
		switch row.Verdict {
		case compare.Worse, compare.Better:
			word = "**" + word + "**"
		case compare.Same:
			word = `\~`
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", cell(name), Value(row, row.Baseline), Value(row, row.Contender),
			runs.Difference(row.Unit, row.Diff), noise(row), word)
	}
	b.WriteString("\n")
}

// remarks are warnings, what was not judged, and the link.
func remarks(b *strings.Builder, c *runs.Comparison) {
	for _, warning := range c.Report.Warnings {
		fmt.Fprintf(b, "> Warning: %s\n>\n", prose(Shorten(printable(warning), longestWarning)))
	}
	if len(c.Report.Warnings) > 0 {
		b.WriteString("\n")
	}
	if groups := unjudged(c); len(groups) > 0 {
		fmt.Fprintf(b, "<details><summary>%s not judged</summary>\n\n", plural(len(c.Report.NotJudged), "value"))
		for _, g := range groups {
			fmt.Fprintf(b, "- %s: %s (%s)\n", plural(len(g.values), "value"), prose(printable(g.reason)), code(g.examples(5, longestCode/2)))
		}
		b.WriteString("\n</details>\n\n")
	}
	if c.Logs != nil {
		b.WriteString("What production logs said during the run:\n\n")
		for _, line := range logLines(c.Logs, time.UTC) {
			fmt.Fprintf(b, "- %s\n", prose(line))
		}
		b.WriteString("\n")
	}
	if c.Link != "" {
		fmt.Fprintf(b, "[Runs compared in Kibana](%s)\n\n", address(c.Link))
	}
}

const (
	longestCode    = 200 // runes of a name
	longestWarning = 500
)

// code is a name as it is, which no Markdown may change: a code span.
func code(text string) string {
	return "`" + strings.ReplaceAll(Shorten(printable(text), longestCode), "`", "'") + "`"
}

// cell is a code span within a table.
func cell(text string) string { return strings.ReplaceAll(code(text), "|", `\|`) }

// prose is a sentence in which nothing is Markdown, HTML or a mention.
func prose(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "&#64;", "#", "&#35;", "|", `\|`, `\`, `\\`,
		"`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`).Replace(text)
}

// address is a URL within the parentheses of a link.
func address(url string) string {
	return strings.NewReplacer("(", "%28", ")", "%29", " ", "%20", "|", "%7C", "<", "%3C", ">", "%3E").Replace(printable(url))
}
