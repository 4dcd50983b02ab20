package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// contentOf reads all of a source, and says what it was.
func contentOf(tb testing.TB, source *ingest.Source) ingest.Content {
	tb.Helper()
	reader := source.Samples(ingest.NewRegistry())
	rest(tb, reader)
	return source.Content()
}

// rest counts what a reader still has.
func rest(tb testing.TB, reader ingest.SampleReader) (samples int) {
	tb.Helper()
	var sample ingest.Sample
	for {
		err := reader.Read(&sample)
		var bad *ingest.BadLine
		switch {
		case errors.As(err, &bad):
		case err == nil:
			samples++
		default:
			return samples
		}
	}
}

// Bytes are counted to the end of the last line that counts, whatever the file is compressed with.
func TestContent(t *testing.T) {
	t.Parallel()
	text, csv := checkout(t), unzip(t, "testdata/checkout.csv.gz")
	whole := contentOf(t, open(t, text))
	assert.EqualValues(t, len(text), whole.Bytes)
	long := `{"metric":"` + strings.Repeat("x", 17<<20) + "\"}\n"
	for name, c := range map[string]struct {
		content []byte
		bytes   int
		other   bool
	}{
		"gzip":                          {gzipped(t, text), len(text), false},
		"zstd":                          {zstdCompressed(t, text), len(text), false},
		"a byte order mark":             {append([]byte("\ufeff"), text...), len(text), false},
		"a line that is cut off":        {append(bytes.Clone(text), `{"metric":"ht`...), len(text), false},
		"a line that is none":           {append(bytes.Clone(text), "none\n"...), len(text) + 5, true},
		"a line too long":               {append([]byte(point(noon, "1", "{}")), long+string(text)...), len(point(noon, "1", "{}")) + len(long) + len(text), true},
		"no newline at the end":         {bytes.TrimSuffix(text, []byte("\n")), len(text) - 1, true},
		"CSV":                           {csv, len(csv), true},
		"a CSV record that is cut off":  {append(bytes.Clone(csv), "vus,17"...), len(csv), true},
		"a CSV cell that does not end":  {append(bytes.Clone(csv), "vus,\"a\nb"...), len(csv) + len("vus,\"a\n"), true},
		"gzip that is cut off its tail": {gzipped(t, text)[:len(gzipped(t, text))-4], len(text), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := contentOf(t, open(t, c.content))
			assert.EqualValues(t, c.bytes, content.Bytes)
			assert.Equal(t, c.other, content != whole)
		})
	}
}

// A source is compared with what was read of another, and read on as if it had not been.
func TestSourceBegins(t *testing.T) {
	t.Parallel()
	text, csv := checkout(t), unzip(t, "testdata/checkout.csv.gz")
	middle := len(text)/2 + bytes.IndexByte(text[len(text)/2:], '\n') + 1
	lost := append(bytes.Clone(text[:middle]), text[middle+1+bytes.IndexByte(text[middle:], '\n'):]...)
	other := bytes.Clone(text)
	other[len(other)-4]++
	torn := bytes.TrimRight(csv, "\n")
	for name, c := range map[string]struct {
		known, content []byte
		has            int
		begins         bool
	}{
		"the same":                               {text, text, len(text), true},
		"grown":                                  {text[:middle], text, middle, true},
		"grown within a line":                    {text[:middle+20], text, middle, true},
		"a shorter copy":                         {text, text[:middle], middle, false},
		"a line is lost, and others came":        {text, append(bytes.Clone(lost), text...), len(text), false},
		"a line is lost":                         {text, lost, len(lost), false},
		"the last line is another":               {text, other, len(text), false},
		"compressed":                             {text[:middle], gzipped(t, text), middle, true},
		"damaged behind what was read":           {text[:middle], gzipped(t, text)[:len(gzipped(t, text))-4], middle, true},
		"CSV":                                    {csv, zstdCompressed(t, csv), len(csv), true},
		"a last record that was cut off":         {torn, append(bytes.Clone(torn), "more\n"...), len(torn), false},
		"a last record without its newline":      {torn, csv, len(torn), true},
		"a last record without newline, Windows": {torn, append(bytes.Clone(torn), '\r', '\n'), len(torn), true},
	} {
		known := contentOf(t, open(t, c.known))
		want := contentOf(t, open(t, c.content))
		samples := rest(t, open(t, c.content).Samples(ingest.NewRegistry()))
		for kind, source := range map[string]*ingest.Source{"file": open(t, c.content), "stream": onlyOnce(t, c.content)} {
			t.Run(name+" as a "+kind, func(t *testing.T) {
				t.Parallel()
				reader := source.Samples(ingest.NewRegistry())
				var sample ingest.Sample
				require.NoError(t, reader.Read(&sample))
				has, begins, err := source.Begins(t.Context(), known)
				require.NoError(t, err)
				assert.EqualValues(t, c.has, has)
				assert.Equal(t, c.begins, begins)
				if begins || kind == "file" {
					assert.Equal(t, samples-1, rest(t, reader))
					assert.Equal(t, want, source.Content())
				}
			})
		}
	}
}

// A file and standard input come to the same content and the same run, also where lines among the samples are none.
func TestContentOfStandardInput(t *testing.T) {
	t.Parallel()
	text := string(checkout(t))
	first, rest, _ := strings.Cut(text, "\n")
	for name, content := range map[string]string{
		"none":            text + "none\n" + text,
		"empty":           text + "\n" + text,
		"early":           first + "\n\n     execution: local\n" + rest,
		"cut off":         text + "\n  running (1m0",
		"a byte order":    "\ufeff" + text + "none\n",
		"a sample cut":    text + "none\n" + first[:50],
		"white space":     text + " " + text,
		"an odd sample":   text + "{ " + first[1:] + "\n",
		"a broken sample": text + `{"metric":` + "\n",
	} {
		file, stdin := open(t, []byte(content)), onlyOnce(t, []byte(content))
		assert.Equal(t, file.RunID(), stdin.RunID(), name)
		assert.Equal(t, contentOf(t, file), contentOf(t, stdin), name)
	}
}

// onlyOnce is a source that can be read only once.
func onlyOnce(tb testing.TB, content []byte) *ingest.Source {
	tb.Helper()
	source, err := ingest.Open("-", iotest.OneByteReader(bytes.NewReader(content)), io.Discard)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, source.Close()) })
	return source
}

// What a stream is kept in is gone with its source, and a stream that cannot be kept is not compared.
func TestStreamIsKeptForAWhile(t *testing.T) {
	text := checkout(t)
	known := contentOf(t, open(t, text))
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // on Windows
	begin := func() (*ingest.Source, error) {
		source, err := ingest.Open("-", bytes.NewReader(text), io.Discard)
		require.NoError(t, err)
		var sample ingest.Sample
		require.NoError(t, source.Samples(ingest.NewRegistry()).Read(&sample))
		_, begins, err := source.Begins(t.Context(), known)
		assert.Equal(t, err == nil, begins)
		return source, err
	}
	source, err := begin()
	require.NoError(t, err)
	require.NoError(t, source.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)

	require.NoError(t, os.Remove(dir))
	source, err = begin()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, source.Close())
}

func TestComparingIsInterrupted(t *testing.T) {
	t.Parallel()
	text := checkout(t)
	known := contentOf(t, open(t, text))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, source := range []*ingest.Source{open(t, text), onlyOnce(t, text)} {
		source.Samples(ingest.NewRegistry())
		_, _, err := source.Begins(ctx, known)
		require.ErrorIs(t, err, context.Canceled)
	}
}
