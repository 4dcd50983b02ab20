package mappings

import "strings"

// The families.
const (
	Metrics     = "metrics"     // events and folded seconds, by date
	Runs        = "runs"        // one document a run
	Series      = "series"      // what each run adds up to
	Comparisons = "comparisons" // a run compared with earlier ones
)

// The Elasticsearch types in use.
const (
	Date        = "date"
	Keyword     = "keyword"
	IP          = "ip"
	Integer     = "integer"
	Long        = "long"
	Double      = "double"
	ScaledFloat = "scaled_float"
	Boolean     = "boolean"
	Binary      = "binary" // kept as it is, as base64; nobody can ask for it
)

// wildcard ends the name of a field that stands for any field below an object.
const wildcard = ".*"

// Family is one set of indices whose documents have the same fields.
type Family struct {
	// Name makes the template's name, <prefix>-<name>; Pattern its indices, <prefix>-<pattern>.
	Name, Pattern string
	Description   string
	Fields        []Field
}

// Field is one field of a family's documents.
type Field struct {
	// Name is the dotted path. "labels.*" stands for any name below labels.
	Name string
	Type string
	// ScalingFactor is of a scaled_float: 1000 keeps three decimals.
	ScalingFactor int
	// Unit is "ms", "s", "bytes", or empty.
	Unit string
	// Metric is the type of the built-in k6 metric that the field holds, else empty.
	Metric string
	// Index tells whether the field can be filtered by. One that cannot still aggregates.
	Index bool
	// Array tells whether the field may hold several values.
	Array bool
	// Group is the heading of the field in the field reference.
	Group       string
	Description string
	// Example is a value as JSON.
	Example string
}

// Families returns all families. The result is shared: do not change it.
func Families() []Family { return families }

// Fields returns the fields of a family in the order of fields.yml, or nil if there is none of that
// name. The result is shared: do not change it.
func Fields(family string) []Field {
	for _, f := range families {
		if f.Name == family {
			return f.Fields
		}
	}
	return nil
}

// Lookup finds a field of any family by its dotted path. A path below labels finds "labels.*".
func Lookup(path string) (Field, bool) {
	for _, family := range families {
		if field, ok := family.lookup(path); ok {
			return field, true
		}
	}
	return Field{}, false
}

func (f Family) lookup(path string) (Field, bool) {
	for _, field := range f.Fields {
		if field.Name == path || field.covers(path) {
			return field, true
		}
	}
	return Field{}, false
}

// object returns the object that a wildcard field stands below: "labels" of "labels.*".
func (f Field) object() (string, bool) { return strings.CutSuffix(f.Name, wildcard) }

// covers tells whether a wildcard field stands for the path: one name below its object.
func (f Field) covers(path string) bool {
	object, ok := f.object()
	name, below := strings.CutPrefix(path, object+".")
	return ok && below && name != "" && !strings.Contains(name, ".")
}
