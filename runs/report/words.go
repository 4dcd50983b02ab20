package report

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/terminal"
)

// Value writes a value of a row with its unit, in ten columns or less.
func Value(row compare.Row, v float64) string {
	switch {
	case row.Unit == compare.Milliseconds:
		return milliseconds(v)
	case row.Unit == compare.Share:
		return share(v)
	case row.Unit == compare.Bytes, row.Unit == compare.PerSecond && strings.Contains(row.Key.Metric, "data_"):
		return humanize.Bytes(uint64(max(v, 0)))
	default:
		return number(v)
	}
}

func milliseconds(ms float64) string {
	switch {
	case ms >= 99_950:
		return number(math.Round(ms/1000)) + " s"
	case ms >= 999.5:
		return fmt.Sprintf("%.3g s", ms/1000)
	default:
		return digits(ms) + " ms"
	}
}

// digits writes a number below 1,000 with three digits.
func digits(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case abs >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case abs >= 0.01:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.2g", v)
	}
}

func share(v float64) string {
	switch v {
	case 0:
		return "0 %"
	case 1:
		return "100 %"
	default:
		return fmt.Sprintf("%.2f %%", 100*v)
	}
}

func number(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 999_950:
		return humanize.SIWithDigits(v, 1, "")
	case abs >= 99.95:
		return humanize.Commaf(math.Round(10*v) / 10)
	default:
		return digits(v)
	}
}

// noise is the half width of the band, nothing where noise plays no part.
func noise(row compare.Row) string {
	if row.Noise == 0 {
		return ""
	}
	text := strings.TrimLeft(runs.Difference(row.Unit, row.Noise), "+×")
	return "±" + text
}

// verdict is a row's, in a word.
func verdict(v compare.Verdict) string {
	if v == compare.Worse {
		return "WORSE"
	}
	return string(v)
}

// Sentence says what a comparison came to.
func Sentence(c *runs.Comparison) string {
	text := map[compare.Verdict]string{
		compare.Worse: "WORSE", compare.Better: "better", compare.Same: "no difference that matters",
		compare.Unsure: "unclear: repeat the run", compare.NotJudged: "not judged",
	}[c.Report.Verdict]
	if _, untimed := c.Report.Untimed(); untimed && c.Report.Verdict != compare.NotJudged {
		text += ", response times not judged"
	}
	if crossed := thresholds(c.Contender); crossed != "" {
		text += ", and " + crossed
	}
	return text
}

// thresholds says how many were crossed; nothing if none was.
func thresholds(run runs.Compared) string {
	if len(run.Crossed) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s crossed", len(run.Crossed), plural(max(run.Thresholds, len(run.Crossed)), "threshold"))
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}

// label names a row of the whole run.
func label(row compare.Row) string {
	return printable(row.Key.Metric) + aspect(row.Unit, row.Percentile)
}

func aspect(unit compare.Unit, percentile float64) string {
	switch {
	case percentile > 0:
		return " " + runs.Percentile(percentile)
	case unit == compare.PerSecond:
		return "/s"
	default:
		return ""
	}
}

// short names a row of a scenario or request, whose name stands beside it.
func short(row compare.Row) string {
	switch row.Key.Metric {
	case "http_req_duration":
		return runs.Percentile(row.Percentile)
	case "http_req_failed":
		return "failed"
	case "http_reqs":
		return "requests/s"
	case "iteration_duration":
		return "iter." + aspect(row.Unit, row.Percentile)
	case "dropped_iterations":
		return "dropped"
	default:
		return label(row)
	}
}

// about names a run and its time.
func about(run runs.Compared, location *time.Location) string {
	return runName(run) + ", " + stamp(run.Start, location)
}

// runName is what people call a run. One that nobody named has the time for a name.
func runName(run runs.Compared) string {
	switch _, err := time.Parse(time.RFC3339, run.Name); {
	case !run.Stored():
		return printable(run.File)
	case err == nil || run.Name == "":
		return "run " + printable(runs.ShortIDs([]string{run.ID})[0])
	default:
		return printable(run.Name)
	}
}

// BaselineOf names the baseline, times in the location: its run, or how many runs and of which branch.
func BaselineOf(c *runs.Comparison, location *time.Location) string {
	return baselineOf(c, ",", location)
}

// baselineInFull is BaselineOf with the names of runs, the latest first.
func baselineInFull(c *runs.Comparison, location *time.Location) string {
	if len(c.Baseline) < 2 {
		return BaselineOf(c, location)
	}
	return baselineOf(c, ": "+runNames(c.Baseline)+";", location)
}

// baselineOf puts a text between how many runs there are and their time.
func baselineOf(c *runs.Comparison, between string, location *time.Location) string {
	switch n := len(c.Baseline); n {
	case 0:
		return "none"
	case 1:
		return about(c.Baseline[0], location)
	default:
		text := plural(n, "run")
		if branch := c.Baseline[0].Branch; branch != "" && !slices.ContainsFunc(c.Baseline, func(r runs.Compared) bool { return r.Branch != branch }) {
			text += " of " + printable(branch)
		}
		return fmt.Sprintf("%s%s %s … %s", text, between, stamp(c.Baseline[n-1].Start, location), stamp(c.Baseline[0].Start, location))
	}
}

const (
	roomForNames = 69 // runes: an 80-column line beside its heading
	longestName  = 34 // so that there is room for two
)

// runNames lists as many of the runs, of which there is one at least, as fit into a line.
func runNames(all []runs.Compared) string {
	text := shortName(all[0])
	for i, run := range all[1:] {
		next := text + ", " + shortName(run)
		if utf8.RuneCountInString(next) > roomForNames {
			return fmt.Sprintf("%s and %d more", text, len(all)-1-i)
		}
		text = next
	}
	return text
}

// shortName is without most of a file's path, which files of a baseline mostly share.
func shortName(run runs.Compared) string {
	if !run.Stored() {
		run.File = filepath.Join(filepath.Base(filepath.Dir(run.File)), filepath.Base(run.File))
	}
	return Shorten(runName(run), longestName)
}

func stamp(t time.Time, location *time.Location) string {
	return t.In(location).Format("2006-01-02 15:04")
}

// load is what a side's latencies were measured under.
func load(l compare.Load) []string {
	return []string{
		number(l.Requests) + " req/s", share(l.Failed) + " failed", number(math.Round(l.Dropped)) + " dropped iterations",
		runs.Span(l.Duration.Round(time.Second)),
	}
}

// group are values that were not judged for one reason.
type group struct {
	reason string
	values []string
}

// counts follow a reason, and differ from value to value.
var counts = regexp.MustCompile(`: \d.*$`)

// unjudged gathers what was not judged by reason, the most frequent first.
func unjudged(c *runs.Comparison) []group {
	var groups []group
	for _, u := range c.Report.NotJudged {
		reason := counts.ReplaceAllString(u.Reason, "")
		i := slices.IndexFunc(groups, func(g group) bool { return g.reason == reason })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{reason: reason})
		}
		row := compare.Row{Key: u.Key, Percentile: u.Percentile}
		name := label(row)
		if u.Key.Scope != compare.WholeRun {
			name = u.Key.Name + " " + short(row)
		}
		groups[i].values = append(groups[i].values, printable(name))
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(len(b.values), len(a.values)) })
	return groups
}

// examples are the first of the values, and how many others there are.
func (g group) examples(n, width int) string {
	var shown []string
	for _, v := range g.values[:min(n, len(g.values))] {
		shown = append(shown, Shorten(v, width))
	}
	text := strings.Join(shown, ", ")
	if more := len(g.values) - n; more > 0 {
		text += fmt.Sprintf(" and %s more", humanize.Comma(int64(more)))
	}
	return text
}

// reasons are those why verdicts are not what their numbers suggest, each once.
func reasons(c *runs.Comparison) []string {
	var all []string
	for _, row := range c.Report.Rows {
		if row.Reason != "" && !slices.Contains(all, row.Reason) {
			all = append(all, row.Reason)
		}
	}
	return all
}

// printable makes visible what would move a terminal's cursor or break a line.
func printable(text string) string { return terminal.Line(text) }

// Shorten takes the middle out of a text that is longer than so many runes: names differ at their ends.
func Shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	head := n / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-head-1):])
}
