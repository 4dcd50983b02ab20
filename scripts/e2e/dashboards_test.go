package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/kibana/searches"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// boards is a store with runs of every kind, and what is asked of it when its dashboards are opened.
type boards struct {
	store
	run      string // id of the live run
	summary  summary
	from, to time.Time // around the live run
	objects  []kibana.Object
}

// Every search that a dashboard makes has an answer with data, on a store with runs of every kind; and
// what it adds up to is what k6 says at the end of the run.
func TestDashboardsHaveData(t *testing.T) {
	t.Parallel()
	// Minimal distributions of Elasticsearch 8 and 9 lack the module aggregations, which the real ones have.
	for _, server := range []string{servertest.FirstClass, "opensearch-2.19.6"} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			testDashboards(t, servertest.URL(t, server))
		})
	}
}

func testDashboards(t *testing.T, url string) {
	b := newBoards(t, url)
	ofRun := fmt.Sprintf("k6.run.id:%q or not k6.run.id:*", b.run)
	wide := searches.View{From: b.from.AddDate(-10, 0, 0), To: b.to}
	around := searches.View{From: b.from, To: b.to}
	linked := searches.View{From: b.from, To: b.to, Query: ofRun}
	for dashboard, views := range map[string][]searches.View{
		kibana.RunsDashboard: {wide}, kibana.CompareDashboard: {wide},
		kibana.RunDashboard: {around, linked}, kibana.LogsDashboard: {around, linked},
	} {
		for _, view := range views {
			t.Run(strings.TrimSpace(dashboard+" "+view.Query), func(t *testing.T) { b.requireData(t, dashboard, view) })
		}
	}
	t.Run("numbers", func(t *testing.T) { b.requireNumbersShown(t, linked) })
}

// newBoards fills a store: a live run of all that k6 can do, one of a browser, two equal ones with their
// comparison, and production logs from meanwhile.
func newBoards(t *testing.T, url string) boards {
	t.Helper()
	b := boards{store: newStore(t, url), run: "everything-live", from: time.Now().Add(-time.Minute)}
	origin := []string{"--environment", "staging", "--branch", "main"}
	live := k6Run(t, everything, b.out("run-id="+b.run, "environment=staging", "branch=main", "kibana-url=http://kibana:5601"), "-e", "SUMMARY=summary.json",
		"--summary-trend-stats", "avg,min,med,max,p(94),p(95),p(96),count")
	o := live.run(t, 99)
	require.Contains(t, o.stderr, "http://kibana:5601/app/dashboards#/view/"+b.prefix+"-run?_g=", "the run ends with its link")
	b.summary = readSummary(t, filepath.Join(o.dir, "summary.json"))
	b.to = time.Now().Add(time.Minute)
	b.load(t, slices.Concat(origin, []string{write(t, t.TempDir(), "browser.json", browserRun(time.Now()))})...)
	for _, id := range []string{"first", "second"} {
		b.load(t, slices.Concat(origin, []string{"--run-id", id, "--test", "checkout", absolute(t, sampleFile)})...)
	}
	b.compare("second", "--baseline", "first").run(t, 0)
	index := b.prefix + "-service-log"
	b.writeLogs(t, index)
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPost, "/"+b.prefix+"-*/_refresh", nil, nil))
	b.objects = b.rendered(t, index)
	return b
}

// browserRun is what k6 writes of a page that a browser loaded.
func browserRun(at time.Time) string {
	var text strings.Builder
	for name, typ := range map[string]string{"browser_data_received": "counter", "browser_data_sent": "counter",
		"browser_http_req_duration": "trend", "browser_http_req_failed": "rate"} {
		fmt.Fprintf(&text, `{"type":"Metric","data":{"name":%q,"type":%q,"contains":"default","thresholds":[],"submetrics":null},"metric":%[1]q}`+"\n", name, typ)
	}
	for _, vital := range []string{"cls", "fcp", "fid", "inp", "lcp", "ttfb"} {
		fmt.Fprintf(&text, `{"type":"Metric","data":{"name":"browser_web_vital_%s","type":"trend","contains":"time","thresholds":[],"submetrics":null},"metric":"browser_web_vital_%[1]s"}`+"\n", vital)
	}
	for i := range 20 {
		then := at.Add(time.Duration(i-20) * 100 * time.Millisecond).Format(time.RFC3339Nano)
		tags := `"scenario":"ui","url":"http://shop/","name":"http://shop/","method":"GET","status":"200"`
		point(&text, "browser_data_received", then, 2000, tags)
		point(&text, "browser_data_sent", then, 300, tags)
		point(&text, "browser_http_req_duration", then, 12.5+float64(i), tags)
		point(&text, "browser_http_req_failed", then, float64(i%2), tags)
		for j, vital := range []string{"cls", "fcp", "fid", "inp", "lcp", "ttfb"} {
			point(&text, "browser_web_vital_"+vital, then, 0.5+float64(j*i), `"rating":"good",`+tags)
		}
	}
	return text.String()
}

// writeLogs writes log lines of a service, as Filebeat has them, from the time of the live run and from the
// day before, when one error was another.
func (b boards) writeLogs(t *testing.T, index string) {
	t.Helper()
	keyword := object{"type": "keyword"}
	mapping := object{"mappings": object{"properties": object{
		"@timestamp": object{"type": "date"}, "message": object{"type": "text", "fields": object{"keyword": keyword}},
		"log":     object{"properties": object{"level": keyword}},
		"host":    object{"properties": object{"name": keyword}},
		"service": object{"properties": object{"name": keyword}},
		"url":     object{"properties": object{"path": keyword}},
		"http":    object{"properties": object{"response": object{"properties": object{"status_code": object{"type": "long"}}}}},
		"event":   object{"properties": object{"duration": object{"type": "long"}}},
	}}}
	require.Equal(t, http.StatusOK, b.send(t, http.MethodPut, "/"+index, mapping, nil))
	var lines []object
	const each = 60
	for i := range 2 * each {
		level, status, message := "info", 200, "order placed"
		switch i % 5 {
		case 3:
			level, status, message = "warn", 429, "slow down"
		case 4:
			level, status, message = "error", 503, "no stock service"
		}
		day := b.from
		if i >= each {
			day = day.AddDate(0, 0, -1)
			message = strings.Replace(message, "stock", "payment", 1)
		}
		at := day.Add(time.Minute + time.Duration(i%each)*100*time.Millisecond).UTC().Format(time.RFC3339Nano)
		lines = append(lines, object{
			"@timestamp": at, "message": message, "log": object{"level": level}, "host": object{"name": fmt.Sprintf("web-%d", i%2)},
			"service": object{"name": "shop"}, "url": object{"path": "/items"},
			"http": object{"response": object{"status_code": status}}, "event": object{"duration": 1_000_000 * (i + 1)},
		})
	}
	b.writeLines(t, index, lines)
}

// rendered are the objects that setup would bring into Kibana.
func (b boards) rendered(t *testing.T, index string) []kibana.Object {
	t.Helper()
	client, err := elastic.New(elastic.Config{URLs: []string{b.url}})
	require.NoError(t, err)
	shape, err := logs.Probe(t.Context(), client, index, logs.Overrides{})
	require.NoError(t, err)
	values, err := kibana.LogValues(shape, kibana.Pattern{}, b.prefix)
	require.NoError(t, err)
	objects, left, err := kibana.Rendered(b.prefix, values)
	require.NoError(t, err)
	require.Empty(t, left, "the logs have all that the dashboards ask")
	return objects
}

// of are the objects of a dashboard, and those that they need.
func (b boards) of(t *testing.T, dashboard string) []kibana.Object {
	t.Helper()
	byKey := map[string]kibana.Object{}
	for _, object := range b.objects {
		byKey[object.Key()] = object
	}
	wanted := []string{"dashboard:" + b.prefix + "-" + dashboard}
	for i := 0; i < len(wanted); i++ {
		object, there := byKey[wanted[i]]
		require.True(t, there, wanted[i])
		for _, target := range object.References() {
			if !slices.Contains(wanted, target) {
				wanted = append(wanted, target)
			}
		}
	}
	var objects []kibana.Object
	for _, key := range wanted {
		objects = append(objects, byKey[key])
	}
	return objects
}

// ask runs a search and returns the answer.
func (b boards) ask(t *testing.T, search searches.Search) []byte {
	t.Helper()
	var answer json.RawMessage
	b.send(t, http.MethodPost, "/"+search.Index+"/_search", search.Body, &answer)
	return answer
}

// Fields that only some runs have, and panels that say in a sentence that there is nothing to show.
var (
	rareFields = []string{"k6.run.partial", "k6.series.last"}
	mayBeEmpty = map[string]string{
		"run-browser": "the live run has none, and the panel says so",
	}
)

// requireData demands data for every search of a dashboard.
func (b boards) requireData(t *testing.T, dashboard string, view searches.View) {
	all, err := searches.All(b.of(t, dashboard), view)
	require.NoError(t, err)
	require.NotEmpty(t, all)
	for _, search := range all {
		_, id, _ := strings.Cut(search.Object, ":"+b.prefix+"-")
		if _, may := mayBeEmpty[id]; may && view.Query != "" {
			b.ask(t, search)
			continue
		}
		assert.NoError(t, searches.Empty(search, b.ask(t, search), rareFields...), "%s (%s)", search, search.Index)
	}
}

// shown says what panels show of a run, by the searches that they make.
var shown = []struct {
	object, part string // the part is how it begins
	name         string // of the aggregation that is added up, or of a field
	want         func(k6 summary) (least, most float64)
	tolerance    float64 // relative
}{
	{"run-glance", "data chosen_runs", "k6.summary.http_reqs", count("http_reqs"), 0},
	{"run-glance", "data chosen_runs", "k6.summary.failed_rate", share("http_req_failed"), rounding},
	{"run-glance", "data chosen_runs", "k6.summary.checks_rate", share("checks"), rounding},
	{"run-glance", "data chosen_runs", "k6.summary.p95", between("http_req_duration", "p(94)", "p(96)"), onePercent},
	{"run-load", "data answer", "requests", count("http_reqs"), 0},
	{"run-load", "data answer", "failed", value("http_req_failed", "passes"), 0},
	{"run-requests", "data series", "k6.series.passes", value("http_req_failed", "passes"), 0},
	{"run-checks", "data all", "passes", value("checks", "passes"), 0},
	{"run-checks", "data all", "fails", value("checks", "fails"), 0},
	{"run-iterations", "series iterations", "ended", count("iterations"), 0},
	{"run-iterations", "series dropped", "lost", count("dropped_iterations"), 0},
	{"run-data", "series received", "in", count("data_received"), rounding},
	{"run-data", "series sent", "out", count("data_sent"), rounding},
	{"logs-load", "series rps", "requests", count("http_reqs"), 0},
}

// between says that a percentile lies between two others, as far apart as the values beside it may be in a short run:
// of k6's percentiles most are no value that it measured, but one between two.
func between(metric, least, most string) func(summary) (float64, float64) {
	return func(k6 summary) (float64, float64) {
		values := k6.Metrics[metric].Values
		return values[least], values[most]
	}
}

func value(metric, name string) func(summary) (float64, float64) { return between(metric, name, name) }
func count(metric string) func(summary) (float64, float64)       { return value(metric, "count") }
func share(metric string) func(summary) (float64, float64)       { return value(metric, "rate") }

// requireNumbersShown demands that panels show what k6 says of the run.
func (b boards) requireNumbersShown(t *testing.T, view searches.View) {
	all, err := searches.All(b.objects, view)
	require.NoError(t, err)
	for _, number := range shown {
		at := slices.IndexFunc(all, func(search searches.Search) bool {
			return search.Object == "visualization:"+b.prefix+"-"+number.object && strings.HasPrefix(search.Part, number.part)
		})
		if !assert.GreaterOrEqual(t, at, 0, "%s %s is not there", number.object, number.part) {
			continue
		}
		got, err := b.read(b.ask(t, all[at]), number.name)
		require.NoError(t, err, "%s", all[at])
		least, most := number.want(b.summary)
		require.NotZero(t, least, "%s: the run has to have some", number.name)
		off := number.tolerance + 1e-12
		assert.GreaterOrEqual(t, got, least*(1-off), "%s %s", all[at], number.name)
		assert.LessOrEqual(t, got, most*(1+off), "%s %s", all[at], number.name)
	}
}

// read adds up an aggregation over all buckets, or a field over the run's documents.
func (b boards) read(answer []byte, name string) (float64, error) {
	if strings.Contains(name, ".") {
		return searches.Total(answer, name, map[string]string{"k6.run.id": b.run})
	}
	return searches.Sum(answer, name)
}
