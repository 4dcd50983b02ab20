package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/ci"
)

// written is what a server without documents gets when a snapshot is stored.
func written(t *testing.T, snapshot *Snapshot) map[string]string {
	t.Helper()
	requests := map[string]string{}
	client := clientFunc(func(_ context.Context, method, path string, in, out any) error {
		if method == http.MethodGet {
			return &elastic.Error{Status: http.StatusNotFound}
		}
		body, ok := in.([]byte)
		if !ok {
			text, err := json.Marshal(in)
			require.NoError(t, err)
			body = text
		}
		requests[fmt.Sprintf("%d %s", len(requests), path)] = string(body)
		if strings.Contains(path, "_bulk") {
			items := strings.Repeat(`,{"create":{"status":201}}`, strings.Count(string(body), "\n")/2)
			return unmarshal(`{"items":[`+strings.TrimPrefix(items, ",")+`]}`, out)
		}
		return nil
	})
	store := &Store{Client: client, Prefix: "k6", Now: func() time.Time { return morning }}
	require.NoError(t, store.Record(t.Context(), snapshot))
	return requests
}

func everyFact() Facts {
	return Facts{
		ID: "0193-a", Name: "nightly", Test: "checkout", Note: "a note\nof two lines", K6Version: "2.2.0", Version: "1.2.3", Script: "checkout.js",
		ScriptHash: "0123", Scenarios: []string{"browse: ramping-vus"}, OptionsHash: "4567", Service: "shop", Environment: "staging",
		Labels: map[string]string{"team.name": "shop"}, Origin: ci.Fields{VCS: ci.VCS{Ref: ci.Ref{Head: ci.Head{Name: "main"}}}},
	}
}

// What is replayed is what would have been written: the run's document, series, and verdicts.
func TestASpooledSnapshotIsTheSame(t *testing.T) {
	t.Parallel()
	for _, file := range sampleFiles {
		recorder := record(t, file, everyFact())
		value := 214.0
		outcome := Outcome{
			Status: Failed, Reason: "thresholds were crossed", Documents: 20, Stats: ingest.Stats{Rejected: 2, Undelivered: 1},
			Verdicts: []Verdict{{Metric: "http_req_duration", Expression: "p(95)<200", Value: &value, Crossed: true, Evaluated: true, By: "k6"}},
		}
		for _, end := range []bool{true, false} {
			snapshot, err := recorder.Snapshot(outcome, end, morning)
			require.NoError(t, err)
			lines, err := snapshot.Encode(true)
			require.NoError(t, err)
			decoded, err := DecodeSnapshot(lines)
			require.NoError(t, err)
			assert.Equal(t, written(t, snapshot), written(t, decoded))
		}
	}
}

// Documents that are in the spool count as undelivered on the server, and no more when they were replayed.
func TestSpooledDocumentsAreUndeliveredUntilReplayed(t *testing.T) {
	t.Parallel()
	recorder := record(t, sampleFiles[0], everyFact())
	snapshot, err := recorder.Snapshot(Outcome{Status: Passed, Stats: ingest.Stats{Undelivered: 3, Spooled: 40, Rejected: 1}}, true, morning)
	require.NoError(t, err)
	assert.EqualValues(t, 43, snapshot.Part().Undelivered)
	assert.EqualValues(t, 40, snapshot.Spooled())
	lines, err := snapshot.Encode(false)
	require.NoError(t, err)
	decoded, err := DecodeSnapshot(lines)
	require.NoError(t, err)
	assert.EqualValues(t, 3, decoded.Part().Undelivered)
	assert.Empty(t, decoded.writes, "the server has them")
	decoded.Replayed(5, 2)
	assert.EqualValues(t, 6, decoded.Part().Rejected)
	assert.EqualValues(t, 5, decoded.Part().Undelivered)
	assert.Len(t, written(t, decoded), 1)
}

func TestDecodeSnapshotRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	snapshot, err := record(t, sampleFiles[0], everyFact()).Snapshot(Outcome{Status: Passed}, true, morning)
	require.NoError(t, err)
	lines, err := snapshot.Encode(true)
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(lines), "\n")
	for _, text := range []string{
		"", "{}", "null", "[]", `{"k6":{"run":{"id":"x"}}}`, strings.Replace(first, `"parts":"`, `"parts":"AAAA`, 1),
		strings.Replace(first, `"id":"0193-a"`, `"id":"_search"`, 1), first + "\n{}", first + "\n" + first, string(lines[:len(lines)/2]),
	} {
		_, err := DecodeSnapshot([]byte(text))
		assert.Error(t, err, "%.100s", text)
	}
}

// FuzzDecodeSnapshot reads what may be no snapshot: what is taken can be written again.
func FuzzDecodeSnapshot(f *testing.F) {
	f.Add([]byte(`{"@timestamp":"2026-11-22T10:31:07Z","k6":{"run":{"id":"a","parts":"W3siaW5zdGFuY2UiOiIwIn1d"}}}`))
	f.Add([]byte(`{"k6":{"run":{"id":"a","parts":"W3siaW5zdGFuY2UiOiIwIn1d"}}}` + "\n" + `{"k6":{"series":{"parts":"W3siY291bnQiOjF9XQ=="}}}`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		snapshot, err := DecodeSnapshot(lines)
		if err != nil {
			return
		}
		again, err := snapshot.Encode(true)
		if err != nil {
			return // a time that JSON does not have
		}
		_, err = DecodeSnapshot(again)
		require.NoError(t, err)
	})
}
