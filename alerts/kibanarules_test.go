package alerts_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/alerts/alertingtest"
)

// Each rule is one as Kibana's documentation has it, and each alarm is one, or it is said why not.
func TestKibanaRulesFitTheDocumentation(t *testing.T) {
	t.Parallel()
	ids := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json$`)
	for old, want := range map[bool]int{true: 4, false: 5} {
		rules, alarms := alerts.KibanaRules{Old: old}, k6Alarms(t, nil)
		files, err := rules.Files(alarms)
		require.NoError(t, err)
		assert.Len(t, files, want)
		lacking := 0
		for _, alarm := range alarms {
			if rules.Lacks(alarm) != "" {
				lacking++
			}
		}
		assert.Len(t, alarms, want+lacking)
		for _, file := range files {
			assert.Regexp(t, ids, file.Path)
			require.NoError(t, alertingtest.ValidateRule(old, file.Text), file.Path)
			require.Error(t, alertingtest.ValidateRule(!old, file.Text), file.Path)
			spoiled := strings.Replace(string(file.Text), `"timeWindowUnit": "m"`, `"timeWindowUnit": "minutes"`, 1)
			require.Error(t, alertingtest.ValidateRule(old, []byte(spoiled)), file.Path)
		}
	}
}

// matches is what Kibana asks for a rule, and what it compares with the threshold, by group.
func (w *world) matches(t *testing.T, rule object) (fires bool, groups []string) {
	t.Helper()
	params := at[object](t, rule, "params")
	var query object
	require.NoError(t, json.Unmarshal([]byte(params["esQuery"].(string)), &query))
	query["query"] = object{"bool": object{"filter": []any{query["query"], object{"range": object{params["timeField"].(string): object{
		"gte": fmt.Sprintf("now-%v%v", params["timeWindowSize"], params["timeWindowUnit"]),
	}}}}}}
	groupBy := object{"filters": object{"filters": []any{object{"match_all": object{}}}}}
	if params["groupBy"] == "top" {
		groupBy = object{"terms": object{"field": params["termField"], "size": params["termSize"]}}
	}
	metric := object{"value_count": object{"field": "_index"}}
	if params["aggType"] == "avg" {
		metric = object{"avg": object{"field": params["aggField"]}}
	}
	groupBy["aggs"] = object{"metric": metric}
	query["size"], query["aggs"] = 0, object{"groups": groupBy}
	var answer struct {
		Aggregations struct {
			Groups struct {
				Buckets []struct {
					Key    string
					Metric struct{ Value float64 }
				}
			}
		}
	}
	index := at[string](t, params, "index", 0)
	require.NoError(t, w.client.JSON(t.Context(), http.MethodPost, "/"+index+"/_search", query, &answer))
	for _, bucket := range answer.Aggregations.Groups.Buckets {
		if bucket.Metric.Value > at[float64](t, params, "threshold", 0) {
			fires, groups = true, append(groups, bucket.Key)
		}
	}
	return fires, groups
}

// kibanaRules are those that can be, by the rule.
func (w *world) kibanaRules(t *testing.T, made []alerts.Alarm) map[string]object {
	t.Helper()
	rules := map[string]object{}
	for _, alarm := range made {
		files, err := alerts.KibanaRules{}.Files([]alerts.Alarm{alarm})
		require.NoError(t, err)
		for _, file := range files {
			require.NoError(t, alertingtest.ValidateRule(false, file.Text))
			var rule object
			require.NoError(t, json.Unmarshal(file.Text, &rule))
			rules[alarm.Rule.Name] = rule
		}
	}
	return rules
}

// requireKibana executes the queries of the rules of Kibana as it documents that it does.
func requireKibana(t *testing.T, loud, quiet *world, abnormal, usual []alerts.Alarm) {
	t.Helper()
	rules, quietRules := loud.kibanaRules(t, abnormal), quiet.kibanaRules(t, usual)
	about := map[string][]string{
		"run-failed": {""}, "threshold-crossed": {""}, "comparison-worse": {""}, "run-lost": {""}, "server-stopped": {""},
		"client-probing": {"203.0.113.7"}, "run-failures": {"shop-load"},
	}
	require.Len(t, rules, len(about))
	for rule, groups := range about {
		fires, found := loud.matches(t, rules[rule])
		assert.True(t, fires, rule)
		assert.Subset(t, found, groups, rule)
		fires, found = quiet.matches(t, quietRules[rule])
		if rule == "run-failures" { // a rule of Kibana judges from the first request on
			assert.NotContains(t, found, "shop-load")
			continue
		}
		assert.False(t, fires, rule)
	}
}
