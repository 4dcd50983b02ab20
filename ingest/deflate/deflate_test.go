package deflate_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/deflate"
)

// unzip is what Go's own reader makes of it. It fails where anything is left over.
func unzip(tb testing.TB, zipped []byte) []byte {
	tb.Helper()
	rest := bytes.NewReader(zipped)
	zip, err := gzip.NewReader(rest)
	require.NoError(tb, err)
	zip.Multistream(false)
	text, err := io.ReadAll(zip)
	require.NoError(tb, err)
	require.Zero(tb, rest.Len(), "bytes behind the end")
	return text
}

func texts() map[string]string {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	rows := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(`{"create":{"_index":"k6-metrics-2026.11","_id":"`)
			b.WriteString(strings.Repeat(string(rune('a'+random.IntN(26))), 3))
			b.WriteString("\"}}\n{\"name\":\"" + strings.Repeat("x", random.IntN(40)) + "\",\"value\":1}\n")
		}
		return b.String()
	}
	rare := strings.Builder{} // counts that grow as Fibonacci's numbers make the longest codes
	for i, a, b := 0, 1, 1; i < 24; i, a, b = i+1, b, a+b {
		rare.WriteString(strings.Repeat(string(rune('A'+i)), a))
	}
	return map[string]string{
		"empty": "", "one byte": "a", "one byte again and again": strings.Repeat("a", 1000), "a delimiter": strings.Repeat(",", 100_000),
		"short": `{"a":1}`, "noise": string(noise), "noise again": string(noise[:30_000]) + string(noise[:30_000]), "rows": rows(20), "many rows": rows(20_000),
		"rare letters": rare.String(), "far apart": rows(3) + string(noise[:40_000]) + rows(3),
		"lengths of matches": lengths(),
	}
}

// lengths repeats texts of every length that may be split in some way.
func lengths() string {
	var b strings.Builder
	for n := range 800 {
		text := "," + strings.Repeat("m", n) + strings.Repeat("n", 64)
		b.WriteString(text + "1" + text + "2")
	}
	return b.String()
}

func TestWhatIsReadIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	var e deflate.Encoder
	for range 2 { // the second time with what the first left in memory
		for name, text := range texts() {
			zipped := e.AppendGzip([]byte("before"), []byte(text))
			require.True(t, bytes.HasPrefix(zipped, []byte("before")), name)
			require.True(t, bytes.Equal([]byte(text), unzip(t, zipped[len("before"):])), name) // Equal would show 200 KB
		}
	}
}

func FuzzEncoder(f *testing.F) {
	for _, text := range texts() {
		f.Add([]byte(text[:min(len(text), 3000)]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var e deflate.Encoder
		require.True(t, bytes.Equal(text, unzip(t, e.AppendGzip(nil, text))))
		twice := bytes.Repeat(text, 3)
		require.True(t, bytes.Equal(twice, unzip(t, e.AppendGzip(nil, twice))))
	})
}
