package mappings_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
)

// at walks a JSON document.
func at(t *testing.T, document []byte, path ...string) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(document, &value))
	for _, key := range path {
		object, ok := value.(map[string]any)
		require.True(t, ok, "nothing at %s", key)
		value = object[key]
	}
	return value
}

func metricsTemplate(t *testing.T, prefix string, target mappings.Target) mappings.Template {
	t.Helper()
	for _, template := range mappings.Templates(prefix, target) {
		if template.Name == prefix+"-metrics" {
			return template
		}
	}
	require.Fail(t, "no template "+prefix+"-metrics")
	return mappings.Template{}
}

func TestComposableTemplate(t *testing.T) {
	t.Parallel()
	template := metricsTemplate(t, "load", mappings.Target{Replicas: 2})
	assert.Equal(t, "/_index_template/load-metrics", template.Path)
	assert.Equal(t, mappings.Composable, template.Kind)
	assert.Equal(t, []any{"load-metrics-*"}, at(t, template.Body, "index_patterns"))
	assert.InDelta(t, 2, at(t, template.Body, "template", "settings", "index", "number_of_replicas"), 0)
	assert.InDelta(t, mappings.SchemaVersion, at(t, template.Body, "_meta", "k6es_version"), 0)
	assert.InDelta(t, mappings.SchemaVersion, at(t, template.Body, "template", "mappings", "_meta", "k6es_version"), 0)
	assert.Equal(t, false, at(t, template.Body, "template", "mappings", "dynamic"))

	properties := []string{"template", "mappings", "properties"}
	field := func(path ...string) any { return at(t, template.Body, append(properties, path...)...) }
	assert.Equal(t, map[string]any{"type": "date"}, field("@timestamp"))
	assert.Equal(t, map[string]any{"type": "scaled_float", "scaling_factor": 1000.0}, field("k6", "properties", "http_req_duration"))
	assert.Equal(t, map[string]any{"type": "scaled_float", "scaling_factor": 1000.0, "index": false}, field("k6", "properties", "http_req_waiting"))
	assert.Equal(t, map[string]any{"type": "object", "dynamic": true}, field("labels"))
}

func TestTemplateWithoutScaledFloat(t *testing.T) {
	t.Parallel()
	template := metricsTemplate(t, "k6", mappings.Target{NoScaledFloat: true})
	assert.NotContains(t, string(template.Body), "scal")
	assert.Equal(t, map[string]any{"type": "double", "index": false},
		at(t, template.Body, "template", "mappings", "properties", "k6", "properties", "http_req_waiting"))
}

func TestLegacyTemplate(t *testing.T) {
	t.Parallel()
	legacy := metricsTemplate(t, "k6", mappings.Target{Legacy: true})
	composable := metricsTemplate(t, "k6", mappings.Target{})
	assert.Equal(t, "/_template/k6-metrics", legacy.Path)
	assert.Equal(t, at(t, composable.Body, "template", "mappings"), at(t, legacy.Body, "mappings"))
	assert.Equal(t, at(t, composable.Body, "template", "settings"), at(t, legacy.Body, "settings"))
}

func TestTheDefaultPrefix(t *testing.T) {
	t.Parallel()
	assert.Equal(t, mappings.Templates("k6", mappings.Target{}), mappings.Templates("", mappings.Target{}))
}

func TestLookup(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"k6.http_req_duration": "k6.http_req_duration",
		"labels.journey":       "labels.*",
		"k6":                   "",
		"labels":               "",
		"labels.":              "",
		"labels.a.b":           "",
		"k6.nothing":           "",
	} {
		field, found := mappings.Lookup(path)
		assert.Equal(t, want, field.Name, path)
		assert.Equal(t, want != "", found, path)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	assert.Nil(t, mappings.Fields("unknown"))
	types := map[string]string{}
	for _, family := range mappings.Families() {
		for _, field := range family.Fields {
			if other, shared := types[field.Name]; shared {
				assert.Equal(t, other, field.Type, "%s has two types: one Kibana index pattern over both would have a conflict", field.Name)
			}
			types[field.Name] = field.Type
		}
	}
	assert.NotEmpty(t, types)
}
