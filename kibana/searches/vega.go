package searches

import (
	"fmt"
	"strconv"
	"time"
)

// vega finds what a Vega specification asks Elasticsearch: every url that is an object.
func (t *translator) vega(params map[string]any) ([]Search, error) {
	spec := tree(params, "spec")
	if spec == nil {
		return nil, fmt.Errorf("the specification is no object")
	}
	var found []Search
	err := t.urls(spec, "", &found)
	return found, err
}

func (t *translator) urls(node any, name string, found *[]Search) error {
	switch node := node.(type) {
	case map[string]any:
		if own := text(node, "name"); own != "" {
			name = own
		}
		for _, key := range sortedKeys(node) {
			url, isObject := node[key].(map[string]any)
			if key == "url" && isObject {
				search, err := t.url(url)
				if err != nil {
					return fmt.Errorf("data %s: %w", name, err)
				}
				search.Part = "data " + name
				*found = append(*found, search)
				continue
			}
			if err := t.urls(node[key], name, found); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range node {
			if err := t.urls(element, name+"/"+strconv.Itoa(i), found); err != nil {
				return err
			}
		}
	}
	return nil
}

// url translates one url. With %context% Kibana replaces the query; a body may also say where the parts of
// the context go.
func (t *translator) url(url map[string]any) (Search, error) {
	body, isObject := t.fill(tree(url, "body")).(map[string]any)
	if !isObject || text(url, "index") == "" {
		return Search{}, fmt.Errorf("it needs an index and a body")
	}
	timeField := text(url, "%timefield%")
	if yes(url, "%context%") {
		if _, has := body["query"]; has {
			return Search{}, fmt.Errorf("with %%context%% Kibana allows no query in the body")
		}
		body["query"] = t.context(timeField)
	} else if timeField != "" {
		return Search{}, fmt.Errorf("%%timefield%% without %%context%% does nothing")
	}
	body["track_total_hits"] = true
	return Search{Index: text(url, "index"), Body: body}, nil
}

// fill replaces what Kibana replaces in a body.
func (t *translator) fill(node any) any {
	switch node := node.(type) {
	case map[string]any:
		if kind, has := node["%timefilter%"]; has {
			return t.timeFilter(kind, node)
		}
		if _, has := node["%autointerval%"]; has {
			return t.view.interval()
		}
		out := make(map[string]any, len(node))
		for key, value := range node {
			out[key] = t.fill(value)
		}
		return out
	case []any:
		out := []any{}
		for _, element := range node {
			switch element {
			case "%dashboard_context-must_clause%", "%dashboard_context-must_not_clause%", "%dashboard_context-should_clause%":
			case "%dashboard_context-filter_clause%":
				if t.query != nil {
					out = append(out, t.query)
				}
			default:
				out = append(out, t.fill(element))
			}
		}
		return out
	default:
		return node
	}
}

// timeFilter is the time of the dashboard, or a bound of it, which may be moved by some days.
func (t *translator) timeFilter(kind any, node map[string]any) any {
	days := 0
	if text(node, "unit") == "day" {
		days, _ = strconv.Atoi(fmt.Sprint(node["shift"]))
	}
	switch kind {
	case "min":
		return t.view.From.AddDate(0, 0, days).UnixMilli()
	case "max":
		return t.view.To.AddDate(0, 0, days).UnixMilli()
	default:
		return map[string]any{
			"gte": t.view.From.UTC().Format(time.RFC3339Nano), "lte": t.view.To.UTC().Format(time.RFC3339Nano),
			"format": "strict_date_optional_time",
		}
	}
}
