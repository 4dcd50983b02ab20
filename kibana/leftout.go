package kibana

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// withoutBroken leaves out objects that need one that is gone, and notes them in gone. Dashboards only
// lose panels, unless there are no logs at all for those.
func withoutBroken(objects []Object, gone map[string][]string) ([]Object, []LeftOut) {
	var left []LeftOut
	for again := true; again; {
		again = false
		objects = slices.DeleteFunc(objects, func(object Object) bool {
			for _, target := range object.References() {
				roles, broken := gone[target]
				if broken && (object.Type != Dashboard || slices.Contains(roles, LogsIndex)) {
					gone[object.Key()] = roles
					left = append(left, LeftOut{Object: object, Roles: roles})
					again = true
					return true
				}
			}
			return false
		})
	}
	return objects, left
}

// withoutOrphans leaves out what only objects that are gone show.
func withoutOrphans(objects, all []Object, gone map[string][]string) []Object {
	shown, lost := map[string]bool{}, map[string]bool{}
	for _, object := range all {
		_, isGone := gone[object.Key()]
		for _, target := range object.References() {
			if isGone {
				lost[target] = true
			} else {
				shown[target] = true
			}
		}
	}
	return slices.DeleteFunc(objects, func(object Object) bool {
		key := object.Key()
		return object.Type != IndexPattern && lost[key] && !shown[key]
	})
}

// withoutLinks returns the object without the links in its Markdown to dashboards that are gone, and not
// there from earlier; and without the dots before them.
func (o Object) withoutLinks(gone map[string][]string, there []string) Object {
	state, _ := o.Attributes["visState"].(map[string]any)
	params, _ := state["params"].(map[string]any)
	markdown := params["markdown"]
	if markdown == nil {
		return o
	}
	for _, key := range sortedKeys(gone) {
		if id, isDashboard := strings.CutPrefix(key, Dashboard+":"); isDashboard && !slices.Contains(there, key) {
			link := linkTo(id)
			markdown = mapTexts(markdown, func(text string) string { return link.ReplaceAllString(text, "") })
		}
	}
	params, state, attributes := maps.Clone(params), maps.Clone(state), maps.Clone(o.Attributes)
	params["markdown"], state["params"], attributes["visState"] = markdown, params, state
	return Object{Type: o.Type, ID: o.ID, Attributes: attributes}
}

// linkTo finds links to a dashboard: [text](#/view/ID) and [text](<#/view/ID?…>).
func linkTo(dashboard string) *regexp.Regexp {
	target := `#/view/` + regexp.QuoteMeta(dashboard)
	return regexp.MustCompile(`(?: · )?\[[^\]]*\]\((?:<` + target + `(?:[^\w>-][^>]*)?>|` + target + `(?:[^\w)-][^)]*)?)\)`)
}
