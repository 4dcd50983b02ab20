package compare

import (
	"fmt"
	"math"
	"time"
)

// estimate is what one run says of one value.
type estimate struct {
	theta  float64 // on the scale of the rule: a logarithm or a share
	within float64 // variance of theta, from within the run
	value  float64 // for readers
}

// undivided is why a trend without tenths is not judged.
const undivided = "its distribution is not kept for tenths of the run"

// ofTrend estimates a percentile. The reason is not empty when there is no estimate.
func ofTrend(t Trend, p float64) (e estimate, reason string) {
	if t.Whole == nil || t.Whole.Count() == 0 {
		return e, "no values"
	}
	if t.undivided() {
		return e, undivided
	}
	if n, needed := t.Whole.Count(), samplesFor(p); n < needed {
		return e, fmt.Sprintf("too few samples: %d, it takes %d", n, needed)
	}
	q, ok := t.Whole.Quantile(p)
	if !ok {
		return e, "no values"
	}
	if !(q > 0) || math.IsInf(q, 0) {
		return e, "the percentile is not above 0"
	}
	e.value, e.theta = q, math.Log(q)
	e.within, reason = sectioning(t.Tenths, p, e.theta)
	return e, reason
}

// samplesFor is how many values it takes for five of each tenth to lie beyond a percentile. The small
// term is against 1−p being a little less than what it stands for.
func samplesFor(p float64) int64 { return int64(math.Ceil(5*Sections/min(p, 1-p) - 1e-6)) }

// sectioning is the variance of a run's theta by its tenths, centred on the run's own value.
func sectioning(tenths [Sections]Quantiles, p, theta float64) (variance float64, reason string) {
	for _, tenth := range tenths {
		if tenth == nil || tenth.Count() == 0 {
			return 0, "a tenth of the run has no values"
		}
		q, ok := tenth.Quantile(p)
		if !ok || !(q > 0) || math.IsInf(q, 0) {
			return 0, "the percentile of a tenth of the run is not above 0"
		}
		variance += square(math.Log(q) - theta)
	}
	return variance / (Sections * (Sections - 1)), ""
}

// ofCount estimates a throughput.
func ofCount(n float64, duration time.Duration) (e estimate, reason string) {
	if duration <= 0 {
		return e, "the run has no duration"
	}
	if !countable(n) {
		return e, "the count is not a number of 0 or more"
	}
	seconds, counted := duration.Seconds(), max(n, 0.5)
	return estimate{theta: math.Log(counted / seconds), within: 1 / counted, value: n / seconds}, ""
}

// countable says whether a counter's sum can be one.
func countable(n float64) bool { return n >= 0 && n < 1<<53 }

// ofRate estimates a share.
func ofRate(r Rate) (e estimate, reason string) {
	if r.Total <= 0 || r.Hits < 0 || r.Hits > r.Total {
		return e, "no samples"
	}
	k, n := float64(r.Hits), float64(r.Total)
	theta := (k + 0.5) / (n + 1)
	return estimate{theta: theta, within: theta * (1 - theta) / (n + 2), value: k / n}, ""
}
