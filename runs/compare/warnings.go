package compare

import (
	"fmt"
	"strings"
	"time"
)

const (
	fewRuns        = 3   // baseline runs that it takes to see how runs differ
	unlikeDuration = 1.2 // ratio of durations from which on they count as different
)

// warn says what the reader must know. loaded is the number of baseline runs before the latest were taken.
func (c *comparison) warn(loaded int) {
	c.warnOfResponses()
	c.warnOfBaseline(loaded)
	c.warnOfIncomplete()
	if len(c.baseline) == 0 {
		return
	}
	c.warnOfDuration()
	c.warnOfInstances()
	c.warnOfClosedModel()
}

func (c *comparison) warning(format string, args ...any) {
	c.report.Warnings = append(c.report.Warnings, fmt.Sprintf(format, args...))
}

// warnOfResponses is about a verdict that looks like one on latency, and is none.
func (c *comparison) warnOfResponses() {
	if u, found := c.report.Untimed(); found {
		c.warning("no response time was judged (%s p(%.6g): %s): the verdict does not say whether answers became slower",
			u.Key, 100*u.Percentile, u.Reason)
	}
}

func (c *comparison) warnOfBaseline(loaded int) {
	used := len(c.baseline)
	switch {
	case used == 0:
		c.warning("there is no baseline run: nothing is judged")
	case used < fewRuns:
		c.warning("few baseline runs (%d): how much equal runs differ is mostly assumed; use %d or more", used, fewRuns)
	case used < loaded:
		c.warning("of %d baseline runs the latest %d are used", loaded, used)
	}
}

func (c *comparison) warnOfIncomplete() {
	for _, of := range []struct {
		what string
		is   func(*Run) bool
	}{
		{"did not reach the end", func(r *Run) bool { return r.Interrupted }},
		{"lacks data of some of its k6 processes", func(r *Run) bool { return r.Partial }},
	} {
		if of.is(c.contender) {
			c.warning("the contender %s", of.what)
		}
		var labels []string
		for i := range c.baseline {
			if run := &c.baseline[i]; of.is(run) {
				labels = append(labels, run.label())
			}
		}
		if len(labels) > 0 {
			c.warning("in the baseline, each of these %s: %s", of.what, strings.Join(labels, ", "))
		}
	}
}

func (c *comparison) warnOfDuration() {
	mine, theirs := c.report.ContenderLoad.Duration, c.report.BaselineLoad.Duration
	if float64(max(mine, theirs)) > unlikeDuration*float64(min(mine, theirs)) {
		c.warning("the contender ran for %s, the baseline for %s: warming up weighs more in the shorter one",
			mine.Round(time.Second), theirs.Round(time.Second))
	}
}

func (c *comparison) warnOfInstances() {
	for i := range c.baseline {
		mine, theirs := c.contender.Instances, c.baseline[i].Instances
		if mine > 0 && theirs > 0 && mine != theirs {
			c.warning("the contender came from %d k6 processes, %s from %d", mine, c.baseline[i].label(), theirs)
			return
		}
	}
}

// warnOfClosedModel is about latencies that look better than they are: where the next request waits for the
// answer to the last one, a slow server is asked less.
func (c *comparison) warnOfClosedModel() {
	closed := c.contender.Closed
	for _, run := range c.baseline {
		closed = closed || run.Closed
	}
	if !closed {
		return
	}
	for _, row := range c.report.Rows {
		if row.Key.Scope == WholeRun && (row.Key.Metric == requests || row.Key.Metric == iterations) && row.Diff < -c.Delta {
			c.warning("%s per second changed by %.1f %% in a closed load model: what was not asked for is missing "+
				"among the slow answers, so latencies look better than they are", row.Key.Metric, 100*row.Diff)
		}
	}
}
