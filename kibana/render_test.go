package kibana

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// object reads an object from the text of its file.
func object(t *testing.T, key, text string) Object {
	t.Helper()
	attributes, err := decode([]byte(text))
	require.NoError(t, err)
	kind, id, _ := strings.Cut(key, ":")
	return Object{Type: kind, ID: id, Attributes: attributes}
}

func lines(left []LeftOut) []string {
	var out []string
	for _, part := range left {
		out = append(out, part.String())
	}
	return out
}

func TestRender(t *testing.T) {
	t.Parallel()
	objects := []Object{
		object(t, "visualization:errors", `{"title":"Errors","visState":{"params":{"series":[{"id":"all","label":"All"},`+
			`{"id":"bad","label":"Bad","filter":{"query":"${errors}"}}],"markdown":["always [D](#/view/d) · [E](<#/view/e{{x}}>) · [F](#/view/e-f)","by ${level}"]}}}`),
		object(t, "dashboard:e", `{"title":"E","panelsJSON":[{"at":[0,0,48,5],"panel":"visualization:volume"}]}`),
		object(t, "visualization:volume", `{"title":"Volume","visState":{"params":{"index_pattern":"${index}"}}}`),
		object(t, "visualization:latency", `{"title":"Latency","visState":{"params":{"series":[{"id":"p95","field":"${latency}"}]}}}`),
		object(t, "search:lines", `{"title":"Lines","columns":["${level}","${message_text}"],"indexRef":"index-pattern:${pattern}"}`),
		object(t, "index-pattern:logs", `{"title":"${index}","fields":"${fields}","fieldFormatMap":{"${latency}":{"id":"number"}}}`),
		object(t, "visualization:of-lines", `{"title":"Of lines","savedSearchRef":"search:lines"}`),
		object(t, "dashboard:d", `{"title":"D","panelsJSON":[{"at":[0,0,24,5],"panel":"visualization:errors"},`+
			`{"at":[24,0,24,5],"panel":"visualization:latency"},{"at":[0,5,48,5],"panel":"visualization:of-lines"}]}`),
	}
	panels := func(objects []Object) string {
		text, err := inline(objects[len(objects)-1].Attributes["panelsJSON"])
		require.NoError(t, err)
		return string(text)
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		values := Values{"errors": `level:"error"`, "latency": "took", "level": "level", "message_text": "msg",
			"pattern": "own", "index": "k6-service-*", "fields": "[]"}
		got, left := Render(objects, values)
		assert.Empty(t, left)
		require.Len(t, got, len(objects))
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "${")
		assert.Contains(t, string(text), `"query":"level:\"error\""`)
		assert.Contains(t, string(text), `"indexRef":"index-pattern:own"`)
		assert.Contains(t, string(text), `"fieldFormatMap":{"took":`)
		assert.Contains(t, string(text), `"title":"k6-service-*"`)
		assert.Contains(t, string(text), `"markdown":["always [D](#/view/d) · [E](\u003c#/view/e{{x}}\u003e) · [F](#/view/e-f)","by level"]`)
	})
	t.Run("some", func(t *testing.T) {
		t.Parallel()
		got, left := Render(objects, Values{"message_text": "msg", "pattern": "own"})
		assert.Equal(t, []string{
			`Errors, "Bad": the logs have no level`,
			`Volume: the logs have no index`,
			`Latency: the logs have no latency`,
			`Lines, level: the logs have no level`,
			`index-pattern:logs: the logs have no fields and no index and no latency`,
			`E: the logs have no index`,
		}, lines(left))
		require.Len(t, got, 4)
		assert.Equal(t, []any{"msg"}, got[1].Attributes["columns"])
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Contains(t, string(text), `"markdown":["always [D](#/view/d) · [F](#/view/e-f)"]`, "no link to what is not there")
		assert.JSONEq(t, `[{"at":[0,0,48,5],"panel":"visualization:errors"},{"at":[0,5,48,5],"panel":"visualization:of-lines"}]`, panels(got))
	})
	t.Run("from earlier", func(t *testing.T) {
		t.Parallel()
		got, _ := Render(objects, nil, "dashboard:e")
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.Contains(t, string(text), `[E](\u003c#/view/e{{x}}\u003e)`, "its links lead somewhere")
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		got, left := Render(objects, nil)
		require.Len(t, got, 2)
		assert.JSONEq(t, `[{"at":[0,0,48,5],"panel":"visualization:errors"}]`, panels(got))
		assert.Contains(t, lines(left), "Of lines: the logs have no level and no message and no pattern", "what needs it goes with it")
	})
	assert.Contains(t, objects[0].Attributes["visState"].(map[string]any)["params"].(map[string]any)["markdown"], "by ${level}",
		"the objects themselves stay as they are")
}

// TestCloseHole: x, y, w, h of the panels before, of the hole, and of the panels after.
func TestCloseHole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		panels []box
		hole   box
		want   []box
	}{
		"a half":         {[]box{{0, 0, 24, 5}}, box{24, 0, 24, 5}, []box{{0, 0, 48, 5}}},
		"the left half":  {[]box{{24, 0, 24, 5}}, box{0, 0, 24, 5}, []box{{0, 0, 48, 5}}},
		"a middle third": {[]box{{0, 0, 16, 5}, {32, 0, 16, 5}}, box{16, 0, 16, 5}, []box{{0, 0, 24, 5}, {24, 0, 24, 5}}},
		"by width":       {[]box{{0, 0, 8, 5}, {8, 0, 16, 5}}, box{24, 0, 24, 5}, []box{{0, 0, 16, 5}, {16, 0, 32, 5}}},
		"a whole row":    {[]box{{0, 0, 48, 3}, {0, 8, 48, 5}}, box{0, 3, 48, 5}, []box{{0, 0, 48, 3}, {0, 3, 48, 5}}},
		"beside a tall one, which is no row": {[]box{{0, 0, 24, 10}, {24, 0, 24, 5}}, box{24, 5, 24, 5},
			[]box{{0, 0, 24, 10}, {24, 0, 24, 5}}},
		"where widening would cover another": {[]box{{0, 0, 24, 10}, {24, 5, 24, 5}}, box{24, 0, 24, 5},
			[]box{{0, 0, 24, 10}, {24, 5, 24, 5}}},
	} {
		panels := make([]panel, len(test.panels))
		for i, box := range test.panels {
			panels[i].box = box
		}
		closeHole(panels, test.hole)
		for i, want := range test.want {
			assert.Equal(t, want, panels[i].box, name)
		}
	}
}

func TestWithPrefix(t *testing.T) {
	t.Parallel()
	source := object(t, "visualization:k6-run-load", `{"title":"k6 · Run","a":["k6-metrics-*,k6-runs","field k6.run.id","[x](#/view/k6-run)","xk6-run"],`+
		`"indexRef":"index-pattern:k6-runs"}`)
	perf := source.WithPrefix("perf")
	assert.Equal(t, object(t, "visualization:perf-run-load", `{"title":"perf · Run","a":["perf-metrics-*,perf-runs","field k6.run.id","[x](#/view/perf-run)","xk6-run"],`+
		`"indexRef":"index-pattern:perf-runs"}`), perf)
	assert.Equal(t, source, source.WithPrefix(""))
	assert.Equal(t, source.Attributes, withoutPrefix(perf.Attributes, "perf"))
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for want, links := range map[string]Links{
		"": {},
		"http://kibana:5601/app/dashboards#/view/k6-run?_g=()":                         {URL: "kibana:5601/"},
		"https://host/kb/app/dashboards#/view/perf-run?_g=()":                          {URL: "https://user:secret@host/kb/", Prefix: "perf"},
		"http://kibana/s/load/app/dashboards#/view/k6-run?_g=()":                       {URL: "http://kibana", Space: "load"},
		"http://kibana/app/dashboards#/view/k6-run?_g=()":                              {URL: "http://kibana", Space: "default"},
		"http://osd/_dashboards/app/dashboards?security_tenant=a+b#/view/k6-run?_g=()": {URL: "http://osd/_dashboards", Tenant: "a b"},
	} {
		assert.Equal(t, want, links.Dashboard(RunDashboard, "?_g=()"))
	}
	assert.Equal(t, "http://kibana/app/dashboards#/view/k6-run?_a=(query:'a:%22b%20c%22%20or%20d')",
		Links{URL: "http://kibana"}.Dashboard(RunDashboard, `?_a=(query:'a:"b%20c" or d')`))
}
