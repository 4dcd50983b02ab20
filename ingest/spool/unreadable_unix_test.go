//go:build unix

package spool_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/ingest/spool/spooltest"
)

// A folder that cannot be read does not keep others from being written and read.
func TestAFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	root, runID := spooltest.Unreadable(t)
	r := spool.Dir{Root: root, Size: 1 << 20}.Create(info)
	add(t, r, 0, 1)
	require.NoError(t, r.Close())
	entries, err := spool.List(root)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, filepath.Join(root, runID+"-0123456789abcdef"), entries[0].Path)
	require.ErrorContains(t, entries[0].Err, "looking into the spool")
	require.NoError(t, entries[1].Err)
	assert.EqualValues(t, 1, entries[1].Blocks)
}
