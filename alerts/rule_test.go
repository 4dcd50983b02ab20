package alerts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/logs"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "5m": 5 * time.Minute, "26h": 26 * time.Hour, "7d": 168 * time.Hour, "1h30m": 90 * time.Minute} {
		span, err := ParseSpan(text)
		require.NoError(t, err, text)
		assert.Equal(t, Span(want), span, text)
		again, err := ParseSpan(span.String())
		require.NoError(t, err)
		assert.Equal(t, span, again, text)
	}
	assert.Equal(t, "7d", Span(168*time.Hour).String())
	for _, text := range []string{"", "5", "-5m", "1.5d", "1ms", "99999999d", "d"} {
		_, err := ParseSpan(text)
		assert.ErrorContains(t, err, "is no span of time", text)
	}
}

// shape is logs that have everything, with a latency in nanoseconds, and without a service.
func shape() *logs.Shape {
	find := func(field string) logs.Condition {
		return logs.Condition{KQL: field + ":*", Query: map[string]any{"exists": map[string]any{"field": field}}}
	}
	return &logs.Shape{
		Pattern: "filebeat-*", Unit: logs.Nanoseconds, ServerErrors: find("failure"), Errors: find("error"), Ended: find("end"),
		Choices: []logs.Choice{
			{Role: logs.Time, Field: "@timestamp", Show: "@timestamp"},
			{Role: logs.Message, Show: "message"},
			{Role: logs.Host, Field: "host.name.keyword", Show: "host.name"},
			{Role: logs.Service, Why: "no field looks like one"},
			{Role: logs.Status, Field: "status", Show: "status"},
			{Role: logs.Latency, Field: "event.duration", Show: "event.duration"},
			{Role: logs.Address, Field: "source.ip", Show: "source.ip"},
		},
	}
}

// make13 are the alarms of all rules by name; for logs that have everything there are none left out.
func make13(t *testing.T, settings map[string]string) map[string]Alarm {
	t.Helper()
	alarms, left, err := Make(Target{Prefix: "load", Logs: shape()}, settings)
	require.NoError(t, err)
	require.Empty(t, left)
	byName := map[string]Alarm{}
	for _, alarm := range alarms {
		require.NotContains(t, byName, alarm.Rule.Name)
		byName[alarm.Rule.Name] = alarm
	}
	return byName
}

func TestAlarmsAreWhole(t *testing.T) {
	t.Parallel()
	rules, err := Rules()
	require.NoError(t, err)
	alarms := make13(t, nil)
	require.Len(t, alarms, len(rules))
	for _, alarm := range alarms {
		c := alarm.Condition
		assert.Equal(t, "load-"+alarm.Rule.Name, alarm.Name)
		assert.Contains(t, []string{"load-runs", "load-comparisons", "load-metrics-*", "filebeat-*"}, c.Index, alarm.Name)
		assert.NotEmpty(t, c.Time, alarm.Name)
		switch c.Kind {
		case Documents:
			assert.NotEmpty(t, alarm.Facts, alarm.Name)
		case Above:
			assert.Contains(t, []string{Count, Mean, Percentile}, c.Metric.Of, alarm.Name)
			assert.Positive(t, c.Window, alarm.Name)
			assert.Positive(t, c.Limit, alarm.Name)
		case Silent:
			assert.Greater(t, c.Horizon, c.Window, alarm.Name)
			assert.NotEmpty(t, c.Group, alarm.Name)
		case Unusual:
			assert.Positive(t, c.Times*float64(c.Days)*float64(c.Window), alarm.Name)
		default:
			assert.Fail(t, "unknown kind", "%s: %s", alarm.Name, c.Kind)
		}
	}
}

func TestNamesBecomeFieldsAndValues(t *testing.T) {
	t.Parallel()
	alarms := make13(t, map[string]string{"run-slow.limit": "250", "run-slow.test": "2026-11-22", "host-silent.window": "20m", "service-slow.limit": "500"})
	slow := alarms["run-slow"].Condition
	assert.InDelta(t, 250, slow.Limit, 0)
	assert.Contains(t, slow.Filter, map[string]any{"term": map[string]any{"k6.test": "2026-11-22"}}, "a text stays one")
	assert.Len(t, alarms["run-failures"].Condition.Filter, 1, "no test is asked for")
	silent := alarms["host-silent"].Condition
	assert.Equal(t, Span(20*time.Minute), silent.Window)
	assert.Equal(t, "host.name.keyword", silent.Group)
	assert.Equal(t, "host.name", alarms["server-stopped"].Condition.Group, "as a document has it")
	assert.Equal(t, []Fact{{"host", "host.name"}, {"message", "message"}}, alarms["server-stopped"].Facts)
	either := map[string]any{"should": []any{shape().ServerErrors.Query, shape().Errors.Query}, "minimum_should_match": 1}
	assert.Equal(t, []any{map[string]any{"bool": either}}, alarms["production-errors"].Condition.Filter, "with a response or without")
	service := alarms["service-slow"]
	assert.InDelta(t, 500e6, service.Condition.Limit, 0, "in the unit of the logs")
	assert.Equal(t, "ns", service.LatencyUnit)
	assert.Empty(t, service.Condition.Group)
	assert.Equal(t, "load-runs", alarms["production-errors-during-test"].While.Index)
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	why := func(target Target, settings map[string]string) map[string]string {
		_, left, err := Make(target, settings)
		require.NoError(t, err)
		reasons := map[string]string{}
		for _, out := range left {
			reasons[out.Rule.Name] = out.Why
		}
		return reasons
	}
	assert.Equal(t, map[string]string{"run-slow": "switched off"}, why(Target{Prefix: "k6", Logs: shape()}, map[string]string{"run-slow": "off"}))
	without := why(Target{Prefix: "k6"}, nil)
	assert.Len(t, without, 6, "all that is about production logs")
	for rule, reason := range without {
		assert.Contains(t, reason, "--logs-index", rule)
	}
	levels := shape()
	levels.ServerErrors = logs.Condition{}
	assert.Empty(t, why(Target{Prefix: "k6", Logs: levels}, nil), "levels are enough")
	lean := &logs.Shape{Pattern: "plain-*", Choices: []logs.Choice{{Role: logs.Time, Field: "@timestamp", Show: "@timestamp"}, {Role: logs.Host, Show: "host", Why: "text"}}}
	reasons := why(Target{Prefix: "k6", Logs: lean}, nil)
	assert.Equal(t, "the logs' host cannot be counted by (text)", reasons["host-silent"])
	assert.Contains(t, reasons["client-probing"], "--logs-field client=FIELD names one")
	assert.Equal(t, "the logs do not tell failures from other lines: they have no level and no status", reasons["production-errors"])
	assert.Len(t, reasons, 6)
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"run-fast=off":                  `there is no alarm rule "run-fast"; there are client-probing, `,
		"run-slow=on":                   "run-slow=on: the rule can be off, or RULE.PARAMETER=VALUE given",
		"run-slow.p95=1":                `alarm rule run-slow has no parameter "p95"; it has limit, window, least, test`,
		"run-slow.limit=fast":           `run-slow.limit: "fast" is no number`,
		"run-slow.limit=NaN":            `run-slow.limit: "NaN" is no number`,
		"run-slow.limit=-1":             "run-slow.limit: -1 is less than 0",
		"run-failures.limit=5":          "run-failures.limit: 5 is more than 1",
		"run-slow.window=1":             `run-slow.window: "1" is no span of time`,
		"run-slow.window=2h":            "run-slow.window: 2h is more than 1h",
		"production-errors.days=1.5":    `production-errors.days: "1.5" is no whole number`,
		"server-stopped.limit=1":        "alarm rule server-stopped has no parameters",
		"host-silent.window=20m":        "",
		"run-failed.test=any text 7":    "",
		"production-errors.times=1e300": "production-errors.times: 1e300 is more than 100",
	} {
		key, value, _ := strings.Cut(setting, "=")
		_, _, err := Make(Target{Prefix: "k6", Logs: shape()}, map[string]string{key: value})
		if want == "" {
			assert.NoError(t, err, setting)
			continue
		}
		assert.ErrorContains(t, err, want, setting)
	}
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	const good = "title: T\nquestion: Q?\nseverity: warning\nlook: {advice: A, dashboard: run}\ncondition: {kind: documents, index: runs}\n"
	_, err := parseRule("good", []byte(good))
	require.NoError(t, err)
	for change, want := range map[string]string{
		"title: T=>title: ''":                           "title, question and look.advice",
		"warning=>loud":                                 `severity "loud"`,
		"dashboard: run=>dashboard: ":                   `dashboard ""`,
		"condition: {kind: documents, index: runs}\n=>": "condition must be there",
		"title: T=>titel: T":                            "titel",
		"title: T=>title: T\nparameters: [{name: a, default: 5m, min: 6m, help: h}]": "parameter a: default: 5m is less than 6m",
		"title: T=>title: T\nparameters: [{name: a, default: 5m}]":                   "parameter a has no help",
	} {
		from, to, _ := strings.Cut(change, "=>")
		require.Contains(t, good, from)
		_, err := parseRule("wrong", []byte(strings.Replace(good, from, to, 1)))
		assert.ErrorContains(t, err, want, change)
	}
	for condition, want := range map[string]string{
		"{kind: documents, index: moon}":                 `there are no indices "moon"`,
		"{kind: documents, index: runs, group: $planet}": "$planet is no parameter, field or clause",
		"{kind: documents, index: runs, windows: 5m}":    "windows",
		"{kind: above, index: runs, window: soon}":       "no span of time",
	} {
		rule, err := parseRule("wrong", []byte(strings.Replace(good, "{kind: documents, index: runs}", condition, 1)))
		require.NoError(t, err)
		_, err = rule.bind(Target{Prefix: "k6", Logs: shape()}, nil)
		assert.ErrorContains(t, err, want, condition)
	}
}

// The documentation has a row for each rule.
func TestRulesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "alarms.md"))
	require.NoError(t, err)
	rules, err := Rules()
	require.NoError(t, err)
	for _, rule := range rules {
		var parameters []string
		for _, p := range rule.Parameters {
			parameters = append(parameters, strings.TrimSpace("`"+p.Name+"` "+p.Default))
		}
		row := "| `" + rule.Name + "` | " + rule.Question + " | " + strings.Join(parameters, ", ") + " |"
		assert.Contains(t, string(text), row+"\n")
	}
}
