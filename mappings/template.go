package mappings

import (
	"encoding/json"
	"strings"
)

// DefaultPrefix begins the name of every index and template unless another is asked for.
const DefaultPrefix = "k6"

const (
	// priority beats the templates that servers bring along (100) and catch-all ones of users.
	priority = 200
	// fieldLimit leaves room for the labels of many runs in one index.
	fieldLimit = 2000
	// versionKey is where a template says which SchemaVersion made it, below _meta.
	versionKey = "k6es_version"
)

// Kind is one of the two forms of index template that servers know.
type Kind string

// The kinds of template. Legacy is for those who manage their templates that way: wherever a
// composable template matches an index, servers ignore legacy ones.
const (
	Composable Kind = "composable"
	Legacy     Kind = "legacy"
)

// path is where a template of this kind lives on the server.
func (k Kind) path(name string) string {
	if k == Legacy {
		return "/_template/" + name
	}
	return "/_index_template/" + name
}

// Target is what a template is made for. Its zero value is a single node of any supported server.
type Target struct {
	// Legacy asks for legacy templates instead of composable ones.
	Legacy bool
	// NoScaledFloat says that the server lacks the mapper-extras module: double is used instead.
	NoScaledFloat bool
	// Replicas is the number of copies of each shard.
	Replicas int
	// Lifecycle is the ILM policy of the sample indices; empty for none.
	Lifecycle string
}

// Template is an index template as the server takes it: PUT Path with Body.
type Template struct {
	Name string
	Kind Kind
	Path string
	// Body is indented JSON that ends with a newline; equal input makes equal bytes.
	Body []byte
}

// Templates returns the index template of each family. An empty prefix means DefaultPrefix.
func Templates(prefix string, target Target) []Template {
	templates := make([]Template, len(families))
	for i, family := range families {
		templates[i] = family.Template(prefix, target, SchemaVersion)
	}
	return templates
}

// Template returns the family's index template, marked with a schema version.
func (f Family) Template(prefix string, target Target, version int) Template {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	name, patterns := prefix+"-"+f.Name, []string{prefix + "-" + f.Pattern}
	meta := object{versionKey: version, "description": f.Description}
	settings, mappings := f.settings(target), f.mappings(target, meta)
	if target.Legacy {
		body := object{"index_patterns": patterns, "order": priority, "settings": settings, "mappings": mappings}
		return Template{name, Legacy, Legacy.path(name), indented(body)}
	}
	body := object{
		"index_patterns": patterns,
		"priority":       priority,
		"_meta":          meta,
		"template":       object{"settings": settings, "mappings": mappings},
	}
	return Template{name, Composable, Composable.path(name), indented(body)}
}

// object is a JSON object to be; encoding/json sorts its keys.
type object = map[string]any

func (f Family) settings(target Target) object {
	index := object{
		"number_of_shards":   1,
		"number_of_replicas": target.Replicas,
		"codec":              "best_compression",
		"refresh_interval":   "5s",
		"mapping":            object{"total_fields": object{"limit": fieldLimit}},
	}
	if target.Lifecycle != "" && f.Name == Metrics {
		index["lifecycle"] = object{"name": target.Lifecycle}
	}
	return object{"index": index}
}

func (f Family) mappings(target Target, meta object) object {
	root := object{}
	var dynamic []object
	for _, field := range f.Fields {
		if parent, ok := field.object(); ok {
			insert(root, parent, object{"type": "object", "dynamic": true})
			rule := object{"path_match": field.Name, "mapping": field.mapping(target)}
			dynamic = append(dynamic, object{parent: rule})
			continue
		}
		insert(root, field.Name, field.mapping(target))
	}
	mappings := object{"_meta": meta, "dynamic": false, "date_detection": false, "properties": root}
	if dynamic != nil {
		mappings["dynamic_templates"] = dynamic
	}
	return mappings
}

// insert puts a mapping at a dotted path, below the properties of its parents.
func insert(properties object, path string, mapping object) {
	name, rest, nested := strings.Cut(path, ".")
	if !nested {
		properties[name] = mapping
		return
	}
	parent, ok := properties[name].(object)
	if !ok {
		parent = object{"properties": object{}}
		properties[name] = parent
	}
	insert(parent["properties"].(object), rest, mapping)
}

func (f Field) mapping(target Target) object {
	mapping := object{"type": f.Type}
	switch {
	case f.Type != ScaledFloat:
	case target.NoScaledFloat:
		mapping["type"] = Double
	default:
		mapping["scaling_factor"] = f.ScalingFactor
	}
	if !f.Index && f.Type != Binary {
		mapping["index"] = false
	}
	return mapping
}

func indented(value object) []byte {
	// Maps, slices, strings, numbers and booleans always encode.
	text, _ := json.MarshalIndent(value, "", "  ")
	return append(text, '\n')
}
