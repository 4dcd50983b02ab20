package searches

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Empty says for what the answer to a search has no data: an aggregation without a bucket or a value, a
// field that no document has, or the whole search; nil if all has data. Of an aggregation within buckets it
// is enough that one bucket has a value. Rare fields may be missing in all documents.
func Empty(search Search, answer []byte, rare ...string) error {
	var got struct {
		TimedOut bool                 `json:"timed_out"`
		Shards   struct{ Failed int } `json:"_shards"`
		Hits     struct {
			Total struct{ Value int }
			Hits  []struct {
				Source map[string]any `json:"_source"`
				Fields map[string]any
			}
		}
		Aggregations map[string]any
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return err
	}
	switch {
	case got.TimedOut || got.Shards.Failed > 0:
		return errors.New("the server did not search all of it")
	case got.Hits.Total.Value == 0:
		return errors.New("no document")
	}
	body, err := plain(search.Body)
	if err != nil {
		return err
	}
	var errs []error
	if size, isNumber := body["size"].(float64); !isNumber || size > 0 {
		var sources, values []map[string]any
		for _, hit := range got.Hits.Hits {
			sources, values = append(sources, hit.Source), append(values, hit.Fields)
		}
		errs = append(errs, emptyColumns(body["_source"], sources, rare)...)
		errs = append(errs, emptyColumns(body["docvalue_fields"], values, rare)...)
	}
	return errors.Join(append(errs, emptyAggs(aggsOf(body), []map[string]any{got.Aggregations}, "")...)...)
}

func aggsOf(body map[string]any) map[string]any {
	if aggs := tree(body, "aggs"); aggs != nil {
		return aggs
	}
	return tree(body, "aggregations")
}

// emptyColumns names the fields that none of the documents has.
func emptyColumns(wanted any, documents []map[string]any, rare []string) []error {
	var errs []error
	for _, name := range columns(wanted) {
		has := func(document map[string]any) bool { return dig(document, name) }
		if !strings.Contains(name, "*") && !slices.Contains(rare, name) && !slices.ContainsFunc(documents, has) {
			errs = append(errs, fmt.Errorf("no document has the field %s", name))
		}
	}
	return errs
}

// columns are the fields that a search reads: of _source or of docvalue_fields, in all forms of these.
func columns(wanted any) []string {
	switch wanted := wanted.(type) {
	case string:
		return []string{wanted}
	case map[string]any:
		if field := text(wanted, "field"); field != "" {
			return []string{field}
		}
		return columns(wanted["includes"])
	case []any:
		var names []string
		for _, element := range wanted {
			names = append(names, columns(element)...)
		}
		return names
	default:
		return nil
	}
}

// dig tells whether a document has a field, whose dots may be those of objects or of keys.
func dig(node map[string]any, path string) bool {
	if value, has := node[path]; has {
		return value != nil
	}
	for at := range path {
		if path[at] != '.' {
			continue
		}
		if inner, isObject := node[path[:at]].(map[string]any); isObject && dig(inner, path[at+1:]) {
			return true
		}
	}
	return false
}

// emptyAggs looks at what is asked, in all places where it was answered.
func emptyAggs(asked map[string]any, answers []map[string]any, path string) []error {
	var errs []error
	for _, name := range sortedKeys(asked) {
		agg, _ := asked[name].(map[string]any)
		place := strings.TrimPrefix(path+">"+name, ">")
		var buckets []map[string]any
		hasValue := false
		for _, answer := range answers {
			found := tree(answer, name)
			buckets = append(buckets, bucketsOf(found)...)
			hasValue = hasValue || valued(found)
		}
		inner := aggsOf(agg)
		switch {
		case silent[kindOf(agg)]:
		case !isBucketAgg(agg):
			if !hasValue {
				errs = append(errs, fmt.Errorf("%s has no value", place))
			}
		case len(buckets) == 0:
			errs = append(errs, fmt.Errorf("%s has no bucket with a document", place))
		default:
			errs = append(errs, emptyAggs(inner, buckets, place)...)
		}
	}
	return errs
}

// metricAggs are the aggregations that have values, not buckets.
var metricAggs = map[string]bool{
	"avg": true, "sum": true, "min": true, "max": true, "cardinality": true, "value_count": true, "stats": true,
	"extended_stats": true, "percentiles": true, "percentile_ranks": true, "top_hits": true, "cumulative_sum": true,
	"derivative": true, "bucket_script": true, "moving_fn": true, "max_bucket": true, "sum_bucket": true,
	"avg_bucket": true, "min_bucket": true,
}

// silent are the aggregations that change what others answer, and have no answer of their own.
var silent = map[string]bool{"bucket_sort": true, "bucket_selector": true}

func kindOf(agg map[string]any) string {
	for _, kind := range sortedKeys(agg) {
		if kind != "aggs" && kind != "aggregations" && kind != "meta" {
			return kind
		}
	}
	return ""
}

func isBucketAgg(agg map[string]any) bool { return !metricAggs[kindOf(agg)] }

// bucketsOf returns the buckets that hold documents, of an aggregation with many or with one.
func bucketsOf(found map[string]any) []map[string]any {
	if _, single := found["doc_count"]; single && found["buckets"] == nil {
		if counts(found) {
			return []map[string]any{found}
		}
		return nil
	}
	var buckets []map[string]any
	switch all := found["buckets"].(type) {
	case []any:
		for _, element := range all {
			if bucket, _ := element.(map[string]any); counts(bucket) {
				buckets = append(buckets, bucket)
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(all) {
			if bucket, _ := all[key].(map[string]any); counts(bucket) {
				bucket = maps.Clone(bucket)
				bucket["key"] = key
				buckets = append(buckets, bucket)
			}
		}
	}
	return buckets
}

func counts(bucket map[string]any) bool {
	n, _ := bucket["doc_count"].(float64)
	return n > 0
}

// valued tells whether a metric has a value; percentiles have a list or an object of them.
func valued(found map[string]any) bool {
	if found["value"] != nil {
		return true
	}
	if n, isNumber := found["count"].(float64); isNumber {
		return n > 0
	}
	for _, value := range tree(found, "values") {
		if value != nil && value != "NaN" {
			return true
		}
	}
	for _, element := range list(found, "values") {
		if entry, _ := element.(map[string]any); entry["value"] != nil {
			return true
		}
	}
	return len(list(tree(found, "hits"), "hits")) > 0
}

// Sum adds up the values of a metric in an answer, over all buckets, by the name of its aggregation.
func Sum(answer []byte, name string) (float64, error) {
	var got struct{ Aggregations map[string]any }
	if err := json.Unmarshal(answer, &got); err != nil {
		return 0, err
	}
	total := 0.0
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, key := range sortedKeys(node) {
				inner, _ := node[key].(map[string]any)
				if value, isNumber := inner["value"].(float64); isNumber && key == name {
					total += value
				}
				walk(node[key])
			}
		case []any:
			for _, element := range node {
				walk(element)
			}
		}
	}
	walk(got.Aggregations)
	return total, nil
}

// Total adds up a field over the documents of an answer that have certain values in other fields, as
// docvalue_fields gives them.
func Total(answer []byte, field string, where map[string]string) (float64, error) {
	var got struct {
		Hits struct {
			Hits []struct{ Fields map[string][]any }
		}
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return 0, err
	}
	total, found := 0.0, false
	for _, hit := range got.Hits.Hits {
		wanted := true
		for name, value := range where {
			wanted = wanted && firstOf(hit.Fields[name]) == value
		}
		if number, isNumber := firstOf(hit.Fields[field]).(float64); wanted && isNumber {
			total, found = total+number, true
		}
	}
	if !found {
		return 0, fmt.Errorf("no document with %v has a number in %s", where, field)
	}
	return total, nil
}

func firstOf(values []any) any {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}
