package searches

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// Empty says for what the answer to a search has no data: an aggregation without a bucket or a value, a
// field that no document has, or the whole search; nil if all has data. Of an aggregation within buckets it
// is enough that one bucket has a value.
func Empty(search Search, answer []byte) error {
	var got struct {
		TimedOut bool `json:"timed_out"`
		Shards   struct{ Failed int }
		Hits     struct {
			Total struct{ Value int }
			Hits  []struct {
				Source map[string]any `json:"_source"`
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
		sources := make([]map[string]any, len(got.Hits.Hits))
		for i, hit := range got.Hits.Hits {
			sources[i] = hit.Source
		}
		errs = append(errs, emptyColumns(body["_source"], sources)...)
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
func emptyColumns(wanted any, sources []map[string]any) []error {
	columns, _ := wanted.([]any)
	if name, isText := wanted.(string); isText {
		columns = []any{name}
	}
	if filter, isFilter := wanted.(map[string]any); isFilter {
		columns = list(filter, "includes")
	}
	var errs []error
	for _, column := range columns {
		name, _ := column.(string)
		found := strings.Contains(name, "*")
		for _, source := range sources {
			found = found || dig(source, name)
		}
		if !found {
			errs = append(errs, fmt.Errorf("no document has the field %s", name))
		}
	}
	return errs
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
	"avg_bucket": true, "min_bucket": true, "scripted_metric": true, "bucket_sort": true, "bucket_selector": true,
}

// silentAggs change what others answer, and have no answer of their own.
var silentAggs = map[string]bool{"bucket_sort": true, "bucket_selector": true}

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

// valued tells whether a metric has a value.
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
	return len(list(tree(found, "hits"), "hits")) > 0
}
