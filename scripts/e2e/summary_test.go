package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
)

// summary is what k6 itself says of a run, as handleSummary gets it.
type summary struct {
	State struct {
		TestRunDurationMs float64
	}
	Metrics map[string]metric
	Root    group `json:"root_group"`
}

type metric struct {
	Type   string
	Values map[string]float64
}

type group struct {
	Path   string
	Groups []group
	Checks []struct {
		Name          string
		Passes, Fails float64
	}
}

func readSummary(t testing.TB, file string) summary {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var s summary
	require.NoError(t, json.Unmarshal(text, &s))
	require.NotEmpty(t, s.Metrics)
	return s
}

// customTypes are the flags that tell an upload of CSV the types of the script's own metrics.
func (s summary) customTypes() []string {
	var flags []string
	for name, m := range s.Metrics {
		if !strings.Contains(name, "{") && !builtin(name, m.Type) {
			flags = append(flags, "--metric-type", name+"="+m.Type)
		}
	}
	return flags
}

// builtin says whether a metric has a field of its own.
func builtin(name, typ string) bool {
	field, ok := mappings.Lookup("k6." + name)
	return ok && field.Metric == typ || name == "checks" && typ == "rate"
}

// What a value may differ by, at most: relatively, from summing up in another order; a built-in time, from
// being kept to the microsecond, in milliseconds; a value that went through CSV, from its six decimals.
const (
	rounding    = 1e-6
	microsecond = 0.0005
	sixDecimals = 0.000001
)

// requireNumbers demands that the numbers which the server computes from the documents are those of
// k6's summary: of every metric, of every sub-metric, and of every check. lost is what the door itself
// takes from a value's precision.
func (s store) requireNumbers(t testing.TB, want summary, lost float64) {
	t.Helper()
	s.refresh(t)
	for name, m := range want.Metrics {
		s.compareMetric(t, name, m, want.State.TestRunDurationMs/1000, lost)
	}
	s.compareChecks(t, want.Root)
	if t.Failed() {
		t.FailNow()
	}
}

// series is a metric or sub-metric and where its numbers are.
type series struct {
	store
	t       testing.TB
	name    string // as k6 writes it
	builtin bool
	metric  string
	filter  []object
	lost    float64 // of each sample's value
}

func (s store) compareMetric(t testing.TB, name string, m metric, seconds, lost float64) {
	t.Helper()
	base, tags, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	one := series{store: s, t: t, name: name, metric: base, builtin: builtin(base, m.Type), filter: filters(t, tags), lost: lost}
	if !one.builtin {
		one.filter = append(one.filter, term("k6.metric.name", base), term("k6.metric.type", m.Type))
	}
	switch m.Type {
	case "counter":
		one.compareCounter(m.Values, seconds)
	case "rate":
		one.compareRate(m.Values)
	case "gauge":
		one.compareGauge(m.Values)
	case "trend":
		one.compareTrend(m.Values)
	default:
		assert.Failf(t, "a metric that this test cannot check", "%s is a %s", name, m.Type)
	}
}

// field is where a part of the metric's numbers stands. k6's own metrics have one field, but for checks.
func (s series) field(part string) string {
	switch {
	case !s.builtin:
		return "k6.metric." + part
	case s.metric == "checks":
		return "k6.checks." + part
	default:
		return "k6." + s.metric
	}
}

func (s series) compareCounter(want map[string]float64, seconds float64) {
	s.t.Helper()
	sum := s.stats("sum")["sum"].sum
	s.compareAll(want, map[string]float64{"count": sum, "rate": sum / seconds}, 0)
}

// compareRate: a rate in documents of its own has passes and fails, one that is a fact about a request 0 or 1.
func (s series) compareRate(want map[string]float64) {
	s.t.Helper()
	parts := s.stats("passes", "fails")
	passes, fails := parts["passes"].sum, parts["fails"].sum
	if s.field("passes") == s.field("fails") {
		fails = parts["fails"].count - passes
	}
	share := 0.0
	if passes+fails > 0 {
		share = passes / (passes + fails)
	}
	s.compareAll(want, map[string]float64{"passes": passes, "fails": fails, "rate": share}, 0)
}

// compareGauge: of k6's own gauges, vus and vus_max, documents keep each second's maximum.
func (s series) compareGauge(want map[string]float64) {
	s.t.Helper()
	parts := s.stats("max", "min")
	if s.builtin {
		s.compareAll(map[string]float64{"max": want["max"]}, map[string]float64{"max": parts["max"].max}, 0)
		assert.GreaterOrEqual(s.t, parts["min"].min, want["min"], "%s: the least of the seconds' maxima", s.name)
		s.compareKeys(want, "max", "min", "value")
		return
	}
	s.compareAll(want, map[string]float64{"max": parts["max"].max, "min": parts["min"].min, "value": s.last()}, s.lost)
}

// last is the last value of a custom gauge: that of the document which began last.
func (s series) last() float64 {
	s.t.Helper()
	var answer struct {
		Hits struct {
			Hits []struct {
				ID     string `json:"_id"`
				Source struct {
					K6 struct{ Metric struct{ Last float64 } }
				} `json:"_source"`
			}
		}
	}
	s.search(object{"size": 10_000, "_source": "k6.metric.last"}, &answer)
	var newest []byte
	var value float64
	for _, hit := range answer.Hits.Hits {
		id, err := base64.RawURLEncoding.DecodeString(hit.ID)
		require.NoError(s.t, err)
		if bytes.Compare(id, newest) > 0 {
			newest, value = id, hit.Source.K6.Metric.Last
		}
	}
	return value
}

var percentileKey = regexp.MustCompile(`^p\((\d+(?:\.\d+)?)\)$`)

func (s series) compareTrend(want map[string]float64) {
	s.t.Helper()
	lost := s.lost
	if field, ok := mappings.Lookup(s.field("value")); ok && field.Type == mappings.ScaledFloat {
		lost += microsecond
	}
	values, all := s.values(), s.stats("value")["value"]
	require.Len(s.t, values, int(all.count), s.name)
	got := map[string]float64{"count": all.count, "min": all.min, "max": all.max, "avg": 0, "med": percentile(values, 50)}
	if all.count > 0 {
		got["avg"] = all.sum / all.count
	}
	for key := range want {
		if p := percentileKey.FindStringSubmatch(key); p != nil {
			percent, err := strconv.ParseFloat(p[1], 64)
			require.NoError(s.t, err)
			got[key] = percentile(values, percent)
		}
	}
	s.compareAll(want, got, lost)
}

// values returns all values of a trend, sorted. They are read document by document, as a document may hold
// the same value twice, and an aggregation by value counts documents.
func (s series) values() []float64 {
	s.t.Helper()
	const page = 10_000
	field := s.field("value")
	body := object{
		"size": page, "_source": false, "docvalue_fields": []string{field}, "track_total_hits": false,
		"sort": []string{"@timestamp", "_seq_no"},
	}
	var values []float64
	for {
		var answer struct {
			Hits struct {
				Hits []struct {
					Fields map[string][]float64
					Sort   []any
				}
			}
		}
		s.search(body, &answer)
		for _, hit := range answer.Hits.Hits {
			values = append(values, hit.Fields[field]...)
		}
		if len(answer.Hits.Hits) < page {
			slices.Sort(values)
			return values
		}
		body["search_after"] = answer.Hits.Hits[page-1].Sort
	}
}

// percentile is k6's: between two values it interpolates.
func percentile(sorted []float64, percent float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := percent / 100 * float64(len(sorted)-1)
	low, high := sorted[int(math.Floor(at))], sorted[int(math.Ceil(at))]
	return low + (high-low)*(at-math.Floor(at))
}

// compareAll compares each of k6's values with ours. A value of k6's that is not among ours is one that
// this test cannot check, and fails it.
func (s series) compareAll(want, got map[string]float64, lost float64) {
	s.t.Helper()
	keys := make([]string, 0, len(got))
	for key, value := range got {
		keys = append(keys, key)
		if expected, ok := want[key]; ok {
			assert.InDelta(s.t, expected, value, rounding*math.Abs(expected)+lost+1e-9, "%s: %s", s.name, key)
		}
	}
	s.compareKeys(want, keys...)
}

func (s series) compareKeys(want map[string]float64, known ...string) {
	s.t.Helper()
	for key := range want {
		assert.Contains(s.t, known, key, "%s has a value that this test cannot check", s.name)
	}
}

// stats are numbers of a field; all are 0 where no document has it.
type stats struct{ count, sum, min, max float64 }

// stats lets the server compute the numbers of parts of the metric.
func (s series) stats(parts ...string) map[string]stats {
	s.t.Helper()
	aggregations := object{}
	for _, part := range parts {
		aggregations[part] = object{"stats": object{"field": s.field(part)}}
	}
	var answer struct {
		Aggregations map[string]struct{ Count, Sum, Min, Max float64 }
	}
	s.search(object{"size": 0, "aggs": aggregations}, &answer)
	result := map[string]stats{}
	for _, part := range parts {
		found := answer.Aggregations[part]
		result[part] = stats{found.Count, found.Sum, found.Min, found.Max}
	}
	return result
}

func (s series) search(body object, answer any) {
	s.t.Helper()
	body["query"] = object{"bool": object{"filter": s.filter}}
	s.send(s.t, http.MethodPost, "/"+s.indices()+"/_search", body, answer)
}

func term(field, value string) object { return object{"term": object{field: value}} }

// fieldOf is where the tags stand that k6 sets itself.
var fieldOf = map[string]string{
	"name": "k6.name", "scenario": "k6.scenario", "group": "k6.group", "check": "k6.check",
	"method": "http.request.method", "status": "http.response.status_code", "url": "url.full",
	"error_code": "error.code", "expected_response": "event.outcome",
}

// filters reads the tags of a sub-metric: "scenario:requests,method:POST".
func filters(t testing.TB, tags string) []object {
	t.Helper()
	terms := []object{}
	for tag := range strings.SplitSeq(tags, ",") {
		key, value, ok := strings.Cut(tag, ":")
		if !ok {
			require.Empty(t, tag)
			continue
		}
		field, known := fieldOf[key]
		switch key {
		case "group":
			value = strings.TrimPrefix(value, "::")
		case "expected_response":
			value = map[string]string{"true": "success", "false": "failure"}[value]
		}
		if !known {
			field = "labels." + strings.ReplaceAll(key, ".", "_")
		}
		terms = append(terms, term(field, value))
	}
	return terms
}

// compareChecks compares the passes and fails of every check in every group.
func (s store) compareChecks(t testing.TB, g group) {
	t.Helper()
	where := term("k6.group", strings.TrimPrefix(g.Path, "::"))
	if g.Path == "" {
		where = object{"bool": object{"must_not": object{"exists": object{"field": "k6.group"}}}}
	}
	for _, check := range g.Checks {
		one := series{
			store: s, t: t, name: fmt.Sprintf("check %q of group %q", check.Name, g.Path), metric: "checks", builtin: true,
			filter: []object{where, term("k6.check", check.Name)},
		}
		one.compareRate(map[string]float64{"passes": check.Passes, "fails": check.Fails})
	}
	for _, inner := range g.Groups {
		s.compareChecks(t, inner)
	}
}
