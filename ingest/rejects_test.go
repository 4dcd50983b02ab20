package ingest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// What is held becomes part of the file when it is kept, and leaves it alone when it is not.
func TestHeldRejects(t *testing.T) {
	temporary, path := t.TempDir(), filepath.Join(t.TempDir(), "rejects")
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary) // on Windows
	require.NoError(t, os.WriteFile(path, []byte("{\"reason\":\"old\"}\n"), 0o600))
	hold := func(appending bool) *ingest.Rejects {
		r := &ingest.Rejects{Path: path, Append: appending, Held: true}
		r.Line(&ingest.BadLine{File: "f", Line: 1, Byte: 1, Reason: "first", Text: []byte("x")})
		return r
	}
	reasons := func(r *ingest.Rejects) (reasons []any) {
		for _, kept := range readRejects(t, r) {
			reasons = append(reasons, kept["reason"])
		}
		return reasons
	}
	discarded := hold(false)
	require.NoError(t, discarded.Discard())
	assert.Equal(t, []any{"old"}, reasons(discarded))
	assert.Zero(t, discarded.Count())

	added := hold(true)
	added.Keep()
	added.Line(&ingest.BadLine{File: "f", Line: 2, Byte: 1, Reason: "second", Text: []byte("y")})
	require.NoError(t, added.Close())
	assert.Equal(t, []any{"old", "first", "second"}, reasons(added))

	replacing := hold(false)
	replacing.Keep()
	require.NoError(t, replacing.Close())
	assert.Equal(t, []any{"first"}, reasons(replacing))

	nowhere := hold(false)
	nowhere.Path = filepath.Join(temporary, "nowhere", "rejects")
	nowhere.Keep()
	require.ErrorContains(t, nowhere.Close(), "1 rejects could not be kept")
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left, "of temporary files")
}
