package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// monday is when the first of the synthetic runs began.
var monday = time.Date(2026, 11, 16, 2, 0, 0, 0, time.UTC)

// synthetic is a load test that nobody ran: requests whose durations are log-normal around 80 ms; two in a
// thousand fail.
type synthetic struct {
	seed     uint64
	start    time.Time
	requests int                // 3,000 if 0
	duration time.Duration      // a minute if 0
	factor   map[string]float64 // of the durations of a request name
	ramp     bool               // half the requests come in the last third
}

var routes = []string{"GET /items", "GET /search", "POST /orders"}

// each calls take for each sample, in order.
func (s synthetic) each(registry *ingest.Registry, take func(*ingest.Sample)) {
	rng := rand.New(rand.NewPCG(s.seed, 7))
	metric := func(name string) *ingest.Metric { return registry.Lookup([]byte(name)) }
	reqs, failed, duration := metric("http_reqs"), metric("http_req_failed"), metric("http_req_duration")
	n, whole := s.requests, s.duration
	if n == 0 {
		n = 3000
	}
	if whole == 0 {
		whole = time.Minute
	}
	tags := map[string]*ingest.TagSet{}
	for _, name := range routes {
		tags[name] = ingest.NewTagSet([]ingest.Tag{
			{Key: "name", Value: name}, {Key: "method", Value: strings.Fields(name)[0]}, {Key: "scenario", Value: "shop"}, {Key: "status", Value: "200"},
		})
	}
	run := math.Exp(0.01 * rng.NormFloat64())
	for i := range n {
		name := routes[i%len(routes)]
		factor := s.factor[name]
		if factor == 0 {
			factor = 1
		}
		at := float64(i) / float64(n)
		if s.ramp {
			at = math.Sqrt(at)
		}
		sample := ingest.Sample{Time: s.start.UnixNano() + int64(at*float64(whole)), Tags: tags[name]}
		fails := 0.0
		if rng.Float64() < 0.002 {
			fails = 1
		}
		ms := math.Round(1000*80*run*factor*math.Exp(0.3*rng.NormFloat64())) / 1000
		for _, of := range []struct {
			metric *ingest.Metric
			value  float64
		}{{reqs, 1}, {duration, ms}, {failed, fails}} {
			sample.Metric, sample.Value = of.metric, of.value
			take(&sample)
		}
	}
}

// write writes the run as k6 --out json does.
func (s synthetic) write(t testing.TB, dir, name string, thresholds ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	file, err := os.Create(path)
	require.NoError(t, err)
	w := bufio.NewWriterSize(file, 1<<20)
	for metric, typ := range map[string]string{"http_reqs": "counter", "http_req_failed": "rate", "http_req_duration": "trend"} {
		of := []string{}
		if metric == "http_req_duration" {
			of = append(of, thresholds...)
		}
		list, err := json.Marshal(of)
		require.NoError(t, err)
		fmt.Fprintf(w, `{"type":"Metric","data":{"name":%q,"type":%q,"contains":"default","thresholds":%s,"submetrics":null},"metric":%q}`+"\n", metric, typ, list, metric)
	}
	s.each(ingest.NewRegistry(), func(sample *ingest.Sample) {
		fmt.Fprintf(w, `{"metric":%q,"type":"Point","data":{"time":%q,"value":%v,"tags":{"group":"","method":%q,"name":%q,"scenario":"shop","status":"200"}}}`+"\n",
			sample.Metric.Name, time.Unix(0, sample.Time).UTC().Format(time.RFC3339Nano), sample.Value, sample.Tags.Get("method"), sample.Tags.Get("name"))
	})
	require.NoError(t, w.Flush())
	require.NoError(t, file.Close())
	return path
}

// snapshot adds the run up.
func (s synthetic) snapshot(t testing.TB, facts runs.Facts, outcome runs.Outcome) *runs.Snapshot {
	t.Helper()
	recorder := runs.NewRecorder(facts, s.seed, nil)
	s.each(ingest.NewRegistry(), recorder.Add)
	snapshot, err := recorder.Snapshot(outcome, true, s.start.Add(time.Minute))
	require.NoError(t, err)
	return snapshot
}

// stored is a store of runs on a real server, with templates.
type stored struct {
	*runs.Store
	url    string
	client *elastic.Client
}

func newStored(t testing.TB) stored {
	t.Helper()
	url := servertest.URL(t, servertest.FirstClass)
	client, err := elastic.New(elastic.Config{URLs: []string{url}, Timeout: 30 * time.Second})
	require.NoError(t, err)
	prefix := servertest.Prefix(t, url)
	require.NoError(t, mappings.Ensure(t.Context(), client, mappings.Options{Prefix: prefix}, true))
	return stored{&runs.Store{Client: client, Prefix: prefix}, url, client}
}

// facts are those of a run of the test "shop" in staging.
func facts(id, branch, base string) runs.Facts {
	return runs.Facts{
		ID: id, Name: "run " + id, Test: "shop", Environment: "staging", ScriptHash: "aa", OptionsHash: "bb",
		Scenarios: []string{"shop: constant-arrival-rate"}, Origin: ci.Origin{Branch: branch, SHA: "a1b2c3d4", BaseBranch: base}.Fields(),
	}
}

// record stores a run, and makes its series visible.
func (s stored) record(t testing.TB, run synthetic, f runs.Facts, outcome runs.Outcome) {
	t.Helper()
	if outcome.Status == "" {
		outcome.Status = runs.Passed
	}
	require.NoError(t, s.Record(t.Context(), run.snapshot(t, f, outcome)))
	s.refresh(t)
}

func (s stored) refresh(t testing.TB) {
	t.Helper()
	require.NoError(t, s.client.JSON(t.Context(), "POST", "/"+s.Prefix+"-*/_refresh", nil, nil))
}

// ended is how a command ended.
type ended struct {
	code     cmd.ExitCode
	out, err string
}

// execute runs k6es within this process.
func execute(t testing.TB, vars map[string]string, args ...string) ended {
	t.Helper()
	var out, errs bytes.Buffer
	env := cmd.Env{In: bytes.NewReader(nil), Out: &out, Err: &errs, Vars: vars, Name: "k6es"}
	code := cmd.Main(context.WithoutCancel(t.Context()), env, args)
	return ended{code, out.String(), errs.String()}
}

// compare runs k6es compare on the store.
func (s stored) compare(t testing.TB, args ...string) ended {
	t.Helper()
	return execute(t, map[string]string{"K6_ELASTICSEARCH_URL": s.url, "K6_ELASTICSEARCH_INDEX_PREFIX": s.Prefix}, append([]string{"compare"}, args...)...)
}

// comparison is what --format json prints, as far as tests look at it.
type comparison struct {
	Verdict   string
	ExitCode  int `json:"exit_code"`
	Window    string
	Contender struct{ ID, Status string }
	Baseline  []struct{ ID string }
	Rows      []struct {
		Series, Verdict string
		Percentile      float64
		Baseline        float64
		Contender       float64
	}
	NotJudged []struct{ Series, Reason string } `json:"not_judged"`
	Warnings  []string
	Dashboard string
}

// comparison reads the output of --format json.
func (e ended) comparison(t testing.TB) (c comparison) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.out), &c), "%s\n%s", e.out, e.err)
	return c
}

func (c comparison) baseline() (ids []string) {
	for _, run := range c.Baseline {
		ids = append(ids, run.ID)
	}
	return ids
}

func (c comparison) verdict(series string, percentile float64) string {
	for _, row := range c.Rows {
		if row.Series == series && row.Percentile == percentile {
			return row.Verdict
		}
	}
	return "absent"
}
