package logs

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/k6es/k6es/elastic"
)

// Client asks the server; *elastic.Client is one.
type Client interface {
	// JSON sends in as JSON (nil for no body) and decodes the answer into out.
	JSON(ctx context.Context, method, path string, in, out any) error
}

// capability is what _field_caps says of a field where it has one type. Without Indices it has that
// type everywhere; without the other lists all of those are alike.
type capability struct {
	Searchable        bool     `json:"searchable"`
	Aggregatable      bool     `json:"aggregatable"`
	Indices           []string `json:"indices"`
	NonAggregatableIn []string `json:"non_aggregatable_indices"`
}

// mapping is all fields of the indices.
type mapping struct {
	Indices []string                         `json:"indices"`
	Fields  map[string]map[string]capability `json:"fields"` // name → type → capability
}

func readMapping(ctx context.Context, client Client, pattern, fields string) (mapping, error) {
	var answer mapping
	path := "/" + pathOf(pattern) + "/_field_caps?fields=" + fields + "&ignore_unavailable=true&allow_no_indices=true"
	err := client.JSON(ctx, "GET", path, nil, &answer)
	return answer, err
}

// absent lists the parts of a pattern of several that there are no indices of. Where OpenSearch is set up to answer
// by what a user may see, it says 403 to who may see none of it.
func absent(ctx context.Context, client Client, pattern string) ([]string, error) {
	parts := strings.Split(pattern, ",")
	if len(parts) == 1 {
		return nil, nil
	}
	var without []string
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" || strings.HasPrefix(part, "-") { // leaves indices out
			continue
		}
		found, err := readMapping(ctx, client, part, "_id")
		if err != nil && !elastic.IsStatus(err, http.StatusForbidden) {
			return nil, err
		}
		if len(found.Indices) == 0 {
			without = append(without, part)
		}
	}
	return without, nil
}

// pathOf escapes index names; commas and wildcards mean something between and in them.
func pathOf(pattern string) string {
	names := strings.Split(pattern, ",")
	for i, name := range names {
		names[i] = strings.ReplaceAll(url.PathEscape(strings.TrimSpace(name)), "%2A", "*")
	}
	return strings.Join(names, ",")
}

// Kinds of fields: types that can stand for each other in a query or an aggregation.
const (
	kindKeyword = "keyword"
	kindText    = "text"
	kindNumber  = "number"
	kindDate    = "date"
	kindObject  = "object" // has fields, but no value
)

var kinds = map[string]string{
	"keyword": kindKeyword, "constant_keyword": kindKeyword, "wildcard": kindKeyword,
	"text": kindText, "match_only_text": kindText,
	"long": kindNumber, "integer": kindNumber, "short": kindNumber, "byte": kindNumber, "unsigned_long": kindNumber,
	"double": kindNumber, "float": kindNumber, "half_float": kindNumber, "scaled_float": kindNumber,
	"date": kindDate, "date_nanos": kindDate,
	"object": kindObject, "nested": kindObject,
}

// kindOf is the kind of a type; another type, such as ip or boolean, is a kind of its own.
func kindOf(esType string) string {
	if kind, ok := kinds[esType]; ok {
		return kind
	}
	return esType
}

// types lists the types of a field, sorted.
func (m mapping) types(field string) []string { return sortedKeys(m.Fields[field]) }

// isObject tells whether the field has no value of its own anywhere.
func (m mapping) isObject(field string) bool {
	for esType := range m.Fields[field] {
		if kindOf(esType) != kindObject {
			return false
		}
	}
	return true
}

// isText tells whether words of the field can be looked for, everywhere.
func (m mapping) isText(field string) bool {
	for esType := range m.Fields[field] {
		if kindOf(esType) != kindText {
			return false
		}
	}
	return len(m.Fields[field]) > 0
}

// parent is the field that a multi-field such as message.keyword belongs to; empty for any other field,
// such as host.name, where host itself is an object at least somewhere.
func (m mapping) parent(field string) string {
	at := strings.LastIndexByte(field, '.')
	if at < 0 || len(m.Fields[field[:at]]) == 0 {
		return ""
	}
	for esType := range m.Fields[field[:at]] {
		if kindOf(esType) == kindObject {
			return ""
		}
	}
	return field[:at]
}

// clash tells whether the types of a field cannot be asked as one: a number here, text there.
func (m mapping) clash(field string) bool {
	seen := ""
	for esType := range m.Fields[field] {
		kind := kindOf(esType)
		if kind == kindText {
			kind = kindKeyword // both are text to a query
		}
		if seen != "" && kind != seen {
			return true
		}
		seen = kind
	}
	return false
}

// places says where a field has which type, for people: "keyword in a, b; text in c".
func (m mapping) places(field string) string {
	var parts []string
	for _, esType := range m.types(field) {
		parts = append(parts, esType+" in "+someOf(m.Fields[field][esType].Indices))
	}
	return strings.Join(parts, "; ")
}

// aggregatable tells whether a field can be aggregated in an index that has it.
func (m mapping) aggregatable(field, index string) bool {
	for _, c := range m.Fields[field] {
		if len(c.Indices) > 0 && !slices.Contains(c.Indices, index) {
			continue
		}
		return c.Aggregatable || len(c.NonAggregatableIn) > 0 && !slices.Contains(c.NonAggregatableIn, index)
	}
	return false
}

// aggregatableEverywhere tells whether no index refuses to aggregate the field.
func (m mapping) aggregatableEverywhere(field string) bool {
	for _, c := range m.Fields[field] {
		if !c.Aggregatable {
			return false
		}
	}
	return len(m.Fields[field]) > 0
}

// subfields lists the multi-fields of a field that can be aggregated, .keyword first.
func (m mapping) subfields(field string) []string {
	var names []string
	for name := range m.Fields {
		if m.parent(name) == field && m.aggregatableEverywhere(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if aFirst := strings.HasSuffix(a, ".keyword"); aFirst != strings.HasSuffix(b, ".keyword") {
			if aFirst {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}

// someOf lists a few names, and how many there are more.
func someOf(names []string) string {
	const few = 2
	switch {
	case len(names) == 0:
		return "all indices"
	case len(names) <= few:
		return strings.Join(names, ", ")
	default:
		return strings.Join(names[:few], ", ") + ", …"
	}
}
