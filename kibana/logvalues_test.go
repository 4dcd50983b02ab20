package kibana_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// leftOut is what each shape of logs cannot show: a whole panel, or a part of one.
var leftOut = map[string][]string{
	"Filebeat's template":   {"errors: the logs have no message"},
	"Logstash's template":   {"errors: the logs have no message"},
	"pino":                  nil,
	"winston-elasticsearch": nil,
	"JSON lines that Filebeat decodes into json": {
		"services: the logs have no service",
	},
	"lines of text": {
		"errors: the logs have no level",
		"unusual errors: the logs have no level",
		"failures: the logs have no level or status",
		`hosts, "errors": the logs have no level`, `hosts, "p95, ms": the logs have no latency`, `hosts, "warnings": the logs have no level`,
		"latency: the logs have no latency",
		`lines by level, "errors": the logs have no level`, `lines by level, "warnings": the logs have no level`,
		"lines, level: the logs have no level", "lines, route: the logs have no route",
		"routes: the logs have no route", "services: the logs have no service",
	},
}

func TestDashboardBesideLogsOfEachShape(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	for _, shape := range logstest.Shapes {
		t.Run(shape.Name, func(t *testing.T) {
			t.Parallel()
			client, err := elastic.New(elastic.Config{URLs: []string{url}})
			require.NoError(t, err)
			prefix := servertest.Prefix(t, url)
			logstest.Fill(t, client, prefix+"-"+shape.Index, shape.Mappings, shape.Lines)
			found, err := logs.Probe(t.Context(), client, prefix+"-*", logs.Overrides{})
			require.NoError(t, err)
			values, err := kibana.LogValues(found, kibana.Pattern{}, "load")
			require.NoError(t, err)
			objects, left, err := kibana.Rendered("load", values)
			require.NoError(t, err)
			var said []string
			for _, part := range left {
				said = append(said, part.String()[len("load · Beside production logs: "):])
			}
			assert.ElementsMatch(t, leftOut[shape.Name], said)
			keys := map[string]bool{}
			for _, object := range objects {
				keys[object.Key()] = true
			}
			assert.True(t, keys["dashboard:load-logs"])
			assert.True(t, keys["search:load-logs-lines"])
			assert.True(t, keys["index-pattern:load-logs"])
			for _, object := range objects {
				for _, target := range object.References() {
					assert.True(t, keys[target], "%s needs %s", object.Key(), target)
				}
			}
		})
	}
}

func TestLogValuesWithAPatternOfTheTeam(t *testing.T) {
	t.Parallel()
	time := logs.Choice{Role: logs.Time, Field: "@timestamp", Show: "@timestamp"}
	values, err := kibana.LogValues(logs.Shape{Pattern: "filebeat-*", Choices: []logs.Choice{time}}, kibana.Pattern{ID: "theirs", Title: "filebeat-*"}, "load")
	require.NoError(t, err)
	assert.Equal(t, "theirs", values[kibana.LogsPattern])
	assert.NotContains(t, values, kibana.LogsFields)
	objects, left, err := kibana.Rendered("load", values)
	require.NoError(t, err)
	for _, object := range objects {
		assert.NotEqual(t, "index-pattern:load-logs", object.Key())
	}
	for _, part := range left {
		assert.NotEqual(t, "index-pattern:load-logs", part.Object.Key(), "is not missed")
	}
}
