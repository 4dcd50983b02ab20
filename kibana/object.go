package kibana

import (
	"slices"
	"strings"
)

// Types of saved objects that there are in Kibana without x-pack, of those that we use.
const (
	Dashboard     = "dashboard"
	IndexPattern  = "index-pattern"
	Search        = "search"
	Visualization = "visualization"
)

// migrationVersions are what Kibana 7.10.2 itself writes: a newer one is refused by it, an older one is
// brought up to date by later versions.
var migrationVersions = map[string]map[string]string{
	Dashboard:     {Dashboard: "7.9.3"},
	IndexPattern:  {IndexPattern: "7.6.0"},
	Search:        {Search: "7.9.3"},
	Visualization: {Visualization: "7.10.0"},
}

// Object is a saved object as its file holds it. Attributes are what json.Unmarshal makes of the file,
// with numbers as json.Number; they are only read, never changed in place.
type Object struct {
	Type       string
	ID         string
	Attributes map[string]any
}

// Key names an object among others, as references do: type:id.
func (o Object) Key() string { return o.Type + ":" + o.ID }

// Title is the object's title; empty when it has none.
func (o Object) Title() string {
	title, _ := o.Attributes["title"].(string)
	return title
}

// References lists the keys of the objects that this one names, in the order of the file, each once.
func (o Object) References() []string {
	var keys []string
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, key := range sortedKeys(node) {
				target, isText := node[key].(string)
				if isText && (strings.HasSuffix(key, refSuffix) || key == "panel") {
					if !slices.Contains(keys, target) {
						keys = append(keys, target)
					}
					continue
				}
				walk(node[key])
			}
		case []any:
			for _, element := range node {
				walk(element)
			}
		}
	}
	walk(o.Attributes)
	return keys
}

// SavedObject is an object as Kibana stores, imports and exports it.
type SavedObject struct {
	Type             string            `json:"type"`
	ID               string            `json:"id"`
	Attributes       map[string]any    `json:"attributes"`
	References       []Reference       `json:"references"`
	MigrationVersion map[string]string `json:"migrationVersion,omitempty"`
}

// Reference is an edge from one saved object to another; Name says where it is used.
type Reference struct {
	Name string `json:"name"`
	Type string `json:"type"`
	ID   string `json:"id"`
}

func (r Reference) key() string { return r.Type + ":" + r.ID }
