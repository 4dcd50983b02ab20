//go:build unix

package spool_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
)

// unreadable makes a folder with two others that nobody can look into, not even root: their paths are too
// long. One has the name of a run's folder.
func unreadable(t *testing.T) (root, run string) {
	t.Helper()
	root, run = t.TempDir(), strings.Repeat("x", 180)+"-0123456789abcdef"
	for os.Mkdir(filepath.Join(root, run), 0o700) == nil {
		require.NoError(t, os.Remove(filepath.Join(root, run)))
		root = filepath.Join(root, strings.Repeat("d", 90))
		require.NoError(t, os.Mkdir(root, 0o700))
	}
	open, err := os.OpenRoot(root)
	require.NoError(t, err)
	defer func() { _ = open.Close() }()
	require.NoError(t, open.Mkdir(run, 0o700))
	require.NoError(t, open.Mkdir(strings.Repeat("lost+found", 20), 0o700))
	return root, run
}

// A folder that cannot be read does not keep others from being written and read.
func TestAFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	root, unread := unreadable(t)
	r := spool.Dir{Root: root, Size: 1 << 20}.Create(info)
	add(t, r, 0, 1)
	require.NoError(t, r.Close())
	entries, err := spool.List(root)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, filepath.Join(root, unread), entries[0].Path)
	require.ErrorContains(t, entries[0].Err, "looking into the spool")
	require.NoError(t, entries[1].Err)
	assert.EqualValues(t, 1, entries[1].Blocks)
}
