//go:build unix

package spooltest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Unreadable makes a spool with two folders that nobody can look into: their paths are too long. One is that of a
// run, the other is no run's.
func Unreadable(t *testing.T) (root, runID string) {
	t.Helper()
	const instance = "-0123456789abcdef"
	root, runID = t.TempDir(), strings.Repeat("x", 180)
	for os.Mkdir(filepath.Join(root, runID+instance), 0o700) == nil {
		require.NoError(t, os.Remove(filepath.Join(root, runID+instance)))
		root = filepath.Join(root, strings.Repeat("d", 90))
		require.NoError(t, os.Mkdir(root, 0o700))
	}
	open, err := os.OpenRoot(root)
	require.NoError(t, err)
	defer func() { _ = open.Close() }()
	require.NoError(t, open.Mkdir(runID+instance, 0o700))
	require.NoError(t, open.Mkdir(strings.Repeat("lost+found", 20), 0o700))
	return root, runID
}
