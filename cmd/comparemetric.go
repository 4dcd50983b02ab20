package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// checkMetrics refuses a --metric that no run has: a gate that nothing can close is a mistake.
func (c *comparer) checkMetrics(contender *side, baseline []*side, report compare.Report) error {
	metrics, series := compared(report)
	all := append([]*side{contender}, baseline...)
	for _, metric := range c.options.metrics {
		if slices.Contains(series, metric) || slices.Contains(metrics, metric) || silent(metric, metrics, all) {
			continue
		}
		for _, s := range all {
			if why := s.run.Uncompared[metric]; why != "" {
				return usageError("--metric %s decides nothing: %s", metric, why)
			}
		}
		hint := "; what was compared is " + strings.Join(metrics, ", ")
		if near := config.Nearest(metric, slices.Concat(metrics, series)); near != "" {
			hint = ". Did you mean " + near + "?"
		}
		return usageError("--metric %s: no run has it%s", metric, hint)
	}
	return nil
}

// compared are the metrics of which values were compared, or could not be, and their series as k6 writes them.
func compared(report compare.Report) (metrics, series []string) {
	add := func(key compare.Key) {
		metrics, series = append(metrics, key.Metric), append(series, key.String())
	}
	for _, row := range report.Rows {
		add(row.Key)
	}
	for _, u := range report.NotJudged {
		add(u.Key)
	}
	slices.Sort(metrics)
	slices.Sort(series)
	return slices.Compact(metrics), slices.Compact(series)
}

// silent says whether a metric that no run has may well be in the next one: k6 emits no counter that never
// counted, such as that of dropped iterations, or one that the script has a threshold for.
func silent(metric string, metrics []string, all []*side) bool {
	name, _, _ := strings.Cut(metric, "{")
	if name == "dropped_iterations" {
		return true
	}
	declares := func(s *side) bool {
		declared := slices.ContainsFunc(s.verdicts, func(v runs.Verdict) bool { return strings.HasPrefix(v.Metric+"{", name+"{") })
		return declared && s.run.Uncompared[name] == ""
	}
	return !slices.Contains(metrics, name) && slices.ContainsFunc(all, declares)
}

// idleMetrics are those of --metric that no run has yet.
func (c *comparer) idleMetrics(report compare.Report) []string {
	metrics, series := compared(report)
	var idle []string
	for _, metric := range c.options.metrics {
		if !slices.Contains(series, metric) && !slices.Contains(metrics, metric) {
			idle = append(idle, fmt.Sprintf("--metric %s is in none of the runs, and decided nothing", metric))
		}
	}
	return idle
}
