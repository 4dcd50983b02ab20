package runs

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

const aStep = 5 * time.Second

func TestWorst(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	d := store.upload(t, sampleFiles[0], Facts{ID: "run", Test: "checkout", Name: "nightly"})
	failed, requests := map[int64]int64{}, map[int64]int64{}
	most := int64(0)
	forEachSample(t, sampleFiles[0], func(s *ingest.Sample) {
		step := (s.Time/int64(time.Millisecond) - d.Timestamp.UnixMilli()) / aStep.Milliseconds()
		switch s.Metric.Name {
		case "http_req_failed":
			failed[step] += int64(s.Value)
			most = max(most, failed[step])
		case "http_reqs":
			requests[step]++
		}
	})
	worst, err := store.Worst(t.Context(), d, aStep)
	require.NoError(t, err)
	require.NotNil(t, worst)
	step := (worst.From.UnixMilli() - d.Timestamp.UnixMilli()) / aStep.Milliseconds()
	assert.Equal(t, most, worst.Failed)
	assert.Equal(t, failed[step], worst.Failed)
	assert.Equal(t, requests[step], worst.Requests)
	assert.Equal(t, aStep, worst.Length)
	assert.Positive(t, worst.P95)

	d.K6.Run.ID = "nobody"
	none, err := store.Worst(t.Context(), d, aStep)
	require.NoError(t, err)
	assert.Nil(t, none)
}

// TestWorstOfALongRun finds five seconds in three hours: the slowest, or, with a failure, those where it was.
func TestWorstOfALongRun(t *testing.T) {
	t.Parallel()
	store := newStore(t, servertest.URL(t, servertest.FirstClass), morning)
	d := &Document{Timestamp: morning.Add(-4 * time.Hour)}
	const hours = 3
	d.K6.Run.ID, d.K6.Run.Status, d.K6.Run.Duration, d.K6.Summary.Requests = "long", Passed, hours*3600, 1
	var body bytes.Buffer
	request := func(after time.Duration, ms float64, failed int) {
		encoder := json.NewEncoder(&body)
		require.NoError(t, encoder.Encode(map[string]any{"create": map[string]any{}}))
		require.NoError(t, encoder.Encode(map[string]any{
			"@timestamp": d.Timestamp.Add(after), "k6": map[string]any{
				"run": map[string]any{"id": "long"}, "http_req_duration": ms, "http_req_failed": failed,
			},
		}))
	}
	write := func() {
		require.NoError(t, store.Client.JSON(t.Context(), "POST", "/"+store.Prefix+"-metrics-2026.11/_bulk?refresh=true", body.Bytes(), nil))
		body.Reset()
	}
	for second := 0; second < hours*3600; second += 5 {
		request(time.Duration(second)*time.Second, 100, 0)
	}
	slow := 2*time.Hour + 17*time.Minute + 20*time.Second
	for i := range 400 {
		request(slow+time.Duration(i)*10*time.Millisecond, 900, 0)
	}
	request(time.Hour, 5000, 0) // a single slow one does not make five bad seconds
	write()
	worst, err := store.Worst(t.Context(), d, aStep)
	require.NoError(t, err)
	assert.WithinDuration(t, d.Timestamp.Add(slow), worst.From, 0)
	assert.Equal(t, int64(401), worst.Requests)
	assert.Zero(t, worst.Failed)
	assert.InDelta(t, 900, worst.P95, 1)

	request(30*time.Minute, 100, 1)
	write()
	worst, err = store.Worst(t.Context(), d, aStep)
	require.NoError(t, err)
	assert.WithinDuration(t, d.Timestamp.Add(30*time.Minute), worst.From, 0)
	assert.Equal(t, int64(1), worst.Failed)
}
