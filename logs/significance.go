package logs

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// What counts as more frequent: by half again at least, and so that of all that a report tests chance makes
// one appear so once in a hundred reports. Tested are messages and routes of three classes, hosts, services
// and statuses of all lines, and hosts and services of errors.
const (
	leastRatio = 1.5
	families   = 11
	chance     = 0.01 / families
)

// exposure is how many lines of each span those stand for among which something was counted: it is
// expected in proportion to them.
type exposure struct{ during, before float64 }

// excess judges a count of a thing in both spans, one of so many of its family that are tested. Given how
// often it came in all, chance would put it into either span like coins of the exposures' weight. The score
// sorts by how surprising it is.
func (x exposure) excess(during, before int64, tests int) (score float64, significant bool) {
	if during == 0 || x.during <= 0 || x.before <= 0 {
		return 0, false
	}
	const half = 0.5 // so that a thing that never came before has a ratio
	ratio := (float64(during) + half) / x.during / ((float64(before) + half) / x.before)
	score = float64(during) * math.Log(ratio)
	if ratio < leastRatio {
		return score, false
	}
	coin := distuv.Binomial{N: float64(during + before), P: x.during / (x.during + x.before)}
	return score, coin.Survival(float64(during)-1) < chance/float64(max(tests, 1))
}
