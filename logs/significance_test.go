package logs

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestExcess(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		exposure       exposure
		during, before int64
		tests          int
		want           bool
	}{
		{"never before", exposure{1, 1}, 20, 0, 50, true},
		{"a few may be chance", exposure{1, 1}, 4, 0, 1, false},
		{"by so little nobody cares", exposure{1, 1}, 14_000, 10_000, 1, false},
		{"half again", exposure{1, 1}, 1_600, 1_000, 1, true},
		{"half again of a few", exposure{1, 1}, 8, 5, 1, false},
		{"less", exposure{1, 1}, 5, 500, 1, false},
		{"as much more as of all lines", exposure{100_000, 1_000}, 20_000, 200, 1, false},
		{"a larger share", exposure{100_000, 1_000}, 90_000, 100, 1, true},
		{"of a sample", exposure{0.01, 1}, 30, 40, 20, true},
		{"nothing to expect", exposure{}, 100, 0, 1, false},
		{"nothing", exposure{1, 1}, 0, 0, 1, false},
		{"very many", exposure{1, 1}, 9e9, 3e9, 1000, true},
	} {
		_, got := c.exposure.excess(c.during, c.before, c.tests)
		assert.Equal(t, c.want, got, c.name)
	}
	rare, _ := exposure{1, 1}.excess(20, 0, 1)
	common, _ := exposure{1, 1}.excess(2000, 1000, 1)
	assert.Greater(t, common, rare, "what more lines say comes first")
}

// Counts of equal spans differ by chance: of all that is tested together one in a hundred is a false alarm at most.
func TestExcessOfChance(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same ones each time
	const rounds, patterns = 400, 30
	alarms := 0
	for range rounds {
		alarm := false
		for range patterns {
			var during, before int64
			for range 1 + random.IntN(200) {
				if random.IntN(2) == 0 {
					during++
				} else {
					before++
				}
			}
			_, significant := exposure{1, 1}.excess(during, before, patterns)
			alarm = alarm || significant
		}
		if alarm {
			alarms++
		}
	}
	assert.LessOrEqual(t, alarms, 2*rounds/100)
}
