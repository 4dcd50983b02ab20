package kibana

import (
	"fmt"
	"slices"
	"strings"
)

// Pulled is a file after what was edited in Kibana has been brought into it.
type Pulled struct {
	Object Object // as the file holds it: with the default prefix, and with placeholders
	New    bool   // there was no such file
	// Lost names the placeholders in whose place stands what somebody wrote in Kibana.
	Lost []string
}

// Pull brings edits made in Kibana into objects, which are as their files hold them. Where Kibana has what
// the files make for this prefix and these logs, the file's own words stay, so that prefix and
// placeholders survive; elsewhere Kibana's are taken. It returns the objects that changed and those that
// came to our dashboards, sorted by key. An object that Kibana does not have stays as it is.
func Pull(objects []Object, saved map[string]SavedObject, prefix string, values Values) ([]Pulled, error) {
	prefixed := make([]Object, len(objects))
	for i, object := range objects {
		prefixed[i] = object.WithPrefix(prefix)
	}
	rendered, _ := Render(slices.Clone(prefixed), values, sortedKeys(saved)...)
	byKey := map[string]Object{}
	for _, object := range rendered {
		byKey[object.Key()] = object
	}
	var pulled []Pulled
	ours := map[string]bool{}
	for i, object := range objects {
		key := prefixed[i].Key()
		ours[key] = true
		theirs, there := saved[key]
		mine, imported := byKey[key]
		if !there || !imported {
			continue
		}
		one, err := pull(object, prefixed[i], mine, theirs, prefix, values)
		if err != nil {
			return nil, err
		}
		if !same(one.Object.Attributes, object.Attributes) {
			pulled = append(pulled, one)
		}
	}
	for _, key := range sortedKeys(saved) {
		if ours[key] || saved[key].Type == IndexPattern {
			continue
		}
		added, err := Unfold(saved[key])
		if err != nil {
			return nil, err
		}
		added = added.withoutAdditions()
		id, _ := withoutPrefix(added.ID, prefix).(string)
		pulled = append(pulled, Pulled{New: true, Object: Object{
			Type: added.Type, ID: id, Attributes: withoutPrefix(added.Attributes, prefix).(map[string]any),
		}})
	}
	slices.SortFunc(pulled, func(a, b Pulled) int { return strings.Compare(a.Object.Key(), b.Object.Key()) })
	return pulled, nil
}

func pull(source, prefixed, rendered Object, theirs SavedObject, prefix string, values Values) (Pulled, error) {
	mine, err := rendered.comparable()
	if err != nil {
		return Pulled{}, err
	}
	their, err := Unfold(theirs)
	if err != nil {
		return Pulled{}, err
	}
	m := merger{prefix: prefix, values: values}
	merged, _ := m.merge(source.Attributes, prefixed.Attributes, mine.Attributes, their.withoutAdditions().Attributes, "").(map[string]any)
	return Pulled{Object: Object{Type: source.Type, ID: source.ID, Attributes: merged}, Lost: m.lost}, nil
}

// merger walks four trees at once: a file's, the same with the prefix, what that became for Kibana
// (mine), and what Kibana has (theirs).
type merger struct {
	prefix string
	values Values
	lost   []string
}

func (m *merger) merge(source, prefixed, mine, theirs any, path string) any {
	if same(mine, theirs) {
		return source
	}
	switch source := source.(type) {
	case map[string]any:
		prefixed, isMap := prefixed.(map[string]any)
		mine, mineIs := mine.(map[string]any)
		theirs, theirsIs := theirs.(map[string]any)
		if isMap && mineIs && theirsIs {
			return m.mergeMaps(source, prefixed, mine, theirs, path)
		}
	case []any:
		prefixed, isList := prefixed.([]any)
		mine, mineIs := mine.([]any)
		theirs, theirsIs := theirs.([]any)
		if isList && mineIs && theirsIs {
			return m.mergeLists(source, prefixed, mine, theirs, path)
		}
	}
	return m.theirs(source, theirs, path)
}

// theirs takes what Kibana has in place of what the file has.
func (m *merger) theirs(source, theirs any, path string) any {
	mapTexts(source, func(text string) string {
		for _, found := range placeholder.FindAllString(text, -1) {
			m.lost = append(m.lost, found+" in "+path)
		}
		return text
	})
	return withoutPrefix(theirs, m.prefix)
}

func (m *merger) mergeMaps(source, prefixed, mine, theirs map[string]any, path string) any {
	out := map[string]any{}
	known := map[string]bool{}
	filler := renderer{values: m.values, lacking: map[string]bool{}}
	for _, key := range sortedKeys(source) {
		name := filler.fill(key)
		known[name] = true
		our, imported := mine[name]
		their, there := theirs[name]
		switch {
		case !imported: // an empty value that Kibana does not keep, or one of ofKibana
			out[key] = source[key]
		case there:
			out[key] = m.merge(source[key], prefixed[key], our, their, joinPath(path, key))
		}
	}
	for _, name := range sortedKeys(theirs) {
		if !known[name] {
			out[name] = withoutPrefix(theirs[name], m.prefix)
		}
	}
	return out
}

// mergeLists pairs the elements of the lists: by what identifies them, else by being the same, else by
// their place. Elements of the file that were left out for Kibana stay where they were.
func (m *merger) mergeLists(source, prefixed, mine, theirs []any, path string) any {
	alive := m.imported(prefixed, mine, path)
	partner := pairs(mine, theirs)
	out := make([]any, 0, len(theirs))
	places := map[int]int{} // place in the file → place in the result
	for i, their := range theirs {
		j := partner[i]
		if j < 0 {
			out = append(out, withoutPrefix(their, m.prefix))
			continue
		}
		at := alive[j]
		places[at] = len(out)
		out = append(out, m.merge(source[at], prefixed[at], mine[j], their, fmt.Sprintf("%s[%d]", path, at)))
	}
	for at := range source {
		if slices.Contains(alive, at) {
			continue
		}
		place := 0
		for before := at - 1; before >= 0; before-- {
			if found, there := places[before]; there {
				place = found + 1
				break
			}
		}
		for other, found := range places {
			if found >= place {
				places[other] = found + 1
			}
		}
		places[at] = place
		out = slices.Insert(out, place, source[at])
	}
	return out
}

// imported lists the places of the elements that reached Kibana, in the order of mine.
func (m *merger) imported(prefixed, mine []any, path string) []int {
	key := path[strings.LastIndexByte(path, '.')+1:]
	var alive []int
	for i, element := range prefixed {
		switch {
		case key == "panelsJSON":
			if slices.ContainsFunc(mine, func(other any) bool { return identity(other) == identity(element) }) {
				alive = append(alive, i)
			}
		case slices.Contains(separable, key):
			r := renderer{values: m.values, lacking: map[string]bool{}}
			if r.render(element, ""); len(r.lacking) == 0 {
				alive = append(alive, i)
			}
		default:
			alive = append(alive, i)
		}
	}
	return alive
}

// identity is what tells an element of a list from the others: the object that a panel shows, or an id.
func identity(element any) string {
	fields, _ := element.(map[string]any)
	for _, key := range []string{"panel", "id"} {
		if name, isText := fields[key].(string); isText && name != "" {
			return key + " " + name
		}
	}
	return ""
}

// pairs finds for each element of theirs the one of mine that it was, or -1.
func pairs(mine, theirs []any) []int {
	partner := make([]int, len(theirs))
	taken := make([]bool, len(mine))
	find := func(fits func(i, j int) bool) {
		for i := range theirs {
			for j := range mine {
				if partner[i] < 0 && !taken[j] && fits(i, j) {
					partner[i], taken[j] = j, true
				}
			}
		}
	}
	for i := range partner {
		partner[i] = -1
	}
	find(func(i, j int) bool { return identity(mine[j]) != "" && identity(mine[j]) == identity(theirs[i]) })
	find(func(i, j int) bool { return same(mine[j], theirs[i]) })
	if len(mine) == len(theirs) {
		find(func(i, j int) bool { return i == j && identity(mine[j]) == identity(theirs[i]) })
	}
	return partner
}
