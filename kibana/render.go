package kibana

import (
	"regexp"
	"strings"

	"github.com/k6es/k6es/mappings"
)

// defaultPrefix is the index prefix that the files are written with.
const defaultPrefix = mappings.DefaultPrefix

// Titles of our dashboards begin with the product's name, and with another prefix with that, so that two
// sets of dashboards can be told apart.
const titleStart = "k6 · "

var prefixed = regexp.MustCompile(`\b` + defaultPrefix + `-`)

// WithPrefix returns the object for another index prefix: in its id, in all references and links, and in
// the names of indices.
func (o Object) WithPrefix(prefix string) Object {
	if prefix == defaultPrefix {
		return o
	}
	rewrite := func(text string) string {
		if strings.HasPrefix(text, titleStart) {
			text = prefix + " · " + strings.TrimPrefix(text, titleStart)
		}
		return prefixed.ReplaceAllLiteralString(text, prefix+"-")
	}
	return Object{Type: o.Type, ID: rewrite(o.ID), Attributes: mapTexts(o.Attributes, rewrite).(map[string]any)}
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
