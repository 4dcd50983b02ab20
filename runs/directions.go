package runs

import (
	"maps"
	"strings"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/compare"
)

// Directions says which way the script's own metrics get better, as far as thresholds on them tell: a rate
// that must stay above something is better higher. What thresholds contradict each other about is left
// out, and so are sub-metrics.
func Directions(verdicts []Verdict) map[string]compare.Direction {
	known := ingest.NewRegistry()
	directions, doubtful := map[string]compare.Direction{}, map[string]bool{}
	for _, v := range verdicts {
		direction, ok := directionOf(v.Expression)
		if !ok || strings.Contains(v.Metric, "{") || known.Lookup([]byte(v.Metric)).Builtin() {
			continue
		}
		if before, ok := directions[v.Metric]; ok && before != direction {
			doubtful[v.Metric] = true
		}
		directions[v.Metric] = direction
	}
	maps.DeleteFunc(directions, func(metric string, _ compare.Direction) bool { return doubtful[metric] })
	return directions
}

// directionOf is the way in which a threshold lets a metric go on; ok is false if that is neither.
func directionOf(threshold string) (direction compare.Direction, ok bool) {
	parts := expression.FindStringSubmatch(threshold)
	if parts == nil {
		return 0, false
	}
	switch parts[2] {
	case ">", ">=":
		return compare.HigherIsBetter, true
	case "<", "<=":
		return compare.LowerIsBetter, true
	default:
		return 0, false
	}
}
