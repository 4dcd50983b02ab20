package searches

import "fmt"

// controls translates input controls: the values that each offers, whatever the dashboard is filtered by.
func (t *translator) controls(params map[string]any) ([]Search, error) {
	var found []Search
	for _, element := range list(params, "controls") {
		control, _ := element.(map[string]any)
		index, timeField, err := t.index(text(control, "indexPatternRef"))
		if err != nil {
			return nil, err
		}
		query := filter()
		if yes(params, "useTimeFilter") {
			query = filter(t.timeRange(timeField))
		}
		field := map[string]any{"field": text(control, "fieldName")}
		aggs := map[string]any{}
		switch kind := text(control, "type"); kind {
		case "list":
			field["size"] = number(tree(control, "options"), "size", 5)
			aggs["terms"] = map[string]any{"terms": field}
		case "range":
			aggs["minAgg"], aggs["maxAgg"] = map[string]any{"min": field}, map[string]any{"max": field}
		default:
			return nil, fmt.Errorf("controls of type %q are not known", kind)
		}
		found = append(found, Search{Part: "control " + text(control, "id"), Index: index, Body: map[string]any{
			"size": 0, "query": query, "aggs": aggs, "track_total_hits": true,
		}})
	}
	return found, nil
}
