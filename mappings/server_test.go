package mappings_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

type capability struct {
	Searchable   bool
	Aggregatable bool
}

// store puts a document into an index and makes it visible.
func store(t *testing.T, client *elastic.Client, index, document string) {
	t.Helper()
	require.NoError(t, client.JSON(t.Context(), http.MethodPost, "/"+index+"/_doc?refresh=true", []byte(document), nil))
}

// capabilities asks which fields an index has, by path and type.
func capabilities(t *testing.T, client *elastic.Client, index string) map[string]map[string]capability {
	t.Helper()
	var answer struct {
		Fields map[string]map[string]capability
	}
	require.NoError(t, client.JSON(t.Context(), http.MethodGet, "/"+index+"/_field_caps?fields=*", nil, &answer))
	return answer.Fields
}

func TestRealInstall(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		opts := mappings.Options{Prefix: prefix}
		assert.Equal(t, prefix+"-metrics: installed (version 2)", install(t, client, opts))
		assert.Equal(t, prefix+"-metrics: unchanged (version 2)", install(t, client, opts))
		assert.Equal(t, mappings.Current, check(t, client, opts).State)

		replicas := 1
		opts.Replicas = &replicas
		assert.Equal(t, "template.settings.index.number_of_replicas is 0, not 1", check(t, client, opts).Difference)
		opts.Force = true
		assert.Contains(t, install(t, client, opts), "replaced by version 2")
		assert.Equal(t, mappings.Current, check(t, client, opts).State)
	})
}

func TestRealUpgrade(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		for _, family := range mappings.Families() {
			old := family.Template(prefix, mappings.Target{NoScaledFloat: true, Replicas: 3}, 0)
			require.NoError(t, client.JSON(t.Context(), http.MethodPut, old.Path, old.Body, nil))
		}
		opts := mappings.Options{Prefix: prefix}
		assert.Equal(t, mappings.Older, check(t, client, opts).State)
		assert.Equal(t, prefix+"-metrics: upgraded from version 0 to 2", install(t, client, opts))
		three := 3
		opts.Replicas = &three
		assert.Equal(t, mappings.Current, check(t, client, opts).State)
	})
}

func TestRealLegacyTemplate(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		// scaled_float is not on every server; TestRealInstall has it where it is.
		for _, template := range mappings.Templates(prefix, mappings.Target{Legacy: true, NoScaledFloat: true}) {
			require.NoError(t, client.JSON(t.Context(), http.MethodPut, template.Path, template.Body, nil))
		}
		finding := check(t, client, mappings.Options{Prefix: prefix})
		assert.Equal(t, mappings.Current, finding.State, finding.Difference)

		index := prefix + "-metrics-2026.11"
		store(t, client, index, `{"k6":{"name":"GET /"},"labels":{"a":"b"}}`)
		assert.Contains(t, capabilities(t, client, index)["labels.a"], mappings.Keyword)
	})
}

func TestRealDocuments(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		install(t, client, mappings.Options{Prefix: prefix})
		index := prefix + "-metrics-2026.11"
		store(t, client, index, string(exampleDocument(t, mappings.Metrics)))
		before := capabilities(t, client, index)
		for _, field := range mappings.Fields(mappings.Metrics) {
			assert.Contains(t, before, strings.ReplaceAll(field.Name, "*", "journey"))
		}

		store(t, client, index, `{"unknown":1,"k6":{"unknown":"x"},"http":{"unknown":true}}`)
		assert.Equal(t, before, capabilities(t, client, index), "an unknown field must stay unmapped")

		store(t, client, index, `{"labels":{"date":"2026-11-22","number":17,"bool":true,"blank key":"x","ключ":"y"}}`)
		after := capabilities(t, client, index)
		for _, label := range []string{"date", "number", "bool", "blank key", "ключ"} {
			assert.Contains(t, after["labels."+label], mappings.Keyword, label)
		}
	})
}

// TestRealFieldList compares the generated Kibana field list with what Kibana would find out.
func TestRealFieldList(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	client, prefix := connect(t, url), servertest.Prefix(t, url)
	install(t, client, mappings.Options{Prefix: prefix})
	index := prefix + "-metrics-2026.11"
	require.NoError(t, client.JSON(t.Context(), http.MethodPut, "/"+index, nil, nil))
	found := capabilities(t, client, index)

	text, err := os.ReadFile("generated/index-pattern/k6-metrics.json")
	require.NoError(t, err)
	var fields []mappings.KibanaField
	require.NoError(t, json.Unmarshal(text, &fields))
	for _, field := range fields {
		if strings.HasPrefix(field.Name, "_") {
			continue
		}
		want := map[string]capability{field.ESTypes[0]: {field.Searchable, field.Aggregatable}}
		assert.Equal(t, want, found[field.Name], field.Name)
	}
}
