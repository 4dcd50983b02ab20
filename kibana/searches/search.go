package searches

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k6es/k6es/kibana"
)

// Search is one request to _search that a panel makes.
type Search struct {
	Object string // type:id
	Part   string // what of the object it is for: a series, a control, …; empty: all of it
	Index  string // names and patterns, by comma
	Body   map[string]any
}

// String names the search in messages.
func (s Search) String() string { return strings.TrimSuffix(s.Object+" "+s.Part, " ") }

// View is what a dashboard is opened with.
type View struct {
	From, To time.Time
	Query    string // KQL; empty: everything
}

// points is how many buckets an automatic interval aims at.
const points = 100

// interval is an automatic interval, in whole seconds.
func (v View) interval() string {
	return fmt.Sprintf("%ds", max(1, int(v.To.Sub(v.From).Seconds()/points)))
}

// translator makes searches of the objects of one set.
type translator struct {
	view    View
	query   map[string]any // of the view; nil: none
	objects map[string]kibana.Object
}

// All returns the searches of all objects, in their order. Objects are as kibana.Render returns them.
func All(objects []kibana.Object, view View) ([]Search, error) {
	query, err := KQL(view.Query)
	if err != nil {
		return nil, err
	}
	t := translator{view: view, query: query, objects: map[string]kibana.Object{}}
	for _, object := range objects {
		t.objects[object.Key()] = object
	}
	var all []Search
	for _, object := range objects {
		found, err := t.searches(object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", object.Key(), err)
		}
		for i := range found {
			found[i].Object = object.Key()
		}
		all = append(all, found...)
	}
	return all, nil
}

func (t *translator) searches(o kibana.Object) ([]Search, error) {
	switch o.Type {
	case kibana.Search:
		return t.saved(o)
	case kibana.Visualization:
		state := tree(o.Attributes, "visState")
		switch kind := text(state, "type"); kind {
		case "markdown":
			return nil, nil
		case "metrics":
			return t.tsvb(tree(state, "params"))
		case "vega":
			return t.vega(tree(state, "params"))
		case "input_control_vis":
			return t.controls(tree(state, "params"))
		default:
			return t.classic(o, state)
		}
	default:
		return nil, nil
	}
}

// index is the title of an index pattern, and its time field.
func (t *translator) index(key string) (title, timeField string, err error) {
	pattern, known := t.objects[key]
	if !known {
		return "", "", fmt.Errorf("there is no %s", key)
	}
	return pattern.Title(), text(pattern.Attributes, "timeFieldName"), nil
}

// context is a query for what the dashboard is opened with, and for what a panel adds to it.
func (t *translator) context(timeField string, more ...map[string]any) map[string]any {
	var clauses []any
	if timeField != "" {
		clauses = append(clauses, t.timeRange(timeField))
	}
	for _, clause := range append(more, t.query) {
		if clause != nil {
			clauses = append(clauses, clause)
		}
	}
	return filter(clauses...)
}

func (t *translator) timeRange(field string) map[string]any {
	return map[string]any{"range": map[string]any{field: map[string]any{
		"gte": t.view.From.UTC().Format(time.RFC3339Nano), "lte": t.view.To.UTC().Format(time.RFC3339Nano),
		"format": "strict_date_optional_time",
	}}}
}

func filter(clauses ...any) map[string]any {
	return map[string]any{"bool": map[string]any{"filter": clauses}}
}

// source reads the query and the filters of an object's searchSourceJSON, and the index that it names.
func (t *translator) source(o kibana.Object) (index string, clauses []map[string]any, err error) {
	source := tree(o.Attributes, "kibanaSavedObjectMeta", "searchSourceJSON")
	query, err := queryOf(tree(source, "query"))
	if err != nil {
		return "", nil, err
	}
	clauses = append(clauses, query)
	for _, element := range list(source, "filter") {
		found, _ := element.(map[string]any)
		clause, err := filterOf(found)
		if err != nil {
			return "", nil, err
		}
		clauses = append(clauses, clause)
	}
	return text(source, "indexRef"), clauses, nil
}

// queryOf translates {"language": …, "query": …}.
func queryOf(query map[string]any) (map[string]any, error) {
	switch written := text(query, "query"); {
	case written == "":
		return nil, nil //nolint:nilnil // no query, and that is well
	case text(query, "language") == "lucene":
		return map[string]any{"query_string": map[string]any{"query": written}}, nil
	default:
		return KQL(written)
	}
}

// filterOf takes the query out of a filter pill.
func filterOf(pill map[string]any) (map[string]any, error) {
	if disabled, _ := tree(pill, "meta")["disabled"].(bool); disabled {
		return nil, nil //nolint:nilnil // as above
	}
	clause := maps.Clone(tree(pill, "query"))
	if clause == nil {
		clause = map[string]any{}
		for _, kind := range []string{"exists", "range", "match_all"} {
			if inner, ok := pill[kind]; ok {
				clause[kind] = inner
			}
		}
	}
	if len(clause) == 0 {
		return nil, fmt.Errorf("a filter without a query")
	}
	if negate, _ := tree(pill, "meta")["negate"].(bool); negate {
		return map[string]any{"bool": map[string]any{"must_not": []any{clause}}}, nil
	}
	return clause, nil
}

// tree, list, text and number read from JSON; what is not there is empty.
func tree(node map[string]any, path ...string) map[string]any {
	for _, key := range path {
		node, _ = node[key].(map[string]any)
	}
	return node
}

func list(node map[string]any, key string) []any {
	elements, _ := node[key].([]any)
	return elements
}

func text(node map[string]any, key string) string {
	switch value := node[key].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	default:
		return ""
	}
}

func number(node map[string]any, key string, otherwise int) int {
	if n, err := strconv.Atoi(text(node, key)); err == nil {
		return n
	}
	return otherwise
}

func yes(node map[string]any, key string) bool {
	on, isBool := node[key].(bool)
	return on || !isBool && text(node, key) == "1"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
