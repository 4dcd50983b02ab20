package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fromFile reads the config file that the higher sources name, or the first one found.
func (s Sources) fromFile(given []setting) ([]setting, error) {
	var named *setting
	for i := range given {
		if given[i].option == byKey["config"] {
			named = &given[i]
		}
	}
	if named != nil {
		settings, err := readFile(named.value.(string))
		if errors.As(err, new(*fs.PathError)) {
			err = fmt.Errorf("%s: %w", named.place(), err)
		}
		return settings, err
	}
	for _, path := range s.Files {
		settings, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found := setting{option: byKey["config"], from: "found", value: path}
		return append([]setting{found}, settings...), err
	}
	return nil, nil
}

// maxFile is how large a config file may be, in bytes.
const maxFile = 1 << 20

func readFile(path string) ([]setting, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the user's own
	if err != nil {
		return nil, fmt.Errorf("config file: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("config file: %w", err)
	case len(content) > maxFile:
		return nil, fmt.Errorf("%s: has more than %d KiB, which no config file has", path, maxFile>>10)
	}
	return yamlSettings(path, content)
}

// yamlSettings reads a config file: a YAML mapping of option names to values.
func yamlSettings(path string, content []byte) ([]setting, error) {
	root, err := yamlMapping(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var entries []entry
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		value, err := yamlValue(root.Content[i+1])
		entries = append(entries, entry{fmt.Sprintf("%s:%d", path, key.Line), key.Value, value, err})
	}
	return settingsOf(entries)
}

func yamlMapping(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return &yaml.Node{}, nil
	} else if err != nil {
		return nil, yamlError(err)
	}
	if !errors.Is(decoder.Decode(&yaml.Node{}), io.EOF) {
		return nil, errors.New("has more than one YAML document")
	}
	root := document.Content[0]
	switch {
	case root.Kind == yaml.MappingNode:
		return root, nil
	case isNull(root):
		return &yaml.Node{}, nil
	default:
		return nil, errors.New("is not a list of options like \"url: http://localhost:9200\"")
	}
}

// yamlError hides the text of an unknown anchor: a password that begins with * is read as one.
func yamlError(err error) error {
	if strings.Contains(err.Error(), "anchor") {
		return errors.New("a value that begins with * or & must be in quotes")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// yamlValue keeps scalars as they are written, so that 0123 and 2026-11-22 stay what they are. It
// returns nil for a null.
func yamlValue(node *yaml.Node) (any, error) {
	node = target(node)
	if node.Kind == yaml.ScalarNode {
		if isNull(node) {
			return nil, nil
		}
		return node.Value, nil
	}
	texts := make([]string, len(node.Content))
	for i, item := range node.Content {
		item = target(item)
		switch {
		case item.Kind != yaml.ScalarNode:
			return nil, errNested
		case !isNull(item):
			texts[i] = item.Value
		}
	}
	if node.Kind == yaml.SequenceNode {
		return texts, nil
	}
	pairs := make(map[string]string, len(texts)/2)
	for i := 0; i+1 < len(texts); i += 2 {
		pairs[texts[i]] = texts[i+1]
	}
	return pairs, nil
}

var errNested = errors.New("holds lists or maps inside a list or a map")

func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool { return node.ShortTag() == "!!null" }

// jsonSettings reads the object that k6's JSON config has for an output.
func jsonSettings(from string, raw json.RawMessage) ([]setting, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("%s: is not a JSON object of options", from)
	}
	var entries []entry
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value, err := jsonValue(object[key])
		entries = append(entries, entry{from, key, value, err})
	}
	return settingsOf(entries)
}

// jsonValue returns nil for a null.
func jsonValue(raw json.RawMessage) (any, error) {
	switch raw[0] {
	case 'n':
		return nil, nil
	case '[':
		return jsonList(raw)
	case '{':
		return jsonPairs(raw)
	default:
		return jsonText(raw)
	}
}

func jsonList(raw json.RawMessage) (any, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	texts := make([]string, len(list))
	for i, item := range list {
		var err error
		if texts[i], err = jsonText(item); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func jsonPairs(raw json.RawMessage) (any, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	pairs := make(map[string]string, len(object))
	for key, item := range object {
		var err error
		if pairs[key], err = jsonText(item); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// jsonText keeps numbers as they are written.
func jsonText(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	case '[', '{':
		return "", errNested
	case 'n': // a null inside a list or a map
		return "", nil
	default:
		return string(raw), nil
	}
}
