package spool_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
)

// packed is a record of one document whose body is compressed.
func packed(t *testing.T, n int) spool.Record {
	t.Helper()
	one := numbered(n)
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	_, err := zip.Write(one.Body)
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	one.Compressed, one.Body = true, body.Bytes()
	return one
}

// keep appends records.
func keep(t *testing.T, r *spool.Run, records ...spool.Record) {
	t.Helper()
	for _, record := range records {
		_, err := r.Append(record, false)
		require.NoError(t, err)
	}
}

func TestJoinedRecords(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	keep(t, r, packed(t, 1), packed(t, 2), packed(t, 3), numbered(4), numbered(5))
	joined, ref, err := r.NextJoined(4)
	require.NoError(t, err)
	assert.Equal(t, 4, joined.Raw, "two lines of two bytes")
	assert.Equal(t, 1+2, joined.Documents)
	assert.Equal(t, time.UnixMilli(1), joined.Time, "that of the oldest")
	r.Release(ref)
	joined, ref, err = r.NextJoined(1000)
	require.NoError(t, err)
	assert.Equal(t, 1+2+3, joined.Documents, "what came back too; what is not compressed goes apart")
	assert.EqualValues(t, 2, r.Waiting())
	r.Settle(ref)
	joined, ref, err = r.NextJoined(1000)
	require.NoError(t, err)
	assert.Equal(t, "4\n5\n", string(joined.Body))
	r.Settle(ref)
	_, _, err = r.NextJoined(1000)
	require.ErrorIs(t, err, spool.ErrEmpty)
	require.NoError(t, r.Close())
}

// A place that is damaged, or whose body cannot be unpacked, ends what is joined, and costs nothing but itself.
func TestWhatCannotBeJoined(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	odd := numbered(3)
	odd.Compressed = true // its body says otherwise
	keep(t, r, numbered(1), numbered(2), odd, packed(t, 4), packed(t, 5))
	name := filepath.Join(list(t, r).Path, "000001.blocks")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	at := bytes.Index(content, []byte("2\n"))
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte("7"), int64(at))
	require.NoError(t, err)
	require.NoError(t, file.Close())

	var bodies []spool.Record
	damages := 0
	for {
		record, ref, err := r.NextJoined(1000)
		var damage *spool.Damage
		if errors.Is(err, spool.ErrEmpty) {
			break
		}
		if err != nil {
			require.ErrorAs(t, err, &damage)
			assert.Equal(t, 2, damage.Documents)
			damages++
			continue
		}
		bodies = append(bodies, record)
		r.Settle(ref)
	}
	assert.Equal(t, 1, damages)
	require.Len(t, bodies, 3)
	assert.Equal(t, numbered(1), bodies[0])
	assert.Equal(t, odd, bodies[1])
	assert.Equal(t, 4+5, bodies[2].Documents)
	require.NoError(t, r.Close())
}
