//go:build unix

package cmd_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An upload that is interrupted leaves a run that can be found.
func TestInterruptedUploadLeavesARun(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, false)
	pipe := filepath.Join(t.TempDir(), "points.json")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	p, _ := startUpload(t, server, pipe)
	file, err := os.OpenFile(pipe, os.O_RDWR, 0) // so that it opens, whether the program is there or not
	require.NoError(t, err)
	defer file.Close()
	for i := range 900 {
		_, err := io.WriteString(file, point(i))
		require.NoError(t, err)
	}
	server.await(t, "/_bulk")
	p.interrupt(t)
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	for i := 900; ; i++ { // it waits for the next sample
		if i < 1000 {
			_, err := io.WriteString(file, point(i))
			require.NoError(t, err)
		}
		select {
		case err := <-ended:
			require.Error(t, err)
			assert.Equal(t, 4, p.ProcessState.ExitCode())
			server.mu.Lock()
			defer server.mu.Unlock()
			require.Len(t, server.runs, 1, p.stderr.String())
			assert.Contains(t, server.runs[0], `"status":"interrupted","reason":"its upload was interrupted"`)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
