package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"path/filepath"
	"strings"

	"github.com/k6es/k6es/mappings"
)

// render makes every generated file from fields.yml in the folder mappings, by path.
func render(folder string) (map[string][]byte, error) {
	version, families, err := readSchema(filepath.Join(folder, "fields.yml"))
	if err != nil {
		return nil, err
	}
	source, err := goSource(version, families)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		filepath.Join(folder, "fields_gen.go"):           source,
		filepath.Join(folder, "..", "docs", "fields.md"): reference(version, families),
	}
	for _, family := range families {
		name := mappings.DefaultPrefix + "-" + family.Name + ".json"
		for _, target := range []mappings.Target{{Replicas: 1}, {Replicas: 1, Legacy: true}} {
			template := family.Template(mappings.DefaultPrefix, target, version)
			files[filepath.Join(folder, "generated", string(template.Kind), name)] = template.Body
		}
		list, err := json.MarshalIndent(family.KibanaFields(), "", "  ")
		if err != nil {
			return nil, err
		}
		files[filepath.Join(folder, "generated", "index-pattern", name)] = append(list, '\n')
	}
	return files, nil
}

func goSource(version int, families []mappings.Family) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprint(&b, "// Code generated from fields.yml. DO NOT EDIT.\n\npackage mappings\n\n")
	fmt.Fprint(&b, "// SchemaVersion is the version of the fields; every template carries it.\n")
	fmt.Fprintf(&b, "const SchemaVersion = %d\n\nvar families = []Family{\n", version)
	for _, f := range families {
		fmt.Fprintf(&b, "{Name: %q, Pattern: %q, Description: %q, Fields: []Field{\n", f.Name, f.Pattern, f.Description)
		for _, field := range f.Fields {
			b.WriteString(goField(field) + ",\n")
		}
		b.WriteString("}},\n")
	}
	b.WriteString("}\n")
	return format.Source(b.Bytes())
}

// goField writes a field as Go, without what is zero.
func goField(f mappings.Field) string {
	parts := []string{fmt.Sprintf("Name: %q, Type: %q", f.Name, f.Type)}
	add := func(present bool, format string, value any) {
		if present {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add(f.ScalingFactor != 0, "ScalingFactor: %d", f.ScalingFactor)
	add(f.Unit != "", "Unit: %q", f.Unit)
	add(f.Metric != "", "Metric: %q", f.Metric)
	add(f.Index, "Index: %t", f.Index)
	add(f.Array, "Array: %t", f.Array)
	add(true, "Group: %q", f.Group)
	add(true, "Description: %q", f.Description)
	add(true, "Example: %q", f.Example)
	return "{" + strings.Join(parts, ", ") + "}"
}

func reference(version int, families []mappings.Family) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Generated from mappings/fields.yml by `make generate`. Do not edit. -->\n# Fields\n\n")
	fmt.Fprintf(&b, "Every field of the documents that k6es writes, schema version %d. Names are paths: `k6.run.id` is\n", version)
	fmt.Fprint(&b, "`{\"k6\":{\"run\":{\"id\":…}}}` in a document. Fields that do not apply to a document are left out of it.\n"+
		"A field whose *filter* says no can be aggregated and shown, but not searched for. `scaled_float` keeps\n"+
		"three decimals; where the server lacks that type, `double` is used.\n")
	for _, family := range families {
		fmt.Fprintf(&b, "\n## Indices `%s-%s`\n\n%s\n", mappings.DefaultPrefix, family.Pattern, family.Description)
		heading := ""
		for _, field := range family.Fields {
			if field.Group != heading {
				heading = field.Group
				fmt.Fprintf(&b, "\n### %s\n\n| field | type | unit | filter | what it holds | example |\n|---|---|---|---|---|---|\n", heading)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | `%s` |\n", field.Name, fieldType(field), field.Unit, yesNo(field.Index), fieldDescription(field), field.Example)
		}
	}
	return b.Bytes()
}

func fieldType(f mappings.Field) string {
	if f.Array {
		return f.Type + " (several)"
	}
	return f.Type
}

func fieldDescription(f mappings.Field) string {
	if f.Metric == "" {
		return f.Description
	}
	return f.Description + " (" + f.Metric + ")"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
