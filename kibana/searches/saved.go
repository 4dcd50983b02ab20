package searches

import "github.com/k6es/k6es/kibana"

// saved translates a saved search: the newest documents, with the fields that it shows.
func (t *translator) saved(o kibana.Object) ([]Search, error) {
	index, clauses, err := t.source(o)
	if err != nil {
		return nil, err
	}
	title, timeField, err := t.index(index)
	if err != nil {
		return nil, err
	}
	var sort []any
	for _, element := range list(o.Attributes, "sort") {
		if pair, _ := element.([]any); len(pair) == 2 {
			field, _ := pair[0].(string)
			sort = append(sort, map[string]any{field: map[string]any{"order": pair[1], "unmapped_type": "boolean"}})
		}
	}
	return []Search{{Index: title, Body: map[string]any{
		"size": 500, "query": t.context(timeField, clauses...), "sort": sort,
		"_source": list(o.Attributes, "columns"), "track_total_hits": true,
	}}}, nil
}
