package series

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

func (c *counts) all() map[int]float64 {
	found := map[int]float64{}
	c.each(func(index int, count float64) { found[index] += count })
	return found
}

// Counts say what a map would, of few and of many values, near to each other and at both ends of all buckets.
func TestCountsSayWhatAMapWould(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	for _, width := range []float64{0, 10, 300, 5000, float64(lastBucket)} {
		for _, n := range []int{0, 1, maxListed, maxListed + 1, 5000} {
			var c, other counts
			want := map[int]float64{}
			draw := func() int {
				return max(firstBucket, min(lastBucket, int(random.NormFloat64()*width)))
			}
			for range n {
				index := draw()
				c.add(index)
				want[index]++
			}
			assert.Equal(t, want, c.all(), "%d values, %g wide", n, width)
			for range n / 2 {
				index := draw()
				other.add(index)
				want[index]++
			}
			assert.Equal(t, want, mergeCounts(&c, &other).all(), "%d merged values, %g wide", n+n/2, width)
			assert.LessOrEqual(t, len(c.row), maxRow)
		}
	}
}

// A count that a row cannot hold is still right.
func TestCountsHaveNoEnd(t *testing.T) {
	t.Parallel()
	var c, same counts
	c.addMany(7, math.MaxUint32)
	c.add(7)
	c.add(8)
	assert.Equal(t, map[int]float64{7: 1 << 32, 8: 1}, c.all())
	same.addMany(7, math.MaxUint32)
	assert.Equal(t, map[int]float64{7: 1<<33 - 1, 8: 1}, mergeCounts(&c, &same).all())
}
