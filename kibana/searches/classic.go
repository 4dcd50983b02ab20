package searches

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/k6es/k6es/kibana"
)

// classic translates a visualization whose aggregations Kibana nests itself: each bucket aggregation
// within the one before it, and the metrics in the last.
func (t *translator) classic(o kibana.Object, state map[string]any) ([]Search, error) {
	index, clauses, err := t.source(o)
	if err != nil {
		return nil, err
	}
	if saved := text(o.Attributes, "savedSearchRef"); saved != "" {
		var more []map[string]any
		if index, more, err = t.source(t.objects[saved]); err != nil {
			return nil, err
		}
		clauses = append(clauses, more...)
	}
	title, timeField, err := t.index(index)
	if err != nil {
		return nil, err
	}
	aggs, err := t.nest(list(state, "aggs"))
	if err != nil {
		return nil, err
	}
	body := map[string]any{"size": 0, "query": t.context(timeField, clauses...), "track_total_hits": true}
	if len(aggs) > 0 {
		body["aggs"] = aggs
	}
	return []Search{{Index: title, Body: body}}, nil
}

// classicAgg is one entry of visState.aggs.
type classicAgg struct {
	id, kind, schema string
	params           map[string]any
}

func (t *translator) nest(entries []any) (map[string]any, error) {
	var buckets []classicAgg
	metrics, byID := map[string]any{}, map[string]any{}
	for _, entry := range entries {
		fields, _ := entry.(map[string]any)
		agg := classicAgg{text(fields, "id"), text(fields, "type"), text(fields, "schema"), tree(fields, "params")}
		if enabled, isBool := fields["enabled"].(bool); isBool && !enabled {
			continue
		}
		if isBucket(agg.kind) {
			buckets = append(buckets, agg)
			continue
		}
		body, err := metric(agg)
		if err != nil {
			return nil, fmt.Errorf("aggregation %s: %w", agg.id, err)
		}
		if body != nil {
			metrics[agg.id], byID[agg.id] = body, body
		}
	}
	inner := metrics
	for i := len(buckets) - 1; i >= 0; i-- {
		body, err := t.bucket(buckets[i], byID)
		if err != nil {
			return nil, fmt.Errorf("aggregation %s: %w", buckets[i].id, err)
		}
		below, _ := body["aggs"].(map[string]any)
		if below == nil {
			below = map[string]any{}
		}
		maps.Copy(below, inner)
		if len(below) > 0 {
			body["aggs"] = below
		}
		inner = map[string]any{buckets[i].id: body}
	}
	return inner, nil
}

func isBucket(kind string) bool {
	switch kind {
	case "terms", "date_histogram", "histogram", "range", "filters", "filter":
		return true
	default:
		return false
	}
}

// metric translates a metric aggregation; nil for the count, which every bucket has.
func metric(agg classicAgg) (map[string]any, error) {
	params := map[string]any{"field": text(agg.params, "field")}
	kind := agg.kind
	switch kind {
	case "count":
		return nil, nil //nolint:nilnil // nothing to ask
	case "avg", "sum", "min", "max", "cardinality":
	case "median":
		kind, params["percents"] = "percentiles", []any{50}
	case "percentiles":
		params["percents"] = agg.params["percents"]
	case "top_hits":
		order := text(agg.params, "sortOrder")
		return map[string]any{kind: map[string]any{
			"size": number(agg.params, "size", 1), "docvalue_fields": []any{map[string]any{"field": params["field"]}},
			"_source": params["field"],
			"sort":    []any{map[string]any{text(agg.params, "sortField"): map[string]any{"order": order}}},
		}}, nil
	default:
		return nil, fmt.Errorf("metrics of type %q are not known", kind)
	}
	return map[string]any{kind: withInput(params, agg.params)}, nil
}

// withInput merges the JSON input of an aggregation into its parameters.
func withInput(params, agg map[string]any) map[string]any {
	maps.Copy(params, tree(agg, "json"))
	return params
}

// bucket translates a bucket aggregation; byID are the metrics that it may order by.
func (t *translator) bucket(agg classicAgg, byID map[string]any) (map[string]any, error) {
	params := map[string]any{}
	if field := text(agg.params, "field"); field != "" {
		params["field"] = field
	}
	body := map[string]any{}
	switch agg.kind {
	case "terms":
		params["size"] = number(agg.params, "size", 5)
		if yes(agg.params, "missingBucket") {
			params["missing"] = "__missing__"
		}
		by := text(agg.params, "orderBy")
		if by == "1" && byID[by] == nil { // the count by its id
			by = "_count"
		}
		if by == "custom" {
			order := tree(agg.params, "orderAgg")
			custom, err := metric(classicAgg{id: agg.id + "-order", kind: text(order, "type"), params: tree(order, "params")})
			if err != nil {
				return nil, err
			}
			by = "_count"
			if custom != nil {
				by = agg.id + "-order"
				body["aggs"] = map[string]any{by: custom}
			}
		}
		id, _, _ := strings.Cut(by, ".")
		if !strings.HasPrefix(by, "_") && byID[id] != nil {
			body["aggs"] = map[string]any{id: byID[id]}
		}
		params["order"] = map[string]any{by: text(agg.params, "order")}
	case "date_histogram":
		params["fixed_interval"], params["min_doc_count"] = t.view.interval(), 1
	case "histogram":
		params["interval"] = agg.params["interval"]
		if text(agg.params, "interval") == "auto" {
			params["interval"] = 1
		}
		params["min_doc_count"] = 1
	case "range":
		params["ranges"] = agg.params["ranges"]
	case "filters":
		filters := map[string]any{}
		for i, element := range list(agg.params, "filters") {
			entry, _ := element.(map[string]any)
			query, err := queryOf(tree(entry, "input"))
			if err != nil {
				return nil, err
			}
			if query == nil {
				query = map[string]any{"match_all": map[string]any{}}
			}
			filters[fmt.Sprintf("%d %s", i, text(entry, "label"))] = query
		}
		params["filters"] = filters
	default:
		return nil, fmt.Errorf("buckets of type %q are not known", agg.kind)
	}
	body[agg.kind] = withInput(params, agg.params)
	return body, nil
}

// plain makes of a tree what encoding/json would read, so that all numbers have one type.
func plain(body map[string]any) (map[string]any, error) {
	written, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(written, &out)
}
