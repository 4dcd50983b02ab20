//go:build unix

package ci

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEventThatIsAPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	assert.Zero(t, readPullRequest(pipe), "nobody writes, and nobody waits for it")
}

func TestGitThatHangs(t *testing.T) {
	bin := t.TempDir()
	// The child holds the pipe after git itself is gone.
	require.NoError(t, os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\nsleep 5 &\nwait\n"), 0o700)) //nolint:gosec // it is to run
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	assert.Zero(t, Detect(ctx, nil, "", Command, Overrides{}))
	assert.Less(t, time.Since(start), 3*time.Second)
}
