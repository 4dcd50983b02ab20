package cmd

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// warnings are what the reader must know of the runs, beside what package compare sees in their numbers.
func (c *comparer) warnings(contender *side, baseline []*side, report compare.Report) []string {
	var all []string
	for _, s := range append([]*side{contender}, baseline...) {
		if s.file != nil {
			all = append(all, s.file.shortcomings()...)
		}
	}
	if contender.about.Status == runs.Running {
		all = append(all, "the contender is still running")
	}
	if len(baseline) == 0 {
		all = append(all, noBaseline(contender.candidate()))
	}
	all = append(all, differences(contender, baseline)...)
	if text, ok := c.rampUp(contender.run); ok {
		all = append(all, text)
	}
	for _, idle := range c.idleMetrics(report) {
		c.env.warnf("%s", idle)
		all = append(all, idle)
	}
	return all
}

// noBaseline says what was looked for.
func noBaseline(candidate runs.Candidate) string {
	text := fmt.Sprintf("no earlier run of test %q", candidate.Test)
	if candidate.Environment != "" {
		text += fmt.Sprintf(" in environment %q", candidate.Environment)
	}
	if branch := strings.Join(slices.DeleteFunc([]string{candidate.BaseBranch, candidate.Branch}, func(s string) bool { return s == "" }), " or "); branch != "" {
		text += " on branch " + branch
	}
	return text + " came to its end; --baseline names another one"
}

// differences are those of the runs' circumstances.
func differences(contender *side, baseline []*side) []string {
	var all []string
	for _, of := range []struct {
		what  string
		value func(runs.Compared) string
	}{
		{"another test than the contender", testOf},
		{"another environment than the contender", func(r runs.Compared) string { return r.Environment }},
		{"another script than the contender", func(r runs.Compared) string { return r.ScriptHash }},
		{"other scenario options than the contender, so another load", func(r runs.Compared) string { return r.OptionsHash }},
	} {
		mine, unlike := of.value(contender.about), 0
		for _, s := range baseline {
			if theirs := of.value(s.about); mine != "" && theirs != "" && theirs != mine {
				unlike++
			}
		}
		switch {
		case unlike == 1 && len(baseline) == 1:
			all = append(all, "the baseline ran "+of.what)
		case unlike > 0:
			all = append(all, fmt.Sprintf("of %d baseline runs %d ran %s", len(baseline), unlike, of.what))
		}
	}
	return all
}

// testOf is the name of the test, if it is more than a guess by the name of a file.
func testOf(r runs.Compared) string {
	if r.Stored() {
		return r.Test
	}
	return ""
}

const (
	// fullLoad is the share of a usual tenth's requests from which on a tenth of a run is no part of its
	// ramp-up. Under a steady load a tenth may have two of the sections of which tenths are made, another three.
	fullLoad = 0.6
	// rampedRun is how long a run is at least of which a part may be left out: a tenth of it is a second.
	rampedRun = compare.Sections * time.Second
)

// rampUp says so where the contender was asked clearly less at its beginning than later.
func (c *comparer) rampUp(run compare.Run) (text string, found bool) {
	trend, ok := run.Trends[compare.Key{Metric: "http_req_duration"}]
	if !ok || !c.window.All() || run.Duration < rampedRun {
		return "", false
	}
	var counts []int64
	for _, tenth := range trend.Tenths {
		if tenth == nil {
			return "", false
		}
		counts = append(counts, tenth.Count())
	}
	usual := slices.Sorted(slices.Values(counts))[len(counts)/2]
	ramp := slices.IndexFunc(counts, func(n int64) bool { return float64(n) >= fullLoad*float64(usual) })
	if ramp < 1 {
		return "", false
	}
	cut := (run.Duration*time.Duration(ramp)/compare.Sections + time.Second - 1).Truncate(time.Second)
	return fmt.Sprintf("the first %s of the contender are a ramp-up, which blurs latencies; --window %s: leaves it out", cut, cut), true
}
