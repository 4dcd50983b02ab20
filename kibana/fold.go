package kibana

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// panelVersion is the version of Kibana that the panels of a dashboard are laid out for.
const panelVersion = "7.10.2"

// refSuffix ends the key of a reference in a file: "indexRef": "index-pattern:k6-runs". Kibana has the
// name of an entry in the object's list of references there instead, below the key indexRefName.
const refSuffix = "Ref"

// texts are the attributes that Kibana stores as text, by type: paths with a dot between keys.
var texts = map[string][]string{
	Dashboard:     {"panelsJSON", "optionsJSON", "kibanaSavedObjectMeta.searchSourceJSON"},
	IndexPattern:  {"fields", "fieldFormatMap"},
	Search:        {"kibanaSavedObjectMeta.searchSourceJSON"},
	Visualization: {"visState", "uiStateJSON", "kibanaSavedObjectMeta.searchSourceJSON"},
}

// Fold makes of an object what Kibana stores.
func Fold(o Object) (SavedObject, error) {
	f := folder{}
	attributes := f.fold(o.Attributes, "").(map[string]any)
	switch o.Type {
	case Dashboard:
		attributes["panelsJSON"] = f.panels(attributes["panelsJSON"])
	case Visualization:
		if err := foldVisualization(attributes); err != nil {
			return SavedObject{}, fmt.Errorf("%s: %w", o.Key(), err)
		}
	}
	for _, path := range texts[o.Type] {
		if err := foldText(attributes, path); err != nil {
			return SavedObject{}, fmt.Errorf("%s: %s: %w", o.Key(), path, err)
		}
	}
	if f.references == nil {
		f.references = []Reference{}
	}
	return SavedObject{
		Type: o.Type, ID: o.ID, Attributes: attributes, References: f.references,
		MigrationVersion: migrationVersions[o.Type],
	}, nil
}

// folder copies a tree, and numbers the references that it meets.
type folder struct {
	references []Reference
}

func (f *folder) fold(node any, path string) any {
	switch node := node.(type) {
	case map[string]any:
		out := make(map[string]any, len(node))
		for _, key := range sortedKeys(node) {
			target, isRef := node[key].(string)
			if isRef && strings.HasSuffix(key, refSuffix) {
				out[key+"Name"] = f.refer(referenceName(path, key), target)
				continue
			}
			out[key] = f.fold(node[key], joinPath(path, key))
		}
		return out
	case []any:
		out := make([]any, len(node))
		for i, element := range node {
			out[i] = f.fold(element, fmt.Sprintf("%s[%d]", path, i))
		}
		return out
	default:
		return node
	}
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// refer adds a reference to type:id and returns its name.
func (f *folder) refer(name, target string) string {
	kind, id, _ := strings.Cut(target, ":")
	f.references = append(f.references, Reference{Name: name, Type: kind, ID: id})
	return name
}

// referenceName is what Kibana calls a reference, from the place where it is used.
func referenceName(path, key string) string {
	index := strings.TrimSuffix(path[strings.LastIndexByte(path, '[')+1:], "]")
	switch key {
	case "panelRef":
		return "panel_" + index
	case "indexPatternRef":
		return "control_" + index + "_index_pattern"
	case "savedSearchRef":
		return "search_0"
	default:
		return path + "." + strings.TrimSuffix(key, refSuffix)
	}
}

// panels makes Kibana's panels of ours: {"at": [x, y, w, h], "panel": "type:id", …}. The id of a panel
// within the dashboard is that of the object it shows.
func (f *folder) panels(list any) []any {
	ours, _ := list.([]any)
	panels := make([]any, 0, len(ours))
	for i, element := range ours {
		our, _ := element.(map[string]any)
		target, _ := our["panel"].(string)
		_, index, _ := strings.Cut(target, ":")
		at, _ := our["at"].([]any)
		panel := map[string]any{
			"version": panelVersion, "panelIndex": index, "embeddableConfig": map[string]any{},
			"gridData":     grid(at, index),
			"panelRefName": f.refer(fmt.Sprintf("panel_%d", i), target),
		}
		for key, value := range our {
			if key != "at" && key != "panel" {
				panel[key] = value
			}
		}
		panels = append(panels, panel)
	}
	return panels
}

func grid(at []any, index string) map[string]any {
	data := map[string]any{"i": index}
	for i, key := range []string{"x", "y", "w", "h"} {
		if i < len(at) {
			data[key] = at[i]
		}
	}
	return data
}

// foldVisualization writes as text what is text within the state of a visualization: the specification
// of a Vega chart, the JSON input of an aggregation, and Markdown, which is a list of lines in the file. A
// specification is to be read in Kibana's editor too, which puts it into the URL: so no more lines and
// spaces than needed.
func foldVisualization(attributes map[string]any) error {
	state, _ := attributes["visState"].(map[string]any)
	params, _ := state["params"].(map[string]any)
	if spec, ok := params["spec"].(map[string]any); ok {
		text, err := Format(spec)
		if err != nil {
			return err
		}
		params["spec"] = strings.TrimSuffix(string(text), "\n")
	}
	if lines, ok := params["markdown"].([]any); ok {
		params["markdown"] = joinLines(lines)
	}
	aggs, _ := state["aggs"].([]any)
	for _, agg := range aggs {
		agg, _ := agg.(map[string]any)
		aggParams, _ := agg["params"].(map[string]any)
		if input, ok := aggParams["json"].(map[string]any); ok {
			text, err := compact(input)
			if err != nil {
				return err
			}
			aggParams["json"] = string(text)
		}
	}
	return nil
}

func joinLines(lines []any) string {
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i], _ = line.(string)
	}
	return strings.Join(texts, "\n")
}

// foldText replaces what is at a path by its JSON, if there is something that is no text yet.
func foldText(tree map[string]any, path string) error {
	key, rest, nested := strings.Cut(path, ".")
	value, ok := tree[key]
	if _, isText := value.(string); isText || !ok {
		return nil
	}
	if nested {
		inner, _ := value.(map[string]any)
		return foldText(inner, rest)
	}
	text, err := compact(value)
	if err != nil {
		return err
	}
	tree[key] = string(text)
	return nil
}

// compact is JSON without spaces, in which <, > and & are themselves.
func compact(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
