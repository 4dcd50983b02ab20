package spool_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file, deep, locked := filepath.Join(root, "file"), filepath.Join(root, "a", "b", "c"), filepath.Join(root, "locked")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Mkdir(locked, 0o500))
	for _, good := range []string{root, deep, "new"} {
		require.NoError(t, spool.Dir{Root: good}.Check())
	}
	assert.NoDirExists(t, filepath.Join(root, "a"), "nothing was made")
	for _, bad := range []string{file, filepath.Join(file, "x", "y")} {
		require.EqualError(t, spool.Dir{Root: bad}.Check(), bad+" cannot be the spool: "+file+" is no folder")
	}
	if runtime.GOOS == "linux" {
		require.ErrorContains(t, spool.Dir{Root: "/proc/x/y"}.Check(), "/proc/x/y cannot be the spool: ", "not even for root")
	}
	if runtime.GOOS != "windows" && os.Geteuid() != 0 {
		within := filepath.Join(locked, "x")
		require.EqualError(t, spool.Dir{Root: within}.Check(), within+" cannot be the spool: writing to "+locked+": permission denied")
	}
}
