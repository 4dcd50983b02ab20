package alerts

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// KibanaRules writes alarms as rules of Kibana's type .es-query ("Elasticsearch query"), one file a rule: the body
// of POST /api/alerting/rule/ID, where ID is the name of the file. It follows "Create rule API" and "Elasticsearch
// query" of the Kibana Guide, 7.17 to 9, and was never run: no Kibana that has rules is at hand for tests.
type KibanaRules struct {
	// Old is for Kibana before 8.8: there a rule counts documents, all together.
	Old bool
}

const (
	documentsWindow = Span(5 * time.Minute) // Kibana itself passes over documents that it has told already
	kibanaGroups    = 1000                  // the most that it takes
)

// Lacks says why an alarm cannot be such a rule; empty where it can.
func (k KibanaRules) Lacks(a Alarm) string {
	c := a.Condition
	switch {
	case a.While != nil:
		return "a rule of Kibana has one condition"
	case c.Kind == Unusual:
		return "a rule of Kibana does not compare with earlier days"
	case c.Kind == Silent:
		return "a rule of Kibana does not see what is not there any more"
	case c.Metric.Of == Percentile:
		return "a rule of Kibana knows no percentiles"
	case k.Old && c.Kind == Above && (c.Group != "" || c.Metric.Of != Count):
		return "a rule of Kibana before 8.8 only counts documents, all together"
	default:
		return ""
	}
}

// Files makes the files of the alarms that can be rules.
func (k KibanaRules) Files(alarms []Alarm) ([]File, error) {
	var files []File
	for _, alarm := range alarms {
		if k.Lacks(alarm) != "" {
			continue
		}
		rule, err := k.rule(alarm)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", alarm.Name, err)
		}
		text, err := indented(rule)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", alarm.Name, err)
		}
		files = append(files, File{ruleID(alarm.Name) + ".json", text})
	}
	return files, nil
}

// ruleID is the same for the same name. Kibana takes only what looks like a random UUID.
func ruleID(name string) string {
	sum := sha256.Sum256([]byte("k6es " + name))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}

func (k KibanaRules) rule(a Alarm) (object, error) {
	params, err := k.params(a)
	if err != nil {
		return nil, err
	}
	rule := object{
		"name": a.Name + ": " + a.Rule.Title, "tags": []string{"k6es", string(a.Rule.Severity)},
		"rule_type_id": ".es-query", "consumer": "stackAlerts", "schedule": object{"interval": "1m"},
		"params": params, "actions": []any{},
	}
	if k.Old {
		rule["consumer"], rule["notify_when"] = "alerts", "onActiveAlert"
	}
	return rule, nil
}

func (k KibanaRules) params(a Alarm) (object, error) {
	c := a.Condition
	query, err := json.Marshal(object{"query": all(c.Filter)})
	if err != nil {
		return nil, err
	}
	window, limit := c.Window, c.Limit
	if c.Kind == Documents {
		window, limit = documentsWindow, 0
	}
	size, unit, err := kibanaSpan(window)
	params := object{
		"index": monitorIndices(a), "timeField": c.Time, "esQuery": string(query), "size": maxDocuments,
		"timeWindowSize": size, "timeWindowUnit": unit, "thresholdComparator": ">", "threshold": []float64{limit},
	}
	if k.Old {
		return params, err
	}
	params["searchType"], params["aggType"], params["groupBy"] = "esQuery", "count", "all"
	params["excludeHitsFromPreviousRun"] = c.Kind == Documents
	if c.Kind == Above && c.Metric.Of == Mean {
		params["aggType"], params["aggField"] = "avg", c.Metric.Field
	}
	if c.Kind == Above && c.Group != "" {
		params["groupBy"], params["termField"], params["termSize"] = "top", c.Group, kibanaGroups
	}
	return params, err
}

// kibanaSpan is a span as Kibana takes it: a number, and s, m, h or d.
func kibanaSpan(span Span) (size int, unit string, err error) {
	text := span.String()
	size, err = strconv.Atoi(text[:len(text)-1])
	return size, text[len(text)-1:], err
}
