package kibana

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed objects
var files embed.FS

// Objects returns the saved objects as their files hold them, with the default prefix, sorted by type
// and id. Index patterns of k6es's own indices have their field lists.
func Objects() ([]Object, error) {
	tree, err := fs.Sub(files, "objects")
	if err != nil {
		return nil, err
	}
	return Load(tree)
}

// Load reads the objects of a folder: TYPE/ID.json. An error names the file.
func Load(tree fs.FS) ([]Object, error) {
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
	if object.Type == IndexPattern {
		if err := object.addFields(); err != nil {
			return Object{}, err
		}
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

// addFields gives one of our index patterns its field list; without one, Kibana's panels race to make it.
func (o *Object) addFields() error {
	fields := generatedFields(o.ID)
	if fields == nil {
		return nil
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	var list []any
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	o.Attributes["fields"] = list
	return nil
}
