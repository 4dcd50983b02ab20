package cmd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// checkMetrics refuses a --metric that can never decide: one of a kind that is not compared, or a mistyped one. Any
// other that no run has may be in the next one: k6 emits no metric that never counted, and errors that did not occur
// are no mistake.
func (c *comparer) checkMetrics(contender *side, baseline []*side, report compare.Report) error {
	all := append([]*side{contender}, baseline...)
	for _, metric := range c.idle(report) {
		if why := uncompared(metric, all); why != "" {
			return usageError("--metric %s decides nothing: %s", metric, why)
		}
		if near := nearest(metric, all, report); near != "" {
			return usageError("--metric %s: no run has it. Did you mean %s?", metric, near)
		}
	}
	return nil
}

// idle are those of --metric that no run has.
func (c *comparer) idle(report compare.Report) []string {
	metrics, series := compared(report)
	return slices.DeleteFunc(slices.Clone(c.options.metrics), func(metric string) bool {
		return slices.Contains(series, metric) || slices.Contains(metrics, metric)
	})
}

// idleMetrics tells of those of --metric that no run has.
func (c *comparer) idleMetrics(report compare.Report) []string {
	var told []string
	for _, metric := range c.idle(report) {
		told = append(told, fmt.Sprintf("--metric %s: no run has it, so it decided nothing", metric))
	}
	return told
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

// uncompared is why a metric is of a kind that is never compared; empty if it is not.
func uncompared(metric string, all []*side) string {
	name, selector, selects := strings.Cut(metric, "{")
	for _, s := range all {
		if why := s.run.Uncompared[name]; why != "" {
			return why
		}
	}
	scope, value, _ := strings.Cut(selector, ":")
	known := scope == compare.Scenario.String() || scope == compare.Request.String()
	if selects && (!known || len(value) < len("x}") || !strings.HasSuffix(value, "}")) {
		return fmt.Sprintf("what is compared of a part of a run is %s{scenario:…} and %s{name:…}", name, name)
	}
	return ""
}

// nearest is what some run has and a mistyped metric probably meant; empty if none is near, or if a threshold names
// the metric as it is.
func nearest(metric string, all []*side, report compare.Report) string {
	metrics, series := compared(report)
	name, _, _ := strings.Cut(metric, "{")
	if slices.Contains(metrics, name) {
		return nearestSeries(metric, series)
	}
	if name == "dropped_iterations" || slices.ContainsFunc(all, declares(name)) {
		return ""
	}
	for _, s := range all {
		metrics = slices.AppendSeq(metrics, maps.Keys(s.run.Uncompared))
	}
	slices.Sort(metrics)
	near := config.Nearest(name, metrics)
	if near == "" {
		return ""
	}
	return near + strings.TrimPrefix(metric, name)
}

// nearestSeries looks among the scenarios, or requests, of a metric that there is. Only their names are compared: in
// all of a series' text two short ones are always near.
func nearestSeries(metric string, series []string) string {
	scope, name, _ := strings.Cut(metric, ":")
	var names []string
	for _, s := range series {
		if other, found := strings.CutPrefix(s, scope+":"); found {
			names = append(names, strings.TrimSuffix(other, "}"))
		}
	}
	near := config.Nearest(strings.TrimSuffix(name, "}"), names)
	if near == "" {
		return ""
	}
	return scope + ":" + near + "}"
}

// declares finds a run with a threshold on the metric, or on a part of it.
func declares(name string) func(*side) bool {
	return func(s *side) bool {
		return slices.ContainsFunc(s.verdicts, func(v runs.Verdict) bool { return strings.HasPrefix(v.Metric+"{", name+"{") })
	}
}
