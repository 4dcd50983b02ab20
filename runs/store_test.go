package runs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// exact is what the samples of a metric come to.
type exact struct {
	metric *ingest.Metric
	values []float64
	sum    float64
}

// exactly gathers samples by metric, and by metric and request.
func exactly(t *testing.T, file string) (whole, requests map[string]*exact) {
	t.Helper()
	whole, requests = map[string]*exact{}, map[string]*exact{}
	add := func(into map[string]*exact, key string, s *ingest.Sample) {
		if into[key] == nil {
			into[key] = &exact{metric: s.Metric}
		}
		into[key].values = append(into[key].values, s.Value)
		into[key].sum += s.Value
	}
	forEachSample(t, file, func(s *ingest.Sample) {
		add(whole, s.Metric.Name, s)
		if name := s.Tags.Get("name"); name != "" {
			add(requests, s.Metric.Name+" "+name+" "+s.Tags.Get("method")+" "+s.Tags.Get("status"), s)
		}
	})
	for _, all := range []map[string]*exact{whole, requests} {
		for _, e := range all {
			slices.Sort(e.values)
		}
	}
	return whole, requests
}

func record(t *testing.T, file string, facts Facts) *Recorder {
	t.Helper()
	r := NewRecorder(facts, 7, nil)
	forEachSample(t, file, r.Add)
	return r
}

func TestSeriesAreExact(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for i, file := range sampleFiles {
		id := fmt.Sprint("run", i)
		snapshot, err := record(t, file, Facts{ID: id, Test: "checkout", Name: "nightly"}).Snapshot(Outcome{Status: Passed}, true, morning)
		require.NoError(t, err)
		require.NoError(t, store.Record(t.Context(), snapshot))
		whole, _ := exactly(t, file)
		all, err := store.LoadSeries(t.Context(), id, SeriesFilter{Scopes: []series.Scope{series.WholeRun}})
		require.NoError(t, err)
		require.Len(t, all, len(whole), file)
		for _, s := range all {
			compareWithExact(t, s, whole[s.K6.Metric.Name])
		}
	}
	store.valid(t)
}

func compareWithExact(t *testing.T, s *SeriesDocument, want *exact) {
	t.Helper()
	what, f := s.K6.Metric.Name, s.K6.Series
	require.NotNil(t, want, what)
	assert.EqualValues(t, len(want.values), f.Count, what)
	assert.InEpsilon(t, want.sum+1e-9, f.Sum+1e-9, 1e-9, what)
	assert.Equal(t, want.values[0], f.Min, what)
	assert.Equal(t, want.values[len(want.values)-1], f.Max, what)
	if want.metric.Type != ingest.Trend {
		assert.Nil(t, f.P95, what)
		return
	}
	if len(want.values) < 100 {
		return
	}
	for p, got := range map[float64]*float64{.5: f.Median, .9: f.P90, .95: f.P95, .99: f.P99, .999: f.P999} {
		require.NotNil(t, got, what)
		within(t, nearestRank(want.values, p), *got, 0.01, fmt.Sprintf("%s p%v", what, p))
	}
}

// Every request name's percentiles too, as package compare and `runs show` use them.
func TestRequestSeriesAreExact(t *testing.T) {
	t.Parallel()
	for _, file := range sampleFiles {
		snapshot, err := record(t, file, Facts{ID: "run"}).Snapshot(Outcome{Status: Passed}, true, morning)
		require.NoError(t, err)
		_, requests := exactly(t, file)
		byClass := map[string]*exact{}
		for key, e := range requests {
			status := key[strings.LastIndex(key, " ")+1:]
			if len(status) == 3 {
				status = status[:1] + "xx"
			} else if status == "0" {
				status = "none"
			}
			class := key[:strings.LastIndex(key, " ")+1] + status
			if byClass[class] == nil {
				byClass[class] = &exact{metric: e.metric}
			}
			byClass[class].values = append(byClass[class].values, e.values...)
			byClass[class].sum += e.sum
		}
		compared := 0
		for _, s := range snapshot.Series() {
			if s.K6.Series.Scope != series.Request {
				continue
			}
			method := ""
			if s.HTTP != nil {
				method = s.HTTP.Request.Method
			}
			want := byClass[s.K6.Metric.Name+" "+s.K6.Name+" "+method+" "+s.K6.Series.Status]
			require.NotNil(t, want, s.K6.Series.Key)
			slices.Sort(want.values)
			compareWithExact(t, s, want)
			compared++
		}
		assert.Equal(t, len(byClass), compared, file)
	}
}

func TestRunDocumentHasTheTotals(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for i, file := range sampleFiles {
		id := fmt.Sprint("run", i)
		snapshot, err := record(t, file, Facts{ID: id, Test: "checkout", Name: "nightly", Labels: map[string]string{"team.name": "shop", " ": "x"}}).
			Snapshot(Outcome{Status: Passed, Documents: 17, BadLines: 1}, true, morning)
		require.NoError(t, err)
		require.NoError(t, store.Record(t.Context(), snapshot))
		d, err := store.Load(t.Context(), id)
		require.NoError(t, err)
		whole, _ := exactly(t, file)
		s := d.K6.Summary
		assert.Equal(t, whole["http_reqs"].sum, s.Requests)
		assert.Equal(t, whole["http_req_failed"].sum, s.Failed)
		assert.InDelta(t, whole["http_req_failed"].sum/float64(len(whole["http_req_failed"].values)), *s.FailedRate, 1e-12)
		assert.Equal(t, whole["iterations"].sum, s.Iterations)
		assert.Equal(t, float64(len(whole["checks"].values))-whole["checks"].sum, s.ChecksFailed)
		assert.InDelta(t, whole["data_received"].sum, s.DataReceived, 1e-3)
		within(t, nearestRank(whole["http_req_duration"].values, .95), *s.P95, 0.01, "p95")
		assert.Equal(t, whole["http_req_duration"].values[len(whole["http_req_duration"].values)-1], *s.Max)
		assert.EqualValues(t, 17, s.Documents)
		assert.EqualValues(t, 1, s.BadLines)
		assert.InDelta(t, s.Requests/d.K6.Run.Duration, s.RPS, 1e-9)
		assert.Equal(t, map[string]string{"team_name": "shop"}, d.Labels)
	}
	store.valid(t)
}

func TestInstancesMakeOneRun(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	facts := Facts{ID: "shared", Test: "checkout", Name: "nightly"}
	recorders := []*Recorder{NewRecorder(facts, 1, nil), NewRecorder(facts, 2, nil), NewRecorder(facts, 3, nil)}
	i, vus := 0, []float64{0, 0, 0}
	forEachSample(t, sampleFiles[1], func(s *ingest.Sample) {
		recorders[i%3].Add(s)
		if s.Metric.Name == "vus" {
			vus[i%3] = max(vus[i%3], s.Value)
		}
		i++
	})
	for range 2 { // what an instance says again replaces what it said before
		var group errgroup.Group
		for _, r := range recorders {
			snapshot, err := r.Snapshot(Outcome{Status: Passed, Documents: 5}, true, morning)
			require.NoError(t, err)
			group.Go(func() error { return store.Record(t.Context(), snapshot) })
		}
		require.NoError(t, group.Wait())
	}
	d, err := store.Load(t.Context(), "shared")
	require.NoError(t, err)
	whole, _ := exactly(t, sampleFiles[1])
	assert.Len(t, d.K6.Run.Instances, 3)
	assert.EqualValues(t, i, d.K6.Summary.Samples)
	assert.EqualValues(t, 15, d.K6.Summary.Documents)
	assert.Equal(t, whole["http_reqs"].sum, d.K6.Summary.Requests)
	assert.Equal(t, vus[0]+vus[1]+vus[2], d.K6.Summary.VUsMax)
	within(t, nearestRank(whole["http_req_duration"].values, .95), *d.K6.Summary.P95, 0.01, "p95")
	all, err := store.LoadSeries(t.Context(), "shared", SeriesFilter{Scopes: []series.Scope{series.WholeRun}})
	require.NoError(t, err)
	require.Len(t, all, len(whole))
	for _, s := range all {
		compareWithExact(t, s, whole[s.K6.Metric.Name])
		if s.K6.Metric.Name == "http_reqs" {
			assert.InDelta(t, d.K6.Summary.RPS, s.K6.Series.Rate, 0.05*d.K6.Summary.RPS)
		}
	}
	store.valid(t)
}

// Instances that did not start together: a rate is over the time of all.
func TestSeriesRateCoversAllInstances(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	registry := ingest.NewRegistry()
	tags := ingest.NewTagSet(nil)
	for instance, from := range []time.Duration{0, 50 * time.Second} {
		r := NewRecorder(Facts{ID: "two", Test: "t", Name: "n"}, uint64(instance), nil)
		for i := range 101 {
			at := morning.Add(from + time.Duration(i)*time.Second)
			r.Add(&ingest.Sample{Time: at.UnixNano(), Value: 1, Metric: registry.Lookup([]byte("http_reqs")), Tags: tags})
		}
		snapshot, err := r.Snapshot(Outcome{Status: Passed}, true, morning)
		require.NoError(t, err)
		require.NoError(t, store.Record(t.Context(), snapshot))
	}
	all, err := store.LoadSeries(t.Context(), "two", SeriesFilter{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.InDelta(t, 202.0/150, all[0].K6.Series.Rate, 1e-9)
	assert.Equal(t, morning, all[0].Timestamp)
}

func TestSaveMergesWithWhatOthersWroteMeanwhile(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	facts := Facts{ID: "run", Test: "checkout", Name: "nightly"}
	others := 0
	crowded := store.through(func(ctx context.Context, method, path string, in, out any) error {
		if method == http.MethodPut && others < 3 {
			others++
			store.save(t, facts, Part{Instance: fmt.Sprint("other", others), Requests: 10})
		}
		return store.Client.JSON(ctx, method, path, in, out)
	})
	crowded.save(t, facts, Part{Instance: "mine", Requests: 1})
	d, err := store.Load(t.Context(), "run")
	require.NoError(t, err)
	assert.Equal(t, 31.0, d.K6.Summary.Requests)
	assert.Len(t, d.K6.Run.Instances, 4)
}

func TestSaveGivesUpAgainstEndlessConflicts(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	others := 0
	crowded := store.through(func(ctx context.Context, method, path string, in, out any) error {
		if method == http.MethodPut {
			others++
			store.save(t, Facts{ID: "run"}, Part{Requests: float64(others)})
		}
		return store.Client.JSON(ctx, method, path, in, out)
	})
	_, err := crowded.Save(t.Context(), Facts{ID: "run"}, Part{Instance: "mine"})
	assert.EqualError(t, err, "writing run run: others changed it each of 50 times")
}

func TestUpdateKeepsTheNumbers(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	store.save(t, Facts{ID: "run", Test: "checkout", Name: "nightly", Script: "checkout.js", Scenarios: []string{"a: b"}, Environment: "staging"}, Part{Requests: 7})
	before, err := store.Load(t.Context(), "run")
	require.NoError(t, err)
	require.NoError(t, store.Update(t.Context(), "run", func(f *Facts) {
		f.Pinned, f.Note, f.Labels = true, "new pool", map[string]string{"a.b": "c"}
	}))
	// A heartbeat knows nothing of what people said meanwhile.
	store.save(t, Facts{ID: "run", Test: "checkout", Name: "nightly"}, Part{Requests: 7})
	after, err := store.Load(t.Context(), "run")
	require.NoError(t, err)
	before.K6.Run.Pinned, before.K6.Run.Note, before.Labels = true, "new pool", map[string]string{"a_b": "c"}
	assert.Equal(t, before, after)
	store.valid(t)
}

func TestUpdateOfAnUnknownRun(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	var unknown *UnknownRunError
	assert.ErrorAs(t, store.Update(t.Context(), "nobody", func(*Facts) {}), &unknown)
}

func TestLoadSeriesReadsEveryPage(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	registry, metric := ingest.NewRegistry(), []byte("http_req_duration")
	const names = 1234
	r := NewRecorder(Facts{ID: "wide", Test: "t", Name: "n"}, 1, nil)
	for i := range names {
		tags := ingest.NewTagSet([]ingest.Tag{{Key: "name", Value: fmt.Sprint("name ", i)}})
		r.Add(&ingest.Sample{Time: morning.Add(time.Duration(i) * time.Millisecond).UnixNano(), Value: float64(i), Metric: registry.Lookup(metric), Tags: tags})
	}
	snapshot, err := r.Snapshot(Outcome{Status: Passed}, true, morning)
	require.NoError(t, err)
	require.NoError(t, store.Record(t.Context(), snapshot))
	all, err := store.LoadSeries(t.Context(), "wide", SeriesFilter{Scopes: []series.Scope{series.Request}})
	require.NoError(t, err)
	found := map[string]bool{}
	for _, s := range all {
		found[s.K6.Name] = true
	}
	assert.Len(t, all, names)
	assert.Len(t, found, names)
}

func TestSeriesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	store := &Store{Prefix: "k6", Client: clientFunc(func(_ context.Context, _, path string, _, out any) error {
		require.Contains(t, path, "/k6-series/_bulk")
		return unmarshal(`{"items":[{"create":{"status":400,"error":{"reason":"no such field"}}}]}`, out)
	})}
	snapshot, err := record(t, sampleFiles[0], Facts{ID: "run"}).Snapshot(Outcome{Status: Running}, false, morning)
	require.NoError(t, err)
	snapshot.writes = snapshot.writes[:1]
	assert.ErrorContains(t, store.Record(t.Context(), snapshot), "was refused: no such field")
	snapshot.writes = append(snapshot.writes, snapshot.writes[0])
	assert.ErrorContains(t, store.Record(t.Context(), snapshot), "speaks of 1 documents instead of 2")
}

// Who is alone in a run does not read its series at each heartbeat; who is not loses nothing that others wrote.
func TestHeartbeatsReadOnlyWhatOthersMayHaveWritten(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	metric := ingest.NewRegistry().Lookup([]byte("http_reqs"))
	instance := func(id uint64) (beat func() (reads int)) {
		r, read := NewRecorder(Facts{ID: "run", Test: "t", Name: "n"}, id, nil), 0
		own := store.through(func(ctx context.Context, method, path string, in, out any) error {
			if strings.Contains(path, "_mget") {
				read++
			}
			return store.Client.JSON(ctx, method, path, in, out)
		})
		return func() int {
			r.Add(&ingest.Sample{Time: morning.UnixNano(), Value: 1, Metric: metric, Tags: ingest.NewTagSet(nil)})
			snapshot, err := r.Snapshot(Outcome{Status: Running}, false, morning)
			require.NoError(t, err)
			before := read
			require.NoError(t, own.Record(t.Context(), snapshot))
			return read - before
		}
	}
	requests := func() float64 {
		all, err := store.LoadSeries(t.Context(), "run", SeriesFilter{})
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0].K6.Series.Sum
	}
	first, second := instance(1), instance(2)
	assert.Zero(t, first())
	assert.Zero(t, first())
	assert.Equal(t, 2.0, requests())
	assert.Equal(t, 1, second(), "the series is there")
	assert.Equal(t, 3.0, requests())
	assert.Equal(t, 1, first(), "somebody has changed it")
	assert.Equal(t, 4.0, requests())
	assert.Equal(t, 1, second(), "two have a part in it")
	assert.Equal(t, 1, first(), "two have a part in it")
	assert.Equal(t, 6.0, requests())
}
