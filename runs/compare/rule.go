package compare

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// confidence of the noise band, two-sided.
const confidence = 0.95

// rule is how differences of one kind of value are judged.
type rule struct {
	log              bool    // theta is a logarithm, else a share
	higher           bool    // is better
	least            float64 // distance of theta that matters
	leastPlain       float64 // difference of values that matters
	priorSD, priorDF float64
}

// difference is a contender's distance from its baseline.
type difference struct {
	baseline, plain   float64 // for readers: the baseline's value, and how far the contender's is from it
	distance, band, p float64 // of theta
}

// measure takes at least one baseline estimate.
func (r rule) measure(baseline []estimate, contender estimate) difference {
	runs := float64(len(baseline))
	center := mean(baseline, func(e estimate) float64 { return e.theta })
	within := mean(baseline, func(e estimate) float64 { return e.within })
	variance := max(r.between(baseline, center), (within+contender.within)/2)
	standardError := math.Sqrt(variance * (1 + 1/runs))

	t := distuv.StudentsT{Sigma: 1, Nu: r.priorDF + runs - 1}
	d := difference{baseline: r.value(baseline, center), distance: contender.theta - center}
	d.plain = contender.value - d.baseline
	d.band = t.Quantile((1+confidence)/2) * standardError
	d.p = min(1, 2*t.CDF(-math.Abs(d.distance)/standardError))
	return d
}

// between is the variance from run to run, moderated towards the prior.
func (r rule) between(baseline []estimate, center float64) float64 {
	sum := r.priorDF * square(r.priorSD)
	for _, e := range baseline {
		sum += square(e.theta - center)
	}
	return sum / (r.priorDF + float64(len(baseline)) - 1)
}

// value is the baseline's, such that the contender's ratio to it is that of the thetas.
func (r rule) value(baseline []estimate, center float64) float64 {
	arithmetic := mean(baseline, func(e estimate) float64 { return e.value })
	if r.log && arithmetic > 0 {
		return min(math.Exp(center), math.MaxFloat64)
	}
	return arithmetic
}

// judge is the verdict on a difference, before anything but its own numbers is looked at.
func (r rule) judge(d difference) Verdict {
	switch {
	case math.Abs(d.distance) <= r.least || math.Abs(d.plain) <= r.leastPlain:
		return Same
	case math.Abs(d.distance) <= d.band:
		return Unsure
	case d.distance > 0 == r.higher:
		return Better
	default:
		return Worse
	}
}

// severity is how far a difference goes towards worse, in multiples of what matters.
func (r rule) severity(d difference) float64 {
	multiples := d.distance / max(r.least, 1e-6)
	if r.higher {
		return -multiples
	}
	return multiples
}

// relative turns a distance of logarithms into a relative difference.
func relative(distance float64) float64 { return min(math.Expm1(distance), math.MaxFloat64) }

func square(x float64) float64 { return x * x }

func mean[T any](of []T, value func(T) float64) float64 {
	sum := 0.0
	for _, x := range of {
		sum += value(x)
	}
	return sum / float64(len(of))
}

// discoveries are those of the p-values that stay significant when the share of false ones among them
// is to be q at most: all up to the largest i-th smallest with p ≤ q·i/m.
func discoveries(ps []float64, q float64) []bool {
	limit := -1.0
	for i, p := range slices.Sorted(slices.Values(ps)) {
		if p <= q*float64(i+1)/float64(len(ps)) {
			limit = p
		}
	}
	found := make([]bool, len(ps))
	for i, p := range ps {
		found[i] = p <= limit
	}
	return found
}
