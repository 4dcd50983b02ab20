package kibana

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Unfold undoes Fold: it makes of what Kibana stores an object as a file holds it. What no file has a
// form for stays as it is.
func Unfold(saved SavedObject) (Object, error) {
	o := Object{Type: saved.Type, ID: saved.ID}
	u := unfolder{references: map[string]string{}}
	for _, reference := range saved.References {
		u.references[reference.Name] = reference.key()
	}
	attributes := maps.Clone(saved.Attributes)
	if attributes == nil {
		attributes = map[string]any{}
	}
	for _, path := range texts[saved.Type] {
		if err := unfoldText(attributes, path); err != nil {
			return o, fmt.Errorf("%s: %s: %w", o.Key(), path, err)
		}
	}
	switch saved.Type {
	case Dashboard:
		attributes["panelsJSON"] = u.panels(attributes["panelsJSON"])
	case Visualization:
		unfoldVisualization(attributes)
	}
	o.Attributes = u.unfold(attributes).(map[string]any)
	return o, nil
}

// unfoldText replaces a text at a path by what its JSON says.
func unfoldText(tree map[string]any, path string) error {
	key, rest, nested := strings.Cut(path, ".")
	if nested {
		inner, _ := tree[key].(map[string]any)
		if inner == nil {
			return nil
		}
		inner = maps.Clone(inner)
		tree[key] = inner
		return unfoldText(inner, rest)
	}
	text, isText := tree[key].(string)
	if !isText {
		return nil
	}
	value, err := decodeAny(text)
	if err != nil {
		return err
	}
	tree[key] = value
	return nil
}

// unfolder puts references back to where they are used.
type unfolder struct {
	references map[string]string // name → type:id
}

func (u unfolder) unfold(node any) any {
	switch node := node.(type) {
	case map[string]any:
		out := make(map[string]any, len(node))
		for key, value := range node {
			name, _ := value.(string)
			target, known := u.references[name]
			if isName := strings.HasSuffix(key, refSuffix+"Name"); isName && known {
				out[strings.TrimSuffix(key, "Name")] = target
				continue
			}
			out[key] = u.unfold(value)
		}
		return out
	case []any:
		out := make([]any, len(node))
		for i, element := range node {
			out[i] = u.unfold(element)
		}
		return out
	default:
		return node
	}
}

// panels makes our panels of Kibana's.
func (u unfolder) panels(list any) []any {
	theirs, _ := list.([]any)
	panels := make([]any, 0, len(theirs))
	for _, element := range theirs {
		their, _ := element.(map[string]any)
		panels = append(panels, u.panel(their))
	}
	return panels
}

func (u unfolder) panel(their map[string]any) map[string]any {
	name, _ := their["panelRefName"].(string)
	target, known := u.references[name]
	if !known { // as later versions name it
		target, known = u.references[fmt.Sprintf("%v:%s", their["panelIndex"], name)]
	}
	our := map[string]any{}
	for key, value := range their {
		switch key {
		case "version", "gridData":
		case "panelIndex", "panelRefName", "type", "id":
			if !known { // a panel that holds its own visualization
				our[key] = value
			}
		case "embeddableConfig":
			if config, _ := value.(map[string]any); len(config) > 0 {
				our[key] = value
			}
		default:
			our[key] = value
		}
	}
	data, _ := their["gridData"].(map[string]any)
	our["at"] = []any{data["x"], data["y"], data["w"], data["h"]}
	if known {
		our["panel"] = target
	}
	return our
}

// unfoldVisualization nests what is text within the state of a visualization.
func unfoldVisualization(attributes map[string]any) {
	state, _ := attributes["visState"].(map[string]any)
	params, _ := state["params"].(map[string]any)
	if text, ok := params["spec"].(string); ok {
		nestObject(params, "spec", text)
	}
	if text, ok := params["markdown"].(string); ok {
		lines := []any{}
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, line)
		}
		params["markdown"] = lines
	}
	aggs, _ := state["aggs"].([]any)
	for _, agg := range aggs {
		agg, _ := agg.(map[string]any)
		aggParams, _ := agg["params"].(map[string]any)
		if text, ok := aggParams["json"].(string); ok {
			nestObject(aggParams, "json", text)
		}
	}
}

// nestObject puts an object where its JSON was; another text, such as one in Vega's own dialect, stays.
func nestObject(tree map[string]any, key, text string) {
	value, err := decodeAny(text)
	if object, ok := value.(map[string]any); err == nil && ok {
		tree[key] = object
	}
}

// decodeAny reads one JSON value. Numbers keep their text.
func decodeAny(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}
