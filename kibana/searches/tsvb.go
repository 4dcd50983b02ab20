package searches

import (
	"fmt"
	"strings"
)

// tsvb translates a panel of the time series visual builder: one search a series, and one an annotation.
func (t *translator) tsvb(params map[string]any) ([]Search, error) {
	var found []Search
	for _, element := range list(params, "series") {
		series, _ := element.(map[string]any)
		search, err := t.series(params, series)
		if err != nil {
			return nil, fmt.Errorf("series %s: %w", text(series, "id"), err)
		}
		found = append(found, search)
	}
	for _, element := range list(params, "annotations") {
		annotation, _ := element.(map[string]any)
		search, err := t.annotation(params, annotation)
		if err != nil {
			return nil, fmt.Errorf("annotation %s: %w", text(annotation, "id"), err)
		}
		found = append(found, search)
	}
	return found, nil
}

func (t *translator) series(panel, series map[string]any) (Search, error) {
	index, timeField, interval := text(panel, "index_pattern"), text(panel, "time_field"), text(panel, "interval")
	if yes(series, "override_index_pattern") {
		index, timeField = text(series, "series_index_pattern"), text(series, "series_time_field")
		interval = text(series, "series_interval")
	}
	clauses, err := queries(tree(panel, "filter"), tree(series, "filter"))
	if err != nil {
		return Search{}, err
	}
	metrics, err := seriesMetrics(list(series, "metrics"))
	if err != nil {
		return Search{}, err
	}
	inner := metrics
	if kind := text(panel, "type"); kind == "timeseries" || text(panel, "time_range_mode") != "entire_time_range" {
		inner = map[string]any{"timeseries": map[string]any{
			"date_histogram": map[string]any{
				"field": timeField, "fixed_interval": t.fixed(interval), "min_doc_count": 0,
				"extended_bounds": map[string]any{"min": t.view.From.UnixMilli(), "max": t.view.To.UnixMilli()},
			},
			"aggs": metrics,
		}}
	}
	aggs, err := split(series, inner)
	if err != nil {
		return Search{}, err
	}
	if pivot := text(panel, "pivot_id"); text(panel, "type") == "table" && pivot != "" {
		aggs = map[string]any{"pivot": map[string]any{
			"terms": map[string]any{"field": pivot, "size": number(panel, "pivot_rows", 10)}, "aggs": aggs,
		}}
	}
	query := t.context(timeField, clauses...)
	if yes(panel, "ignore_global_filter") {
		query = filter(append([]any{t.timeRange(timeField)}, anys(clauses)...)...)
	}
	label := text(series, "label")
	return Search{Part: fmt.Sprintf("series %s (%s)", text(series, "id"), label), Index: index, Body: map[string]any{
		"size": 0, "query": query, "aggs": aggs, "track_total_hits": true,
	}}, nil
}

// queries translates several queries, of which any may be missing.
func queries(given ...map[string]any) ([]map[string]any, error) {
	var clauses []map[string]any
	for _, query := range given {
		clause, err := queryOf(query)
		if err != nil {
			return nil, err
		}
		if clause != nil {
			clauses = append(clauses, clause)
		}
	}
	return clauses, nil
}

func anys(clauses []map[string]any) []any {
	out := make([]any, len(clauses))
	for i, clause := range clauses {
		out[i] = clause
	}
	return out
}

// fixed is the interval that is sent: one that is given, or an automatic one that is not below a bound.
func (t *translator) fixed(interval string) string {
	if interval == "" || interval == "auto" || strings.HasPrefix(interval, ">=") {
		return t.view.interval()
	}
	return interval
}

// split puts the aggregations of a series into those that split it.
func split(series, inner map[string]any) (map[string]any, error) {
	id := text(series, "id")
	body := map[string]any{"aggs": inner}
	switch mode := text(series, "split_mode"); mode {
	case "everything":
		body["filter"] = map[string]any{"match_all": map[string]any{}}
	case "filter":
		clause, err := queryOf(tree(series, "filter"))
		if err != nil {
			return nil, err
		}
		body["filter"] = clause
	case "filters":
		filters := map[string]any{}
		for i, element := range list(series, "split_filters") {
			entry, _ := element.(map[string]any)
			clause, err := queryOf(tree(entry, "filter"))
			if err != nil {
				return nil, err
			}
			filters[fmt.Sprintf("%d %s", i, text(entry, "label"))] = clause
		}
		body["filters"] = map[string]any{"filters": filters}
	case "terms":
		terms := map[string]any{"field": text(series, "terms_field"), "size": number(series, "terms_size", 10)}
		order := text(series, "terms_direction")
		if order == "" {
			order = "desc"
		}
		switch by := text(series, "terms_order_by"); by {
		case "", "_count", "_key":
			terms["order"] = map[string]any{orElse(by, "_count"): order}
		default: // a metric of the series, asked once more beside the time buckets
			sorted, err := sortMetric(list(series, "metrics"), by)
			if err != nil {
				return nil, err
			}
			terms["order"] = map[string]any{by + "-SORT": order}
			inner[by+"-SORT"] = sorted
		}
		for _, key := range []string{"terms_include", "terms_exclude"} {
			if pattern := text(series, key); pattern != "" {
				terms[strings.TrimPrefix(key, "terms_")] = pattern
			}
		}
		body["terms"] = terms
	default:
		return nil, fmt.Errorf("split mode %q is not known", mode)
	}
	return map[string]any{id: body}, nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func sortMetric(metrics []any, id string) (map[string]any, error) {
	for _, element := range metrics {
		metric, _ := element.(map[string]any)
		if text(metric, "id") == id {
			return seriesMetric(metric)
		}
	}
	return nil, fmt.Errorf("it is ordered by %q, which is none of its metrics", id)
}

// seriesMetrics translates the metrics of a series. Those that Kibana computes itself must name metrics
// that are there.
func seriesMetrics(entries []any) (map[string]any, error) {
	metrics := map[string]any{}
	known := map[string]bool{}
	for _, element := range entries {
		metric, _ := element.(map[string]any)
		id, kind := text(metric, "id"), text(metric, "type")
		body, err := seriesMetric(metric)
		switch {
		case err != nil:
			return nil, err
		case kind == "filter_ratio":
			if err := filterRatio(metrics, metric); err != nil {
				return nil, err
			}
		case body != nil:
			metrics[id] = body
		}
		for _, name := range references(metric) {
			if base, _, _ := strings.Cut(name, "["); !known[base] {
				return nil, fmt.Errorf("metric %s names %q, which is none before it", id, name)
			}
		}
		known[id] = true
	}
	return metrics, nil
}

// references are the metrics that one is computed from.
func references(metric map[string]any) []string {
	var names []string
	switch text(metric, "type") {
	case "math", "calculation":
		for _, element := range list(metric, "variables") {
			variable, _ := element.(map[string]any)
			names = append(names, text(variable, "field"))
		}
	case "derivative", "cumulative_sum", "moving_average", "positive_only", "serial_diff":
		names = append(names, text(metric, "field"))
	}
	return names
}

// seriesMetric translates one metric; nil for one that Kibana computes itself.
func seriesMetric(metric map[string]any) (map[string]any, error) {
	field := map[string]any{"field": text(metric, "field")}
	switch kind := text(metric, "type"); kind {
	case "count", "math", "series_agg", "static", "filter_ratio":
		return nil, nil //nolint:nilnil // nothing to ask
	case "avg", "sum", "min", "max", "cardinality", "value_count":
		return map[string]any{kind: field}, nil
	case "percentile":
		var percents []any
		for _, element := range list(metric, "percentiles") {
			entry, _ := element.(map[string]any)
			percents = append(percents, number(entry, "value", 0))
		}
		field["percents"] = percents
		return map[string]any{"percentiles": field}, nil
	case "top_hit":
		return map[string]any{"top_hits": map[string]any{
			"size": number(metric, "size", 1), "_source": map[string]any{"includes": []any{text(metric, "field")}},
			"sort": []any{map[string]any{text(metric, "order_by"): map[string]any{"order": orElse(text(metric, "order"), "desc")}}},
		}}, nil
	case "cumulative_sum":
		return map[string]any{kind: map[string]any{"buckets_path": text(metric, "field")}}, nil
	case "derivative":
		return map[string]any{kind: map[string]any{"buckets_path": text(metric, "field"), "gap_policy": "skip", "unit": orElse(text(metric, "unit"), "1s")}}, nil
	default:
		return nil, fmt.Errorf("metrics of type %q are not known", kind)
	}
}

// filterRatio adds the two counts, or metrics, that a ratio is made of.
func filterRatio(metrics, metric map[string]any) error {
	for _, part := range []string{"numerator", "denominator"} {
		clause, err := queryOf(asQuery(metric[part]))
		if err != nil {
			return err
		}
		if clause == nil {
			clause = map[string]any{"match_all": map[string]any{}}
		}
		body := map[string]any{"filter": clause}
		if kind := text(metric, "metric_agg"); kind != "" && kind != "count" {
			body["aggs"] = map[string]any{"metric": map[string]any{kind: map[string]any{"field": text(metric, "field")}}}
		}
		metrics[text(metric, "id")+"-"+part] = body
	}
	return nil
}

// asQuery takes a query as an object, or as text in Lucene's language.
func asQuery(query any) map[string]any {
	if written, isText := query.(string); isText {
		return map[string]any{"language": "lucene", "query": written}
	}
	fields, _ := query.(map[string]any)
	return fields
}

func (t *translator) annotation(panel, annotation map[string]any) (Search, error) {
	timeField := text(annotation, "time_field")
	given := []map[string]any{tree(annotation, "query_string")}
	if !yes(annotation, "ignore_panel_filters") {
		given = append(given, tree(panel, "filter"))
	}
	clauses, err := queries(given...)
	if err != nil {
		return Search{}, err
	}
	fields := strings.FieldsFunc(text(annotation, "fields"), func(r rune) bool { return r == ',' || r == ' ' })
	for _, field := range fields {
		clauses = append(clauses, map[string]any{"exists": map[string]any{"field": field}})
	}
	query := t.context(timeField, clauses...)
	if yes(annotation, "ignore_global_filters") {
		query = filter(append([]any{t.timeRange(timeField)}, anys(clauses)...)...)
	}
	return Search{Part: "annotation " + text(annotation, "id"), Index: text(annotation, "index_pattern"), Body: map[string]any{
		"size": 0, "query": query, "track_total_hits": true,
		"aggs": map[string]any{"annotation": map[string]any{
			"date_histogram": map[string]any{"field": timeField, "fixed_interval": t.view.interval(), "min_doc_count": 1},
			"aggs": map[string]any{"hits": map[string]any{"top_hits": map[string]any{
				"size": 5, "_source": fields, "sort": []any{map[string]any{timeField: map[string]any{"order": "desc"}}},
			}}},
		}},
	}}, nil
}
