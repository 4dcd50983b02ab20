package runs

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/runs/series"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

var recountedThresholds = []ThresholdSource{
	{"http_req_duration", "p(95)<200"}, {"http_req_duration{status:200}", "max<1"}, {"http_req_duration{expected_response:true}", "p(50)<1"},
}

// killed stores a run whose k6 told of its first samples by a heartbeat, and sent the documents of all before it was
// killed.
func (s *Store) killed(t *testing.T, file string, facts Facts, told int) {
	t.Helper()
	var documents sink
	var samples []ingest.Sample
	registry := forEachSample(t, file, func(sample *ingest.Sample) { samples = append(samples, *sample) })
	options := ingest.DefaultOptions()
	options.Prefix = s.Prefix
	pipeline := ingest.NewPipeline(ingest.Run{ID: facts.ID, Name: facts.Name, Test: facts.Test, Instance: 7}, registry, options, &documents)
	recorder := NewRecorder(facts, 7, recountedThresholds)
	for i := range samples {
		require.NoError(t, pipeline.Add(&samples[i]))
		if i < told {
			recorder.Add(&samples[i])
		}
	}
	require.NoError(t, pipeline.Close())
	s.bulk(t, documents.Bytes())
	beat, err := recorder.Snapshot(Outcome{Status: Running, Documents: 3}, false, s.now())
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), beat))
}

// What a killed k6 measured after its last heartbeat is in its documents, and counts.
func TestKilledRunIsCountedFromItsDocuments(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	whole := store.upload(t, sampleFiles[0], Facts{ID: "whole", Test: "checkout", Name: "whole"})
	store.killed(t, sampleFiles[0], Facts{ID: "killed", Test: "checkout", Name: "killed"}, 500)
	later := store.at(morning.Add(time.Minute))

	listed, err := later.List(t.Context(), Filter{Status: Interrupted})
	require.NoError(t, err)
	require.Len(t, listed, 1)
	assert.True(t, listed[0].K6.Run.Partial, "a list reads no documents")
	assert.Less(t, listed[0].K6.Summary.Requests, whole.K6.Summary.Requests)

	d, err := later.Find(t.Context(), "killed")
	require.NoError(t, err)
	assert.Equal(t, Interrupted, d.K6.Run.Status)
	assert.True(t, d.K6.Run.Partial, "what it had not sent is missing")
	assert.True(t, d.Counted())
	assert.Equal(t, "its heartbeat stopped at 2026-11-22T10:31:07Z; counted from its documents", d.K6.Run.Reason)
	requireSameTotals(t, whole, d)
	verdicts, err := d.Verdicts()
	require.NoError(t, err)
	require.Len(t, verdicts, 3)
	for i, v := range verdicts {
		assert.NotNil(t, v.Value, v.Metric)
		assert.False(t, v.Evaluated)
		assert.Equal(t, i == 0 || i == 2, *v.Value != *verdicts[1].Value, "a tag that no document has keeps what the heartbeat told")
	}

	stored, err := store.Load(t.Context(), "killed")
	require.NoError(t, err)
	assert.Equal(t, d.K6, stored.K6)
	assert.Equal(t, 1, later.readings(t, "killed"), "it is counted once")
	requireSameComparable(t, later, whole, d)
	store.valid(t)
}

func requireSameTotals(t *testing.T, want, got *Document) {
	t.Helper()
	w, g := want.K6.Summary, got.K6.Summary
	for what, pair := range map[string][2]float64{
		"requests": {w.Requests, g.Requests}, "failed": {w.Failed, g.Failed}, "iterations": {w.Iterations, g.Iterations},
		"checks failed": {w.ChecksFailed, g.ChecksFailed}, "checks": {*w.ChecksRate, *g.ChecksRate}, "VUs": {w.VUsMax, g.VUsMax},
		"documents": {float64(w.Documents), float64(g.Documents)}, "received": {w.DataReceived, g.DataReceived}, "sent": {w.DataSent, g.DataSent},
	} {
		within(t, pair[0], pair[1], 1e-9, what)
	}
	within(t, want.K6.Run.Duration, got.K6.Run.Duration, 1e-3, "duration")
	within(t, *w.P50, *g.P50, .01, "p50")
	within(t, *w.P99, *g.P99, .01, "p99")
	assert.LessOrEqual(t, math.Abs(*w.Max-*g.Max), .0005, "max")
}

// requireSameComparable demands that runs are compared by the same numbers.
func requireSameComparable(t *testing.T, store *Store, want, got *Document) {
	t.Helper()
	w, err := store.Comparable(t.Context(), want, Window{})
	require.NoError(t, err)
	g, err := store.Comparable(t.Context(), got, Window{})
	require.NoError(t, err)
	assert.Equal(t, w.Rates, g.Rates)
	for key, counter := range w.Counters {
		within(t, counter, g.Counters[key], 1e-9, key.String())
	}
	require.Len(t, g.Trends, len(w.Trends))
	for key, trend := range w.Trends {
		assert.Equal(t, trend.Whole.Count(), g.Trends[key].Whole.Count(), key)
	}
	assert.NotNil(t, g.Trends[compare.Key{Metric: duration}].Tenths[9])
}

// Where a run cannot be counted it stays what its last heartbeat told.
func TestKilledRunThatIsNotCounted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	later := store.at(morning.Add(time.Minute))
	searches := 0
	for name, c := range map[string]struct {
		documents int
		reader    *Store
	}{
		"pruned":    {0, later},
		"told more": {1, later},
		"may not": {3, later.through(func(ctx context.Context, method, path string, in, out any) error {
			switch {
			case method == http.MethodPut:
				return forbidden(method, path)
			case strings.Contains(path, "-metrics-*/_search"):
				searches++
			}
			return store.Client.JSON(ctx, method, path, in, out)
		})},
		"goes on": {3, later.through(func(ctx context.Context, method, path string, in, out any) error {
			if method == http.MethodPost && strings.Contains(path, "-metrics-*/_search") {
				store.save(t, Facts{ID: "goes on"}, Part{Status: Running, Heartbeat: morning.Add(time.Minute), Requests: 2})
			}
			return store.Client.JSON(ctx, method, path, in, out)
		})},
	} {
		store.save(t, Facts{ID: name, Test: "t", Name: name}, Part{Status: Running, Heartbeat: morning, Requests: 2, Iterations: 2})
		store.requests(t, name, c.documents)
		d, err := c.reader.Find(t.Context(), name)
		require.NoError(t, err, name)
		assert.Equal(t, Interrupted, d.K6.Run.Status, name)
		assert.True(t, d.K6.Run.Partial, name)
		assert.Equal(t, 2.0, d.K6.Summary.Requests, name)
	}
	assert.Equal(t, 1, searches, "who may not write need not read")
	d, err := store.Load(t.Context(), "goes on")
	require.NoError(t, err)
	assert.Equal(t, Running, d.K6.Run.Status)
}

// Of several k6 processes only the killed ones are counted.
func TestKilledInstanceIsCounted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	store.save(t, Facts{ID: "shared", Test: "t", Name: "n"}, Part{Instance: "0000000000000008", Requests: 100, Iterations: 100, VUs: 4})
	store.save(t, Facts{ID: "shared"}, Part{Status: Running, Heartbeat: morning, Requests: 2})
	store.requests(t, "shared", 5)
	d, err := store.at(morning.Add(time.Hour)).Find(t.Context(), "shared")
	require.NoError(t, err)
	assert.Equal(t, 105.0, d.K6.Summary.Requests)
	assert.Equal(t, Interrupted, d.K6.Run.Status)
	assert.True(t, d.Counted())
}

// readings finds a run, and is how many searches that made among the documents.
func (s *Store) readings(t *testing.T, id string) (searches int) {
	t.Helper()
	_, err := s.through(func(ctx context.Context, method, path string, in, out any) error {
		if strings.Contains(path, "-metrics-*/_search") {
			searches++
		}
		return s.Client.JSON(ctx, method, path, in, out)
	}).Find(t.Context(), id)
	require.NoError(t, err)
	return searches
}

// A k6 that was killed right after a heartbeat is not taken for one that told more.
func TestKilledAfterHeartbeatIsCounted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for i, file := range sampleFiles {
		id := string(rune('a' + i))
		samples := 0
		forEachSample(t, file, func(*ingest.Sample) { samples++ })
		store.killed(t, file, Facts{ID: id, Test: "t", Name: id}, samples)
		d, err := store.at(morning.Add(time.Minute)).Find(t.Context(), id)
		require.NoError(t, err)
		assert.True(t, d.Counted(), file)
	}
}

// No number of a run gets smaller by being counted, and what cannot be counted is read once.
func TestKilledRunThatToldMore(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	later := store.at(morning.Add(time.Minute))
	for name, more := range map[string]Part{
		"requests": {Requests: 4}, "failures": {Failures: 1}, "judged": {Judged: 1}, "checks": {Checks: 1}, "misses": {Misses: 1},
		"iterations": {Iterations: 4}, "dropped": {Dropped: 1}, "sent": {Sent: 1}, "received": {Received: 1},
	} {
		more.Status, more.Heartbeat = Running, morning
		store.save(t, Facts{ID: name, Test: "t", Name: name}, more)
		store.requests(t, name, 3)
		before, err := store.Load(t.Context(), name)
		require.NoError(t, err)
		d, err := later.Find(t.Context(), name)
		require.NoError(t, err, name)
		assert.Equal(t, before.K6.Summary, d.K6.Summary, name)
		assert.False(t, d.Counted(), name)
		assert.Equal(t, 1, later.readings(t, name), name)
	}
}

// A metric of the script's own counts too.
func TestKilledRunWhoseSeriesToldMore(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	later := store.at(morning.Add(time.Minute))
	recorder, orders := NewRecorder(Facts{ID: "run", Test: "t", Name: "run"}, 7, nil), ingest.NewRegistry().Define("orders", ingest.Counter)
	recorder.Add(&ingest.Sample{Metric: orders, Time: morning.UnixNano(), Value: 3, Tags: &ingest.TagSet{}})
	beat, err := recorder.Snapshot(Outcome{Status: Running}, false, morning)
	require.NoError(t, err)
	require.NoError(t, store.Record(t.Context(), beat))
	for i, sum := range []float64{2, 1} {
		store.bulk(t, fmt.Appendf(nil, `{"index":{"_index":"%s-metrics-2026.11"}}
{"@timestamp":"2026-11-22T10:31:07Z","k6":{"run":{"id":"run"},"instance":"0000000000000007","metric":{"name":"orders","type":"counter","sum":%v}}}
`, store.Prefix, sum))
		d, err := later.Find(t.Context(), "run")
		require.NoError(t, err)
		assert.Equal(t, i == 1, d.Counted())
		all, err := later.LoadSeries(t.Context(), "run", SeriesFilter{})
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, 3.0, all[0].K6.Series.Sum)
	}
}

// What comes out of a spool after a run was counted is counted too, and is then not missing any more.
func TestKilledRunIsCountedAgain(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	later := store.at(morning.Add(time.Minute))
	store.save(t, Facts{ID: "run", Test: "t", Name: "run"}, Part{
		Status: Running, Heartbeat: morning, Requests: 2, Documents: 10, Rejected: 1, Undelivered: 6, Spooled: 4,
	})
	for _, c := range []struct{ there, documents, undelivered int64 }{{3, 10, 6}, {5, 10, 4}, {7, 10, 2}, {9, 12, 2}} {
		store.requests(t, "run", int(c.there))
		d, err := later.Find(t.Context(), "run")
		require.NoError(t, err)
		assert.True(t, d.K6.Run.Partial)
		assert.True(t, d.Counted())
		assert.InDelta(t, c.there, d.K6.Summary.Requests, 0)
		assert.Equal(t, c.documents, d.K6.Summary.Documents)
		assert.Equal(t, c.undelivered, d.K6.Summary.Undelivered)
		assert.EqualValues(t, 1, d.K6.Summary.Rejected)
		assert.Equal(t, 1, later.readings(t, "run"))
	}
	// A k6 that was only cut off tells for itself.
	store.save(t, Facts{ID: "run"}, Part{Requests: 11})
	d, err := later.Find(t.Context(), "run")
	require.NoError(t, err)
	assert.Equal(t, Passed, d.K6.Run.Status)
	assert.False(t, d.K6.Run.Partial)
	assert.Equal(t, 11.0, d.K6.Summary.Requests)
}

// A k6 that is heard of while it is counted keeps what it tells: its part and its series.
func TestRevivedWhileItIsCounted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	facts := Facts{ID: "run", Test: "checkout", Name: "run"}
	for i, moment := range []string{"-metrics-*/_search", "-series/_mget", "-series/_bulk"} {
		facts.ID = strconv.Itoa(i)
		store.killed(t, sampleFiles[0], facts, 500)
		recorder := NewRecorder(facts, 7, recountedThresholds)
		forEachSample(t, sampleFiles[0], func(sample *ingest.Sample) {
			recorder.Add(sample)
			recorder.Add(sample)
		})
		end, err := recorder.Snapshot(Outcome{Status: Passed}, true, morning.Add(time.Minute))
		require.NoError(t, err)
		reader := store.at(morning.Add(time.Minute))
		client := reader.Client
		revived := false
		_, err = reader.through(func(ctx context.Context, method, path string, in, out any) error {
			if strings.Contains(path, moment) && !revived {
				revived = true
				require.NoError(t, store.Record(ctx, end))
			}
			return client.JSON(ctx, method, path, in, out)
		}).Find(t.Context(), facts.ID)
		require.NoError(t, err)
		assert.True(t, revived, moment)

		d, err := store.Load(t.Context(), facts.ID)
		require.NoError(t, err)
		assert.Equal(t, end.Stored().K6.Summary, d.K6.Summary, moment)
		assert.Equal(t, Passed, d.K6.Run.Status)
		all, err := store.LoadSeries(t.Context(), facts.ID, SeriesFilter{})
		require.NoError(t, err)
		counts := map[string]int64{}
		for _, s := range end.Series() {
			counts[s.K6.Series.ID] = s.K6.Series.Count
		}
		for _, s := range all {
			assert.Equal(t, counts[s.K6.Series.ID], s.K6.Series.Count, "%s: %s %s", moment, s.K6.Metric.Name, s.K6.Series.Key)
		}
	}
}

// A run that is deleted while it is counted leaves no series behind, and to be deleted it need not be counted.
func TestKilledRunIsDeleted(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	later := store.at(morning.Add(time.Minute))
	facts := Facts{ID: "run", Test: "checkout", Name: "run"}
	store.killed(t, sampleFiles[0], facts, 500)
	deleted := false
	_, err := later.through(func(ctx context.Context, method, path string, in, out any) error {
		if strings.Contains(path, "-series/_mget") && !deleted {
			deleted = true
			_, err := later.through(func(ctx context.Context, method, path string, in, out any) error {
				assert.NotContains(t, path, "-metrics-*/_search")
				return store.Client.JSON(ctx, method, path, in, out)
			}).Delete(ctx, facts.ID, nil)
			require.NoError(t, err)
		}
		return store.Client.JSON(ctx, method, path, in, out)
	}).Find(t.Context(), facts.ID)
	require.NoError(t, err)
	require.True(t, deleted)
	left, err := store.Count(t.Context(), facts.ID)
	require.NoError(t, err)
	assert.Zero(t, left)
}

// A count that was stored halfway is done again.
func TestCountThatFailedHalfway(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	later := store.at(morning.Add(time.Minute))
	store.killed(t, sampleFiles[0], Facts{ID: "run", Test: "t", Name: "run"}, 500)
	_, err := later.through(func(ctx context.Context, method, path string, in, out any) error {
		if strings.Contains(path, "-series/_bulk") {
			return &elastic.Error{Method: method, Path: path, Status: http.StatusServiceUnavailable}
		}
		return store.Client.JSON(ctx, method, path, in, out)
	}).Find(t.Context(), "run")
	require.NoError(t, err)
	d, err := later.Find(t.Context(), "run")
	require.NoError(t, err)
	all, err := later.LoadSeries(t.Context(), "run", SeriesFilter{Metrics: []string{"http_reqs"}, Scopes: []series.Scope{series.WholeRun}})
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.InDelta(t, d.K6.Summary.Requests, all[0].K6.Series.Sum, 0)
}
