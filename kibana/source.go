package kibana

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/k6es/k6es/mappings"
)

//go:embed objects
var files embed.FS

// Objects returns the saved objects as their files hold them, with the default prefix and with
// placeholders, sorted by type and id.
func Objects() ([]Object, error) {
	tree, err := fs.Sub(files, "objects")
	if err != nil {
		return nil, err
	}
	return Sources(tree)
}

// Rendered returns the objects as they belong into Kibana, for an index prefix and the logs of a team (nil:
// none were chosen), and what was left out. What is there already is as for Render.
func Rendered(prefix string, values Values, there ...string) ([]Object, []LeftOut, error) {
	objects, err := Objects()
	if err != nil {
		return nil, nil, err
	}
	return Complete(objects, prefix, values, there...)
}

// Complete makes of objects as their files hold them what belongs into Kibana: with field lists, with the
// prefix, and rendered.
func Complete(objects []Object, prefix string, values Values, there ...string) ([]Object, []LeftOut, error) {
	complete := make([]Object, len(objects))
	for i, object := range objects {
		object, err := object.withFields()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", object.Key(), err)
		}
		complete[i] = object.WithPrefix(prefix)
	}
	complete, left := Render(complete, values, there...)
	return complete, left, nil
}

// Sources reads the objects of a folder as they are: TYPE/ID.json. An error names the file.
func Sources(tree fs.FS) ([]Object, error) {
	names, err := fs.Glob(tree, "*/*.json")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	objects := make([]Object, 0, len(names))
	for _, name := range names {
		object, err := load(tree, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func load(tree fs.FS, name string) (Object, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return Object{}, err
	}
	attributes, err := decode(text)
	if err != nil {
		return Object{}, err
	}
	object := Object{Type: path.Dir(name), ID: strings.TrimSuffix(path.Base(name), ".json"), Attributes: attributes}
	if _, known := migrationVersions[object.Type]; !known {
		return Object{}, fmt.Errorf("%q is not a type of saved object that Kibana has without x-pack", object.Type)
	}
	return object, nil
}

// decode reads one JSON object and nothing behind it. Numbers keep their text.
func decode(text []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var attributes map[string]any
	if err := decoder.Decode(&attributes); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("something stands behind the object")
	}
	return attributes, nil
}

// withFields gives one of our index patterns its field list; without one, Kibana's panels race to make it.
func (o Object) withFields() (Object, error) {
	fields := generatedFields(o)
	if fields == nil {
		return o, nil
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return o, err
	}
	list, err := decodeAny(string(text))
	if err != nil {
		return o, err
	}
	attributes := maps.Clone(o.Attributes)
	attributes["fields"] = list
	return Object{Type: o.Type, ID: o.ID, Attributes: attributes}, nil
}

// generatedFields returns the field list of an index pattern with the default prefix; nil for one that
// is not ours.
func generatedFields(o Object) []mappings.KibanaField {
	for _, family := range mappings.Families() {
		if o.Type == IndexPattern && o.ID == defaultPrefix+"-"+family.Name {
			return family.KibanaFields()
		}
	}
	return nil
}
