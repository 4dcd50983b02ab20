package kibana

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Values are what placeholders stand for, by role; see Roles. An empty value is a value.
type Values map[string]string

// LeftOut is what Render left out, because it needs what the logs do not have.
type LeftOut struct {
	Object Object
	// Part names the part of the object that is missing, such as a line in a chart; empty when the whole
	// object is.
	Part string
	// Roles are those without a value, sorted.
	Roles []string
}

// String says it in one line.
func (l LeftOut) String() string {
	what := l.Object.Title()
	if what == "" || placeholder.MatchString(what) {
		what = l.Object.Key()
	}
	if l.Part != "" {
		what += ", " + l.Part
	}
	return fmt.Sprintf("%s: the logs have no %s", what, strings.Join(fieldsBehind(l.Roles), " and no "))
}

var placeholder = regexp.MustCompile(`\$\{([a-z_]+)\}`)

// separable are the lists whose elements can do without each other: one that needs a role without a value
// is left out, and the others stay.
var separable = []string{"annotations", "columns", "controls", "markdown", "series", "split_filters"}

// Render puts values for the placeholders into objects. What needs a role that has none is left out: an
// element of a separable list alone, else the whole object, with what shows it. The panels beside one that
// is gone share its width, and links to it go too, unless Kibana has it from an earlier setup: there lists
// keys of such dashboards. Objects come with their prefix already (see WithPrefix), as a value is
// not to be changed any more.
func Render(objects []Object, values Values, there ...string) ([]Object, []LeftOut) {
	var kept []Object
	var left []LeftOut
	gone := map[string][]string{} // keys of objects that are left out → roles that they lack
	for _, object := range objects {
		r := renderer{values: values, lacking: map[string]bool{}}
		attributes := r.render(object.Attributes, "").(map[string]any)
		rendered := Object{Type: object.Type, ID: object.ID, Attributes: attributes}
		if len(r.lacking) > 0 {
			gone[object.Key()] = slices.Sorted(maps.Keys(r.lacking))
			if !slices.Equal(gone[object.Key()], []string{LogsFields}) { // the team has an index pattern of its own
				left = append(left, LeftOut{Object: object, Roles: gone[object.Key()]})
			}
			continue
		}
		for _, part := range r.parts {
			part.Object = object
			left = append(left, part)
		}
		kept = append(kept, rendered)
	}
	kept, more := withoutBroken(kept, gone)
	kept = withoutOrphans(kept, objects, gone)
	for i, object := range kept {
		kept[i] = object.withoutPanels(gone).withoutLinks(gone, there)
	}
	return kept, append(left, more...)
}

// renderer fills in the placeholders of one object.
type renderer struct {
	values  Values
	lacking map[string]bool // roles without which the object, or the element at hand, cannot be
	parts   []LeftOut       // elements that were left out, their Object not yet set
}

// render copies a tree with its placeholders filled in; key is that of the node in its parent.
func (r *renderer) render(node any, key string) any {
	switch node := node.(type) {
	case string:
		return r.fill(node)
	case map[string]any:
		out := make(map[string]any, len(node))
		for _, key := range sortedKeys(node) {
			out[r.fill(key)] = r.render(node[key], key)
		}
		return out
	case []any:
		if slices.Contains(separable, key) {
			return r.separate(node, key)
		}
		out := make([]any, len(node))
		for i, element := range node {
			out[i] = r.render(element, "")
		}
		return out
	default:
		return node
	}
}

// separate renders the elements of a list one by one. A list that loses all of them lacks what they do.
func (r *renderer) separate(list []any, key string) []any {
	out := []any{}
	before := r.lacking
	lacking := map[string]bool{}
	var parts []LeftOut
	for i, element := range list {
		r.lacking = map[string]bool{}
		rendered := r.render(element, "")
		if len(r.lacking) == 0 {
			out = append(out, rendered)
			continue
		}
		maps.Copy(lacking, r.lacking)
		if key != "markdown" { // where a line less is not missed
			parts = append(parts, LeftOut{Part: partName(element, i), Roles: slices.Sorted(maps.Keys(r.lacking))})
		}
	}
	r.lacking = before
	if len(out) == 0 {
		maps.Copy(r.lacking, lacking)
	} else {
		r.parts = append(r.parts, parts...)
	}
	return out
}

// partName is what people call an element of a list: its label, or what there is.
func partName(element any, i int) string {
	fields, _ := element.(map[string]any)
	for _, key := range []string{"label", "id"} {
		if name, ok := fields[key].(string); ok && name != "" {
			return fmt.Sprintf("%q", name)
		}
	}
	if text, ok := element.(string); ok {
		return strings.TrimSuffix(placeholder.ReplaceAllString(text, "$1"), "_text")
	}
	return fmt.Sprintf("part %d", i+1)
}

func (r *renderer) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		role := match[2 : len(match)-1]
		value, known := r.values[role]
		if !known {
			r.lacking[role] = true
		}
		return value
	})
}
