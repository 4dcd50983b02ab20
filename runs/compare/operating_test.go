package compare_test

import (
	"cmp"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs/compare"
)

// The tables in testdata say how often the rule gives each verdict on simulated runs, in percent of 400 pairs.
// operating-characteristics.csv was made by another implementation of the rule; its p99 figures fit 5 % as the
// least difference that matters, not the default of 10 %. default-p99.csv is p99 with that default, made
// by this one from other random numbers.
const publishedTrials = 400

// The load: 300 s of 100 requests a second, log-normal with a tail of 1 % that takes four times as long,
// times a factor for each second that an autoregressive process moves, times one for each run. The table's
// source does not give the log-normal's width: 0.4 to 0.6 reproduce it alike.
const (
	seconds, perSecond    = 300, 100
	width                 = 0.45
	tailShare, tailFactor = 0.01, 4
	memory, loadSD        = 0.9, 0.08
)

// trials is how many pairs are simulated for each cell of the table.
func trials(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("K6ES_COMPARE_TRIALS"), "120"))
	require.NoError(t, err, "K6ES_COMPARE_TRIALS")
	return n
}

// cell is a kind of pair.
type cell struct {
	load            string  // iid or autocorrelated
	slowdown, runSD float64 // percent
}

// place is where in the table a verdict counts.
type place struct {
	cell
	percentile float64
	runs       int // of the baseline
}

// table has the shares of verdicts for each place.
type table map[place]map[compare.Verdict]float64

func published(t *testing.T, name string) table {
	file, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)

	read := table{}
	for _, line := range lines[1:] {
		var n [8]float64
		for i := range n {
			n[i], err = strconv.ParseFloat(line[i+1], 64)
			require.NoError(t, err)
		}
		at := place{cell{line[0], n[0], n[1]}, n[2], int(n[3])}
		read[at] = map[compare.Verdict]float64{
			compare.Worse: n[4] / 100, compare.Better: n[5] / 100, compare.Same: n[6] / 100, compare.Unsure: n[7] / 100,
		}
	}
	require.NotEmpty(t, read)
	return read
}

func TestOperatingCharacteristics(t *testing.T) {
	t.Parallel()
	strict, n := compare.Defaults(), trials(t)
	strict.DeltaTail = strict.Delta
	tables := []table{published(t, "operating-characteristics.csv"), published(t, "default-p99.csv")}
	counts := operate(t, tables[0].cells(), n, strict, compare.Defaults())

	for i, table := range tables {
		for at, verdicts := range table {
			for verdict, want := range verdicts {
				got := float64(counts[i][count{at, verdict}]) / float64(n)
				assert.InDelta(t, want, got, tolerance(want, got, n), "%+v: %s", at, verdict)
			}
		}
	}
}

// tolerance is 3.5 standard errors of the difference of two shares, the first one's rounding, and half a pair.
func tolerance(published, simulated float64, n int) float64 {
	pairs := float64(n + publishedTrials)
	share := (published*publishedTrials + simulated*float64(n) + 0.5) / (pairs + 1)
	return 3.5*math.Sqrt(share*(1-share)*(1.0/publishedTrials+1/float64(n))) + 0.0005 + 0.5/float64(n)
}

// count is what operate counts.
type count struct {
	place
	verdict compare.Verdict
}

// operate counts the verdicts on n simulated pairs in each cell, for each of the settings.
func operate(t *testing.T, cells []cell, n int, settings ...compare.Settings) []map[count]int {
	counts := make([]map[count]int, len(settings))
	for i := range counts {
		counts[i] = map[count]int{}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range n {
		pools := map[string][]compare.Trend{}
		for range settings[0].MaxBaseline + 1 {
			pools["iid"] = append(pools["iid"], simulated(rng, 0))
			pools["autocorrelated"] = append(pools["autocorrelated"], simulated(rng, loadSD))
		}
		for _, cell := range cells {
			runs := cell.runs(rng, pools[cell.load])
			for _, k := range []int{1, 3, 5, 10} {
				for i := range settings {
					report, err := compare.Compare(runs[1:k+1], runs[0], settings[i])
					require.NoError(t, err)
					for _, row := range report.Rows {
						counts[i][count{place{cell, row.Percentile, k}, row.Verdict}]++
					}
				}
			}
		}
	}
	return counts
}

// cells are the kinds of pairs in the table, in a fixed order.
func (t table) cells() []cell {
	var cells []cell
	for at := range t {
		if !slices.Contains(cells, at.cell) {
			cells = append(cells, at.cell)
		}
	}
	slices.SortFunc(cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.load, b.load), cmp.Compare(a.slowdown, b.slowdown), cmp.Compare(a.runSD, b.runSD))
	})
	return cells
}

// runs gives each run of the pool its own factor. The first is the contender.
func (c cell) runs(rng *rand.Rand, pool []compare.Trend) []compare.Run {
	var runs []compare.Run
	for i, trend := range pool {
		factor := math.Exp(c.runSD / 100 * rng.NormFloat64())
		if i == 0 {
			factor *= 1 + c.slowdown/100
		}
		runs = append(runs, compare.Run{
			Trends: map[compare.Key]compare.Trend{{Metric: "http_req_duration"}: scaled(trend, factor)},
		})
	}
	return runs
}

// binned counts values by their logarithm, in bins of a thousandth, around a median of 100 ms.
type binned struct {
	counts *[9000]int32
	n      int64
	factor float64
}

func newBinned() binned { return binned{counts: new([9000]int32), factor: 1} }

func (b *binned) add(log float64) {
	b.counts[max(0, min(int((log+4)*1000), len(b.counts)-1))]++
	b.n++
}

func (b *binned) merge(other binned) {
	for i, n := range other.counts {
		b.counts[i] += n
	}
	b.n += other.n
}

func (b binned) Count() int64 { return b.n }

func (b binned) Quantile(p float64) (float64, bool) {
	rank := int32(math.Ceil(p * float64(b.n)))
	for i, n := range b.counts {
		if rank -= n; rank <= 0 {
			return 100 * b.factor * math.Exp((float64(i)+0.5)/1000-4), true
		}
	}
	return 0, false
}

// quantiles is a distribution reduced to the percentiles compared.
type quantiles struct {
	n      int64
	values map[float64]float64
	factor float64
}

func (q quantiles) Count() int64 { return q.n }

func (q quantiles) Quantile(p float64) (float64, bool) {
	value, ok := q.values[p]
	return value * q.factor, ok
}

func reduced(b binned) quantiles {
	q := quantiles{n: b.n, values: map[float64]float64{}, factor: 1}
	for _, p := range compare.Defaults().Percentiles {
		q.values[p], _ = b.Quantile(p)
	}
	return q
}

// simulated is a run whose seconds' factors have a standard deviation of sd, logarithmic.
func simulated(rng *rand.Rand, sd float64) compare.Trend {
	trend, whole := compare.Trend{Unit: compare.Milliseconds}, newBinned()
	state := rng.NormFloat64()
	for i := range trend.Tenths {
		tenth := newBinned()
		for range seconds / compare.Sections {
			state = memory*state + math.Sqrt(1-memory*memory)*rng.NormFloat64()
			for range perSecond {
				log := sd*state + width*rng.NormFloat64()
				if rng.Float64() < tailShare {
					log += math.Log(tailFactor)
				}
				tenth.add(log)
			}
		}
		whole.merge(tenth)
		trend.Tenths[i] = reduced(tenth)
	}
	trend.Whole = reduced(whole)
	return trend
}

// scaled is the trend with every value times a factor.
func scaled(trend compare.Trend, factor float64) compare.Trend {
	times := func(q compare.Quantiles) compare.Quantiles {
		scaled := q.(quantiles)
		scaled.factor *= factor
		return scaled
	}
	trend.Whole = times(trend.Whole)
	for i, tenth := range trend.Tenths {
		trend.Tenths[i] = times(tenth)
	}
	return trend
}
