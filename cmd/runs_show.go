package cmd

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/runs"
)

type showOptions struct {
	outputFlags
	all    bool
	kibana string // link to the run's dashboard; empty: not known
}

// newShow makes the command that tells the story of a run.
func (r runsCommand) newShow() *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:     "show RUN",
		Short:   "Show a run: did it pass, how fast, when did it go wrong, where, why",
		Example: "  k6es runs show latest\n  k6es runs show 0193a1b2-7c3e --all",
		Args:    oneRun,
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "every request, error and check, not only the first ones")
	o.add(flags)
	addServerFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		cfg, err := r.env.load(flags)
		if err != nil {
			return err
		}
		_, store, err := r.storeOf(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		d, err := r.findIn(cmd.Context(), store, args[0])
		if err != nil {
			return err
		}
		o.kibana = cfg.Links().Dashboard(kibana.RunDashboard, d.Links.Dashboard)
		return r.show(cmd.Context(), store, d, o)
	}
	return cmd
}

func (r runsCommand) show(ctx context.Context, store *runs.Store, d *runs.Document, o showOptions) error {
	if o.output == "json" {
		d.K6.Run.Parts = nil
		return r.env.printJSON(d)
	}
	l := r.look(o.width)
	s, err := readStory(ctx, store, d, l.chartColumns())
	if err != nil {
		return err
	}
	s.all, s.kibana = o.all, o.kibana
	_, err = fmt.Fprintln(r.env.Out, l.story(s))
	return err
}

// story is all that is shown of a run.
type story struct {
	run      *runs.Document
	verdicts []runs.Verdict
	timeline *runs.Timeline
	requests []runs.RequestStats
	problems []runs.Problem
	checks   []runs.CheckStats
	kibana   string
	all      bool
}

func readStory(ctx context.Context, store *runs.Store, d *runs.Document, columns int) (s story, err error) {
	s.run = d
	if s.verdicts, err = d.Verdicts(); err != nil {
		return s, err
	}
	if s.timeline, err = store.Timeline(ctx, d, columns); err != nil {
		return s, err
	}
	if s.requests, err = store.Requests(ctx, d); err != nil {
		return s, err
	}
	if s.problems, err = store.Problems(ctx, d); err != nil {
		return s, err
	}
	s.checks, err = store.FailingChecks(ctx, d)
	return s, err
}

// story tells it in the order in which a person asks.
func (l look) story(s story) string {
	var chapters []string
	for _, chapter := range []string{
		l.headline(s), l.numbers(s.run), l.chart(s.timeline, s.run.Timestamp), l.requests(s), l.problems(s), l.checks(s), l.thresholds(s), l.origin(s),
	} {
		if chapter != "" {
			chapters = append(chapters, chapter)
		}
	}
	return strings.Join(chapters, "\n\n")
}

// headline says which run it is and how it ended.
func (l look) headline(s story) string {
	run := s.run.K6.Run
	pinned := ""
	if run.Pinned {
		pinned = l.paint(yellow, star+" pinned")
	}
	lines := []string{
		l.flow([]string{l.paint(bold, cutTo(oneLine(s.run.K6.Test+" "+runName(s.run, s.run.ShortID())), l.width-2)), l.times(s.run), span(run.Duration), pinned}),
		l.verdict(s),
	}
	if run.Note != "" {
		lines = append(lines, trimLines(text.WrapSoft("note    "+oneLine(run.Note), l.width)))
	}
	if lost := s.run.K6.Summary.Rejected + s.run.K6.Summary.Undelivered; lost > 0 {
		lines = append(lines, l.paint(yellow, fmt.Sprintf("%s of %s are not in the index", humanize.Comma(lost), plural(s.run.K6.Summary.Documents, "document"))))
	}
	if n := s.run.K6.Summary.BadLines; n > 0 {
		lines = append(lines, l.paint(yellow, plural(n, "line")+" of the file could not be read"))
	}
	return strings.Join(lines, "\n")
}

// times are from when to when the run lasted.
func (l look) times(d *runs.Document) string {
	if d.K6.Run.Status == runs.Running {
		return "since " + l.when(d.Timestamp)
	}
	return l.between(d.Timestamp, d.Timestamp.Add(time.Duration(d.K6.Run.Duration*float64(time.Second))))
}

// between says from when to when something was; one time where both are in one minute.
func (l look) between(begin, end time.Time) string {
	begin, end = begin.In(l.zone), end.In(l.zone)
	from, to := l.when(begin), end.Format("15:04")
	if !strings.HasSuffix(from, begin.Format("15:04")) {
		from += begin.Format(" 15:04")
	}
	if begin.Format(time.DateOnly) != end.Format(time.DateOnly) {
		to = end.Format("Jan _2 15:04")
	}
	if from[len(from)-5:] == to {
		return from
	}
	return from + "–" + to
}

// verdict is the status, and why.
func (l look) verdict(s story) string {
	run := s.run.K6.Run
	head := oneLine(strings.ToUpper(string(run.Status)))
	why := l.why(s)
	wrapped := strings.Split(text.WrapSoft(why, max(20, l.width-len(head)-2)), "\n")
	for i := 1; i < len(wrapped); i++ {
		wrapped[i] = strings.Repeat(" ", len(head)+2) + wrapped[i]
	}
	wrapped[0] = l.paint(statusColour(run.Status), head) + "  " + wrapped[0]
	return trimLines(strings.Join(wrapped, "\n"))
}

func (l look) why(s story) string {
	run, summary := s.run.K6.Run, s.run.K6.Summary
	var reasons []string
	switch evaluated := countEvaluated(s.verdicts); {
	case run.Status == runs.Running:
		reasons = append(reasons, "last heard of "+humanize.RelTime(run.Heartbeat, l.now, "ago", "from now"))
	case summary.ThresholdsCrossed > 0:
		reasons = append(reasons, fmt.Sprintf("%d of %s crossed: %s",
			summary.ThresholdsCrossed, plural(int64(summary.Thresholds), "threshold"), strings.Join(crossed(s.verdicts), ", ")))
	case summary.Thresholds == 0:
		reasons = append(reasons, "no thresholds")
	case evaluated < summary.Thresholds:
		reasons = append(reasons, fmt.Sprintf("%d of %s evaluated", evaluated, plural(int64(summary.Thresholds), "threshold")))
	case summary.Thresholds == 1:
		reasons = append(reasons, "the threshold holds")
	default:
		reasons = append(reasons, fmt.Sprintf("%d of %d thresholds hold", summary.Thresholds, summary.Thresholds))
	}
	if run.Reason != "" && (summary.ThresholdsCrossed == 0 || run.Status != runs.Failed) {
		reasons = slices.Insert(reasons, 0, run.Reason)
	}
	switch {
	case s.run.Counted():
		reasons = append(reasons, "what it had not sent is missing")
	case run.Partial:
		reasons = append(reasons, "the numbers are those of its last heartbeat, without what came later")
	}
	return oneLine(strings.Join(reasons, "; "))
}

func countEvaluated(verdicts []runs.Verdict) int {
	n := 0
	for _, v := range verdicts {
		if v.Evaluated {
			n++
		}
	}
	return n
}

// crossed says which thresholds were crossed, by what.
func crossed(verdicts []runs.Verdict) []string {
	var texts []string
	for _, v := range verdicts {
		if v.Crossed {
			texts = append(texts, fmt.Sprintf("%s %s was %s", v.Metric, v.Expression, measured(v)))
		}
	}
	return texts
}

// measured is the value of a threshold in the unit of its expression.
func measured(v runs.Verdict) string {
	if v.Value == nil {
		return "not measured"
	}
	name, _, _ := strings.Cut(v.Metric, "{")
	expression := strings.TrimSpace(v.Expression)
	timed := ingest.NewRegistry().Lookup([]byte(name)).Millis() && !strings.HasPrefix(expression, "count")
	if timed {
		return milliseconds(*v.Value)
	}
	return strconv.FormatFloat(roundTo(*v.Value, 4), 'f', -1, 64)
}

// roundTo rounds to significant digits; whole numbers stay as they are.
func roundTo(value float64, digits int) float64 {
	if value == float64(int64(value)) {
		return value
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', digits, 64), 64)
	if err != nil {
		return value
	}
	return rounded
}

// numbers are the run's headline numbers.
func (l look) numbers(d *runs.Document) string {
	s := d.K6.Summary
	t := table{look: l, columns: make([]column, 7)}
	t.columns[1].right = true
	t.columns[2].drop, t.columns[6].drop = 2, 1
	if s.Requests > 0 {
		t.rows = append(t.rows, l.facts(
			[3]string{"requests", number(s.Requests), rate(s.RPS) + "/s"},
			fact{"p50", optionalMillis(s.P50)}, fact{"p95", optionalMillis(s.P95)}, fact{"p99", optionalMillis(s.P99)}, fact{"max", optionalMillis(s.Max)}))
		row := l.facts([3]string{"failed", share(s.FailedRate), number(s.Failed)},
			fact{"checks", share(s.ChecksRate)}, fact{"VUs", virtualUsers(s)}, dropped(s), fact{})
		if s.Failed > 0 {
			row[1].colour = red
		}
		t.rows = append(t.rows, row)
	}
	perSecond := ""
	if d.K6.Run.Duration > 0 {
		perSecond = rate(s.Iterations/d.K6.Run.Duration) + "/s"
	}
	row := l.facts([3]string{"iterations", number(s.Iterations), perSecond},
		fact{"received", humanize.Bytes(uint64(max(0, s.DataReceived)))}, fact{"sent", humanize.Bytes(uint64(max(0, s.DataSent)))}, fact{}, fact{})
	if s.Requests == 0 {
		row = l.facts([3]string{"iterations", number(s.Iterations), perSecond},
			fact{"checks", share(s.ChecksRate)}, fact{"VUs", virtualUsers(s)}, dropped(s), fact{})
	}
	t.rows = append(t.rows, row)
	_, body, _ := strings.Cut(t.String(), "\n")
	return body
}

// virtualUsers is how many there were; k6 counts them once a second, and so not at all in a run that was shorter.
func virtualUsers(s runs.Summary) string {
	if s.VUsMax == 0 {
		return "–"
	}
	return number(s.VUsMax)
}

// fact is a name and its value.
type fact struct{ name, value string }

func (f fact) String() string {
	if f.value == "" {
		return ""
	}
	return f.name + " " + f.value
}

func dropped(s runs.Summary) fact {
	if s.Dropped == 0 {
		return fact{}
	}
	return fact{"dropped", number(s.Dropped)}
}

func (l look) facts(first [3]string, more ...fact) []cell {
	row := []cell{{text: first[0], colour: faint}, {text: first[1], colour: bold}, {text: first[2]}}
	for _, f := range more {
		row = append(row, cell{text: f.String()})
	}
	return row
}

const (
	fewRequests = 10
	fewProblems = 5
	fewChecks   = 5
)

// few says how many of a list are shown, and adds what is left out.
func few(all bool, n, limit int, what string) (shown int, rest string) {
	if all || n <= limit {
		return n, ""
	}
	if n-limit > 1 {
		what += "s"
	}
	return limit, fmt.Sprintf("\n… and %d more %s (--all)", n-limit, what)
}

// requests is the table of requests, the slowest first.
func (l look) requests(s story) string {
	if len(s.requests) == 0 {
		return ""
	}
	n, rest := few(s.all, len(s.requests), fewRequests, "request")
	t := table{look: l, columns: []column{
		{head: "REQUEST", least: 12}, {head: "COUNT", right: true}, {head: "RPS", right: true, drop: 1}, {head: "FAILED", right: true},
		{head: "P50", right: true}, {head: "P95", right: true}, {head: "P99", right: true}, {head: "MAX", right: true},
	}}
	for _, r := range s.requests[:n] {
		failed := cell{}
		if r.Judged > 0 {
			part := r.Failed / r.Judged
			failed.text = share(&part)
		}
		if r.Failed > 0 {
			failed.colour = red
		}
		t.rows = append(t.rows, []cell{
			{text: r.Name}, {text: number(r.Count)}, {text: rate(r.RPS)}, failed,
			{text: milliseconds(r.P50)}, {text: milliseconds(r.P95)}, {text: milliseconds(r.P99)}, {text: milliseconds(r.Max)},
		})
	}
	return t.String() + l.paint(faint, rest)
}

// problems is the table of errors, the most frequent first.
func (l look) problems(s story) string {
	if len(s.problems) == 0 {
		return ""
	}
	n, rest := few(s.all, len(s.problems), fewProblems, "error")
	t := table{look: l, columns: []column{{head: "ERROR", least: 24}, {head: "REQUEST", least: 12}, {head: "COUNT", right: true}}}
	for _, p := range s.problems[:n] {
		t.rows = append(t.rows, []cell{{text: problemText(p), colour: red}, {text: p.Name}, {text: humanize.Comma(p.Count)}})
	}
	return t.String() + l.paint(faint, rest)
}

// problemText says what went wrong: the status of an answer, or else k6's code and words.
func problemText(p runs.Problem) string {
	var words []string
	if p.Status > 0 {
		words = append(words, strings.TrimSpace(strconv.Itoa(p.Status)+" "+http.StatusText(p.Status)))
	} else if p.Code != "" {
		words = append(words, p.Code)
	}
	if p.Message != "" {
		words = append(words, p.Message)
	}
	return cmp.Or(strings.Join(words, " "), "failed")
}

// checks is the table of checks that failed.
func (l look) checks(s story) string {
	if len(s.checks) == 0 {
		return ""
	}
	n, rest := few(s.all, len(s.checks), fewChecks, "check")
	t := table{look: l, columns: []column{
		{head: "FAILED CHECK", least: 20}, {head: "PASSED", right: true}, {head: "FAILED", right: true}, {head: "OF", right: true},
	}}
	for _, c := range s.checks[:n] {
		passed := float64(c.Count-c.Failed) / float64(c.Count)
		t.rows = append(t.rows, []cell{
			{text: c.Name}, {text: share(&passed)}, {text: humanize.Comma(c.Failed), colour: red}, {text: humanize.Comma(c.Count)},
		})
	}
	return t.String() + l.paint(faint, rest)
}

// thresholds is the table of thresholds.
func (l look) thresholds(s story) string {
	if len(s.verdicts) == 0 {
		return ""
	}
	t := table{look: l, columns: []column{
		{head: "THRESHOLD", least: 24}, {head: "MUST BE", least: 10}, {head: "WAS", right: true}, {head: "VERDICT"}, {head: "BY"},
	}}
	for _, v := range s.verdicts {
		verdict := cell{text: "not evaluated", colour: faint}
		switch {
		case v.Evaluated && v.Crossed:
			verdict = cell{text: "crossed", colour: red}
		case v.Evaluated:
			verdict = cell{text: "holds", colour: green}
		}
		t.rows = append(t.rows, []cell{{text: v.Metric}, {text: v.Expression}, {text: measured(v)}, verdict, {text: v.By}})
	}
	return t.String()
}

// origin says where the run came from, and where to look further.
func (l look) origin(s story) string {
	d := s.run
	pipeline, vcs := d.CICD.Pipeline, d.VCS
	var lines []string
	line := func(name string, parts ...string) {
		for i, part := range parts {
			parts[i] = oneLine(part)
		}
		if told := l.flow(slices.DeleteFunc(parts, func(part string) bool { return part == "" })); told != "" {
			lines = append(lines, l.paint(faint, fmt.Sprintf("%-8s", name))+strings.ReplaceAll(told, "\n  ", "\n        "))
		}
	}
	before := func(word, value string) string {
		if value == "" {
			return ""
		}
		return word + value
	}
	l.width -= 8
	line("CI", d.CICD.Provider.Name, strings.TrimSpace(pipeline.Name+before(" #", pipeline.Run.Number)), pipeline.Task.Name,
		cmp.Or(pipeline.Task.Run.URL.Full, pipeline.Run.URL.Full))
	origin := d.Origin()
	head := origin.Head()
	if vcs.Ref.Base.Name != "" {
		head += " into " + vcs.Ref.Base.Name
	}
	line("git", head, before("commit ", vcs.Ref.Head.Revision), vcs.Repository.Name)
	service, where := "", environment(d)
	if d.Service != nil {
		service = d.Service.Name
	}
	line("tested", service, where)
	script := ""
	if d.K6.Script != nil {
		script = d.K6.Script.Name
	}
	processes := ""
	if n := len(d.K6.Run.Instances); n > 1 {
		processes = fmt.Sprintf("%d k6 processes", n)
	}
	line("by", before("k6 ", strings.TrimPrefix(d.K6.Version, "v")), script, strings.Join(d.K6.Scenarios, ", "), processes, before("k6es ", d.Agent.Version))
	var labels []string
	for key, value := range d.Labels {
		labels = append(labels, key+"="+value)
	}
	slices.Sort(labels)
	line("labels", labels...)
	line("run", d.K6.Run.ID, plural(d.K6.Summary.Documents, "document")+gone(s))
	line("Kibana", s.kibana)
	return strings.Join(lines, "\n")
}

// gone says that a run's samples are not there any more.
func gone(s story) string {
	if s.timeline.Pruned && s.run.K6.Summary.Documents > 0 {
		return ", which were pruned"
	}
	return ""
}
