package alerts_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/alerts/alertingtest"
	"github.com/k6es/k6es/elastic"
)

// k6Alarms are those of load tests alone, which need no logs.
func k6Alarms(t *testing.T, settings map[string]string) []alerts.Alarm {
	t.Helper()
	made, _, err := alerts.Make(alerts.Target{Prefix: "k6"}, settings)
	require.NoError(t, err)
	require.NotEmpty(t, made)
	return made
}

func eachForm(t *testing.T, test func(t *testing.T, form alerts.MonitorForm)) {
	t.Helper()
	for _, form := range []alerts.MonitorForm{alerts.OpenSearch, alerts.OpenDistro} {
		t.Run(string(form), func(t *testing.T) {
			t.Parallel()
			test(t, form)
		})
	}
}

// Each document is one that the plugin takes, with all that is written in it; in the other's form it is not.
func TestMonitorsFitTheSchema(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, form alerts.MonitorForm) {
		monitors := newMonitors(form)
		monitors.Channels = []string{"one", "two"}
		files, err := monitors.Files(k6Alarms(t, nil))
		require.NoError(t, err)
		other := map[alerts.MonitorForm]alerts.MonitorForm{alerts.OpenSearch: alerts.OpenDistro, alerts.OpenDistro: alerts.OpenSearch}[form]
		for _, file := range files {
			require.NoError(t, alertingtest.Validate(form, file.Text), file.Path)
			require.Error(t, alertingtest.Validate(other, file.Text), file.Path)
			for _, spoiled := range [][2]string{
				{`"unit": "MINUTES"`, `"unit": "minute"`}, {`"lang": "mustache"`, `"lang": "painless"`},
				{`"destination_id"`, `"channel"`}, {`"throttle_enabled": `, `"throttle_enabled": 1`}, {`"name": `, `"title": `},
			} {
				text := strings.Replace(string(file.Text), spoiled[0], spoiled[1], 1)
				require.NotEqual(t, text, string(file.Text), spoiled[0])
				require.Error(t, alertingtest.Validate(form, []byte(text)), "%s: %s", file.Path, spoiled[1])
			}
		}
	})
}

// setup does what the command does, and tells the states that it met.
func setup(t *testing.T, plugin *alertingtest.Plugin, m alerts.Monitors, alarms []alerts.Alarm, off ...string) map[string]alerts.MonitorState {
	t.Helper()
	client, err := elastic.New(elastic.Config{URLs: []string{plugin.URL}})
	require.NoError(t, err)
	findings, err := m.CheckMonitors(t.Context(), client, alarms, off)
	require.NoError(t, err)
	require.Equal(t, plugin.Form, m.Form)
	states := map[string]alerts.MonitorState{}
	for _, finding := range findings {
		states[finding.Name] = finding.State
		if !finding.OK() && !finding.Protected() {
			require.NoError(t, m.Install(t.Context(), client, finding))
		}
	}
	return states
}

func count(states map[string]alerts.MonitorState, of alerts.MonitorState) (n int) {
	for _, state := range states {
		if state == of {
			n++
		}
	}
	return n
}

func TestInstallMonitors(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, form alerts.MonitorForm) {
		plugin, monitors, alarms := alertingtest.New(t, form, ""), newMonitors(""), k6Alarms(t, nil)
		assert.Equal(t, len(alarms), count(setup(t, plugin, monitors, alarms), alerts.MonitorMissing))
		assert.Len(t, plugin.Names(), len(alarms))
		writes := plugin.Writes()
		monitors.Channels = nil
		assert.Equal(t, len(alarms), count(setup(t, plugin, monitors, alarms), alerts.MonitorCurrent), "those told stay told")
		assert.Equal(t, writes, plugin.Writes(), "nothing is done twice")

		other := k6Alarms(t, map[string]string{"run-slow.limit": "800"})
		states := setup(t, plugin, monitors, other)
		assert.Equal(t, alerts.MonitorOlder, states["k6-run-slow"])
		assert.Equal(t, len(alarms)-1, count(states, alerts.MonitorCurrent))
		assert.Equal(t, len(other), count(setup(t, plugin, monitors, other), alerts.MonitorCurrent))
		monitors.Channels = []string{"chan-2"}
		assert.Equal(t, len(other), count(setup(t, plugin, monitors, other), alerts.MonitorOlder), "others are told")
		assert.Len(t, plugin.Names(), len(alarms))
	})
}

// What people made of a monitor stays.
func TestMonitorsKeepWhatPeopleDid(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, form alerts.MonitorForm) {
		plugin, monitors := alertingtest.New(t, form, ""), newMonitors("")
		setup(t, plugin, monitors, k6Alarms(t, nil))
		trigger := func(monitor object) object {
			if form == alerts.OpenDistro {
				return at[object](t, monitor, "triggers", 0)
			}
			return at[object](t, monitor, "triggers", 0, "query_level_trigger")
		}
		plugin.Edit("k6-run-slow", func(monitor object) {
			monitor["enabled"] = false
			action := object{
				"id": "x", "name": "mine", "destination_id": "mail-1", "throttle_enabled": false,
				"message_template": object{"lang": "mustache", "source": "look"},
			}
			ours := trigger(monitor)
			ours["actions"] = append(ours["actions"].([]any), action)
			text, err := json.Marshal(monitor["triggers"])
			require.NoError(t, err)
			var second []any
			require.NoError(t, json.Unmarshal([]byte(strings.Replace(string(text), `"id":"k6es-`, `"id":"mine-`, 1)), &second))
			monitor["triggers"] = append(monitor["triggers"].([]any), second...)
		})
		assert.Equal(t, alerts.MonitorCurrent, setup(t, plugin, monitors, k6Alarms(t, nil))["k6-run-slow"])
		settings := map[string]string{"run-slow.limit": "800"}
		assert.Equal(t, alerts.MonitorOlder, setup(t, plugin, monitors, k6Alarms(t, settings))["k6-run-slow"])
		assert.Equal(t, alerts.MonitorCurrent, setup(t, plugin, monitors, k6Alarms(t, settings))["k6-run-slow"])
		plugin.Edit("k6-run-slow", func(monitor object) {
			assert.Equal(t, false, monitor["enabled"])
			assert.Len(t, monitor["triggers"], 2)
			assert.Equal(t, "mail-1", at[string](t, trigger(monitor), "actions", 1, "destination_id"))
			assert.Equal(t, "chan-1", at[string](t, trigger(monitor), "actions", 0, "destination_id"))
		})

		plugin.Edit("k6-run-failed", func(monitor object) { at[object](t, monitor, "schedule", "period")["interval"] = 5 })
		plugin.Edit("k6-run-lost", func(monitor object) { monitor["triggers"] = []any{} })
		writes := plugin.Writes()
		states := setup(t, plugin, monitors, k6Alarms(t, settings))
		assert.Equal(t, alerts.MonitorAltered, states["k6-run-failed"])
		assert.Equal(t, alerts.MonitorForeign, states["k6-run-lost"])
		assert.Equal(t, writes, plugin.Writes())
	})
}

func TestMonitorsOfRulesThatAreOff(t *testing.T) {
	t.Parallel()
	eachForm(t, func(t *testing.T, form alerts.MonitorForm) {
		plugin, monitors := alertingtest.New(t, form, ""), newMonitors("")
		setup(t, plugin, monitors, k6Alarms(t, nil))
		plugin.Edit("k6-theirs", func(object) {})
		left := k6Alarms(t, map[string]string{"run-slow": alerts.Off})
		states := setup(t, plugin, monitors, left, "k6-run-slow", "k6-theirs")
		assert.Equal(t, alerts.MonitorUnwanted, states["k6-run-slow"])
		assert.NotContains(t, plugin.Names(), "k6-run-slow")
		assert.Contains(t, plugin.Names(), "k6-theirs", "only ours are removed")
	})
}

// Who changes a monitor at the same time is not overwritten.
func TestMonitorsAreNotOverwritten(t *testing.T) {
	t.Parallel()
	plugin, monitors := alertingtest.New(t, alerts.OpenSearch, ""), newMonitors("")
	setup(t, plugin, monitors, k6Alarms(t, nil))
	plugin.Meanwhile = func() { plugin.Edit("k6-run-slow", func(monitor object) { monitor["enabled"] = false }) }
	client, err := elastic.New(elastic.Config{URLs: []string{plugin.URL}})
	require.NoError(t, err)
	findings, err := monitors.CheckMonitors(t.Context(), client, k6Alarms(t, map[string]string{"run-slow.limit": "800"}), nil)
	require.NoError(t, err)
	for _, finding := range findings {
		if !finding.OK() {
			require.ErrorContains(t, monitors.Install(t.Context(), client, finding), "monitor k6-run-slow was changed by somebody at the same time")
		}
	}
}

// What else answers is not taken for a plugin, and a refusal is said.
func TestMonitorsWithoutAPlugin(t *testing.T) {
	t.Parallel()
	for status, body := range map[int]string{
		http.StatusBadRequest:       `{"error":"no handler found for uri"}`,
		http.StatusNotFound:         `{"error":"Not Found"}`,
		http.StatusMethodNotAllowed: `{"error":"Incorrect HTTP method for uri"}`,
		http.StatusForbidden:        `{"error":{"type":"security_exception","reason":"no permissions for [cluster:admin/opendistro/alerting/monitor/search]"}}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		client, err := elastic.New(elastic.Config{URLs: []string{server.URL}})
		require.NoError(t, err)
		monitors := newMonitors(alerts.OpenSearch)
		findings, err := monitors.CheckMonitors(t.Context(), client, k6Alarms(t, nil), nil)
		assert.Empty(t, findings)
		assert.Empty(t, monitors.Form)
		if status == http.StatusForbidden {
			assert.ErrorContains(t, err, "look for monitors")
		} else {
			assert.NoError(t, err)
		}
	}
}
