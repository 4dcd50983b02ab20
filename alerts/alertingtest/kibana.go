package alertingtest

// rule is the body of Kibana's "Create rule API" with a rule of the type .es-query, as the Kibana Guide has them in
// 7.17, and from 8.8 on. Kibana refuses parameters of a rule that it does not know.
func rule(old bool) shape {
	params := map[string]shape{
		"index": {kind: list, low: 1, top: 100, elements: &words}, "timeField": words, "esQuery": words,
		"size": {kind: number, top: 10000}, "timeWindowSize": {kind: number, low: 1, top: 1 << 31},
		"timeWindowUnit":      {kind: text, values: []string{"s", "m", "h", "d"}},
		"thresholdComparator": {kind: text, values: []string{">", ">=", "<", "<="}},
		"threshold":           {kind: list, low: 1, top: 1, elements: &shape{kind: decimal}},
	}
	known := map[string]shape{
		"name": words, "tags": {kind: list, top: 100, elements: &words}, "params": {kind: fields, fields: params},
		"rule_type_id": {kind: text, values: []string{".es-query"}},
		"schedule":     {kind: fields, fields: map[string]shape{"interval": words}},
		"consumer":     {kind: text, values: []string{"alerts", "stackAlerts"}},
		"actions":      {kind: list, top: 100, elements: &shape{kind: opaque}},
	}
	if old {
		known["notify_when"] = shape{kind: text, values: []string{"onActionGroupChange", "onActiveAlert", "onThrottleInterval"}}
		return shape{kind: fields, fields: known}
	}
	params["searchType"] = shape{kind: text, values: []string{"esQuery"}}
	params["excludeHitsFromPreviousRun"] = shape{kind: boolean}
	params["aggType"] = shape{kind: text, values: []string{"count", "avg", "min", "max", "sum"}}
	params["aggField"] = shape{kind: text, optional: true}
	params["groupBy"] = shape{kind: text, values: []string{"all", "top"}}
	params["termField"] = shape{kind: text, optional: true}
	params["termSize"] = shape{kind: number, low: 1, top: 1000, optional: true}
	return shape{kind: fields, fields: known}
}

// ValidateRule tells what is wrong with the body of a rule of Kibana; old is before 8.8.
func ValidateRule(old bool, body []byte) error { return validate(rule(old), "rule", body) }
