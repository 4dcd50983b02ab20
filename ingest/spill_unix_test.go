//go:build unix

package ingest_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/ingesttest"
)

// A disk that hangs while a block is both under way and being written: what was delivered of it is not
// counted as lost too.
func TestDiskThatHangs(t *testing.T) {
	t.Parallel()
	s := newSpooling(t, 1<<20, func(o *ingest.WriterOptions) { o.SpoolAfter = 10 * ms })
	folder := filepath.Join(s.spool.Root(), "run-1-0123456789abcdef")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	lock := filepath.Join(folder, "lock")
	require.NoError(t, syscall.Mkfifo(lock, 0o600)) // which nobody writes to: opening it takes for ever
	s.server.Always(ingesttest.Fault{Delay: 500 * ms})
	require.NoError(t, s.add(entries(0, 5)...))
	require.NoError(t, s.Flush())
	require.Eventually(t, func() bool { return len(s.server.Documents()) == 5 }, 10*time.Second, ms)
	ctx, cancel := context.WithTimeout(t.Context(), 100*ms)
	defer cancel()
	_ = s.Close(ctx)
	assert.EqualValues(t, 5, s.Stats().Created)
	assert.Zero(t, s.Stats().Undelivered)
	open, err := os.OpenFile(lock, os.O_RDWR, 0) // and the disk goes on
	require.NoError(t, err)
	defer open.Close()
	require.NoError(t, s.spool.Close())
}
