package searches

import (
	"slices"
	"strings"
)

// Use is how a search uses a field.
type Use string

// The uses.
const (
	Filtered  Use = "filtered"   // by a query
	Bucketed  Use = "bucketed"   // terms: keywords, numbers, dates
	Ranged    Use = "ranged"     // range, histogram: numbers
	Timed     Use = "timed"      // date_histogram and the like: dates
	Computed  Use = "computed"   // sum, avg, percentiles: numbers
	Bounded   Use = "bounded"    // min, max: numbers and dates
	Counted   Use = "counted"    // cardinality, value_count: any
	Shown     Use = "shown"      // read from documents
	SortedBy  Use = "sorted by"  // numbers, keywords, dates
	Compared  Use = "compared"   // by a range query: numbers and dates
	Existence Use = "looked for" // by an exists query
)

// FieldUse is a field of a search, and how it is used.
type FieldUse struct {
	Field string
	Use   Use
}

// Fields lists the fields that a search names, each use once, sorted.
func (s Search) Fields() ([]FieldUse, error) {
	body, err := plain(s.Body)
	if err != nil {
		return nil, err
	}
	var w walker
	w.query(body["query"])
	w.aggs(aggsOf(body))
	w.sort(body["sort"])
	w.shown(body["_source"])
	w.shown(body["docvalue_fields"])
	slices.SortFunc(w.found, func(a, b FieldUse) int {
		return strings.Compare(a.Field+" "+string(a.Use), b.Field+" "+string(b.Use))
	})
	return slices.Compact(w.found), nil
}

type walker struct{ found []FieldUse }

func (w *walker) add(field string, use Use) {
	if field != "" && !strings.HasPrefix(field, "_") {
		w.found = append(w.found, FieldUse{field, use})
	}
}

// byField are the queries whose only key is the field.
var byField = map[string]Use{
	"term": Filtered, "terms": Filtered, "match": Filtered, "match_phrase": Filtered, "prefix": Filtered,
	"wildcard": Filtered, "regexp": Filtered, "range": Compared,
}

func (w *walker) query(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, kind := range sortedKeys(node) {
			inner, _ := node[kind].(map[string]any)
			switch use, known := byField[kind]; {
			case known && inner != nil:
				for _, field := range sortedKeys(inner) {
					w.add(field, use)
				}
			case kind == "exists":
				w.add(text(inner, "field"), Existence)
			case kind == "query_string" || kind == "multi_match":
				for _, field := range list(inner, "fields") {
					name, _ := field.(string)
					w.add(name, Filtered)
				}
			default:
				w.query(node[kind])
			}
		}
	case []any:
		for _, element := range node {
			w.query(element)
		}
	}
}

// byAgg says how an aggregation uses its field.
var byAgg = map[string]Use{
	"terms": Bucketed, "significant_terms": Bucketed, "range": Ranged, "histogram": Ranged, "date_range": Timed,
	"date_histogram": Timed, "auto_date_histogram": Timed, "sum": Computed, "avg": Computed, "percentiles": Computed,
	"percentile_ranks": Computed, "stats": Computed, "extended_stats": Computed, "min": Bounded, "max": Bounded,
	"cardinality": Counted, "value_count": Counted, "missing": Counted,
}

func (w *walker) aggs(aggs map[string]any) {
	for _, name := range sortedKeys(aggs) {
		agg := tree(aggs, name)
		w.aggs(aggsOf(agg))
		kind := kindOf(agg)
		body := tree(agg, kind)
		switch kind {
		case "filter":
			w.query(agg["filter"])
		case "filters":
			for _, clause := range tree(body, "filters") {
				w.query(clause)
			}
		case "top_hits":
			w.sort(body["sort"])
			w.shown(body["_source"])
			w.shown(body["docvalue_fields"])
		case "composite":
			for _, element := range list(body, "sources") {
				source, _ := element.(map[string]any)
				w.aggs(source)
			}
		default:
			w.add(text(body, "field"), byAgg[kind])
		}
	}
}

func (w *walker) sort(node any) {
	switch node := node.(type) {
	case string:
		w.add(node, SortedBy)
	case map[string]any:
		for _, field := range sortedKeys(node) {
			w.add(field, SortedBy)
		}
	case []any:
		for _, element := range node {
			w.sort(element)
		}
	}
}

func (w *walker) shown(node any) {
	for _, name := range columns(node) {
		w.add(name, Shown)
	}
}
