package kibana_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/kibana/searches"
	"github.com/k6es/k6es/mappings"
)

// someLogs are values for all roles: those of Filebeat's fields.
var someLogs = kibana.Values{
	"index": "filebeat-*", "pattern": "k6-logs", "fields": "[]", "time": "@timestamp",
	"level": "log.level", "message": "message.keyword", "message_text": "message", "host": "host.name",
	"service": "service.name", "route": "url.path", "status": "http.response.status_code",
	"latency": "event.duration", "latency_factor": "0.000001",
	"errors": "log.level:(error or fatal)", "errors_lucene": "log.level:(error OR fatal)", "warnings": "log.level:warn",
}

// everything is what setup would import where all roles have values.
func everything(t *testing.T) []kibana.Object {
	t.Helper()
	values := kibana.Values{}
	for _, role := range kibana.Roles() {
		values[role] = "x"
	}
	maps.Copy(values, someLogs)
	objects, left, err := kibana.Rendered("", values)
	require.NoError(t, err)
	require.Empty(t, left)
	return objects
}

func TestFilesAreInTheirOneForm(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(os.DirFS("objects"), "*/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		written, err := os.ReadFile(path.Join("objects", file))
		require.NoError(t, err)
		decoder := json.NewDecoder(strings.NewReader(string(written)))
		decoder.UseNumber()
		var attributes map[string]any
		require.NoError(t, decoder.Decode(&attributes), file)
		formatted, err := kibana.Format(attributes)
		require.NoError(t, err, file)
		assert.Equal(t, string(formatted), string(written), "%s: run go run ./kibana/format kibana/objects/%s", file, file)
		assert.Regexp(t, `^[a-z-]+/k6-[a-z0-9-]+\.json$`, file)
	}
}

// written are the versions with which Kibana OSS 7.10.2 itself writes these types; it refuses newer ones.
var written = map[string]string{
	"dashboard": "7.9.3", "visualization": "7.10.0", "search": "7.9.3", "index-pattern": "7.6.0",
}

func TestObjectsFitKibanaOSS(t *testing.T) {
	t.Parallel()
	visualizations := []string{
		"area", "gauge", "goal", "heatmap", "histogram", "horizontal_bar", "input_control_vis", "line", "markdown",
		"metric", "metrics", "pie", "table", "tagcloud", "vega",
	}
	titles := map[string]string{}
	for _, object := range everything(t) {
		saved, err := kibana.Fold(object)
		require.NoError(t, err)
		require.Contains(t, written, saved.Type)
		for kind, version := range saved.MigrationVersion {
			assert.Equal(t, saved.Type, kind)
			newest, err := elastic.ParseVersion(written[kind])
			require.NoError(t, err)
			ours, err := elastic.ParseVersion(version)
			require.NoError(t, err)
			assert.LessOrEqual(t, ours.Compare(newest), 0, object.Key())
		}
		if saved.Type != "index-pattern" {
			assert.True(t, strings.HasPrefix(object.Title(), "k6 · "), "%s is called %q", object.Key(), object.Title())
		}
		assert.Empty(t, titles[saved.Type+object.Title()], "%s has the title of another", object.Key())
		titles[saved.Type+object.Title()] = object.Key()
		if saved.Type == "visualization" {
			state := object.Attributes["visState"].(map[string]any)
			assert.Contains(t, visualizations, state["type"], object.Key())
			assert.Equal(t, object.Title(), state["title"], object.Key())
		}
	}
}

func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, object := range everything(t) {
		there[object.Key()] = true
	}
	used := map[string]bool{}
	for _, object := range everything(t) {
		for _, target := range object.References() {
			assert.True(t, there[target], "%s names %s, which is not there", object.Key(), target)
			used[target] = true
		}
	}
	for key := range there {
		if kind, _, _ := strings.Cut(key, ":"); kind == "visualization" || kind == "search" {
			assert.True(t, used[key], "nobody can see %s", key)
		}
	}
}

var linked = regexp.MustCompile(`#/view/([a-z0-9-]+)`)

// TestLinksLead: to dashboards that are there.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	objects := everything(t)
	there := map[string]bool{}
	for _, object := range objects {
		there[object.Key()] = true
	}
	for _, object := range objects {
		text, err := kibana.Format(object.Attributes)
		require.NoError(t, err)
		for _, match := range linked.FindAllStringSubmatch(string(text), -1) {
			assert.True(t, there["dashboard:"+match[1]], "%s leads to %s, which is not there", object.Key(), match[1])
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	// Without logs, and with logs that have nothing but a time, others share the place of what is left out.
	for name, values := range map[string]kibana.Values{
		"all": someLogs, "none": nil, "few": {"index": "x", "pattern": "k6-logs", "fields": "[]", "time": "t", "message_text": "m"},
	} {
		objects, _, err := kibana.Rendered("", values)
		require.NoError(t, err)
		for _, object := range objects {
			if object.Type == kibana.Dashboard {
				t.Run(name+" "+object.ID, func(t *testing.T) { checkGrid(t, object) })
			}
		}
	}
}

func checkGrid(t *testing.T, dashboard kibana.Object) {
	t.Helper()
	const columns = 48
	var placed [][4]int64
	rows := map[int64]bool{}
	last := int64(0)
	for _, element := range dashboard.Attributes["panelsJSON"].([]any) {
		panel := element.(map[string]any)
		var at [4]int64
		for i, side := range panel["at"].([]any) {
			var err error
			at[i], err = side.(json.Number).Int64()
			require.NoError(t, err)
		}
		x, y, w, h := at[0], at[1], at[2], at[3]
		assert.True(t, x >= 0 && y >= 0 && w > 0 && h > 0 && x+w <= columns, "%s is at %v", panel["panel"], at)
		for _, other := range placed {
			beside := x >= other[0]+other[2] || other[0] >= x+w || y >= other[1]+other[3] || other[1] >= y+h
			assert.True(t, beside, "%s at %v is where another panel is: %v", panel["panel"], at, other)
		}
		placed = append(placed, at)
		for row := y; row < y+h; row++ {
			rows[row] = true
		}
		last = max(last, y+h)
	}
	for row := range last {
		assert.True(t, rows[row], "row %d is empty", row)
	}
}

// palette has the colours of all dashboards: those of data, and the greys of text and lines.
var palette = []string{
	"#6092C0", // load
	"#9170B8", // p50
	"#D36086", // p95
	"#AA6556", // p99
	"#54B399", // success
	"#E7664C", // failure
	"#D6BF57", // warning
	"#98A2B3", // baseline
	"#A1382C", // no response at all
}

// tints of load, for scales and for what is beside the point.
var tints = []string{"#EAF0F8", "#A2B8D6", "#2C4F73"}

var greys = []string{"#FFFFFF", "#F5F7FA", "#EEF0F4", "#D3DAE6", "#98A2B3", "#69707D", "#535966", "#343741", "#1A1C21"}

var colour = regexp.MustCompile(`#[0-9A-Fa-f]{3,8}\b|\brgba?\([^)]*\)`)

func TestColoursAreOfThePalette(t *testing.T) {
	t.Parallel()
	for _, object := range everything(t) {
		if object.Type == kibana.IndexPattern {
			continue
		}
		text, err := kibana.Format(object.Attributes)
		require.NoError(t, err)
		for _, found := range colour.FindAllString(string(text), -1) {
			assert.True(t, slices.Contains(slices.Concat(palette, tints, greys), found), "%s has the colour %s", object.Key(), found)
		}
	}
}

var placeholder = regexp.MustCompile(`\$\{[^}]*\}`)

func TestPlaceholdersAreRoles(t *testing.T) {
	t.Parallel()
	objects, err := kibana.Objects()
	require.NoError(t, err)
	for _, object := range objects {
		text, err := kibana.Format(object.Attributes)
		require.NoError(t, err)
		for _, found := range placeholder.FindAllString(string(text), -1) {
			assert.Contains(t, kibana.Roles(), found[2:len(found)-1], object.Key())
		}
	}
}

// TestFieldsExist: every field that a search names is in the mappings, with a type and an index that fit
// what is done with it. Fields of the team's logs are for the server to judge.
func TestFieldsExist(t *testing.T) {
	t.Parallel()
	now := time.Now()
	all, err := searches.All(everything(t), searches.View{From: now.Add(-time.Hour), To: now, Query: `k6.run.id:"x" or not k6.run.id:*`})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, search := range all {
		families := familiesOf(search.Index)
		if len(families) == 0 {
			continue
		}
		uses, err := search.Fields()
		require.NoError(t, err)
		for _, use := range uses {
			field, known := lookup(families, use.Field)
			assert.True(t, known, "%s: %s is %s, and not in the mapping of %s", search, use.Field, use.Use, search.Index)
			assert.True(t, !known || fits(field, use.Use), "%s: %s is %s, and a %s (indexed: %t)", search, use.Field, use.Use, field.Type, field.Index)
		}
	}
}

// TestFieldFormatsHaveFields: a format for a field that the index pattern does not have does nothing.
func TestFieldFormatsHaveFields(t *testing.T) {
	t.Parallel()
	for _, object := range everything(t) {
		families := familiesOf(object.Title())
		if object.Type != kibana.IndexPattern || len(families) == 0 {
			continue
		}
		for name := range object.Attributes["fieldFormatMap"].(map[string]any) {
			_, known := lookup(families, name)
			assert.True(t, known, "%s: %s", object.Key(), name)
		}
		assert.NotEmpty(t, object.Attributes["fields"], object.Key())
	}
}

// familiesOf finds the families that an index name or pattern stands for.
func familiesOf(index string) []mappings.Family {
	var found []mappings.Family
	for _, family := range mappings.Families() {
		if slices.Contains(strings.Split(index, ","), mappings.DefaultPrefix+"-"+family.Pattern) {
			found = append(found, family)
		}
	}
	return found
}

func lookup(families []mappings.Family, name string) (mappings.Field, bool) {
	for _, family := range families {
		for _, field := range family.Fields {
			if field.Name == name || strings.HasSuffix(field.Name, ".*") && strings.HasPrefix(name, strings.TrimSuffix(field.Name, "*")) {
				return field, true
			}
		}
	}
	return mappings.Field{}, false
}

func fits(field mappings.Field, use searches.Use) bool {
	numeric := slices.Contains([]string{mappings.Integer, mappings.Long, mappings.Double, mappings.ScaledFloat}, field.Type)
	date := field.Type == mappings.Date
	switch use {
	case searches.Filtered:
		return field.Index
	case searches.Compared:
		return field.Index && (numeric || date || field.Type == mappings.IP)
	case searches.Ranged, searches.Computed:
		return numeric
	case searches.Bounded:
		return numeric || date
	case searches.Timed:
		return date
	case searches.Bucketed, searches.Counted, searches.SortedBy, searches.Existence:
		return field.Type != mappings.Binary
	default:
		return true
	}
}
