// Package spooltest makes disks fail for tests of what uses a spool, in ways that stop root, too.
package spooltest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Aside puts a folder in the place of a file, so that the file cannot be read; back undoes that.
func Aside(t *testing.T, name string) (back func()) {
	t.Helper()
	require.NoError(t, os.Rename(name, name+"~"))
	require.NoError(t, os.Mkdir(name, 0o700))
	return func() {
		require.NoError(t, os.Remove(name))
		require.NoError(t, os.Rename(name+"~", name))
	}
}
