package compare

import (
	"fmt"
	"math"
	"slices"
)

// Direction says which way a metric gets better.
type Direction int

// The directions.
const (
	LowerIsBetter Direction = iota + 1
	HigherIsBetter
)

// Settings are the parameters of the rule.
type Settings struct {
	Percentiles []float64 // of trends, each between 0 and 1

	Delta     float64 // least relative difference that matters: 0.05 is 5 %
	DeltaTail float64 // the same from p99 upwards
	DeltaAbs  float64 // least difference that matters, for trends in milliseconds
	PriorSD   float64 // expected standard deviation from run to run, relative
	PriorDF   float64 // weight of the prior, in runs

	RateDelta   float64 // least difference of two shares that matters: 0.005 is half a percentage point
	RatePriorSD float64 // expected standard deviation from run to run of a share

	DroppedShare float64 // share of due iterations that may drop where the baseline dropped none
	Q            float64 // false discovery rate over single requests
	MaxBaseline  int     // the latest so many baseline runs are used

	// Metrics bear on the overall verdict beside the whole run's. "http_req_duration" is the metric in
	// every scenario, "http_req_duration{name:GET /items}" the one series.
	Metrics []string
	// Directions overrides, by metric, which way is better. Otherwise trends and rates are better lower,
	// counters and checks higher.
	Directions map[string]Direction
}

// Defaults are the settings of the package comment. Their operating
// characteristics on simulated runs are in testdata: with three baseline runs, runs that differ by 3 % on
// their own and nothing changed, 1 to 3 % are called worse; of those 20 % slower, 95 to 99 %. A slowdown
// of 10 % is found in about half, and at p99 never much more often, whatever the number of runs: that is
// where DeltaTail is.
func Defaults() Settings {
	return Settings{
		Percentiles: []float64{0.5, 0.95, 0.99},
		Delta:       0.05, DeltaTail: 0.10, DeltaAbs: 1, PriorSD: 0.03, PriorDF: 4,
		RateDelta: 0.005, RatePriorSD: 0.002,
		DroppedShare: 0.001, Q: 0.05, MaxBaseline: 10,
	}
}

// Validate says what is wrong with the settings.
func (s Settings) Validate() error {
	if len(s.Percentiles) == 0 {
		return fmt.Errorf("no percentile to compare: give at least one, such as 0.95")
	}
	for _, p := range s.Percentiles {
		if p > 0 && p < 1 {
			continue // unlike what is not a number
		}
		return fmt.Errorf("percentile %v is not between 0 and 1: the 95th is 0.95", p)
	}
	for _, v := range []struct {
		name       string
		value      float64
		from, upTo float64
	}{
		{"least relative difference", s.Delta, 0, 1e3},
		{"least relative difference from p99 upwards", s.DeltaTail, 0, 1e3},
		{"least difference in milliseconds", s.DeltaAbs, 0, math.MaxFloat64},
		{"expected relative standard deviation between runs", s.PriorSD, 1e-6, 1e3},
		{"weight of the expected standard deviation", s.PriorDF, 1, 1e6},
		{"least difference of shares", s.RateDelta, 0, 1},
		{"expected standard deviation of shares between runs", s.RatePriorSD, 1e-6, 1},
		{"tolerated share of dropped iterations", s.DroppedShare, 0, 1},
		{"false discovery rate", s.Q, 1e-6, 1},
		{"number of baseline runs", float64(s.MaxBaseline), 1, math.MaxFloat64},
	} {
		if v.value >= v.from && v.value <= v.upTo {
			continue
		}
		return fmt.Errorf("%s is %v: it must be from %v to %v", v.name, v.value, v.from, v.upTo)
	}
	return nil
}

// delta is the least relative difference that matters at a percentile.
func (s Settings) delta(percentile float64) float64 {
	if percentile >= 0.99 {
		return s.DeltaTail
	}
	return s.Delta
}

// higher says whether a metric is better higher.
func (s Settings) higher(metric string, otherwise bool) bool {
	if direction, ok := s.Directions[metric]; ok {
		return direction == HigherIsBetter
	}
	return otherwise
}

// named says whether the metrics that bear on the verdict name this series. A bare metric does not name
// its single requests: there would be no correction for their number left.
func (s Settings) named(key Key) bool {
	return slices.Contains(s.Metrics, key.String()) ||
		key.Scope != Request && slices.Contains(s.Metrics, key.Metric)
}
