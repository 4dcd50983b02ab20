package kibana

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// ofKibana are the attributes that Kibana writes of its own accord, by type. They say nothing of how an
// object looks, so they are no difference.
var ofKibana = map[string][]string{
	Dashboard:     {"hits", "version"},
	IndexPattern:  {"allowNoIndex", "fieldAttrs", "fields", "name", "runtimeFieldMap", "sourceFilters", "type", "typeMeta"},
	Search:        {"hits", "version"},
	Visualization: {"version"},
}

// comparable returns the object as it comes back from Kibana, without what that adds.
func (o Object) comparable() (Object, error) {
	saved, err := Fold(o)
	if err != nil {
		return o, err
	}
	text, err := json.Marshal(saved)
	if err != nil {
		return o, err
	}
	tree, err := decodeAny(string(text))
	if err != nil {
		return o, err
	}
	saved.Attributes = tree.(map[string]any)["attributes"].(map[string]any)
	back, err := Unfold(saved)
	return back.withoutAdditions(), err
}

// withoutAdditions returns the object without what Kibana adds to it: its own attributes, and states of the
// editor that say nothing, such as a table that is sorted by no column.
func (o Object) withoutAdditions() Object {
	attributes := maps.Clone(o.Attributes)
	for _, key := range ofKibana[o.Type] {
		delete(attributes, key)
	}
	if state, ok := attributes["uiStateJSON"].(map[string]any); ok {
		attributes["uiStateJSON"] = withoutNulls(state)
	}
	if panels, ok := attributes["panelsJSON"].([]any); ok {
		kept := make([]any, len(panels))
		for i, element := range panels {
			kept[i] = withoutNulls(element)
		}
		attributes["panelsJSON"] = kept
	}
	return Object{Type: o.Type, ID: o.ID, Attributes: attributes}
}

// withoutNulls copies a tree without nulls, and without objects below its root that hold nothing else.
func withoutNulls(node any) any {
	fields, isMap := node.(map[string]any)
	if !isMap {
		return node
	}
	out := make(map[string]any, len(fields))
	for key, value := range fields {
		value = withoutNulls(value)
		if inner, isMap := value.(map[string]any); value == nil || isMap && len(inner) == 0 {
			continue
		}
		out[key] = value
	}
	return out
}

// firstDifference says in words where theirs is other than ours; empty where they are the same.
func firstDifference(ours, theirs any, path string) string {
	switch ours := ours.(type) {
	case map[string]any:
		theirs, ok := theirs.(map[string]any)
		if !ok {
			break
		}
		all := maps.Clone(ours)
		maps.Copy(all, theirs)
		for _, key := range sortedKeys(all) {
			our, wanted := ours[key]
			their, present := theirs[key]
			place := joinPath(path, key)
			switch {
			case !present:
				return place + " is missing"
			case !wanted:
				return place + " was added"
			}
			if difference := firstDifference(our, their, place); difference != "" {
				return difference
			}
		}
		return ""
	case []any:
		theirs, ok := theirs.([]any)
		if !ok || len(theirs) != len(ours) {
			break
		}
		for i := range ours {
			if difference := firstDifference(ours[i], theirs[i], fmt.Sprintf("%s[%d]", path, i)); difference != "" {
				return difference
			}
		}
		return ""
	}
	if same(ours, theirs) {
		return ""
	}
	if brief(ours) == long {
		return path + " is " + brief(theirs)
	}
	return fmt.Sprintf("%s is %s, not %s", path, brief(theirs), brief(ours))
}

// same tells whether two trees say the same: 1 and 1.0 are one number.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case json.Number:
		other, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, errX := a.Float64()
		y, errY := other.Float64()
		return a == other || errX == nil && errY == nil && x == y
	default:
		return a == b
	}
}

// long stands for a text that a message has no room for.
const long = "another text"

// brief is a value in a message.
func brief(value any) string {
	const most = 60
	switch value := value.(type) {
	case []any:
		return fmt.Sprintf("a list of %d", len(value))
	case map[string]any:
		return "an object"
	}
	text, err := inline(value)
	if err != nil || len(text) > most {
		return long
	}
	return string(text)
}
