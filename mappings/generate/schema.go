package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k6es/k6es/mappings"
)

// schema is fields.yml as it is written.
type schema struct {
	Version  int
	Families []family
}

type family struct {
	Name, Pattern, Description string
	Groups                     []group
}

type group struct {
	Title  string
	Fields []field
}

type field struct {
	Name, Type, Unit, Metric, Description string

	ScalingFactor int `yaml:"scaling_factor"`
	Index         *bool
	Array         bool
	Example       any
}

// readSchema reads fields.yml; a key that it does not know is an error.
func readSchema(path string) (version int, families []mappings.Family, err error) {
	file, err := os.Open(path) //nolint:gosec // the generator's own input
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = file.Close() }()
	var parsed schema
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	if err := decoder.Decode(&parsed); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, f := range parsed.Families {
		built, err := f.build()
		if err != nil {
			return 0, nil, fmt.Errorf("%s: family %s: %w", path, f.Name, err)
		}
		families = append(families, built)
	}
	return parsed.Version, families, nil
}

func (f family) build() (mappings.Family, error) {
	built := mappings.Family{Name: f.Name, Pattern: f.Pattern, Description: f.Description}
	seen := map[string]bool{}
	for _, group := range f.Groups {
		for _, field := range group.Fields {
			if err := field.validate(seen); err != nil {
				return built, fmt.Errorf("field %s: %w", field.Name, err)
			}
			seen[field.Name] = true
			built.Fields = append(built.Fields, field.build(group.Title))
		}
	}
	return built, nil
}

var types = map[string]bool{
	mappings.Date: true, mappings.Keyword: true, mappings.IP: true, mappings.Integer: true,
	mappings.Long: true, mappings.Double: true, mappings.ScaledFloat: true, mappings.Boolean: true, mappings.Binary: true,
}

func (f field) validate(seen map[string]bool) error {
	switch {
	case seen[f.Name]:
		return fmt.Errorf("is there twice")
	case !types[f.Type]:
		return fmt.Errorf("type %q is not known", f.Type)
	case (f.Type == mappings.ScaledFloat) != (f.ScalingFactor > 0):
		return fmt.Errorf("scaling_factor belongs to scaled_float")
	case f.Description == "" || f.Example == nil:
		return fmt.Errorf("description or example is missing")
	case strings.Contains(f.Description, "|"):
		return fmt.Errorf("the description would break the table of the field reference")
	}
	return nil
}

func (f field) build(group string) mappings.Field {
	example, _ := json.Marshal(f.Example)
	return mappings.Field{
		Name: f.Name, Type: f.Type, ScalingFactor: f.ScalingFactor, Unit: f.Unit, Metric: f.Metric,
		Index: f.Index == nil || *f.Index, Array: f.Array,
		Group: group, Description: f.Description, Example: string(example),
	}
}
