package kibana

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/kibana/kibanatest"
)

// all are values for every role.
func all() Values {
	values := Values{}
	for _, role := range Roles() {
		values[role] = "logs." + role
	}
	values[LogsFields], values[LogsPattern], values[LogsIndex] = "[]", "own", "k6-service-*"
	return values
}

// TestFoldAndBack: what Kibana stores of our objects says the same when it comes back.
func TestFoldAndBack(t *testing.T) {
	t.Parallel()
	for _, object := range rendered(t, "", all()) {
		back, err := object.comparable()
		require.NoError(t, err)
		assert.Empty(t, firstDifference(object.withoutAdditions().Attributes, back.Attributes, object.Key()))
	}
}

// TestPullWithoutEdits: import and pull leave the files as they are, whatever the prefix and the logs.
func TestPullWithoutEdits(t *testing.T) {
	t.Parallel()
	sources, err := Objects()
	require.NoError(t, err)
	some := all()
	for _, role := range []string{LogsLevel, LogsErrors, LogsLatency} {
		delete(some, role)
	}
	for name, values := range map[string]Values{"all": all(), "some": some, "none": nil} {
		for _, prefix := range []string{"k6", "perf"} {
			pulled, err := Pull(sources, stored(t, prefix, values), prefix, values)
			require.NoError(t, err)
			assert.Empty(t, pulled, "%s %s", name, prefix)
		}
	}
}

// stored is what Kibana has after an import.
func stored(t *testing.T, prefix string, values Values) map[string]SavedObject {
	t.Helper()
	client := clientOf(t, kibanatest.New(t, ""), Config{})
	objects := rendered(t, prefix, values)
	require.NoError(t, client.Import(t.Context(), objects))
	var keys []string
	for _, object := range objects {
		keys = append(keys, object.Key())
	}
	saved, err := client.Export(t.Context(), append(keys, "dashboard:never"), true)
	require.NoError(t, err)
	require.Len(t, saved, len(objects))
	return saved
}

const source = `{
	"title": "k6 · Chart",
	"visState": {"type": "metrics", "params": {
		"index_pattern": "k6-metrics-*",
		"markdown": ["one", "two", "three${level}"],
		"series": [
			{"id": "load", "color": "#1", "label": "Load"},
			{"id": "errors", "color": "#2", "filter": {"query": "${errors}"}},
			{"id": "slow", "color": "#3", "filter": {"query": "${latency} > 5"}}
		],
		"ranges": [{"from": 0}, {"from": 10}]
	}}
}`

// TestPullEdits: each edit of what Kibana shows becomes the same edit of the file, and nothing else.
func TestPullEdits(t *testing.T) {
	t.Parallel()
	values := Values{LogsErrors: "level:error"} // neither latency nor level
	for name, test := range map[string]struct {
		old, new         string // in what Kibana stores
		oldFile, newFile string // in the file
		lost             []string
	}{
		"a value":              {`"color":"#1"`, `"color":"#9"`, `"color": "#1"`, `"color": "#9"`, nil},
		"a number":             {`{"from":10}`, `{"from":20}`, `{"from": 10}`, `{"from": 20}`, nil},
		"a new key":            {`"id":"load"`, `"id":"load","fill":1`, `"id": "load"`, `"id": "load", "fill": 1`, nil},
		"a lost key":           {`,"label":"Load"`, ``, `, "label": "Load"`, ``, nil},
		"an index":             {`perf-metrics-*`, `perf-runs,perf-series`, `k6-metrics-*`, `k6-runs,k6-series`, nil},
		"a line":               {`one\ntwo`, `one\nand a half\ntwo`, `"one", "two"`, `"one", "and a half", "two"`, nil},
		"other order":          {`{"from":0},{"from":10}`, `{"from":10},{"from":0}`, `{"from": 0}, {"from": 10}`, `{"from": 10}, {"from": 0}`, nil},
		"a series less":        {`{"color":"#1","id":"load","label":"Load"},`, ``, `{"id": "load", "color": "#1", "label": "Load"},`, ``, nil},
		"a new series":         {`{"color":"#1",`, `{"id":"perf-new"},{"color":"#1",`, `{"id": "load"`, `{"id": "k6-new"}, {"id": "load"`, nil},
		"beside a placeholder": {`"color":"#2"`, `"color":"#8"`, `"color": "#2"`, `"color": "#8"`, nil},
		"in a placeholder": {`level:error`, `level:fatal`, `${errors}`, `level:fatal`,
			[]string{"${errors} in visState.params.series[1].filter.query"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := object(t, "visualization:k6-chart", source)
			objects, _ := Render([]Object{file.WithPrefix("perf")}, values)
			saved, err := Fold(objects[0])
			require.NoError(t, err)
			state, _ := saved.Attributes["visState"].(string)
			require.Contains(t, state, test.old)
			saved.Attributes["visState"] = strings.Replace(state, test.old, test.new, 1)
			pulled, err := Pull([]Object{file}, map[string]SavedObject{"visualization:perf-chart": saved}, "perf", values)
			require.NoError(t, err)
			require.Len(t, pulled, 1)
			require.Contains(t, source, test.oldFile)
			want := object(t, "visualization:k6-chart", strings.Replace(source, test.oldFile, test.newFile, 1))
			assert.Empty(t, firstDifference(want.Attributes, pulled[0].Object.Attributes, ""))
			assert.Equal(t, test.lost, pulled[0].Lost)
			assert.False(t, pulled[0].New)
		})
	}
}

// TestPullDashboard: a panel that was moved, one that was added with what it shows, and one that the logs
// have no data for.
func TestPullDashboard(t *testing.T) {
	t.Parallel()
	file := object(t, "dashboard:k6-d", `{"title":"k6 · D","panelsJSON":[{"at":[0,0,24,5],"panel":"visualization:k6-a"},`+
		`{"at":[24,0,24,5],"panel":"visualization:k6-b"},{"at":[0,5,48,5],"panel":"visualization:k6-c"}]}`)
	sources := []Object{file, object(t, "visualization:k6-a", `{"title":"A"}`), object(t, "visualization:k6-b", `{"title":"${level}"}`),
		object(t, "visualization:k6-c", `{"title":"C"}`)}
	saved := map[string]SavedObject{}
	var prefixed []Object
	for _, one := range sources {
		prefixed = append(prefixed, one.WithPrefix("perf"))
	}
	objects, _ := Render(prefixed, nil)
	for _, one := range objects {
		folded, err := Fold(one)
		require.NoError(t, err)
		saved[one.Key()] = folded
	}
	pulled, err := Pull(sources, saved, "perf", nil)
	require.NoError(t, err)
	require.Empty(t, pulled)

	dashboard := saved["dashboard:perf-d"]
	var panels []map[string]any
	require.NoError(t, json.Unmarshal([]byte(dashboard.Attributes["panelsJSON"].(string)), &panels))
	panels[1]["gridData"].(map[string]any)["h"] = 9
	panels = append(panels, map[string]any{"version": "7.10.2", "panelIndex": "0b6c", "panelRefName": "panel_2", "embeddableConfig": map[string]any{},
		"gridData": map[string]any{"x": 0, "y": 20, "w": 48, "h": 4, "i": "0b6c"}})
	text, err := json.Marshal(panels)
	require.NoError(t, err)
	dashboard.Attributes = maps.Clone(dashboard.Attributes)
	dashboard.Attributes["panelsJSON"] = string(text)
	dashboard.References = append(dashboard.References, Reference{"panel_2", "visualization", "perf-new"})
	saved["dashboard:perf-d"] = dashboard
	saved["visualization:perf-new"] = SavedObject{Type: "visualization", ID: "perf-new", Attributes: map[string]any{"title": "perf · New", "version": 1}}
	pulled, err = Pull(sources, saved, "perf", nil)
	require.NoError(t, err)
	require.Len(t, pulled, 2)
	assert.True(t, pulled[1].New)
	assert.Equal(t, object(t, "visualization:k6-new", `{"title":"k6 · New"}`), pulled[1].Object)
	want := object(t, "dashboard:k6-d", `{"title":"k6 · D","panelsJSON":[{"at":[0,0,24,5],"panel":"visualization:k6-a"},`+
		`{"at":[24,0,24,5],"panel":"visualization:k6-b"},{"at":[0,5,48,9],"panel":"visualization:k6-c"},{"at":[0,20,48,4],"panel":"visualization:k6-new"}]}`)
	assert.Empty(t, firstDifference(want.Attributes, pulled[0].Object.Attributes, ""))
}
