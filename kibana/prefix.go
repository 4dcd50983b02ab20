package kibana

import (
	"regexp"
	"strings"

	"github.com/k6es/k6es/mappings"
)

// defaultPrefix is the index prefix that the files are written with.
const defaultPrefix = mappings.DefaultPrefix

// titleStart begins the titles of our objects: with another prefix they begin with that, so that two sets
// of dashboards can be told apart.
const titleStart = defaultPrefix + " · "

var prefixed = regexp.MustCompile(`\b` + defaultPrefix + `-`)

// WithPrefix returns the object for another index prefix: in its id, in all references and links, and in
// the names of indices. An empty prefix is the default one.
func (o Object) WithPrefix(prefix string) Object {
	if prefix == "" || prefix == defaultPrefix {
		return o
	}
	rewrite := func(text string) string {
		if rest, ours := strings.CutPrefix(text, titleStart); ours {
			text = prefix + " · " + rest
		}
		return prefixed.ReplaceAllLiteralString(text, prefix+"-")
	}
	return Object{Type: o.Type, ID: rewrite(o.ID), Attributes: mapTexts(o.Attributes, rewrite).(map[string]any)}
}

// withoutPrefix undoes WithPrefix in a part of an object's tree.
func withoutPrefix(node any, prefix string) any {
	if prefix == "" || prefix == defaultPrefix {
		return node
	}
	theirs := regexp.MustCompile(`\b` + regexp.QuoteMeta(prefix) + `-`)
	return mapTexts(node, func(text string) string {
		if rest, ours := strings.CutPrefix(text, prefix+" · "); ours {
			text = titleStart + rest
		}
		return theirs.ReplaceAllLiteralString(text, defaultPrefix+"-")
	})
}

// mapTexts copies a tree with every text in it changed; keys stay.
func mapTexts(node any, change func(string) string) any {
	switch node := node.(type) {
	case string:
		return change(node)
	case map[string]any:
		out := make(map[string]any, len(node))
		for key, value := range node {
			out[key] = mapTexts(value, change)
		}
		return out
	case []any:
		out := make([]any, len(node))
		for i, value := range node {
			out[i] = mapTexts(value, change)
		}
		return out
	default:
		return node
	}
}
