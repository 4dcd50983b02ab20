package logs

import (
	"slices"
	"strings"
)

// KibanaField is one entry of the field list that Kibana keeps in an index pattern.
type KibanaField struct {
	Name                 string              `json:"name"`
	Type                 string              `json:"type"`
	ESTypes              []string            `json:"esTypes,omitempty"`
	Count                int                 `json:"count"`
	Scripted             bool                `json:"scripted"`
	Searchable           bool                `json:"searchable"`
	Aggregatable         bool                `json:"aggregatable"`
	ReadFromDocValues    bool                `json:"readFromDocValues"`
	SubType              *SubType            `json:"subType,omitempty"`
	ConflictDescriptions map[string][]string `json:"conflictDescriptions,omitempty"`
}

// SubType says what a field belongs to: another field that it is a multi-field of, or nested objects.
type SubType struct {
	Multi  *Multi  `json:"multi,omitempty"`
	Nested *Nested `json:"nested,omitempty"`
}

// Multi names the field of a multi-field.
type Multi struct {
	Parent string `json:"parent"`
}

// Nested names the nested objects that a field is in.
type Nested struct {
	Path string `json:"path"`
}

// metaFields are those that Kibana lists beside the ones of the documents.
var metaFields = []string{"_id", "_index", "_source", "_type"}

// KibanaFields is the field list of an index pattern for the logs, sorted by name, as Kibana 7.10.2 makes
// it itself (GET /api/index_patterns/_fields_for_wildcard): types that Kibana has one name for are
// one field, others a conflict.
func (s Shape) KibanaFields() []KibanaField {
	fields := []KibanaField{{Name: "_score", Type: "number"}}
	for _, name := range sortedKeys(s.mapping.Fields) {
		if strings.HasPrefix(name, "_") && !slices.Contains(metaFields, name) || s.mapping.isObject(name) {
			continue
		}
		fields = append(fields, s.mapping.kibanaField(name))
	}
	slices.SortFunc(fields, func(a, b KibanaField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

func (m mapping) kibanaField(name string) KibanaField {
	field := KibanaField{Name: name, ESTypes: m.types(name)}
	for _, c := range m.Fields[name] {
		field.Searchable = field.Searchable || c.Searchable
		field.Aggregatable = field.Aggregatable || c.Aggregatable || len(c.NonAggregatableIn) > 0
	}
	field.Type = kibanaType(field.ESTypes[0])
	for _, esType := range field.ESTypes[1:] {
		if kibanaType(esType) != field.Type {
			field.Type = "conflict"
		}
	}
	if field.Type == "conflict" {
		field.ConflictDescriptions = map[string][]string{}
		for esType, c := range m.Fields[name] {
			field.ConflictDescriptions[esType] = c.Indices
		}
		return field
	}
	field.ReadFromDocValues = field.Aggregatable && !strings.HasPrefix(name, "_") &&
		!slices.ContainsFunc(field.ESTypes, func(esType string) bool { return esType == "text" || esType == "geo_shape" })
	field.SubType = m.subType(name)
	return field
}

// subType goes by names as Kibana does: what is below a field that has a value is taken for its multi-field.
func (m mapping) subType(name string) *SubType {
	if at := strings.LastIndexByte(name, '.'); at > 0 && len(m.Fields[name[:at]]) > 0 && !m.isObject(name[:at]) {
		return &SubType{Multi: &Multi{Parent: name[:at]}}
	}
	for at := strings.LastIndexByte(name, '.'); at > 0; at = strings.LastIndexByte(name[:at], '.') {
		if _, nested := m.Fields[name[:at]]["nested"]; nested {
			return &SubType{Nested: &Nested{Path: name[:at]}}
		}
	}
	return nil
}

// kibanaType is Kibana's name for a type of the server.
func kibanaType(esType string) string {
	switch kind := kindOf(esType); kind {
	case kindKeyword, kindText, "version":
		return "string"
	case kindNumber, kindDate, "boolean", "ip", "geo_point", "geo_shape", "murmur3", "histogram":
		return kind
	case "_id", "_index", "_type":
		return "string"
	case "_source":
		return "_source"
	case "token_count":
		return "number"
	case kindObject:
		return "object"
	default:
		return "unknown"
	}
}
