package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Compare judges the contender against the baseline, of which it takes the latest runs. It is an error
// if settings are invalid. Without a baseline nothing is judged, and the report says so.
func Compare(baseline []Run, contender Run, settings Settings) (Report, error) {
	if err := settings.Validate(); err != nil {
		return Report{}, fmt.Errorf("settings of the comparison: %w", err)
	}
	c := &comparison{
		Settings: settings, baseline: latest(baseline, settings.MaxBaseline), contender: &contender,
	}
	c.trends()
	c.rates()
	c.counters()
	c.withholdBetter()
	c.correct()
	c.decide()

	c.loads()
	c.report.sort()
	c.report.conclude()
	c.warn(len(baseline))
	return c.report, nil
}

// latest is the last n runs that started, latest first.
func latest(runs []Run, n int) []Run {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b Run) int {
		return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID))
	})
	return sorted[:min(n, len(sorted))]
}

// comparison is one call of Compare.
type comparison struct {
	Settings
	baseline  []Run
	contender *Run
	report    Report
}

// estimator takes an estimate from a run, or says why there is none.
type estimator func(*Run) (e estimate, reason string)

// missing is why a run has no value for a key.
func (r *Run) missing(key Key) string {
	if r.Trends[Key{Metric: key.Metric}].undivided() {
		return undivided
	}
	return cmp.Or(r.Uncompared[key.Metric], "no such series")
}

// trends compares every percentile of every trend.
func (c *comparison) trends() {
	for _, key := range keys(c, func(r *Run) map[Key]Trend { return r.Trends }) {
		unit := c.contender.Trends[key].Unit // where it has none, nothing is judged
		for _, p := range c.Percentiles {
			rule := c.ratios(c.delta(p), c.higher(key.Metric, false))
			if unit == Milliseconds {
				rule.leastPlain = c.DeltaAbs
			}
			c.compare(Row{Key: key, Percentile: p, Unit: unit}, rule, func(r *Run) (estimate, string) {
				if trend, ok := r.Trends[key]; ok {
					return ofTrend(trend, p)
				}
				return estimate{}, r.missing(key)
			})
		}
	}
}

// rates compares every rate.
func (c *comparison) rates() {
	for _, key := range keys(c, func(r *Run) map[Key]Rate { return r.Rates }) {
		rule := c.shares(c.higher(key.Metric, key.Metric == checks))
		c.compare(Row{Key: key, Unit: Share}, rule, func(r *Run) (estimate, string) {
			if rate, ok := r.Rates[key]; ok {
				return ofRate(rate)
			}
			return estimate{}, r.missing(key)
		})
	}
}

// counters compares every counter: a throughput, or the dropped iterations.
func (c *comparison) counters() {
	c.dropped(Key{Metric: dropped})
	for _, key := range keys(c, func(r *Run) map[Key]float64 { return r.Counters }) {
		switch {
		case key.Metric != dropped:
			c.throughput(key)
		case key.Scope != WholeRun:
			c.dropped(key)
		}
	}
}

func (c *comparison) throughput(key Key) {
	rule := c.ratios(c.Delta, c.higher(key.Metric, true))
	c.compare(Row{Key: key, Unit: PerSecond}, rule, func(r *Run) (estimate, string) {
		n, ok := r.Counters[key]
		if !ok && (key.Scope != WholeRun || r.Uncompared[key.Metric] != "") {
			return estimate{}, r.missing(key)
		}
		return ofCount(n, r.Duration)
	})
}

// dropped compares the share of due iterations that were dropped. Where no iterations are counted there
// is nothing to say.
func (c *comparison) dropped(key Key) {
	estimates, reason := c.estimates(func(r *Run) (estimate, string) { return ofRate(r.drops(key)) })
	if reason != "" {
		return
	}
	row := Row{Key: key, Unit: Share}
	if slices.ContainsFunc(estimates.baseline, func(e estimate) bool { return e.value > 0 }) {
		c.judge(row, c.shares(false), estimates)
		return
	}
	row.Contender, row.Diff, row.P = estimates.contender.value, estimates.contender.value, 1
	row.Runs, row.Verdict = len(estimates.baseline), Same
	row.severity = row.Contender / max(c.DroppedShare, 1e-6)
	if row.Contender > c.DroppedShare {
		row.Verdict = Worse
	}
	c.report.Rows = append(c.report.Rows, row)
}

// drops are the dropped iterations of those that were due.
func (r *Run) drops(key Key) Rate {
	n := int64(r.counted(key))
	return Rate{Hits: n, Total: n + int64(r.counted(key.in(iterations)))}
}

// ratios is the rule for logarithms.
func (c *comparison) ratios(delta float64, higher bool) rule {
	return rule{log: true, higher: higher, least: math.Log1p(delta), priorSD: c.PriorSD, priorDF: c.PriorDF}
}

// shares is the rule for shares.
func (c *comparison) shares(higher bool) rule {
	return rule{
		higher: higher, least: c.RateDelta, leastPlain: c.RateDelta,
		priorSD: c.RatePriorSD, priorDF: c.PriorDF,
	}
}

// compare adds the row, or what hinders it.
func (c *comparison) compare(row Row, rule rule, of estimator) {
	estimates, reason := c.estimates(of)
	if reason != "" {
		c.report.NotJudged = append(c.report.NotJudged, Unjudged{row.Key, row.Percentile, reason})
		return
	}
	c.judge(row, rule, estimates)
}

// judge adds the row.
func (c *comparison) judge(row Row, rule rule, of estimates) {
	d := rule.measure(of.baseline, of.contender)
	row.Baseline, row.Contender, row.Runs = d.baseline, of.contender.value, len(of.baseline)
	row.Diff, row.Noise = d.plain, d.band
	if rule.log {
		row.Diff, row.Noise = relative(d.distance), relative(d.band)
	}
	row.P, row.tested = d.p, true
	row.Verdict, row.severity = rule.judge(d), rule.severity(d)
	c.report.Rows = append(c.report.Rows, row)
}

// estimates are those of one row, of as many baseline runs as have one.
type estimates struct {
	baseline  []estimate
	contender estimate
}

// estimates gathers them. The reason is not empty when a side has none.
func (c *comparison) estimates(of estimator) (e estimates, reason string) {
	if e.contender, reason = of(c.contender); reason != "" {
		return e, "contender: " + reason
	}
	reason = "no run"
	for i := range c.baseline {
		one, why := of(&c.baseline[i])
		if why != "" {
			reason = why
			continue
		}
		e.baseline = append(e.baseline, one)
	}
	if len(e.baseline) == 0 {
		return e, "baseline: " + reason
	}
	return e, ""
}

// keys are those that any of the runs has, in a fixed order.
func keys[V any](c *comparison, of func(*Run) map[Key]V) []Key {
	set := map[Key]bool{}
	for key := range of(c.contender) {
		set[key] = true
	}
	for i := range c.baseline {
		for key := range of(&c.baseline[i]) {
			set[key] = true
		}
	}
	return slices.SortedFunc(maps.Keys(set), Key.compare)
}

// guards are the metrics that must be no worse for anything to be called better.
var guards = []string{failed, checks, dropped, requests, iterations}

// withholdBetter takes "better" back where less was asked or more went wrong: both make for fast answers.
func (c *comparison) withholdBetter() {
	culprits := map[Key]bool{}
	for _, row := range c.report.Rows {
		if row.Verdict == Worse && slices.Contains(guards, row.Key.Metric) {
			culprits[row.Key] = true
		}
	}
	for i := range c.report.Rows {
		row := &c.report.Rows[i]
		if row.Verdict != Better || row.Unit == Share {
			continue
		}
		if culprit, found := blame(culprits, row.Key); found {
			row.Verdict, row.Reason = Same, "not called better: "+culprit.String()+" is worse"
		}
	}
}

// blame finds what is worse in the key's own part of the run, or in the whole run.
func blame(culprits map[Key]bool, key Key) (culprit Key, found bool) {
	for _, scope := range []Key{key, {Scope: WholeRun}} {
		for _, metric := range guards {
			if culprit = scope.in(metric); culprits[culprit] {
				return culprit, true
			}
		}
	}
	return Key{}, false
}

// correct takes verdicts on single requests back that their number alone may explain.
func (c *comparison) correct() {
	var family []*Row
	var ps []float64
	for i := range c.report.Rows {
		row := &c.report.Rows[i]
		if row.Key.Scope == Request && row.tested && !c.named(row.Key) {
			family, ps = append(family, row), append(ps, row.P)
		}
	}
	for i, stays := range discoveries(ps, c.Q) {
		if row := family[i]; !stays && (row.Verdict == Worse || row.Verdict == Better) {
			row.Verdict = Unsure
			row.Reason = fmt.Sprintf("chance may do this to one of %d values of single requests", len(ps))
		}
	}
}

// decide marks the rows that bear on the report's verdict.
func (c *comparison) decide() {
	for i := range c.report.Rows {
		row := &c.report.Rows[i]
		row.Decisive = row.Key.Scope == WholeRun || c.named(row.Key) ||
			row.Key.Scope == Request && row.Verdict == Worse
	}
}
