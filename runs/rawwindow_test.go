package runs

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// All values that a document lists are samples, whether it is one or several.
func TestWindowReadsListedValues(t *testing.T) {
	t.Parallel()
	r := rawReader{recorder: NewRecorder(Facts{ID: "run-1"}, 0, nil), registry: ingest.NewRegistry(), tags: ingest.NewTagTable[string]()}
	for _, document := range []string{
		`{"@timestamp":"2026-11-22T12:43:56Z","k6":{"group_duration":[3,1,1],"group":"home"}}`,
		`{"@timestamp":"2026-11-22T12:43:57Z","k6":{"group_duration":5,"group":"home"}}`,
		`{"@timestamp":"2026-11-22T12:43:57Z","k6":{"metric":{"name":"size","type":"trend","value":[0.5,0.5],"count":2}}}`,
		`{"@timestamp":"2026-11-22T12:43:58Z","k6":{"metric":{"name":"size","type":"trend","value":2,"count":1}}}`,
	} {
		var d rawDocument
		require.NoError(t, json.Unmarshal([]byte(document), &d))
		require.NoError(t, r.add(&d))
	}
	snapshot, err := r.recorder.Snapshot(Outcome{Status: Passed}, true, time.Now())
	require.NoError(t, err)
	got := map[string][2]float64{}
	for _, s := range snapshot.Series() {
		if s.K6.Series.Scope == "run" {
			got[s.K6.Metric.Name] = [2]float64{float64(s.K6.Series.Count), s.K6.Series.Sum}
		}
	}
	assert.Equal(t, map[string][2]float64{"group_duration": {4, 10}, "size": {3, 3}}, got)
}
