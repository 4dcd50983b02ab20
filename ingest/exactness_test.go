package ingest_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// What Elasticsearch would add up from the documents is what k6's own end-of-test summary says, for
// every metric and for every sub-metric that a threshold names.
func TestDocumentsAddUpToTheSummary(t *testing.T) {
	t.Parallel()
	for _, run := range []string{"checkout", "everything"} {
		t.Run(run, func(t *testing.T) {
			t.Parallel()
			registry, samples := samplesOf(t, unzip(t, "testdata/"+run+".json.gz"))
			docs := (&stream{registry: registry, samples: samples}).documents(t)
			metrics := readSummary(t, "testdata/"+run+".summary.json")
			require.Greater(t, len(metrics), 15)
			for name, metric := range metrics {
				base, filter, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
				builtin := registry.Lookup([]byte(base)).Builtin()
				got := addUp(docs, base, builtin, metric.Type, filter)
				for stat, want := range metric.Values {
					if stat == "rate" && metric.Type == "counter" {
						continue // by the length of the run
					}
					slack := math.Abs(want) * 1e-6
					if builtin && metric.Contains == "time" {
						slack = 0.001 // a duration is kept to the microsecond
						if stat == "avg" || stat == "min" || stat == "max" {
							slack = 0.0005
						}
					}
					value, ok := got[stat]
					require.True(t, ok, "%s of %s", stat, name)
					assert.InDelta(t, want, value, slack+1e-12, "%s of %s", stat, name)
				}
			}
		})
	}
}

type summaryMetric struct {
	Type     string
	Contains string
	Values   map[string]float64
}

func readSummary(tb testing.TB, file string) map[string]summaryMetric {
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	var summary struct{ Metrics map[string]summaryMetric }
	require.NoError(tb, json.Unmarshal(text, &summary))
	return summary.Metrics
}

// addUp aggregates the documents of a metric, and of those of a sub-metric with these tags.
func addUp(docs []document, metric string, builtin bool, typ, filter string) map[string]float64 {
	field := "k6." + metric
	if !builtin {
		field = "k6.metric"
	}
	values := map[string][]float64{}
	for _, d := range docs {
		if !builtin && d.fields["k6.metric.name"] != metric || !d.matches(filter) {
			continue
		}
		for _, part := range []string{"", ".value", ".sum", ".passes", ".fails", ".last", ".min", ".max"} {
			switch v := d.fields[field+part].(type) {
			case float64:
				values[part] = append(values[part], v)
			case []any: // the values of a trend in a second
				for _, each := range v {
					values[part] = append(values[part], each.(float64))
				}
			}
		}
	}
	switch {
	case typ == "counter":
		return map[string]float64{"count": sum(values[""]) + sum(values[".sum"])}
	case typ == "rate" && len(values[""]) > 0: // one document a sample
		passes := sum(values[""])
		return rate(passes, float64(len(values[""]))-passes)
	case typ == "rate":
		return rate(sum(values[".passes"]), sum(values[".fails"]))
	case typ == "gauge" && builtin:
		v := values[""]
		return map[string]float64{"value": v[len(v)-1], "min": slices.Min(v), "max": slices.Max(v)}
	case typ == "gauge":
		last := values[".last"]
		return map[string]float64{"value": last[len(last)-1], "min": slices.Min(values[".min"]), "max": slices.Max(values[".max"])}
	default:
		return trend(slices.Concat(values[""], values[".value"]))
	}
}

// matches says whether a document is of the series that a sub-metric's "key:value,key:value" names.
func (d document) matches(filter string) bool {
	if filter == "" {
		return true
	}
	for pair := range strings.SplitSeq(filter, ",") {
		key, value, _ := strings.Cut(pair, ":")
		if !d.has(key, value) {
			return false
		}
	}
	return true
}

func (d document) has(key, value string) bool {
	switch key {
	case "scenario", "name", "check":
		return d.fields["k6."+key] == value
	case "group":
		return d.fields["k6.group"] == strings.TrimPrefix(value, "::")
	case "method":
		return d.fields["http.request.method"] == value
	case "status":
		var status float64
		return json.Unmarshal([]byte(value), &status) == nil && d.fields["http.response.status_code"] == status
	case "expected_response":
		return d.fields["event.outcome"] == map[string]string{"true": "success", "false": "failure"}[value]
	default:
		return d.fields["labels."+strings.ReplaceAll(key, ".", "_")] == value
	}
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

func rate(passes, fails float64) map[string]float64 {
	return map[string]float64{"passes": passes, "fails": fails, "rate": passes / max(1, passes+fails)}
}

func trend(values []float64) map[string]float64 {
	slices.Sort(values)
	return map[string]float64{
		"count": float64(len(values)), "avg": sum(values) / float64(len(values)), "min": values[0], "max": values[len(values)-1],
		"med": percentile(values, 0.5), "p(90)": percentile(values, 0.9), "p(95)": percentile(values, 0.95), "p(99)": percentile(values, 0.99),
	}
}

// percentile interpolates between the neighbours, as k6 does.
func percentile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	below, above := sorted[int(math.Floor(at))], sorted[int(math.Ceil(at))]
	return below + (above-below)*(at-math.Floor(at))
}

// Every sample is in some document: what went in comes out, series by series.
func TestEverySampleIsInADocument(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"checkout", "everything"} {
		registry, samples := samplesOf(t, unzip(t, "testdata/"+file+".json.gz"))
		docs := (&stream{registry: registry, samples: samples}).documents(t)
		want := map[string]float64{}
		for _, s := range samples {
			want[s.Metric.Name] += s.Value
		}
		for name, total := range want {
			metric := registry.Lookup([]byte(name))
			got := addUp(docs, name, metric.Builtin(), metric.Type.String(), "")
			switch metric.Type {
			case ingest.Counter:
				assert.InEpsilon(t, total, got["count"], 1e-9, name)
			case ingest.Trend:
				assert.InDelta(t, total, got["avg"]*got["count"], math.Abs(total)*1e-9+0.0005*got["count"], name)
			case ingest.Rate:
				assert.InDelta(t, total, got["passes"], 1e-9, name)
			}
		}
	}
}

// Documents are one for each event, and one for each second of a folded series, however many samples that
// has. How many that makes for each HTTP request depends on the script, and on its requests a second: this
// one has few.
func TestDocumentsForEachRequest(t *testing.T) {
	t.Parallel()
	registry, samples := samplesOf(t, checkout(t))
	docs := (&stream{registry: registry, samples: samples}).documents(t)
	count := map[string]int{}
	for _, s := range samples {
		count[s.Metric.Name]++
	}
	single, folded := 0, 0
	for _, d := range docs {
		switch d.fields["event.dataset"] {
		case "k6.http", "k6.iteration":
			single++
		default:
			folded++
		}
	}
	events := count["http_reqs"] + count["iteration_duration"]
	assert.LessOrEqual(t, single-events, 5, "samples of setup and teardown that stand alone")
	assert.LessOrEqual(t, folded, 20*20, "20 seconds of 20 series")
	each := float64(len(docs)) / float64(count["http_reqs"])
	t.Logf("%d samples of %d requests became %d documents: %.2f for each request", len(samples), count["http_reqs"], len(docs), each)
	assert.LessOrEqual(t, each, 2.0)
}
