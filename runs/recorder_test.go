package runs

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// troubled is a server that has troubles first, one a request, and then takes everything.
type troubled struct {
	troubles []string // what it answers to the first bulk requests; empty: that it is busy
	asked    int
	written  []string
}

func (s *troubled) JSON(_ context.Context, method, path string, _, out any) error {
	s.asked++
	if len(s.troubles) > 0 && strings.Contains(path, "_bulk") {
		answer := s.troubles[0]
		s.troubles = s.troubles[1:]
		if answer == "" {
			return &elastic.Error{Method: method, Path: path, Status: http.StatusServiceUnavailable}
		}
		return unmarshal(answer, out)
	}
	switch {
	case strings.Contains(path, "_bulk"):
		return unmarshal(`{"items":[{"create":{"status":201}}]}`, out)
	case method == http.MethodGet:
		return &elastic.Error{Status: http.StatusNotFound}
	default:
		s.written = append(s.written, path)
		return nil
	}
}

func oneSeries(t *testing.T) *Snapshot {
	t.Helper()
	snapshot, err := record(t, sampleFiles[0], Facts{ID: "run"}).Snapshot(Outcome{Status: Passed}, true, morning)
	require.NoError(t, err)
	snapshot.writes = snapshot.writes[:1]
	return snapshot
}

const rejected = `{"items":[{"create":{"status":429,"error":{"reason":"the queue is full"}}}]}`

// A server that is busy for a moment does not cost a run its document.
func TestRecordOutlastsTroubles(t *testing.T) {
	t.Parallel()
	snapshot := oneSeries(t)
	synctest.Test(t, func(t *testing.T) {
		server := &troubled{troubles: []string{"", rejected, ""}}
		store := &Store{Client: server, Prefix: "k6"}
		began := time.Now()
		require.NoError(t, store.Record(t.Context(), snapshot))
		assert.Equal(t, 1750*time.Millisecond, time.Since(began))
		require.NotEmpty(t, server.written)
		assert.Contains(t, server.written[0], "/k6-runs/_doc/run?")
	})
}

func TestRecordDoesNotTryForEver(t *testing.T) {
	t.Parallel()
	snapshot := oneSeries(t)
	synctest.Test(t, func(t *testing.T) {
		server := &troubled{troubles: []string{"", "", "", "", "", "", "", ""}}
		store := &Store{Client: server, Prefix: "k6"}
		assert.True(t, elastic.IsStatus(store.Record(t.Context(), snapshot), http.StatusServiceUnavailable))
		assert.Equal(t, maxAttempts, server.asked)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server = &troubled{troubles: []string{rejected, rejected, rejected, rejected}}
		store.Client = server
		assert.ErrorContains(t, store.Record(ctx, snapshot), "was refused: the queue is full")
		assert.Equal(t, 3, server.asked)
	})
}
