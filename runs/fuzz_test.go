package runs

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// FuzzSummary: a summary of any of the three shapes, or of none, gives verdicts or a reason.
func FuzzSummary(f *testing.F) {
	for _, seed := range []string{
		`{"metrics":{"http_req_duration":{"type":"trend","contains":"time","values":{"avg":1},"thresholds":{"p(95)<200":{"ok":false}}},"vus":{}},"root_group":{}}`,
		`{"metrics":{"http_req_duration{name:home}":{"avg":1,"thresholds":{"avg<5":false,"p(95)<200":true}}},"root_group":{}}`,
		`{"version":"1.0.0","metadata":{},"config":{},"results":{"metrics":[{"name":"a","thresholds":[]}]}}`,
		`{"metrics":{"a":{"thresholds":{"x":null,"y":{"ok":null},"z":"no"}}}}`, `{"metrics":null}`, `[]`, `{`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		verdicts, err := ReadSummary(strings.NewReader(text))
		if err != nil {
			require.Nil(t, verdicts)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.True(t, json.Valid([]byte(text)))
		for _, v := range verdicts {
			require.True(t, v.Evaluated)
		}
	})
}

// FuzzThreshold: whatever a file calls a threshold is evaluated to a finite value, or not at all.
func FuzzThreshold(f *testing.F) {
	f.Add("http_req_duration", "p(95)<200", 1.5)
	f.Add("http_req_duration{name:home,status:200}", " p( 99.9 ) >= -1e-3 ", -2.0)
	f.Add(`checks{ "check":'a:b' }`, "rate===1", 0.0)
	f.Add("orders{", "count>1e999", math.MaxFloat64)
	f.Add("{}", "p(1e9)<1", 5e-324)
	f.Add("vus", "value!=0..1", 3.0)
	f.Add("a{b}{c}", "med<+.", 1.0)
	f.Fuzz(func(t *testing.T, metric, expression string, value float64) {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			t.Skip()
		}
		source := ThresholdSource{Metric: metric, Expression: expression}
		name, _ := source.split()
		sub, _ := source.submetric()
		for _, typ := range []ingest.MetricType{ingest.Unknown, ingest.Counter, ingest.Gauge, ingest.Rate, ingest.Trend} {
			r := NewRecorder(Facts{ID: "a"}, 1, []ThresholdSource{source})
			registry := ingest.NewRegistry()
			for i := range int64(3) {
				r.Add(&ingest.Sample{Time: i * 1e9, Value: value, Metric: registry.Define(name, typ), Tags: ingest.NewTagSet(sub.Tags)})
			}
			snapshot, err := r.Snapshot(Outcome{Status: Passed, Evaluate: true}, true, morning)
			require.NoError(t, err)
			document, err := snapshot.Document()
			require.NoError(t, err)
			_, err = json.Marshal(document)
			require.NoError(t, err)
			require.Len(t, snapshot.Part().Thresholds, 1)
		}
	})
}

// FuzzWords: what people name runs, moments and windows by is understood or refused, and a window is written
// as it is read.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"30s:5m", ":", "1h:", "latest~2", "latest~99999999999999999999", "-1s:2s", "9223372036854775807ns:", "1e9s", "_search", "..", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := ParseWindow(text); err == nil && !w.All() {
			again, err := ParseWindow(w.String())
			require.NoError(t, err)
			require.Equal(t, w, again)
		}
		if n, ok := parseLatest(text); ok {
			require.GreaterOrEqual(t, n, 0)
			require.Error(t, CheckID(text))
		}
		if CheckID(text) == nil {
			require.NotEmpty(t, text)
		}
		require.NotEmpty(t, TestOfFile(text))
		require.NotEmpty(t, TestOfScript(text))
	})
}

// FuzzAnswer: a server may answer anything to what is asked about runs.
func FuzzAnswer(f *testing.F) {
	part, err := json.Marshal([]Part{{Instance: "a", Status: Passed, Start: morning, End: morning.Add(time.Minute), Thresholds: []Verdict{{Metric: "a"}}}})
	require.NoError(f, err)
	parts, err := json.Marshal(part)
	require.NoError(f, err)
	run := `{"@timestamp":"2026-11-22T10:31:07Z","k6":{"test":"t","run":{"id":"a","name":"n","status":"passed","duration":60,"parts":` + string(parts) + `}}}`
	for _, seed := range []string{
		`{"found":true,"_seq_no":1,"_primary_term":1,"_source":` + run + `}`,
		`{"hits":{"hits":[{"_source":` + run + `,"sort":[1]}]}}`,
		`{"hits":{"hits":[{}]}}`, `{"hits":{"hits":[{"_source":{"k6":{"series":{"parts":"W3siY291bnQiOjF9XQ==","scope":"name"}}},"sort":null}]}}`,
		`{"aggregations":{"steps":{"buckets":[{"key":1795343467000,"p95":{"values":[{}]},"rate":{"value":1e308}},{"key":-9223372036854775808,"p95":{"values":[{"value":1}]}}]}}}`,
		`{"aggregations":{"of":{"buckets":[{"key":"a","of":{"buckets":[{"key":1,"of":{"buckets":[{"key":null,"of":{"buckets":[{"key":5,"doc_count":-1}]}}]}}]}}]}}}`,
		`{"docs":[{"found":true}]}`, `{"errors":true,"items":[{"index":{"status":400}},{}]}`, `null`, `[]`, `{}`,
	} {
		f.Add(seed, run)
	}
	f.Fuzz(func(t *testing.T, answer, source string) {
		if strings.Count(answer, "{") > 200 {
			t.Skip() // a page that is full makes them ask for the next one
		}
		store := &Store{Prefix: "k6", Now: func() time.Time { return morning }, Client: clientFunc(
			func(_ context.Context, _, _ string, _, out any) error {
				if out == nil {
					return nil
				}
				return json.Unmarshal([]byte(answer), out)
			})}
		ctx := t.Context()
		_, _ = store.Find(ctx, "a")
		_, _ = store.Find(ctx, "latest~3")
		_, _ = store.List(ctx, Filter{Limit: 2})
		_, _ = store.LoadSeries(ctx, "a", SeriesFilter{})
		var d Document
		if json.Unmarshal([]byte(source), &d) != nil {
			return
		}
		_, _ = d.Verdicts()
		_, _ = store.Timeline(ctx, &d, 60)
		_, _ = store.Requests(ctx, &d)
		_, _ = store.Problems(ctx, &d)
		_, _ = store.FailingChecks(ctx, &d)
		_, _ = store.Comparable(ctx, &d, Window{})
		_, _ = store.Comparable(ctx, &d, Window{From: time.Second})
		_, _ = store.Baseline(ctx, d.Candidate())
		_, _ = store.Count(ctx, "a")
		_ = store.Update(ctx, "a", func(f *Facts) { f.Pinned = true })
		assert.NotContains(t, d.Label(), "\n")
	})
}

// TestExtremeSamples: the largest numbers and the furthest times make documents that can be written.
func TestExtremeSamples(t *testing.T) {
	t.Parallel()
	const first, last = math.MinInt64 + 1e18, math.MaxInt64 - 1e9 // years 1709 and 2262
	for _, values := range [][2]float64{{math.MaxFloat64, math.MaxFloat64}, {-math.MaxFloat64, math.MaxFloat64}, {5e-324, -5e-324}, {1e18, 1e300}} {
		for _, times := range [][2]int64{{0, 1}, {first, last}, {last, first}, {0, 0}} {
			registry := ingest.NewRegistry()
			r := NewRecorder(Facts{ID: "a"}, 1, nil)
			var documents countSink
			p := ingest.NewPipeline(ingest.Run{ID: "a"}, registry, ingest.DefaultOptions(), &documents)
			tags := ingest.NewTagSet([]ingest.Tag{{Key: "name", Value: "a"}})
			for i := range values {
				for _, metric := range registry.Metrics() {
					s := ingest.Sample{Time: times[i], Value: values[i], Metric: metric, Tags: tags}
					r.Add(&s)
					require.NoError(t, p.Add(&s))
				}
			}
			require.NoError(t, p.Close())
			snapshot, err := r.Snapshot(Outcome{Status: Passed, Evaluate: true}, true, morning)
			require.NoError(t, err)
			document, err := snapshot.Document()
			require.NoError(t, err)
			_, err = json.Marshal(document)
			require.NoError(t, err, "%v %v", values, times)
			for _, write := range snapshot.writes {
				_, err = json.Marshal(write.doc)
				require.NoError(t, err, "%v %v", values, times)
			}
			_, err = snapshot.Comparable()
			require.NoError(t, err)
		}
	}
}

// countSink demands JSON.
type countSink struct{ n int }

func (c *countSink) Add(entry []byte) error {
	c.n++
	for line := range strings.Lines(string(entry)) {
		if !json.Valid([]byte(line)) {
			return json.Unmarshal([]byte(line), new(any))
		}
	}
	return nil
}
