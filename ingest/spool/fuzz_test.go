package spool

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fileOf is a file of blocks with those bodies.
func fileOf(t testing.TB, bodies ...string) []byte {
	t.Helper()
	file, err := Info{RunID: "run-1", Instance: "1", Prefix: "k6"}.head()
	require.NoError(t, err)
	for _, body := range bodies {
		r := Record{Kind: Bulk, Documents: 1, Raw: len(body), Time: time.UnixMilli(1), Body: []byte(body)}
		file = append(appendHeader(file, &r), body...)
	}
	return file
}

// FuzzScanner reads what may be no spool file: it comes to the end, every byte of it belongs to the head,
// to a record, or to a damaged place, and a record is one that its own header describes.
func FuzzScanner(f *testing.F) {
	whole := fileOf(f, "one", "", "three\n")
	f.Add([]byte{})
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add(bytes.Replace(whole, []byte("one"), []byte("two"), 1))
	f.Add(bytes.ReplaceAll(whole, []byte(marker), []byte("k6r?")))
	f.Fuzz(func(t *testing.T, content []byte) {
		s := &scanner{file: bytes.NewReader(content), name: "file", size: int64(len(content))}
		for before := int64(0); ; before = s.at {
			h, at, err := s.next()
			var damage *Damage
			if errors.Is(err, errNothing) {
				require.Equal(t, s.size, s.at)
				return
			}
			if errors.As(err, &damage) {
				require.GreaterOrEqual(t, damage.Offset, before)
				require.Equal(t, s.at, damage.Offset+damage.Bytes)
				require.Greater(t, s.at, before)
				continue
			}
			require.NoError(t, err)
			require.LessOrEqual(t, s.at, s.size)
			require.Equal(t, at+h.total(), s.at)
			record, err := s.read(h, at)
			if errors.As(err, &damage) {
				continue
			}
			require.NoError(t, err)
			again := append(appendHeader(nil, &record), record.Body...)
			require.Equal(t, h.Documents, record.Documents)
			parsed, ok := parseHeader(again)
			require.True(t, ok)
			require.Equal(t, h, parsed)
		}
	})
}
