package ingest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/ingesttest"
)

// trickle adds entries in blocks of one.
func (s *spooling) trickle(t *testing.T, n int, pause time.Duration) [][]byte {
	t.Helper()
	all := entries(0, n)
	for _, entry := range all {
		require.NoError(t, s.add(entry))
		require.NoError(t, s.Flush())
		time.Sleep(pause)
	}
	return all
}

// A server that takes 5 s for each request is sent many small blocks of the spool in one: the end of the run does
// not wait for each.
func TestSmallBlocksOfTheSpoolAreJoined(t *testing.T) {
	t.Parallel()
	for name, level := range map[string]int{"compressed": 1, "plain": 0} {
		bubble(t, name, func(t *testing.T) {
			s := newSpooling(t, 1<<20, func(o *ingest.WriterOptions) { o.BlockSize, o.Compression = 64<<10, level })
			s.server.Always(ingesttest.Fault{Delay: 5 * time.Second})
			s.trickle(t, 300, 200*ms)
			begun := time.Now()
			require.NoError(t, s.close(t))
			assert.Less(t, time.Since(begun), 30*time.Second)
			assert.EqualValues(t, 300, s.Stats().Created)
			assert.Len(t, s.server.Documents(), 300)
			assert.Empty(t, s.entry(t).Path)
		})
	}
}

// What becomes of each document of joined blocks is known: what is refused is kept once, what is put off
// waits in the spool alone.
func TestJoinedBlocksInPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, func(o *ingest.WriterOptions) { o.BlockSize = 64 << 10 })
		s.server.Always(ingesttest.Fault{Refused: true})
		all := s.trickle(t, 40, 200*ms)
		require.Error(t, s.close(t))
		require.EqualValues(t, 40, s.entry(t).Documents)
		require.EqualValues(t, 40, s.entry(t).Blocks)

		bad, late := idOf(t, all[3]), idOf(t, all[25])
		busy := true
		s.server.Always(ingesttest.Fault{})
		s.judge(bad, late, &busy)
		before := len(s.server.Requests())
		stats, err := s.replay(t, s.entry(t).Path)
		require.Error(t, err)
		left := stats.Spooled // with what a replay that ends early has not sent
		assert.Positive(t, left)
		assert.Equal(t, int64(40), stats.Created+stats.Existing+stats.Rejected+left, "%+v", stats)
		refused := stats.Rejected
		most := 0
		for _, request := range s.server.Requests()[before:] {
			most = max(most, request.Documents)
		}
		assert.Less(t, most, 40, "no more than fit into a request")
		assert.Greater(t, most, 5)
		assert.Equal(t, left, s.entry(t).Documents)

		busy = false
		stats, err = s.replay(t, s.entry(t).Path)
		require.NoError(t, err)
		assert.Equal(t, []int64{left, 0}, []int64{stats.Created + stats.Rejected, stats.Existing})
		assert.Equal(t, int64(1), refused+stats.Rejected)
		assert.Len(t, readRejects(t, s.rejects), 1)
		assert.Len(t, s.server.Documents(), 39)
		assert.Empty(t, s.entry(t).Path)
	})
}
