package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs/compare"
)

const (
	duration   = "http_req_duration"
	failed     = "http_req_failed"
	requests   = "http_reqs"
	iterations = "iterations"
	dropped    = "dropped_iterations"
)

func whole(metric string) compare.Key { return compare.Key{Metric: metric} }

func scenario(name, metric string) compare.Key {
	return compare.Key{Scope: compare.Scenario, Name: name, Metric: metric}
}

func request(name, metric string) compare.Key {
	return compare.Key{Scope: compare.Request, Name: name, Metric: metric}
}

// exact is a distribution whose percentiles are all one value.
type exact struct {
	n     int64
	value float64
}

func (e exact) Count() int64                     { return e.n }
func (e exact) Quantile(float64) (float64, bool) { return e.value, e.n > 0 }

// steady is a trend that is the same all the time.
func steady(n int64, ms float64) compare.Trend {
	trend := compare.Trend{Unit: compare.Milliseconds, Whole: exact{n, ms}}
	for i := range trend.Tenths {
		trend.Tenths[i] = exact{n / compare.Sections, ms}
	}
	return trend
}

// run is one of 100 requests a second for 100 s, of which 10 fail.
func run(ms float64, change ...func(*compare.Run)) compare.Run {
	r := compare.Run{
		Duration:  100 * time.Second,
		Instances: 1,
		Trends:    map[compare.Key]compare.Trend{whole(duration): steady(10_000, ms)},
		Rates:     map[compare.Key]compare.Rate{whole(failed): {Hits: 10, Total: 10_000}},
		Counters:  map[compare.Key]float64{whole(requests): 10_000, whole(iterations): 5_000},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// baseline is runs of 99, 100 and 101 ms.
func baseline(change ...func(*compare.Run)) []compare.Run {
	var runs []compare.Run
	for i, ms := range []float64{99, 100, 101} {
		r := run(ms, change...)
		r.ID, r.Start = fmt.Sprint("base-", i), time.Unix(int64(1000*i), 0)
		runs = append(runs, r)
	}
	return runs
}

func counting(key compare.Key, n float64) func(*compare.Run) {
	return func(r *compare.Run) { r.Counters[key] = n }
}

func rating(key compare.Key, hits, total int64) func(*compare.Run) {
	return func(r *compare.Run) { r.Rates[key] = compare.Rate{Hits: hits, Total: total} }
}

func timing(key compare.Key, n int64, ms float64) func(*compare.Run) {
	return func(r *compare.Run) { r.Trends[key] = steady(n, ms) }
}

func judged(t *testing.T, base []compare.Run, contender compare.Run, change ...func(*compare.Settings)) compare.Report {
	t.Helper()
	settings := compare.Defaults()
	for _, c := range change {
		c(&settings)
	}
	report, err := compare.Compare(base, contender, settings)
	require.NoError(t, err)
	return report
}

func only(percentiles ...float64) func(*compare.Settings) {
	return func(s *compare.Settings) { s.Percentiles = percentiles }
}

func naming(metrics ...string) func(*compare.Settings) {
	return func(s *compare.Settings) { s.Metrics = metrics }
}

// row is the first of a key, which is the worst.
func row(t *testing.T, report compare.Report, key compare.Key) compare.Row {
	t.Helper()
	i := slices.IndexFunc(report.Rows, func(r compare.Row) bool { return r.Key == key })
	require.GreaterOrEqual(t, i, 0, "no row of %s", key)
	return report.Rows[i]
}

func TestEqualRuns(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline(), run(100))
	assert.Equal(t, compare.Same, report.Verdict)
	assert.False(t, report.Regression())
	assert.Len(t, report.Rows, 3+1+2+1, "percentiles, failures, requests and iterations, dropped iterations")
	for _, row := range report.Rows {
		assert.Equal(t, compare.Same, row.Verdict, row.Key)
		assert.True(t, row.Decisive)
		assert.Equal(t, 3, row.Runs)
	}
	assert.Empty(t, report.NotJudged)
	assert.Empty(t, report.Warnings)
	assert.Equal(t, []string{"base-2", "base-1", "base-0"}, report.BaselineRuns)

	load := compare.Load{Requests: 100, Iterations: 50, Failed: 0.001, Duration: 100 * time.Second}
	assert.Equal(t, load, report.ContenderLoad)
	assert.InDelta(t, 0.001, report.BaselineLoad.Failed, 1e-12)
	report.BaselineLoad.Failed = load.Failed
	assert.Equal(t, load, report.BaselineLoad)
}

func TestSlowerRun(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline(), run(125))
	assert.Equal(t, compare.Worse, report.Verdict)
	assert.True(t, report.Regression())

	worst := report.Rows[0]
	assert.Equal(t, whole(duration), worst.Key)
	assert.InDelta(t, 0.5, worst.Percentile, 0, "p99 is less far beyond what matters")
	assert.InDelta(t, 99.9967, worst.Baseline, 1e-4, "the geometric mean")
	assert.InDelta(t, 125, worst.Contender, 0)
	assert.InDelta(t, 125/99.9967-1, worst.Diff, 1e-6)
	// s² = (4·0.03² + 2·0.01²)/6, N = 2.4469·s·√(4/3)
	assert.InDelta(t, math.Expm1(2.44691*math.Sqrt(0.0038/6*4/3)), worst.Noise, 1e-5)
	assert.Less(t, worst.P, 0.05)
	assert.Equal(t, compare.Milliseconds, worst.Unit)
}

func TestLeastDifferenceThatMatters(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline(), run(109))
	verdicts := map[float64]compare.Verdict{}
	for _, row := range report.Rows {
		if row.Key == whole(duration) {
			verdicts[row.Percentile] = row.Verdict
		}
	}
	assert.Equal(t, map[float64]compare.Verdict{0.5: compare.Worse, 0.95: compare.Worse, 0.99: compare.Same}, verdicts)

	fast := func(ms float64) func(*compare.Run) { return timing(whole(duration), 10_000, ms) }
	report = judged(t, baseline(fast(1)), run(1.9, fast(1.9)))
	assert.Equal(t, compare.Same, report.Verdict, "less than a millisecond")
	report = judged(t, baseline(fast(1)), run(2.1, fast(2.1)))
	assert.Equal(t, compare.Worse, report.Verdict)

	size := func(n float64) func(*compare.Run) {
		return func(r *compare.Run) {
			trend := steady(10_000, n)
			trend.Unit = compare.Number
			r.Trends[whole("score")] = trend
		}
	}
	report = judged(t, baseline(size(0.1)), run(100, size(0.2)))
	assert.Equal(t, compare.Worse, row(t, report, whole("score")).Verdict, "milliseconds have no say in other units")
}

func TestUnsure(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline()[:1], run(107), only(0.5))
	assert.Equal(t, compare.Unsure, row(t, report, whole(duration)).Verdict)
	assert.Equal(t, compare.Unsure, report.Verdict)
	assert.False(t, report.Regression())

	report = judged(t, baseline()[:1], run(92), only(0.5))
	assert.Equal(t, compare.Unsure, row(t, report, whole(duration)).Verdict)
	assert.Equal(t, compare.Same, report.Verdict, "perhaps better is no reason for doubt")
}

func TestBetter(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline(), run(70))
	assert.Equal(t, compare.Better, row(t, report, whole(duration)).Verdict)
	assert.Equal(t, compare.Better, report.Verdict)

	for culprit, change := range map[compare.Key]func(*compare.Run){
		whole(failed):     rating(whole(failed), 500, 10_000),
		whole(requests):   counting(whole(requests), 7_000),
		whole(iterations): counting(whole(iterations), 3_000),
		whole(dropped):    counting(whole(dropped), 50),
	} {
		report = judged(t, baseline(), run(70, change))
		assert.Equal(t, compare.Worse, row(t, report, culprit).Verdict, culprit)
		withheld := row(t, report, whole(duration))
		assert.Equal(t, compare.Same, withheld.Verdict, culprit)
		assert.Equal(t, fmt.Sprintf("not called better: %s is worse", culprit), withheld.Reason)
		assert.Equal(t, compare.Worse, report.Verdict)
	}
}

func TestBetterOfAPart(t *testing.T) {
	t.Parallel()
	was := func(r *compare.Run) {
		for _, name := range []string{"a", "b"} {
			timing(request(name, duration), 5000, 100)(r)
			rating(request(name, failed), 0, 5000)(r)
		}
	}
	is := func(r *compare.Run) {
		for _, name := range []string{"a", "b"} {
			timing(request(name, duration), 5000, 50)(r)
			rating(request(name, failed), 0, 5000)(r)
		}
		rating(request("a", failed), 1000, 5000)(r)
	}
	report := judged(t, baseline(was), run(100, is))
	assert.Equal(t, "not called better: http_req_failed{name:a} is worse", row(t, report, request("a", duration)).Reason)
	assert.Equal(t, compare.Better, row(t, report, request("b", duration)).Verdict)
	assert.Equal(t, compare.Worse, report.Verdict, "failures of a")
}

func TestThroughput(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline(), run(100, counting(whole(requests), 8_000)))
	lower := row(t, report, whole(requests))
	assert.Equal(t, compare.Worse, lower.Verdict)
	assert.InDelta(t, 100, lower.Baseline, 1e-9)
	assert.InDelta(t, 80, lower.Contender, 1e-9)
	assert.InDelta(t, -0.2, lower.Diff, 1e-9)
	assert.Equal(t, compare.PerSecond, lower.Unit)

	report = judged(t, baseline(), run(100, counting(whole(requests), 12_000)))
	assert.Equal(t, compare.Better, row(t, report, whole(requests)).Verdict)

	report = judged(t, baseline(), run(100, func(r *compare.Run) { delete(r.Counters, whole(requests)) }))
	none := row(t, report, whole(requests))
	assert.Equal(t, compare.Worse, none.Verdict, "a counter that is not there never counted")
	assert.Zero(t, none.Contender)

	report = judged(t, baseline(counting(whole("orders"), 0)), run(100, counting(whole("orders"), 0)))
	assert.Equal(t, compare.Same, row(t, report, whole("orders")).Verdict)
	assert.Zero(t, row(t, report, whole("orders")).Baseline)
}

func TestShares(t *testing.T) {
	t.Parallel()
	for hits, want := range map[int64]compare.Verdict{
		10: compare.Same,
		55: compare.Same,  // 0.45 percentage points more
		65: compare.Worse, // 0.55, of which the runs explain 0.46
		0:  compare.Same,
	} {
		report := judged(t, baseline(), run(100, rating(whole(failed), hits, 10_000)))
		share := row(t, report, whole(failed))
		assert.Equal(t, want, share.Verdict, "%d failures, noise %v", hits, share.Noise)
		assert.InDelta(t, 0.001, share.Baseline, 1e-12)
		assert.InDelta(t, float64(hits-10)/10_000, share.Diff, 1e-12)
	}

	report := judged(t, baseline()[:1], run(100, rating(whole(failed), 65, 10_000)))
	assert.Equal(t, compare.Unsure, row(t, report, whole(failed)).Verdict, "one run explains 0.79")

	report = judged(t, baseline(), run(100, rating(whole(failed), 0, 20)))
	assert.Equal(t, compare.Same, row(t, report, whole(failed)).Verdict, "no failure in a few is none")

	check := func(passed int64) func(*compare.Run) { return rating(whole("checks"), passed, 1000) }
	report = judged(t, baseline(check(990)), run(100, check(900)))
	assert.Equal(t, compare.Worse, row(t, report, whole("checks")).Verdict, "checks are better higher")
}

func TestDirections(t *testing.T) {
	t.Parallel()
	directions := func(s *compare.Settings) {
		s.Directions = map[string]compare.Direction{"score": compare.HigherIsBetter, "errors": compare.LowerIsBetter}
	}
	was := func(r *compare.Run) { timing(whole("score"), 5000, 100)(r); counting(whole("errors"), 1000)(r) }
	is := func(r *compare.Run) { timing(whole("score"), 5000, 200)(r); counting(whole("errors"), 2000)(r) }
	report := judged(t, baseline(was), run(100, is), directions)
	assert.Equal(t, compare.Better, row(t, report, whole("score")).Verdict)
	assert.Equal(t, compare.Worse, row(t, report, whole("errors")).Verdict)
}

func TestDroppedIterations(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline(), run(100, counting(whole(dropped), 5)))
	assert.Equal(t, compare.Same, row(t, report, whole(dropped)).Verdict, "5 of 5005")
	report = judged(t, baseline(), run(100, counting(whole(dropped), 6)))
	more := row(t, report, whole(dropped))
	assert.Equal(t, compare.Worse, more.Verdict, "6 of 5006")
	assert.InDelta(t, 6.0/5006, more.Contender, 1e-12)
	assert.Equal(t, compare.Worse, report.Verdict)
	assert.InDelta(t, 6, report.ContenderLoad.Dropped, 0)

	some := counting(whole(dropped), 100)
	report = judged(t, baseline(some), run(100, counting(whole(dropped), 110)))
	assert.Equal(t, compare.Same, row(t, report, whole(dropped)).Verdict, "the baseline dropped as many")
	report = judged(t, baseline(some), run(100, counting(whole(dropped), 300)))
	assert.Equal(t, compare.Worse, row(t, report, whole(dropped)).Verdict)

	report = judged(t, baseline(), run(100, counting(scenario("a", dropped), 20), counting(scenario("a", iterations), 80)))
	for _, row := range report.Rows {
		assert.NotEqual(t, scenario("a", dropped), row.Key, "the baseline has no such scenario")
	}
}

// requestRuns have n requests at 100 ms, of which the contender's first slow ones are at ms.
func requestRuns(n, slow int, ms float64) (base []compare.Run, contender compare.Run) {
	all := func(value func(i int) float64) func(*compare.Run) {
		return func(r *compare.Run) {
			for i := range n {
				timing(request(fmt.Sprint("r", i), duration), 1000, value(i))(r)
			}
		}
	}
	base = baseline(all(func(int) float64 { return 100 }))
	return base, run(100, all(func(i int) float64 {
		if i < slow {
			return ms
		}
		return 100
	}))
}

func TestSingleRequestsAreCorrected(t *testing.T) {
	t.Parallel()
	base, contender := requestRuns(1, 1, 109)
	report := judged(t, base, contender, only(0.95))
	assert.Equal(t, compare.Worse, row(t, report, request("r0", duration)).Verdict)
	assert.Equal(t, compare.Worse, report.Verdict, "one request, no correction")

	base, contender = requestRuns(40, 1, 109)
	report = judged(t, base, contender, only(0.95))
	corrected := row(t, report, request("r0", duration))
	assert.Equal(t, compare.Unsure, corrected.Verdict)
	assert.Equal(t, "chance may do this to one of 40 values of single requests", corrected.Reason)
	assert.False(t, corrected.Decisive)
	assert.Equal(t, compare.Same, report.Verdict)

	report = judged(t, base, contender, only(0.95), naming(duration))
	assert.Equal(t, compare.Same, report.Verdict, "a bare metric does not name single requests")
	report = judged(t, base, contender, only(0.95), naming("http_req_duration{name:r0}"))
	assert.Equal(t, compare.Worse, row(t, report, request("r0", duration)).Verdict, "chosen, not found among many")
	assert.Equal(t, compare.Worse, report.Verdict)

	base, contender = requestRuns(40, 40, 109)
	report = judged(t, base, contender, only(0.95))
	assert.Equal(t, compare.Worse, report.Verdict, "all of them are hardly chance")
	base, contender = requestRuns(40, 1, 160)
	report = judged(t, base, contender, only(0.95))
	assert.Equal(t, request("r0", duration), report.Rows[0].Key)
	assert.True(t, report.Rows[0].Decisive)
	assert.True(t, report.Regression())
}

func TestScenariosBearOnTheVerdictIfNamed(t *testing.T) {
	t.Parallel()
	base := baseline(timing(scenario("a", duration), 5000, 100))
	contender := run(100, timing(scenario("a", duration), 5000, 200))
	report := judged(t, base, contender)
	assert.Equal(t, compare.Worse, report.Rows[0].Verdict)
	assert.Equal(t, compare.Same, report.Verdict)
	for _, name := range []string{duration, "http_req_duration{scenario:a}"} {
		assert.Equal(t, compare.Worse, judged(t, base, contender, naming(name)).Verdict, name)
	}
}

func TestNotJudged(t *testing.T) {
	t.Parallel()
	report := judged(t, nil, run(100))
	assert.Equal(t, compare.NotJudged, report.Verdict)
	assert.Empty(t, report.Rows)
	assert.Len(t, report.NotJudged, 3+1+2)
	assert.Equal(t, "baseline: no run", report.NotJudged[0].Reason)
	assert.Equal(t, []string{"there is no baseline run: nothing is judged"}, report.Warnings)
	assert.InDelta(t, 100, report.ContenderLoad.Requests, 0)

	report = judged(t, baseline(timing(request("gone", duration), 5000, 1)), run(100, timing(request("new", duration), 5000, 1)), only(0.5))
	assert.Equal(t, []compare.Unjudged{
		{Key: request("gone", duration), Percentile: 0.5, Reason: "contender: no such series"},
		{Key: request("new", duration), Percentile: 0.5, Reason: "baseline: no such series"},
	}, report.NotJudged)

	report = judged(t, baseline(), run(100, timing(whole(duration), 1200, 100)))
	assert.Equal(t, []compare.Unjudged{
		{Key: whole(duration), Percentile: 0.99, Reason: "contender: too few samples: 1200, it takes 5000"},
	}, report.NotJudged)

	base := baseline()
	timing(whole(duration), 50, 100)(&base[0])
	report = judged(t, base, run(100))
	assert.Equal(t, 2, row(t, report, whole(duration)).Runs, "baseline runs that have no estimate are left out")
}

// TestBlindToResponseTimes: whatever the verdict is, it is none on latency then.
func TestBlindToResponseTimes(t *testing.T) {
	t.Parallel()
	few := run(100, timing(whole(duration), 99, 400))
	report := judged(t, baseline(), few)
	unjudged, blind := report.Untimed()
	assert.True(t, blind)
	assert.Equal(t, compare.Unjudged{Key: whole(duration), Percentile: .5, Reason: "contender: too few samples: 99, it takes 100"}, unjudged)
	assert.Equal(t, []string{"no response time was judged (http_req_duration p(50): contender: too few samples: 99, it takes 100): " +
		"the verdict does not say whether answers became slower"}, report.Warnings)

	delete(few.Trends, whole(duration))
	nothing := few
	for name, r := range map[string]compare.Report{
		"enough for the median": judged(t, baseline(), run(100, timing(whole(duration), 100, 400))),
		"no baseline":           judged(t, nil, run(100, timing(whole(duration), 99, 400))),
		"none measured":         judged(t, []compare.Run{nothing}, nothing),
	} {
		_, blind = r.Untimed()
		assert.False(t, blind, name)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	report := judged(t, baseline()[:2], run(100))
	assert.Equal(t, []string{"few baseline runs (2): how much equal runs differ is mostly assumed; use 3 or more"}, report.Warnings)

	var many []compare.Run
	for range 4 {
		many = append(many, baseline()...)
	}
	report = judged(t, many, run(100))
	assert.Len(t, report.BaselineRuns, 10)
	assert.Equal(t, []string{"of 12 baseline runs the latest 10 are used"}, report.Warnings)

	base := baseline()
	base[0].Partial, base[1].Interrupted, base[2].Name = true, true, "nightly"
	base[2].Interrupted, base[2].Instances = true, 2
	contender := run(100)
	contender.Interrupted, contender.Duration = true, 50*time.Second
	contender.Counters = map[compare.Key]float64{whole(requests): 4000, whole(iterations): 2500}
	contender.Closed = true
	report = judged(t, base, contender)
	assert.Equal(t, []string{
		"the contender did not reach the end",
		"in the baseline, each of these did not reach the end: nightly, base-1",
		"in the baseline, each of these lacks data of some of its k6 processes: base-0",
		"the contender ran for 50s, the baseline for 1m40s: warming up weighs more in the shorter one",
		"the contender came from 1 k6 processes, nightly from 2",
		"http_reqs per second changed by -20.0 % in a closed load model: what was not asked for is missing among the " +
			"slow answers, so latencies look better than they are",
	}, report.Warnings)
}

func TestOrderOfTheBaselineDoesNotMatter(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	var base []compare.Run
	for i := range 12 {
		r := arbitrary(rng)
		r.Start = time.Unix(int64(i), 0)
		base = append(base, r)
	}
	contender := arbitrary(rng)
	want := judged(t, base, contender)
	require.NotEmpty(t, want.Rows)
	for range 20 {
		rng.Shuffle(len(base), func(i, j int) { base[i], base[j] = base[j], base[i] })
		assert.Equal(t, want, judged(t, base, contender))
	}
}

// With one run on either side, changing sides mirrors every verdict.
func TestDirectionsAreSymmetric(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	mirror := map[compare.Verdict]compare.Verdict{
		compare.Worse: compare.Better, compare.Better: compare.Worse, compare.Same: compare.Same, compare.Unsure: compare.Unsure,
	}
	seen := map[compare.Verdict]int{}
	for range 300 {
		a, b := scaledRun(rng), scaledRun(rng)
		there, back := judged(t, []compare.Run{a}, b), judged(t, []compare.Run{b}, a)
		for _, forth := range there.Rows {
			i := slices.IndexFunc(back.Rows, func(r compare.Row) bool {
				return r.Key == forth.Key && r.Percentile == forth.Percentile
			})
			require.GreaterOrEqual(t, i, 0)
			assert.Equal(t, mirror[forth.Verdict], back.Rows[i].Verdict)
			assert.InDelta(t, forth.P, back.Rows[i].P, 1e-12)
			seen[forth.Verdict]++
		}
	}
	assert.Len(t, seen, 4, "%v", seen)
}

// scaledRun has nothing but a latency.
func scaledRun(rng *rand.Rand) compare.Run {
	trend := steady(10_000, 100*math.Exp(0.15*rng.NormFloat64()))
	for i := range trend.Tenths {
		trend.Tenths[i] = exact{1000, trend.Whole.(exact).value * math.Exp(0.05*rng.NormFloat64())}
	}
	return compare.Run{Trends: map[compare.Key]compare.Trend{whole(duration): trend}}
}

// In units other than milliseconds, what the values are counted in does not matter.
func TestScaleDoesNotMatter(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		var base, thousandfold []compare.Run
		for i := range 5 {
			r := scaledRun(rng)
			trend := r.Trends[whole(duration)]
			trend.Unit = compare.Number
			r.Trends[whole(duration)], r.Start = trend, time.Unix(int64(i), 0)
			base, thousandfold = append(base, r), append(thousandfold, times(r, 1000))
		}
		one, other := judged(t, base[1:], base[0]), judged(t, thousandfold[1:], thousandfold[0])
		require.Len(t, other.Rows, len(one.Rows))
		for i, row := range one.Rows {
			assert.Equal(t, row.Verdict, other.Rows[i].Verdict)
			assert.InDelta(t, row.Diff, other.Rows[i].Diff, 1e-9)
		}
	}
}

func times(r compare.Run, factor float64) compare.Run {
	multiply := func(q compare.Quantiles) compare.Quantiles {
		e := q.(exact)
		return exact{e.n, factor * e.value}
	}
	trend := r.Trends[whole(duration)]
	trend.Whole = multiply(trend.Whole)
	for i, tenth := range trend.Tenths {
		trend.Tenths[i] = multiply(tenth)
	}
	r.Trends = map[compare.Key]compare.Trend{whole(duration): trend}
	return r
}

// A report is numbers, whatever the runs are like.
func TestNoReportHasNaN(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 12))
	rows := 0
	for range 3000 {
		var base []compare.Run
		for range rng.IntN(5) {
			base = append(base, arbitrary(rng))
		}
		report := judged(t, base, arbitrary(rng))
		rows += len(report.Rows)
		finite(t, reflect.ValueOf(report))
		assert.True(t, slices.IsSortedFunc(report.Rows, func(a, b compare.Row) int {
			order := []compare.Verdict{compare.Worse, compare.Unsure, compare.Same, compare.Better}
			return slices.Index(order, a.Verdict) - slices.Index(order, b.Verdict)
		}))
		for _, unjudged := range report.NotJudged {
			assert.True(t, strings.HasPrefix(unjudged.Reason, "contender: ") || strings.HasPrefix(unjudged.Reason, "baseline: "))
		}
	}
	assert.Greater(t, rows, 10_000)
}

// arbitrary is a run out of ordinary, odd and impossible values.
func arbitrary(rng *rand.Rand) compare.Run {
	value := func() float64 {
		odd := []float64{0, -1, 1e-320, 1e-300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}
		if rng.IntN(12) == 0 {
			return odd[rng.IntN(len(odd))]
		}
		return 100 * math.Exp(rng.NormFloat64())
	}
	r := compare.Run{
		Duration: time.Duration(rng.IntN(4)) * time.Second,
		Trends:   map[compare.Key]compare.Trend{}, Rates: map[compare.Key]compare.Rate{}, Counters: map[compare.Key]float64{},
	}
	for _, key := range []func(string) compare.Key{
		whole, func(m string) compare.Key { return scenario("s", m) }, func(m string) compare.Key { return request("r", m) },
	} {
		trend := compare.Trend{Unit: compare.Milliseconds, Whole: exact{rng.Int64N(40_000), value()}}
		rare := value()
		for i := range trend.Tenths {
			trend.Tenths[i] = exact{4000, trend.Whole.(exact).value}
		}
		if rng.IntN(3) == 0 {
			trend.Tenths[rng.IntN(10)] = exact{rng.Int64N(3), rare}
		}
		if rng.IntN(5) > 0 {
			r.Trends[key(duration)] = trend
		}
		r.Rates[key(failed)] = compare.Rate{Hits: rng.Int64N(10) - 1, Total: rng.Int64N(100)}
		r.Counters[key(requests)], r.Counters[key(iterations)] = value(), value()
		r.Counters[key(dropped)] = value() * float64(rng.IntN(2))
	}
	return r
}

// finite looks at every number of a value.
func finite(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Float64:
		assert.False(t, math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0), "%v", v.Float())
	case reflect.Struct:
		for i := range v.NumField() {
			finite(t, v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			finite(t, v.Index(i))
		}
	}
}

func TestInvalidSettings(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*compare.Settings){
		"no percentile to compare":                                only(),
		"percentile 95 is not between 0 and 1":                    only(95),
		"percentile NaN":                                          only(math.NaN()),
		"least relative difference is -1":                         func(s *compare.Settings) { s.Delta = -1 },
		"deviation between runs is 0: it must be from 1e-06":      func(s *compare.Settings) { s.PriorSD = 0 },
		"weight of the expected standard deviation is NaN":        func(s *compare.Settings) { s.PriorDF = math.NaN() },
		"number of baseline runs is 0":                            func(s *compare.Settings) { s.MaxBaseline = 0 },
		"tolerated share of dropped iterations is 2: it must be ": func(s *compare.Settings) { s.DroppedShare = 2 },
	} {
		settings := compare.Defaults()
		change(&settings)
		_, err := compare.Compare(baseline(), run(100), settings)
		assert.ErrorContains(t, err, want)
	}
}

// TestMetricWithoutType compares a counter with samples of which nobody knows what they are.
func TestMetricWithoutType(t *testing.T) {
	t.Parallel()
	key := compare.Key{Metric: "orders"}
	counted := compare.Run{ID: "a", Duration: time.Minute, Counters: map[compare.Key]float64{key: 500}}
	untyped := compare.Run{ID: "b", Duration: time.Minute, Uncompared: map[string]string{"orders": "the metric's type is not known"}}
	for side, runs := range map[string][2]compare.Run{"contender": {counted, untyped}, "baseline": {untyped, counted}} {
		report, err := compare.Compare([]compare.Run{runs[0]}, runs[1], compare.Defaults())
		require.NoError(t, err)
		assert.False(t, report.Regression())
		assert.Contains(t, report.NotJudged, compare.Unjudged{Key: key, Reason: side + ": the metric's type is not known"})
	}
}

// TestTrendWithoutTenths: of a run that did not end by itself no tenths are kept. What it measured is not judged,
// also where nothing is there to compare it with, nor are its requests, of which nothing is kept.
func TestTrendWithoutTenths(t *testing.T) {
	t.Parallel()
	item := request("GET /items", duration)
	ended := run(100, func(r *compare.Run) { r.Trends[item] = steady(10_000, 100) })
	killed := run(100, func(r *compare.Run) {
		r.Trends[whole(duration)] = compare.Trend{Unit: compare.Milliseconds, Whole: exact{10_000, 100}}
	})
	reason := "its distribution is not kept for tenths of the run"
	for side, report := range map[string]compare.Report{
		"contender": judged(t, []compare.Run{ended}, killed), "baseline": judged(t, []compare.Run{killed}, ended),
	} {
		for _, key := range []compare.Key{whole(duration), item} {
			assert.Contains(t, report.NotJudged, compare.Unjudged{Key: key, Percentile: .95, Reason: side + ": " + reason})
		}
	}
	alone := judged(t, nil, killed)
	assert.Contains(t, alone.NotJudged, compare.Unjudged{Key: whole(duration), Percentile: .95, Reason: "contender: " + reason})
	assert.Equal(t, compare.NotJudged, alone.Verdict)
}
