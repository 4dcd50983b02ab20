package compare_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs/compare"
)

// sample is a distribution that keeps every value.
type sample []float64

func (s sample) Count() int64 { return int64(len(s)) }

func (s sample) Quantile(p float64) (float64, bool) {
	if len(s) == 0 {
		return 0, false
	}
	return s[int(math.Ceil(p*float64(len(s))))-1], true
}

// sketch is a distribution to half a percent.
type sketch struct{ *ddsketch.DDSketch }

func (s sketch) Count() int64 { return int64(s.GetCount()) }

func (s sketch) Quantile(p float64) (float64, bool) {
	n := s.GetCount()
	if n < 2 {
		value, err := s.GetValueAtQuantile(p)
		return value, err == nil
	}
	value, err := s.GetValueAtQuantile((math.Ceil(p*n) - 1) / (n - 1))
	return value, err == nil
}

// distributions are the same values, kept and sketched.
func distributions(t *testing.T, values []float64) (sample, sketch) {
	sketched, err := ddsketch.NewDefaultDDSketch(0.005)
	require.NoError(t, err)
	for _, v := range values {
		require.NoError(t, sketched.Add(v))
	}
	return slices.Sorted(slices.Values(values)), sketch{sketched}
}

// sampled is a run of 10,000 requests, kept and sketched, with its own level and one for each tenth.
func sampled(t *testing.T, rng *rand.Rand, level float64) (kept, sketched compare.Run) {
	var exact, rough compare.Trend
	exact.Unit, rough.Unit = compare.Milliseconds, compare.Milliseconds
	level *= math.Exp(0.03 * rng.NormFloat64())
	var all []float64
	for i := range compare.Sections {
		tenth := make([]float64, 1000)
		ofTenth := level * math.Exp(0.03*rng.NormFloat64())
		for j := range tenth {
			tenth[j] = ofTenth * math.Exp(width*rng.NormFloat64())
		}
		exact.Tenths[i], rough.Tenths[i] = distributions(t, tenth)
		all = append(all, tenth...)
	}
	exact.Whole, rough.Whole = distributions(t, all)
	at := time.Unix(rng.Int64N(1e9), 0)
	key := compare.Key{Metric: "http_req_duration"}
	return compare.Run{Start: at, Trends: map[compare.Key]compare.Trend{key: exact}},
		compare.Run{Start: at, Trends: map[compare.Key]compare.Trend{key: rough}}
}

// A sketch may only change a verdict where its error, half a percent on either side, reaches over a limit.
func TestSketchesGiveTheSameVerdicts(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(13, 14))
	seen, different := map[compare.Verdict]int{}, 0
	for _, slowdown := range []float64{0.6, 0.7, 1, 1, 1, 1.08, 1.4, 1.6} {
		for _, k := range []int{1, 5} {
			var kept, sketched []compare.Run
			for i := range k + 1 {
				level := 100.0
				if i == 0 {
					level *= slowdown
				}
				exact, rough := sampled(t, rng, level)
				kept, sketched = append(kept, exact), append(sketched, rough)
			}
			want, got := judged(t, kept[1:], kept[0]), judged(t, sketched[1:], sketched[0])
			require.Len(t, got.Rows, len(want.Rows))
			for _, row := range want.Rows {
				i := slices.IndexFunc(got.Rows, func(r compare.Row) bool { return r.Percentile == row.Percentile })
				seen[row.Verdict]++
				if row.Verdict != got.Rows[i].Verdict {
					different++
					assert.True(t, borderline(row, got.Rows[i]), "%+v\n%+v", row, got.Rows[i])
				}
			}
		}
	}
	assert.LessOrEqual(t, different, 2, "of %v", seen)
	assert.Len(t, seen, 4, "every verdict is there: %v", seen)
}

// borderline says whether a limit is within reach of a sketch's error.
func borderline(exact, rough compare.Row) bool {
	least := 0.05
	if exact.Percentile == 0.99 {
		least = 0.10
	}
	reach := 2 * math.Log(1.0051)
	distance, band := math.Abs(math.Log1p(exact.Diff)), math.Log1p(exact.Noise)
	return math.Abs(distance-math.Log1p(least)) <= reach ||
		math.Abs(distance-band) <= reach+math.Abs(band-math.Log1p(rough.Noise))
}
