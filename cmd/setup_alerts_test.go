package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// Where no monitors can be installed, setup names what the server's own company has for alarms.
func TestWithoutAlerting(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"7.10.2": "", "7.17.29": "--for kibana-7.17 ", "8.7.0": "--for kibana-7.17 ", "8.19.21": "--for kibana ", "9.5.3": "--for kibana "} {
		var out strings.Builder
		parsed, err := elastic.ParseVersion(version)
		require.NoError(t, err)
		Env{Out: &out, Name: "k6es"}.withoutAlerting(elastic.Server{Product: elastic.Elasticsearch, Version: parsed})
		assert.Contains(t, out.String(), "k6es export alerts --for elastalert2 ")
		if want == "" {
			assert.NotContains(t, out.String(), "kibana")
		} else {
			assert.Contains(t, out.String(), want, version)
		}
	}
	var out strings.Builder
	Env{Out: &out, Name: "k6es"}.withoutAlerting(elastic.Server{Product: elastic.OpenSearch, Version: elastic.Version{Major: 2, Minor: 19}})
	assert.NotContains(t, out.String(), "kibana")
}
