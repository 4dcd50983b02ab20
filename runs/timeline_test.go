package runs

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	d := store.upload(t, sampleFiles[0], Facts{ID: "run", Test: "checkout", Name: "nightly"})
	timeline, err := store.Timeline(t.Context(), d, 10)
	require.NoError(t, err)
	assert.Equal(t, "http_req_duration", timeline.Of)
	assert.False(t, timeline.Pruned)
	assert.LessOrEqual(t, len(timeline.Moments), 10)
	values := make([][]float64, len(timeline.Moments))
	start := d.Timestamp.UnixMilli()
	forEachSample(t, sampleFiles[0], func(s *ingest.Sample) {
		if s.Metric.Name == "http_req_duration" {
			i := (s.Time/int64(time.Millisecond) - start) / timeline.Step.Milliseconds()
			values[i] = append(values[i], s.Value)
		}
	})
	var requests, failed float64
	for i, m := range timeline.Moments {
		requests += m.Rate * timeline.Step.Seconds()
		failed += m.Failed * timeline.Step.Seconds()
		assert.InDelta(t, float64(len(values[i])), m.Rate*timeline.Step.Seconds(), 1e-6)
		slices.Sort(values[i])
		require.NotNil(t, m.P95)
		assert.GreaterOrEqual(t, *m.P95, nearestRank(values[i], .90), i)
		assert.LessOrEqual(t, *m.P95, nearestRank(values[i], 1), i)
	}
	assert.InDelta(t, d.K6.Summary.Requests, requests, 1e-6)
	assert.InDelta(t, d.K6.Summary.Failed, failed, 1e-6)

	fine, err := store.Timeline(t.Context(), d, 1000)
	require.NoError(t, err)
	assert.Equal(t, time.Second, fine.Step)
}

func TestTimelineOfAPrunedRun(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning.Add(time.Hour*24*365))
	d := store.upload(t, sampleFiles[0], Facts{ID: "run", Test: "checkout", Name: "nightly"})
	_, err := store.Prune(t.Context(), PruneOptions{}, nil)
	require.NoError(t, err)
	timeline, err := store.Timeline(t.Context(), d, 66)
	require.NoError(t, err)
	assert.True(t, timeline.Pruned)
	require.Len(t, timeline.Moments, 10)
	requests := 0.0
	for _, m := range timeline.Moments {
		requests += m.Rate * timeline.Step.Seconds()
		assert.NotNil(t, m.P95)
	}
	assert.InDelta(t, d.K6.Summary.Requests, requests, 1e-6)
	problems, err := store.Problems(t.Context(), d)
	require.NoError(t, err)
	var failed int64
	for _, p := range problems {
		failed += p.Count
		assert.Contains(t, []string{"4xx", "5xx"}, p.Code)
	}
	assert.EqualValues(t, d.K6.Summary.Failed, failed)
}

func TestTimelineWithoutHTTP(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	store.save(t, Facts{ID: "run", Test: "grpc", Name: "n"}, Part{Iterations: 5})
	d, err := store.Load(t.Context(), "run")
	require.NoError(t, err)
	timeline, err := store.Timeline(t.Context(), d, 66)
	require.NoError(t, err)
	assert.Equal(t, &Timeline{Of: "iteration_duration", Pruned: true}, timeline)
}

func TestWhatWentWrong(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	for i, file := range sampleFiles {
		d := store.upload(t, file, Facts{ID: string(rune('a' + i)), Test: "checkout", Name: "nightly"})
		whole, byRequest := exactly(t, file)

		requests, err := store.Requests(t.Context(), d)
		require.NoError(t, err)
		var count, failed float64
		for j, r := range requests {
			count, failed = count+r.Count, failed+r.Failed
			assert.True(t, j == 0 || r.P95 <= requests[j-1].P95)
			assert.LessOrEqual(t, r.P50, r.P95)
			assert.LessOrEqual(t, r.P99, r.Max)
		}
		assert.EqualValues(t, len(whole["http_req_duration"].values), count)
		assert.Equal(t, d.K6.Summary.Failed, failed)
		assert.NotEmpty(t, byRequest)

		problems, err := store.Problems(t.Context(), d)
		require.NoError(t, err)
		var errors int64
		for j, p := range problems {
			assert.True(t, j == 0 || p.Count <= problems[j-1].Count)
			assert.True(t, p.Status >= 400 || p.Code != "" || p.Message != "", "%+v", p)
			errors += p.Count
		}
		assert.Positive(t, errors)
		assert.LessOrEqual(t, errors, int64(failed)+10)

		checks, err := store.FailingChecks(t.Context(), d)
		require.NoError(t, err)
		var failures int64
		for _, c := range checks {
			failures += c.Failed
			assert.LessOrEqual(t, c.Failed, c.Count)
		}
		assert.EqualValues(t, d.K6.Summary.ChecksFailed, failures)
	}
}
