package alerts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/alerts/alertingtest"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

type object = map[string]any

// world is a team's load tests and production logs on a real server, at one moment.
type world struct {
	url, prefix string
	client      *elastic.Client
	now         time.Time
}

// monitorServers runs a test on the servers that have, or had, an alerting plugin: 7.10.2 with Open Distro, and
// OpenSearch.
func monitorServers(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	servertest.Each(t, func(t *testing.T, url string) {
		client, err := elastic.New(elastic.Config{URLs: []string{url}})
		require.NoError(t, err)
		server, err := client.Probe(t.Context())
		require.NoError(t, err)
		if server.Product != elastic.OpenSearch && server.Version.Compare(elastic.Version{Major: 7, Minor: 11}) >= 0 {
			t.Logf("%s never had a plugin that takes monitors", server)
			return
		}
		test(t, url)
	})
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	w := &world{url: url, prefix: servertest.Prefix(t, url), now: time.Now().UTC().Truncate(time.Second)}
	var err error
	w.client, err = elastic.New(elastic.Config{URLs: []string{url}})
	require.NoError(t, err)
	_, err = mappings.Install(t.Context(), w.client, mappings.Options{Prefix: w.prefix})
	require.NoError(t, err)
	for _, index := range []string{"runs", "comparisons", "metrics-2026.11"} {
		require.NoError(t, w.client.JSON(t.Context(), http.MethodPut, "/"+w.prefix+"-"+index, object{}, nil))
	}
	return w
}

func (w *world) at(ago time.Duration) string { return logstest.ISO(w.now.Add(-ago)) }

func (w *world) write(t *testing.T, index string, documents ...object) {
	t.Helper()
	var bulk bytes.Buffer
	encoder := json.NewEncoder(&bulk)
	for _, document := range documents {
		require.NoError(t, encoder.Encode(object{"create": object{}}))
		require.NoError(t, encoder.Encode(document))
	}
	var answer struct {
		Errors bool
		Items  []any
	}
	require.NoError(t, w.client.JSON(t.Context(), http.MethodPost, "/"+w.prefix+"-"+index+"/_bulk?refresh=true", bulk.Bytes(), &answer))
	require.False(t, answer.Errors, "%v", answer.Items)
}

const (
	day       = 24 * time.Hour
	justNow   = 90 * time.Second // within the minute that a monitor looks at
	linkState = `?_g=(time:(from:'x',to:'y'))&_a=(query:(query:'k6.run.id:"r 1"'))`
)

// run is a run's document.
func (w *world) run(id, status string, ended time.Duration, more object) object {
	run := object{"run": object{"id": id, "name": "run <!channel> of " + id, "status": status, "heartbeat": w.at(ended)}, "test": "test " + id}
	document := object{
		"@timestamp": w.at(ended + time.Minute), "k6": run, "event": object{"end": w.at(ended)},
		"links": object{"dashboard": linkState},
	}
	for key, value := range more {
		run[key] = value
	}
	if status == "running" {
		delete(document, "event")
	}
	return document
}

// uploaded is a run that came to the index after it had ended.
func uploaded(run object, at string) object {
	run["k6"].(object)["run"].(object)["heartbeat"] = at
	return run
}

// runsAndSamples are load tests in which all that can goes wrong, or nothing.
func (w *world) runsAndSamples(t *testing.T, loud bool) {
	t.Helper()
	crossed := object{"thresholds_crossed": []string{"p(95)<200", "rate<0.01"}, "summary": object{"thresholds_crossed": 2, "failed": 3}}
	failed, verdict, heard, nightly, bad := "failed", "worse", justNow, 2, 20
	if !loud {
		crossed = object{"summary": object{"thresholds_crossed": 0}}
		failed, verdict, heard, nightly, bad = "passed", "better", 5*time.Second, 0, 1
	}
	documents := []object{
		w.run("ended", failed, justNow, crossed),
		w.run("old", "failed", time.Hour, object{"summary": object{"thresholds_crossed": 1}}), // told an hour ago
		w.run("lost", "running", heard, nil),
		w.run("live", "running", 5*time.Second, nil),
		uploaded(w.run("uploaded", failed, 40*time.Minute, crossed), w.at(justNow)),
		uploaded(w.run("archived", "failed", 3*day, crossed), w.at(justNow)), // nobody wants to be told
	}
	for days := nightly; days < nightly+4; days++ {
		document := w.run(fmt.Sprint("nightly-", days), "passed", time.Duration(days)*day+time.Hour, object{"test": "nightly"})
		document["cicd"] = object{"provider": object{"name": "GitHub"}}
		documents = append(documents, document)
	}
	w.write(t, "runs", documents...)
	w.write(t, "comparisons", object{
		"event": object{"created": w.at(justNow)}, "links": object{"dashboard": linkState},
		"k6": object{
			"test": "checkout", "run": object{"id": "slower", "name": "slower"},
			"comparison": object{"verdict": verdict, "worse": []string{"p(95) +62.9 %"}, "baseline": object{"names": []string{"usual"}}},
		},
	})
	w.write(t, "metrics-2026.11", append(w.samples("shop-load", 40, bad), w.samples("too few", 5, 5)...)...)
}

// samples are requests of a running test, some of which fail and are slow.
func (w *world) samples(test string, count, bad int) []object {
	var documents []object
	for i := range count {
		failed, ms := 0, 100.0
		if i < bad {
			failed, ms = 1, 2000
		}
		documents = append(documents, object{
			"@timestamp": w.at(10 * time.Second), "event": object{"dataset": "k6.http"},
			"k6": object{"test": test, "http_req_failed": failed, "http_req_duration": ms},
		})
	}
	return documents
}

// line is a log line as Filebeat's template has it.
func (w *world) line(ago time.Duration, host, level, message string, status int, took time.Duration) object {
	return object{
		"@timestamp": w.at(ago), "message": message, "log": object{"level": level}, "host": object{"name": host}, "service": object{"name": "shop"},
		"event": object{"duration": took.Nanoseconds()}, "http": object{"response": object{"status_code": status}}, "url": object{"path": "/api"},
		"source": object{"ip": "203.0.113.7"},
	}
}

// productionLogs are those of a day on which all that can goes wrong, or nothing unusual. Both have as many
// failures now.
func (w *world) productionLogs(t *testing.T, loud bool) *logs.Shape {
	t.Helper()
	var lines []object
	add := func(n int, line object) {
		for range n {
			lines = append(lines, line)
		}
	}
	const quick, slow = 5 * time.Millisecond, 2 * time.Second
	add(120, w.line(time.Hour, "web-2", "info", "GET /api", 200, quick))
	add(20, w.line(time.Hour, "web-3", "info", "GET /api", 200, quick)) // too few to be missed
	add(30, w.line(30*time.Second, "web-1", "error", "GET /api", 503, quick))
	add(60, w.line(20*time.Second, "web-1", "info", "GET /api", 200, quick))
	add(20, w.line(20*time.Second, "web-1", "warn", "GET /wp-admin", 404, quick))
	if loud {
		add(20, w.line(20*time.Second, "web-1", "warn", "GET /wp-login", 404, quick))
		add(60, w.line(20*time.Second, "web-1", "info", "GET /api", 200, slow))
		line := w.line(justNow, "web-1", "fatal", "out of <memory>", 0, 0)
		delete(line, "host")
		line["host.name"] = "web-1" // as loggers write ECS, with dots
		delete(line, "http")
		add(1, line)
	} else {
		add(1, w.line(10*time.Second, "web-2", "info", "GET /api", 200, quick))
		for days := 1; days <= 7; days++ {
			add(25, w.line(time.Duration(days)*day+time.Minute, "web-1", "error", "GET /api", 503, quick))
		}
	}
	shape := logstest.Shapes[0]
	logstest.Fill(t, w.client, w.prefix+"-logs", shape.Mappings, nil)
	w.write(t, "logs", lines...)
	found, err := logs.Probe(t.Context(), w.client, w.prefix+"-logs", logs.Overrides{})
	require.NoError(t, err)
	return &found
}

// alarms are those of all rules.
func (w *world) alarms(t *testing.T, shape *logs.Shape) []alerts.Alarm {
	t.Helper()
	made, left, err := alerts.Make(alerts.Target{Prefix: w.prefix, Logs: shape}, map[string]string{"host-silent.least": "100"})
	require.NoError(t, err)
	require.Empty(t, left, "these logs support every rule")
	return made
}

// monitors are those of alarms, by the rule. Both forms are what the plugins take; they ask the same.
func (w *world) monitors(t *testing.T, made []alerts.Alarm) map[string]object {
	t.Helper()
	wrapped, err := newMonitors(alerts.OpenSearch).Files(made)
	require.NoError(t, err)
	for _, file := range wrapped {
		require.NoError(t, alertingtest.Validate(alerts.OpenSearch, file.Text), file.Path)
	}
	files, err := newMonitors(alerts.OpenDistro).Files(made)
	require.NoError(t, err)
	monitors := map[string]object{}
	for i, file := range files {
		require.NoError(t, alertingtest.Validate(alerts.OpenDistro, file.Text), file.Path)
		var monitor object
		require.NoError(t, json.Unmarshal(file.Text, &monitor))
		monitors[made[i].Rule.Name] = monitor
	}
	return monitors
}

// newMonitors tells one channel.
func newMonitors(form alerts.MonitorForm) alerts.Monitors {
	return alerts.Monitors{Form: form, Channels: []string{"chan-1"}, Link: func(dashboard, state string) string {
		return "http://kibana:5601/app/dashboards#/view/k6-" + dashboard + state
	}}
}

func at[T any](t *testing.T, from any, path ...any) T {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			from = from.(object)[step]
		case int:
			from = from.([]any)[step]
		}
	}
	value, ok := from.(T)
	require.True(t, ok, "%v: %v", path, from)
	return value
}

// render renders a template as the plugin does, by the server.
func (w *world) render(t *testing.T, source string, params object) string {
	t.Helper()
	body, err := json.Marshal(object{"source": source, "params": params})
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/_render/template", bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", text)
	return strings.TrimSuffix(strings.TrimPrefix(string(text), `{"template_output":`), "}")
}

// execute does what the plugin does with a monitor, for the period of one minute that ends then: it renders the
// query, searches, asks the condition of the trigger, and renders the message of the action.
func (w *world) execute(t *testing.T, monitor object, end time.Time) (fires bool, message string) {
	t.Helper()
	search := at[object](t, monitor, "inputs", 0, "search")
	query, err := json.Marshal(search["query"])
	require.NoError(t, err)
	rendered := w.render(t, string(query), object{
		"period_start": end.Add(-time.Minute).UnixMilli(), "period_end": end.UnixMilli(),
	})
	var indices []string
	for _, index := range at[[]any](t, search, "indices") {
		indices = append(indices, index.(string))
	}
	var answer json.RawMessage
	require.NoError(t, w.client.JSON(t.Context(), http.MethodPost, "/"+strings.Join(indices, ",")+"/_search", []byte(rendered), &answer), rendered)
	var found object
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber() // 50.0 is to stay 50.0
	require.NoError(t, decoder.Decode(&found))
	require.Equal(t, json.Number("0"), at[json.Number](t, found, "_shards", "failed"))

	context := object{"ctx": object{"results": []any{found}}}
	trigger := at[object](t, monitor, "triggers", 0)
	var condition struct{ Result string }
	require.NoError(t, w.client.JSON(t.Context(), http.MethodPost, "/_scripts/painless/_execute", object{"script": object{
		"source": "def ctx = params.ctx; return " + at[string](t, trigger, "condition", "script", "source"), "params": context,
	}}, &condition))
	return condition.Result == "true", w.render(t, at[string](t, trigger, "actions", 0, "message_template", "source"), context)
}

// aboutLoud is what the message of each rule must say in the loud world.
var aboutLoud = map[string][]string{
	"run-failed":                    {"test: test ended\n", "test: test uploaded\n", "run: run ‹!channel› of ended\n", "status: failed\n", "failed requests: 3\n", "view/k6-run?_g=(time:(from:'x'"},
	"threshold-crossed":             {"crossed: p(95)", "200; rate", "k6.run.id:%22r%201%22"},
	"comparison-worse":              {"worse: p(95) +62.9 %", "baseline: usual", "view/k6-compare?_g="},
	"run-lost":                      {"test: test lost"},
	"run-missing":                   {"nightly: nothing in the last 26h, 4 in the 8d before", "view/k6-runs?_g=(time:(from:now-"},
	"run-failures":                  {"shop-load: 50.0 % in the last 1m, limit 5 %"},
	"run-slow":                      {"shop-load: 2000.0 ms in the last 1m, limit 1000 ms"},
	"client-probing":                {"203.0.113.7: 40 responses in the last 5m, limit 30"},
	"host-silent":                   {"web-2: nothing in the last 15m, 120 in the 1d before"},
	"production-errors":             {"31 failures in the last 15m, 0.0 at this time of the 7 days before (mean)"}, // of which one is a line without a response
	"production-errors-during-test": {"31 failures in the last 5m"},
	"server-stopped":                {"host: web-1", "message: out of ‹memory›"},
	"service-slow":                  {"shop: 2000.0 ms in the last 5m, limit 1000 ms"},
}

// Each rule's query, condition and message are executed by real servers: one situation in which the monitor must
// fire, and one in which it must not. What is not there is the plugin, which runs them every minute.
func TestMonitorsOnRealServers(t *testing.T) {
	t.Parallel()
	monitorServers(t, func(t *testing.T, url string) {
		loud, quiet := newWorld(t, url), newWorld(t, url)
		loud.runsAndSamples(t, true)
		quiet.runsAndSamples(t, false)
		abnormalAlarms, usualAlarms := loud.alarms(t, loud.productionLogs(t, true)), quiet.alarms(t, quiet.productionLogs(t, false))
		abnormal, usual := loud.monitors(t, abnormalAlarms), quiet.monitors(t, usualAlarms)
		require.Len(t, abnormal, len(aboutLoud), "each rule has a situation")
		for rule, says := range aboutLoud {
			fires, message := loud.execute(t, abnormal[rule], loud.now)
			assert.True(t, fires, "%s must fire: %s", rule, message)
			for _, text := range says {
				assert.Contains(t, message, text, rule)
			}
			for _, text := range []string{"too few", "test old", "test archived"} {
				assert.NotContains(t, message, text, rule)
			}
			assert.NotContains(t, message, "{{", rule)
			fires, message = quiet.execute(t, usual[rule], quiet.now)
			assert.False(t, fires, "%s must not fire: %s", rule, message)
		}
		for _, rule := range []string{"run-failed", "threshold-crossed", "comparison-worse", "run-lost", "server-stopped"} {
			for _, period := range []time.Duration{-time.Minute, time.Minute} {
				fires, message := loud.execute(t, abnormal[rule], loud.now.Add(period))
				assert.False(t, fires, "%s: a document is found in one period alone: %s", rule, message)
			}
		}
		requireKibana(t, loud, quiet, abnormalAlarms, usualAlarms)

		var gone struct{ Deleted int }
		require.NoError(t, loud.client.JSON(t.Context(), http.MethodPost, "/"+loud.prefix+"-runs/_delete_by_query?refresh=true",
			object{"query": object{"term": object{"k6.run.status": "running"}}}, &gone))
		require.Positive(t, gone.Deleted)
		fires, _ := loud.execute(t, abnormal["production-errors-during-test"], loud.now)
		assert.False(t, fires, "no load test runs")
		fires, _ = loud.execute(t, abnormal["production-errors"], loud.now)
		assert.True(t, fires, "though as much fails")
	})
}
