package alerts

import (
	"bytes"
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mapping is a YAML mapping in the order in which people read it.
type mapping []entry

type entry struct {
	key   string
	value any
}

// reference is a text whose $NAME stays, for the reader of the file to replace.
type reference string

// anchored is a text that an alias below stands for once more.
type anchored struct{ anchor, text string }

// alias stands for the text with that anchor.
type alias string

// with adds an entry, unless its value is "" or false.
func (m mapping) with(key string, value any) mapping {
	if value == "" || value == false {
		return m
	}
	return append(m, entry{key, value})
}

// dollar stands for a $ while YAML is made: a character of the private use area.
const dollar = "\ue024"

// yaml writes a file. Whoever reads it replaces $NAME, so there is none but in references.
func (m mapping) yaml(comment string) ([]byte, error) {
	node, err := m.node()
	if err != nil {
		return nil, err
	}
	node.HeadComment = strings.ReplaceAll(comment, "$", "")
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(text.Bytes(), []byte(dollar), []byte(`\x24`)), nil
}

func (m mapping) node() (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, entry := range m {
		value, err := nodeOf(entry.value)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, scalar(entry.key), value)
	}
	return node, nil
}

// nodeOf makes a node of a mapping, a list, a text of any kind, or whatever JSON can have.
func nodeOf(value any) (*yaml.Node, error) {
	switch value := value.(type) {
	case mapping:
		return value.node()
	case string:
		return scalar(value), nil
	case anchored:
		node := scalar(value.text)
		node.Anchor = value.anchor
		return node, nil
	case alias:
		return &yaml.Node{Kind: yaml.AliasNode, Value: string(value), Alias: &yaml.Node{Anchor: string(value)}}, nil
	case []any:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range value {
			child, err := nodeOf(item)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		return node, nil
	case reference:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: string(value), Style: yaml.SingleQuotedStyle}, nil
	}
	node, err := jsonNode(value)
	if err != nil {
		return nil, err
	}
	plain(node)
	return node, nil
}

// jsonNode makes a node of a value by way of JSON, so that a json.Number is a number.
func jsonNode(value any) (*yaml.Node, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	return document.Content[0], nil
}

// plain takes the braces and quotes of JSON off, where YAML needs none.
func plain(node *yaml.Node) {
	node.Style = 0
	if node.Kind == yaml.ScalarNode && node.Tag == "!!str" {
		*node = *scalar(node.Value)
	}
	for _, child := range node.Content {
		plain(child)
	}
}

func scalar(text string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(text)
	if strings.Contains(text, "$") {
		node.Value, node.Style = strings.ReplaceAll(text, "$", dollar), yaml.DoubleQuotedStyle
	}
	return node
}
