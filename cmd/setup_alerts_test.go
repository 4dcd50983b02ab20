package cmd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/alerts/alertingtest"
	"github.com/k6es/k6es/elastic"
)

// Where no monitors can be installed, setup names what the server's own company has for alarms.
func TestWithoutAlerting(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"7.10.2": "", "7.17.29": "--for kibana-7.17 ", "8.7.0": "--for kibana-7.17 ", "8.19.21": "--for kibana ", "9.5.3": "--for kibana "} {
		parsed, err := elastic.ParseVersion(version)
		require.NoError(t, err)
		err = Env{Name: "k6es"}.withoutAlerting(elastic.Server{Product: elastic.Elasticsearch, Version: parsed})
		require.ErrorContains(t, err, "`k6es export alerts --for elastalert2 ")
		if want == "" {
			assert.NotContains(t, err.Error(), "kibana")
		} else {
			assert.ErrorContains(t, err, want, version)
		}
	}
	err := Env{Name: "k6es"}.withoutAlerting(elastic.Server{Product: elastic.OpenSearch, Version: elastic.Version{Major: 2, Minor: 19}})
	require.ErrorContains(t, err, "--for elastalert2 ")
	assert.NotContains(t, err.Error(), "kibana")
}

// A monitor that somebody changed, or that has a name of ours and is not ours, is replaced with --force alone.
func TestMonitorsLeftAlone(t *testing.T) {
	t.Parallel()
	plugin := alertingtest.New(t, alerts.OpenDistro, "")
	client, err := elastic.New(elastic.Config{URLs: []string{plugin.URL}})
	require.NoError(t, err)
	alarms, _, err := alerts.Make(alerts.Target{Prefix: "k6"}, nil)
	require.NoError(t, err)
	setup := func(options setupOptions) string {
		var out strings.Builder
		var monitors alerts.Monitors
		findings, err := monitors.CheckMonitors(t.Context(), client, alarms, nil)
		require.NoError(t, err)
		require.NoError(t, Env{Out: &out}.bringMonitors(t.Context(), client, monitors, findings, options))
		return out.String()
	}
	plugin.Edit("k6-run-lost", func(map[string]any) {})
	assert.Contains(t, setup(setupOptions{}), "k6-run-failed: missing; installed\n")
	plugin.Edit("k6-run-failed", func(monitor map[string]any) { monitor["schedule"] = nil })

	writes := plugin.Writes()
	for _, options := range []setupOptions{{}, {dryRun: true}} {
		said := setup(options)
		assert.Contains(t, said, "k6-run-failed: altered by hand; left alone (--force replaces it)\n")
		assert.Contains(t, said, "k6-run-lost: not made by k6es; left alone (--force replaces it)\n")
		assert.Equal(t, writes, plugin.Writes())
	}
	said := setup(setupOptions{force: true})
	assert.Contains(t, said, "k6-run-failed: altered by hand; replaced\n")
	assert.Contains(t, said, "k6-run-lost: not made by k6es; replaced\n")
	assert.Equal(t, writes+2, plugin.Writes())
}
