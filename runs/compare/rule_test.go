package compare

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var inf = math.Inf(1)

// exact is a distribution whose percentiles are all one value.
type exact struct {
	n     int64
	value float64
}

func (e exact) Count() int64                     { return e.n }
func (e exact) Quantile(float64) (float64, bool) { return e.value, e.n > 0 }

// flat is a trend of n values whose tenths have the given percentile, and the whole run the value.
func flat(n int64, value float64, tenths ...float64) Trend {
	t := Trend{Unit: Milliseconds, Whole: exact{n, value}}
	for i := range t.Tenths {
		t.Tenths[i] = exact{n / Sections, value}
		if i < len(tenths) {
			t.Tenths[i] = exact{n / Sections, tenths[i]}
		}
	}
	return t
}

func TestOfTrend(t *testing.T) {
	t.Parallel()
	e, reason := ofTrend(flat(1000, 100, 110, 90), 0.95)
	assert.Empty(t, reason)
	assert.InDelta(t, math.Log(100), e.theta, 1e-12)
	// (ln 1.1² + ln 0.9²) / 90 = (0.0090840 + 0.0111008) / 90
	assert.InDelta(t, 0.000224276, e.within, 1e-9)

	missing := flat(1000, 100)
	missing.Tenths[3] = nil
	empty := flat(1000, 100)
	empty.Tenths[9] = exact{}
	for name, c := range map[string]struct {
		trend  Trend
		p      float64
		reason string
	}{
		"p50 of 100":             {flat(100, 1), 0.5, ""},
		"p50 of 99":              {flat(99, 1), 0.5, "too few samples: 99, it takes 100"},
		"p90 of 500":             {flat(500, 1), 0.9, ""},
		"p95 of 999":             {flat(999, 1), 0.95, "too few samples: 999, it takes 1000"},
		"p99 of 5000":            {flat(5000, 1), 0.99, ""},
		"p99 of 4999":            {flat(4999, 1), 0.99, "too few samples: 4999, it takes 5000"},
		"p5 of 999":              {flat(999, 1), 0.05, "too few samples: 999, it takes 1000"},
		"none":                   {Trend{}, 0.5, "no values"},
		"no values":              {flat(0, 1), 0.5, "no values"},
		"a missing tenth":        {missing, 0.5, "a tenth of the run has no values"},
		"an empty tenth":         {empty, 0.5, "a tenth of the run has no values"},
		"zero":                   {flat(1000, 0), 0.5, "the percentile is not above 0"},
		"not a number":           {flat(1000, math.NaN()), 0.5, "the percentile is not above 0"},
		"infinite":               {flat(1000, inf), 0.5, "the percentile is not above 0"},
		"zero in a tenth":        {flat(1000, 1, 0), 0.5, "the percentile of a tenth of the run is not above 0"},
		"negative in a tenth":    {flat(1000, 1, -1), 0.5, "the percentile of a tenth of the run is not above 0"},
		"infinite in a tenth":    {flat(1000, 1, inf), 0.5, "the percentile of a tenth of the run is not above 0"},
		"no number in one tenth": {flat(1000, 1, math.NaN()), 0.5, "the percentile of a tenth of the run is not above 0"},
	} {
		_, reason := ofTrend(c.trend, c.p)
		assert.Equal(t, c.reason, reason, name)
	}
}

func TestOfCount(t *testing.T) {
	t.Parallel()
	e, reason := ofCount(600, time.Minute)
	assert.Empty(t, reason)
	assert.Equal(t, estimate{theta: math.Log(10), within: 1.0 / 600, value: 10}, e)

	e, reason = ofCount(0, time.Second)
	assert.Empty(t, reason)
	assert.Equal(t, estimate{theta: math.Log(0.5), within: 2, value: 0}, e, "half a count")

	_, reason = ofCount(1, 0)
	assert.Equal(t, "the run has no duration", reason)
	for _, n := range []float64{-1, math.NaN(), inf} {
		_, reason = ofCount(n, time.Second)
		assert.Equal(t, "the count is not a number of 0 or more", reason)
	}
}

func TestOfRate(t *testing.T) {
	t.Parallel()
	e, reason := ofRate(Rate{Hits: 1, Total: 99})
	assert.Empty(t, reason)
	assert.InDelta(t, 0.015, e.theta, 1e-15)
	assert.InDelta(t, 0.015*0.985/101, e.within, 1e-15)
	assert.InDelta(t, 1.0/99, e.value, 1e-15)

	for _, rate := range []Rate{{}, {Hits: 2, Total: 1}, {Hits: -1, Total: 1}, {Total: -1}} {
		_, reason = ofRate(rate)
		assert.Equal(t, "no samples", reason)
	}
}

// logs are estimates of values without noise of their own.
func logs(values ...float64) []estimate {
	var list []estimate
	for _, v := range values {
		list = append(list, estimate{theta: math.Log(v), value: v})
	}
	return list
}

var latency = rule{log: true, least: math.Log(1.05), priorSD: 0.03, priorDF: 4}

// The smallest bands there are, with t(.975) of 4, 6, 8 and 13 degrees of freedom from tables.
func TestBandOfEqualRuns(t *testing.T) {
	t.Parallel()
	for runs, want := range map[int]float64{
		1:  2.7764 * 0.03 * math.Sqrt(2),
		3:  2.4469 * math.Sqrt(4*0.0009/6) * math.Sqrt(4.0/3),
		5:  2.3060 * math.Sqrt(4*0.0009/8) * math.Sqrt(6.0/5),
		10: 2.1604 * math.Sqrt(4*0.0009/13) * math.Sqrt(11.0/10),
	} {
		equal := make([]estimate, runs)
		assert.InDelta(t, want, latency.measure(equal, estimate{}).band, 1e-5, "%d runs", runs)
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	// m = ln(100·110·121)/3 = ln 110, Σ(θ−m)² = 2·ln²1.1 = 0.0181681, s² = (0.0036 + 0.0181681)/6 = 0.00362801,
	// s = 0.0602330, SE = s·√(4/3) = 0.0695511, N = 2.44691·SE = 0.170185, L = ln(132/110) = 0.182322,
	// L/SE = 2.62141, and of t with 6 degrees of freedom 0.03950 lies beyond ±2.62141.
	d := latency.measure(logs(100, 110, 121), logs(132)[0])
	assert.InDelta(t, 110, d.baseline, 1e-9)
	assert.InDelta(t, 22, d.plain, 1e-9)
	assert.InDelta(t, 0.182322, d.distance, 1e-6)
	assert.InDelta(t, 0.170185, d.band, 1e-6)
	assert.InDelta(t, 0.0395, d.p, 5e-4)
	assert.Equal(t, Worse, latency.judge(d))
	assert.InDelta(t, 0.182322/math.Log(1.05), latency.severity(d), 1e-5)

	// Within-run variances of 0.01 and 0.03 on average outweigh it: SE = √0.02·√(4/3).
	noisy := logs(100, 110, 121)
	for i, within := range []float64{0.005, 0.01, 0.015} {
		noisy[i].within = within
	}
	contender := logs(132)[0]
	contender.within = 0.03
	d = latency.measure(noisy, contender)
	assert.InDelta(t, 2.44691*math.Sqrt(0.02*4.0/3), d.band, 1e-5)
	assert.Equal(t, Unsure, latency.judge(d))
}

func TestJudge(t *testing.T) {
	t.Parallel()
	throughput := latency
	throughput.higher = true
	absolute := latency
	absolute.leastPlain = 1
	for name, c := range map[string]struct {
		rule rule
		d    difference
		want Verdict
	}{
		"worse":              {latency, difference{distance: 0.2, plain: 9, band: 0.1}, Worse},
		"better":             {latency, difference{distance: -0.2, plain: -9, band: 0.1}, Better},
		"more throughput":    {throughput, difference{distance: 0.2, plain: 9, band: 0.1}, Better},
		"less throughput":    {throughput, difference{distance: -0.2, plain: -9, band: 0.1}, Worse},
		"in the noise":       {latency, difference{distance: 0.2, plain: 9, band: 0.3}, Unsure},
		"too small":          {latency, difference{distance: 0.04, plain: 9, band: 0.01}, Same},
		"below 1 ms":         {absolute, difference{distance: 0.2, plain: 0.9, band: 0.1}, Same},
		"below 1 ms, noisy":  {absolute, difference{distance: 0.2, plain: 0.9, band: 0.3}, Same},
		"above 1 ms":         {absolute, difference{distance: 0.2, plain: 1.1, band: 0.1}, Worse},
		"no distance at all": {latency, difference{band: 0.1}, Same},
	} {
		assert.Equal(t, c.want, c.rule.judge(c.d), name)
	}
}

// The example of Benjamini and Hochberg's paper: fifteen comparisons of two treatments, four discoveries.
func TestDiscoveries(t *testing.T) {
	t.Parallel()
	ps := []float64{
		0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1,
	}
	for i, found := range discoveries(ps, 0.05) {
		assert.Equal(t, i < 4, found, ps[i])
	}
	assert.Equal(t, []bool{true, true}, discoveries([]float64{0.05, 0.04}, 0.05), "carried by the largest")
	assert.Equal(t, []bool{false, true, false}, discoveries([]float64{0.9, 0.01, 0.04}, 0.05))
	assert.Equal(t, []bool{true}, discoveries([]float64{0.05}, 0.05), "a single one needs no correction")
	assert.Empty(t, discoveries(nil, 0.05))
}
