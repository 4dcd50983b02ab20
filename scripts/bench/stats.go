package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// values are what the rounds measured of one quantity, in the order of the rounds.
type values []float64

// median of the values; NaN without any.
func (v values) median() float64 {
	sorted := slices.Sorted(slices.Values(v))
	n := len(sorted)
	switch {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// String is the median with the least and the greatest value, such as "5.1 (4.9–5.6)".
func (v values) String() string {
	switch len(v) {
	case 0:
		return "-"
	case 1:
		return significant(v[0])
	default:
		return fmt.Sprintf("%s (%s–%s)", significant(v.median()), significant(slices.Min(v)), significant(slices.Max(v)))
	}
}

// significant writes a number with three significant digits, and whole numbers from 100 on.
func significant(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// ratio divides round by round.
func (v values) ratio(by values) values {
	n := min(len(v), len(by))
	quotients := make(values, n)
	for i := range n {
		quotients[i] = v[i] / by[i]
	}
	return quotients
}

// figures are what one round measured of one contestant, by the name of the quantity.
type figures map[string]float64

// contestant takes part in an experiment.
type contestant struct {
	name string
	// run measures once. Rounds count from 0; the one before that, -1, warms up and does not count.
	run func(ctx context.Context, round int) (figures, error)
}

// contest runs the contestants in turn, after one round that warms up, and gives what it measured by the
// names of contestant and quantity. The order rotates, so that nobody always comes first.
func contest(ctx context.Context, rounds int, progress io.Writer, contestants ...contestant) (map[string]map[string]values, error) {
	found := map[string]map[string]values{}
	for round := -1; round < rounds; round++ {
		for i := range contestants {
			c := contestants[(i+round+1)%len(contestants)]
			fmt.Fprintf(progress, "round %d of %d: %s … ", round+1, rounds, c.name)
			measured, err := c.run(ctx, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintln(progress, measured)
			if round < 0 {
				continue
			}
			if found[c.name] == nil {
				found[c.name] = map[string]values{}
			}
			for quantity, value := range measured {
				found[c.name][quantity] = append(found[c.name][quantity], value)
			}
		}
	}
	return found, nil
}
