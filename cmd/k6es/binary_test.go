package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the program may weigh, as `make build` makes it, and how long it may take to start. A tenth more than it
// weighs comes with the first use of text/template, or of reflect's MethodByName: the linker then keeps every method
// of every type.
const (
	maxSize  = 20_000_000 // bytes
	maxStart = 30 * time.Millisecond
)

func TestSizeAndStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := filepath.Join(dir, "empty.go")
	require.NoError(t, os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600))
	program, empty := build(t, filepath.Join(dir, "k6es"), "."), build(t, filepath.Join(dir, "empty"), source)

	info, err := os.Stat(program)
	require.NoError(t, err)
	t.Logf("k6es has %.1f MB", float64(info.Size())/1e6)
	assert.LessOrEqual(t, info.Size(), int64(maxSize))

	var start, least time.Duration
	for i := range 15 { // in turns, so that noise of the machine hits both
		if d := run(t, program, "--version"); i == 0 || d < start {
			start = d
		}
		if d := run(t, empty); i == 0 || d < least {
			least = d
		}
	}
	t.Logf("k6es starts in %s, a program that does nothing in %s", start, least)
	assert.LessOrEqual(t, start, max(maxStart, 15*least), "a machine on which nothing takes 2 ms is too busy to measure on")
}

func build(t *testing.T, program, source string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, source).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

func run(t *testing.T, program string, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	require.NoError(t, exec.CommandContext(t.Context(), program, args...).Run())
	return time.Since(start)
}
