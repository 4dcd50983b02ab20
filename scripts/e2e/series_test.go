package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// seriesKey says what a series is about.
type seriesKey struct{ metric, scope, scenario, group, name, method, status, check, selector string }

// series adds the samples up as series are: by run, scenario, group, request, check, and by the
// sub-metrics that are named.
func (all samples) series(submetrics []string) map[seriesKey]*numbers {
	series := map[seriesKey]*numbers{}
	add := func(s sample, key seriesKey) {
		key.metric = s.metric
		if series[key] == nil {
			series[key] = &numbers{}
		}
		series[key].add(s)
	}
	for _, s := range all {
		add(s, seriesKey{scope: "run"})
		if scenario := s.tags["scenario"]; scenario != "" {
			add(s, seriesKey{scope: "scenario", scenario: scenario})
		}
		if group := strings.TrimPrefix(s.tags["group"], "::"); group != "" {
			add(s, seriesKey{scope: "group", group: group})
		}
		if name := s.tags["name"]; name != "" {
			add(s, seriesKey{scope: "name", name: name, method: s.tags["method"], status: statusClass(s.tags["status"])})
		}
		if check := s.tags["check"]; check != "" && s.metric == "checks" {
			add(s, seriesKey{scope: "check", check: check})
		}
		for _, submetric := range submetrics {
			base, selector, _ := strings.Cut(strings.TrimSuffix(submetric, "}"), "{")
			if s.metric == base && s.selected(selector) {
				add(s, seriesKey{scope: "threshold", selector: selector})
			}
		}
	}
	return series
}

// statusClass is 2xx of 201, and none of 0.
func statusClass(status string) string {
	switch {
	case len(status) == 3 && status[0] >= '1' && status[0] <= '5':
		return status[:1] + "xx"
	case status == "0":
		return "none"
	default:
		return status
	}
}

// stored returns all documents of a family of indices, which must be as the templates say.
func (s store) stored(t testing.TB, family string) []json.RawMessage {
	t.Helper()
	const most = 10_000
	index := "/" + s.prefix + "-" + family
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPost, index+"/_refresh", nil, nil))
	var answer struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	s.send(t, http.MethodPost, index+"/_search", object{"size": most}, &answer)
	require.Less(t, len(answer.Hits.Hits), most)
	var all []json.RawMessage
	for _, hit := range answer.Hits.Hits {
		require.NoError(t, mappings.Validate(family, hit.Source), "%.2000s", hit.Source)
		all = append(all, hit.Source)
	}
	return all
}

// series returns the series that are stored of a run.
func (s store) series(t testing.TB, run string) map[seriesKey]runs.SeriesDocument {
	t.Helper()
	series := map[seriesKey]runs.SeriesDocument{}
	for _, source := range s.stored(t, mappings.Series) {
		var d runs.SeriesDocument
		require.NoError(t, json.Unmarshal(source, &d))
		if d.Event.Dataset != "k6.series" || d.K6.Run.ID != run {
			continue
		}
		key := seriesKey{
			metric: d.K6.Metric.Name, scope: string(d.K6.Series.Scope), scenario: d.K6.Scenario, group: d.K6.Group,
			name: d.K6.Name, status: d.K6.Series.Status, check: d.K6.Check, selector: d.K6.Series.Selector,
		}
		if d.HTTP != nil {
			key.method = d.HTTP.Request.Method
		}
		require.NotContains(t, series, key, "it is there twice")
		series[key] = d
	}
	return series
}

// requireSeries demands that the stored series be just the wanted ones, with their numbers.
func requireSeries(t testing.TB, want map[seriesKey]*numbers, types map[string]string, seconds float64, got map[seriesKey]runs.SeriesDocument) {
	t.Helper()
	byName := func(a, b seriesKey) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	require.Equal(t, slices.SortedFunc(maps.Keys(want), byName), slices.SortedFunc(maps.Keys(got), byName))
	for key, n := range want {
		d := got[key]
		require.Equal(t, types[key.metric], d.K6.Metric.Type, "%+v", key)
		compareSeries(t, fmt.Sprintf("%+v", key), n, types[key.metric], seconds, d.K6.Series)
	}
	if t.Failed() {
		t.FailNow()
	}
}

func compareSeries(t testing.TB, name string, want *numbers, typ string, seconds float64, got runs.SeriesFields) {
	t.Helper()
	count := float64(len(want.values))
	assert.InDelta(t, count, got.Count, 0, "%s: count", name)
	for part, values := range map[string][2]float64{
		"sum": {want.sum, got.Sum}, "min": {slices.Min(want.values), got.Min}, "max": {slices.Max(want.values), got.Max}, "avg": {want.sum / count, got.Avg},
	} {
		assert.InDelta(t, values[0], values[1], rounding*want.size, "%s: %s", name, part)
	}
	switch typ {
	case "counter":
		assert.InDelta(t, want.sum/seconds, got.Rate, rounding*want.size/seconds, "%s: rate", name)
	case "gauge":
		require.NotNil(t, got.Last, name)
		assert.InDelta(t, want.last, *got.Last, rounding*want.size, "%s: last", name)
	case "rate":
		require.NotNil(t, got.Passes, name)
		require.NotNil(t, got.Fails, name)
		assert.EqualValues(t, want.passes, *got.Passes, "%s: passes", name)
		assert.EqualValues(t, len(want.values)-want.passes, *got.Fails, "%s: fails", name)
		assert.InDelta(t, float64(want.passes)/count, got.Rate, rounding, "%s: rate", name)
	default:
		for p, value := range map[float64]*float64{.5: got.Median, .9: got.P90, .95: got.P95, .99: got.P99, .999: got.P999} {
			require.NotNil(t, value, name)
			exact := want.rank(p)
			assert.InDelta(t, exact, *value, onePercent*math.Abs(exact), "%s: p%g of %d", name, 100*p, len(want.values))
		}
	}
}

// Of every metric, the series of a live run and of its file are what all its samples add up to.
func TestSeriesAreWhatSamplesAddUpTo(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	live := record(t, url, everything, []int{99}, "--tag", "release=v1.2.3")
	all, types := readSamples(t, live.json)
	id, test, name := identity(everything)
	var submetrics []string
	for metric, m := range live.verdicts(t) {
		if strings.Contains(metric, "{") && len(m) > 0 {
			submetrics = append(submetrics, metric)
		}
	}
	want := all.series(submetrics)
	most := 0
	for _, n := range want {
		most = max(most, len(n.values))
	}
	require.Greater(t, most, 100)
	t.Run("live", func(t *testing.T) {
		requireSeries(t, want, types, all.seconds(), live.series(t, id))
		requireTotals(t, live.summary.totals(), all.of("http_req_duration"), live.run(t, id).K6.Summary)
	})
	t.Run("upload", func(t *testing.T) {
		file := newStore(t, url)
		file.load(t, live.json, "--run-id", id, "--test", test, "--run-name", name, "--summary", live.summaryFile())
		requireSeries(t, want, types, all.seconds(), file.series(t, id))
		assert.Equal(t, live.run(t, id).K6.Summary, file.run(t, id).K6.Summary)
	})
}

// summaryFile is where k6's summary of the recording is.
func (r recording) summaryFile() string { return filepath.Join(filepath.Dir(r.json), "summary.json") }

// verdicts are k6's own, by metric and expression.
func (r recording) verdicts(t testing.TB) map[string]map[string]bool {
	t.Helper()
	return readVerdicts(t, r.summaryFile())
}
