package notify

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/runs/report"
)

// number is a value of a run, beside that of its baseline where there is one.
type number struct {
	label string
	row   compare.Row // without a baseline only Contender is set
	runs  int         // of the baseline
}

// The metrics by which requests are told of.
const (
	duration = "http_req_duration"
	failures = "http_req_failed"
)

// shownNumbers is how many headline numbers a message has.
const shownNumbers = 3

// headlines are the numbers that tell the most of a run: of its requests, or of a test that makes none, of its
// iterations and checks.
func (n *Notice) headlines() []number {
	var all []number
	for _, of := range []struct {
		label string
		row   compare.Row
	}{
		{"p95", compare.Row{Key: compare.Key{Metric: duration}, Percentile: 0.95, Unit: compare.Milliseconds}},
		{"failed", compare.Row{Key: compare.Key{Metric: failures}, Unit: compare.Share}},
		{"requests/s", compare.Row{Key: compare.Key{Metric: "http_reqs"}, Unit: compare.PerSecond}},
		{"iteration p95", compare.Row{Key: compare.Key{Metric: "iteration_duration"}, Percentile: 0.95, Unit: compare.Milliseconds}},
		{"iterations/s", compare.Row{Key: compare.Key{Metric: "iterations"}, Unit: compare.PerSecond}},
		{"checks passed", compare.Row{Key: compare.Key{Metric: "checks"}, Unit: compare.Share}},
	} {
		if one, ok := n.number(of.label, of.row); ok && len(all) < shownNumbers {
			all = append(all, one)
		}
	}
	return all
}

// number finds a value in the comparison, else in what was measured.
func (n *Notice) number(label string, row compare.Row) (one number, ok bool) {
	if n.Comparison != nil {
		for _, compared := range n.Comparison.Report.Rows {
			if compared.Key == row.Key && compared.Percentile == row.Percentile {
				return number{label, compared, compared.Runs}, true
			}
		}
	}
	row.Contender, ok = measured(n.Numbers, row)
	return number{label: label, row: row}, ok
}

// measured is a value of one run; ok is false if it has none.
func measured(run compare.Run, row compare.Row) (value float64, ok bool) {
	switch row.Unit {
	case compare.Share:
		rate := run.Rates[row.Key]
		return float64(rate.Hits) / float64(max(rate.Total, 1)), rate.Total > 0
	case compare.PerSecond:
		sum := run.Counters[row.Key]
		return sum / run.Duration.Seconds(), sum > 0 && run.Duration > 0
	default:
		trend := run.Trends[row.Key]
		if trend.Whole == nil {
			return 0, false
		}
		return trend.Whole.Quantile(row.Percentile)
	}
}

// String is the value, and how it compares: "240 ms, baseline 150 ms (+60.0 %, WORSE)".
func (n number) String() string {
	text := report.Value(n.row, n.row.Contender)
	if n.runs == 0 {
		return text
	}
	text += ", baseline " + report.Value(n.row, n.row.Baseline) + " (" + runs.Difference(n.row.Unit, n.row.Diff)
	switch n.row.Verdict {
	case compare.Worse:
		text += ", WORSE"
	case compare.Better, compare.NotJudged:
		text += ", " + string(n.row.Verdict)
	case compare.Unsure:
		text += ", unclear"
	case compare.Same:
	}
	return text + ")"
}

// request is a request that stands out.
type request struct {
	name    string
	numbers []number
}

// noted is the share of a request's failures from which on they make it stand out.
const noted = 0.01

// worst is the request to look at first: the one that became worse the most; else the one that fails most, from 1 %
// on; else the slowest. It is nil where the run made no requests.
func (n *Notice) worst() *request {
	if n.Comparison != nil {
		for _, row := range n.Comparison.Worse() {
			if row.Key.Scope == compare.Request {
				return &request{row.Key.Name, []number{{aspect(row), row, row.Runs}}}
			}
		}
	}
	names := map[string]bool{}
	for key := range n.Numbers.Trends {
		if key.Scope == compare.Request && key.Metric == duration {
			names[key.Name] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	worst := slices.MaxFunc(slices.Sorted(maps.Keys(names)), func(a, b string) int {
		return cmp.Or(cmp.Compare(n.notedFailures(a), n.notedFailures(b)), cmp.Compare(n.p95(a), n.p95(b)))
	})
	found := &request{name: worst}
	if n.notedFailures(worst) > 0 {
		if one, ok := n.number("failed", failuresOf(worst)); ok {
			found.numbers = append(found.numbers, one)
		}
	}
	if one, ok := n.number("p95", p95Of(worst)); ok {
		found.numbers = append(found.numbers, one)
	}
	return found
}

// failuresOf is the row of a request's failures, without values.
func failuresOf(name string) compare.Row {
	return compare.Row{Key: compare.Key{Scope: compare.Request, Name: name, Metric: failures}, Unit: compare.Share}
}

// p95Of is the row of a request's 95th percentile, without values.
func p95Of(name string) compare.Row {
	return compare.Row{Key: compare.Key{Scope: compare.Request, Name: name, Metric: duration}, Percentile: 0.95, Unit: compare.Milliseconds}
}

// notedFailures is the share of a request's failures, 0 where they are few.
func (n *Notice) notedFailures(name string) float64 {
	share, _ := measured(n.Numbers, failuresOf(name))
	if share < noted {
		return 0
	}
	return share
}

func (n *Notice) p95(name string) float64 {
	value, _ := measured(n.Numbers, p95Of(name))
	return value
}

// aspect names what of a request a row is about.
func aspect(row compare.Row) string {
	percentile := strings.NewReplacer("(", "", ")", "").Replace(runs.Percentile(row.Percentile))
	switch {
	case row.Key.Metric == failures:
		return "failed"
	case row.Key.Metric == duration:
		return percentile
	case row.Percentile > 0:
		return row.Key.Metric + " " + percentile
	default:
		return row.Key.Metric
	}
}
