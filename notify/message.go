package notify

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/runs/report"
	"github.com/k6es/k6es/terminal"
)

// message is a notice in words, for people. It says nothing yet of how a receiver writes them.
type message struct {
	mark    mark
	title   line
	about   line
	numbers []number
	details []line // worst request, thresholds, what the reader must know
	links   []link
}

// mark is how a message looks from afar.
type mark string

const (
	good     mark = "✅"
	doubtful mark = "⚠️"
	bad      mark = "❌"
)

// line is a line of text. Only pieces that are names hold what others wrote.
type line []piece

type piece struct {
	text  string
	style style
}

type style int

const (
	plain style = iota
	strong
	name // as it is: nothing in it is markup or a mention
)

type link struct{ label, url string }

// Bounds of what others wrote: runes of a name, and bytes of an address.
const (
	longestName = 100
	longestURL  = 2000
)

// shownDetails is how many thresholds, and how many warnings, a message lists.
const shownDetails = 5

func text(format string, args ...any) piece { return piece{fmt.Sprintf(format, args...), plain} }

func emphasis(s string) piece { return piece{s, strong} }

// named is a text of others: on one line, visible, and short.
func named(s string) piece {
	return piece{report.Shorten(strings.TrimSpace(terminal.Line(s)), longestName), name}
}

// message puts the notice into words.
func (n *Notice) message() message {
	m := message{mark: n.mark(), title: n.title(), about: n.about(), numbers: n.headlines()}
	if worst := n.worst(); worst != nil {
		detail := line{text("worst request "), named(worst.name), text(": ")}
		for i, one := range worst.numbers {
			if i > 0 {
				detail = append(detail, text("; "))
			}
			detail = append(detail, named(one.label), text(" %s", one))
		}
		m.details = append(m.details, detail)
	}
	m.details = slices.Concat(m.details, n.crossed(), n.remarks())
	m.links = links(link{"CI pipeline", n.subject().PipelineURL}, link{"Kibana", n.Dashboard})
	return m
}

func (n *Notice) mark() mark {
	switch {
	case n.endedBadly(), n.Run == nil && n.worse():
		return bad
	case n.failed(), n.worse(), n.Run == nil && n.unclear():
		return doubtful
	default:
		return good
	}
}

// unclear says whether the comparison could not tell.
func (n *Notice) unclear() bool {
	verdict := n.Comparison.Report.Verdict
	return verdict == compare.Unsure || verdict == compare.NotJudged
}

// title says in a line what it came to.
func (n *Notice) title() line {
	run := n.subject()
	if n.Run == nil {
		return line{named(run.Test), text(": "), emphasis(report.Sentence(n.Comparison))}
	}
	outcome := string(run.Status)
	if run.Status == runs.Aborted || run.Status == runs.Interrupted {
		outcome = "was " + outcome
	}
	title := line{named(run.Test), text(" "), emphasis(outcome)}
	if len(run.Crossed) > 0 {
		title = append(title, text(": %d of %d thresholds crossed", len(run.Crossed), max(run.Thresholds, len(run.Crossed))))
	}
	if n.worse() {
		title = append(title, text(", and is "), emphasis("worse"), text(" than its baseline"))
	}
	return title
}

// about says which run it was.
func (n *Notice) about() line {
	run := n.subject()
	about := line{text("run "), named(run.Name)}
	if _, err := time.Parse(time.RFC3339, run.Name); err == nil || run.Name == "" { // nobody named it
		about = line{text("run "), named(cmp.Or(run.ID, run.File))}
	}
	if run.Environment != "" {
		about = append(about, text(" · environment "), named(run.Environment))
	}
	if run.Branch != "" {
		about = append(about, text(" · branch "), named(run.Branch))
	}
	return append(about, text(" · %s UTC · %s", run.Start.UTC().Format("2006-01-02 15:04"), runs.Span(run.Duration.Round(time.Second))))
}

// crossed lists the thresholds that were crossed.
func (n *Notice) crossed() []line {
	var lines []line
	all := n.subject().Crossed
	for _, threshold := range all[:min(len(all), shownDetails)] {
		lines = append(lines, line{text("crossed: "), named(threshold)})
	}
	if more := len(all) - shownDetails; more > 0 {
		lines = append(lines, line{text("and %d more thresholds", more)})
	}
	return lines
}

// remarks are what the reader must know besides.
func (n *Notice) remarks() []line {
	var lines []line
	if n.Run != nil && n.Run.K6.Run.Reason != "" && len(n.subject().Crossed) == 0 {
		lines = append(lines, line{text("reason: "), named(n.Run.K6.Run.Reason)})
	}
	if lacking := n.lacking(); lacking > 0 {
		lines = append(lines, line{text("%s of %s documents are not on the server", humanize.Comma(lacking), humanize.Comma(n.Run.K6.Summary.Documents))})
	}
	if n.Unstored {
		lines = append(lines, line{text("the run itself is not on the server: what k6 logged says how to send it")})
	}
	if n.Comparison == nil {
		return append(lines, line{text("not compared: %s", n.Uncompared)})
	}
	lines = append(lines, n.baseline())
	warnings := n.Comparison.Report.Warnings
	for _, warning := range warnings[:min(len(warnings), shownDetails)] {
		lines = append(lines, line{text("warning: "), named(warning)})
	}
	return lines
}

// baseline says what the run was compared with, and what that came to.
func (n *Notice) baseline() line {
	baseline := line{text("compared with "), named(report.BaselineOf(n.Comparison, time.UTC) + " UTC")}
	if len(n.Comparison.Baseline) == 0 {
		baseline = line{text("there is no baseline")}
	}
	if !n.Comparison.Window.All() {
		baseline = append(baseline, text(", %s of each run", n.Comparison.Window))
	}
	if n.Run != nil {
		baseline = append(baseline, text(": %s", verdicts[n.Comparison.Report.Verdict]))
	}
	return baseline
}

// verdicts are those of comparisons, in words.
var verdicts = map[compare.Verdict]string{
	compare.Worse: "WORSE", compare.Better: "better", compare.Same: "no difference that matters",
	compare.Unsure: "unclear, repeat the run", compare.NotJudged: "not judged",
}

// links keeps those that a browser can open: a receiver may refuse all for one that is none.
func links(all ...link) []link {
	for i := range all {
		all[i].url = address(all[i].url)
	}
	return slices.DeleteFunc(all, func(l link) bool {
		parsed, err := url.Parse(l.url)
		return err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Host == "" || len(l.url) > longestURL
	})
}

// address escapes what cannot stand in a URL, and what would end one.
func address(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// plainText is the line without any markup.
func (l line) plainText() string {
	var b strings.Builder
	for _, p := range l {
		b.WriteString(p.text)
	}
	return b.String()
}
