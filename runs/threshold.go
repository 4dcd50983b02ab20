package runs

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// ThresholdSource is a threshold as the script has it: the metric, perhaps with a selector
// (http_req_duration{name:home}), and the expression (p(95)<200).
type ThresholdSource struct{ Metric, Expression string }

// split takes the selector off the metric.
func (t ThresholdSource) split() (metric, selector string) {
	metric, selector, _ = strings.Cut(t.Metric, "{")
	return strings.TrimSpace(metric), strings.TrimSuffix(strings.TrimSpace(selector), "}")
}

// submetric is the part of the samples that the threshold is about; ok is false when it is about all.
// k6 writes it key:value,key:value, and takes quotes around either.
func (t ThresholdSource) submetric() (sub series.Submetric, ok bool) {
	metric, selector := t.split()
	if selector == "" {
		return sub, false
	}
	sub = series.Submetric{Metric: metric, Selector: selector}
	for pair := range strings.SplitSeq(selector, ",") {
		key, value, _ := strings.Cut(pair, ":")
		sub.Tags = append(sub.Tags, ingest.Tag{Key: bare(key), Value: bare(value)})
	}
	return sub, true
}

func bare(text string) string { return strings.Trim(strings.TrimSpace(text), `"'`) }

// expression is k6's grammar of thresholds (metrics/thresholds_parser.go of the k6 repository).
var expression = regexp.MustCompile(`^\s*(count|rate|value|avg|min|max|med|p\(\s*[0-9.]+\s*\))\s*(===|==|!=|>=|<=|>|<)\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*$`)

// evaluate measures what the threshold is about and says whether it is crossed. ok is false where the
// expression cannot be evaluated or no sample came: then there is nothing to measure, and what k6 says of it counts.
func (t ThresholdSource) evaluate(s *series.Series, duration time.Duration) (value float64, crossed, ok bool) {
	parts := expression.FindStringSubmatch(t.Expression)
	if parts == nil || s == nil || s.Count == 0 {
		return 0, false, false
	}
	limit, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		return 0, false, false
	}
	if value, ok = measure(s, parts[1], duration); !ok {
		return 0, false, false
	}
	return value, !holds(value, parts[2], limit), true
}

func holds(value float64, operator string, limit float64) bool {
	switch operator {
	case "<":
		return value < limit
	case "<=":
		return value <= limit
	case ">":
		return value > limit
	case ">=":
		return value >= limit
	case "!=":
		return value != limit
	default:
		return value == limit
	}
}

// measure computes one of k6's aggregations.
func measure(s *series.Series, aggregation string, duration time.Duration) (float64, bool) {
	if percent, ok := strings.CutPrefix(aggregation, "p("); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(percent, ")")), 64)
		if err != nil {
			return 0, false
		}
		return percentile(s, p/100)
	}
	switch aggregation {
	case "count":
		return s.Sum, s.Metric.Type == ingest.Counter
	case "rate":
		return rate(s, duration)
	case "value":
		return s.Last, s.Metric.Type == ingest.Gauge
	case "avg":
		return s.Sum / float64(s.Count), s.Metric.Type == ingest.Trend
	case "min":
		return s.Min, s.Metric.Type == ingest.Trend
	case "max":
		return s.Max, s.Metric.Type == ingest.Trend
	default:
		return percentile(s, 0.5)
	}
}

func rate(s *series.Series, duration time.Duration) (float64, bool) {
	switch {
	case s.Metric.Type == ingest.Rate:
		return float64(s.Passes) / float64(s.Count), true
	case s.Metric.Type == ingest.Counter && duration > 0:
		return series.Finite(s.Sum / duration.Seconds()), true
	default:
		return 0, false
	}
}

func percentile(s *series.Series, p float64) (float64, bool) {
	sketch, err := s.Sketch()
	if err != nil || sketch == nil {
		return 0, false
	}
	value, ok := sketch.Quantile(p)
	return min(max(value, s.Min), s.Max), ok
}

// verdicts says what became of each threshold. Verdicts that k6 gave stand; the measured value beside
// them is ours.
func (r *Recorder) verdicts(o Outcome, duration time.Duration) []Verdict {
	var verdicts []Verdict
	for _, t := range r.thresholds {
		v := Verdict{Metric: t.Metric, Expression: t.Expression}
		metric, selector := t.split()
		key := series.Key{Scope: series.WholeRun}
		if selector != "" {
			key = series.Key{Scope: series.Threshold, Selector: selector}
		}
		value, crossed, ok := t.evaluate(r.collector.Find(metric, key), duration)
		if ok {
			v.Value = &value
		}
		given := slices.IndexFunc(o.Verdicts, v.sameThreshold)
		switch {
		case given >= 0:
			v.Crossed, v.Evaluated, v.By = o.Verdicts[given].Crossed, o.Verdicts[given].Evaluated, o.Verdicts[given].By
		case o.Evaluate:
			v.Crossed, v.Evaluated, v.By = crossed, true, "k6es"
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}
