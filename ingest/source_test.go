package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

func gzipped(tb testing.TB, parts ...[]byte) []byte {
	var out bytes.Buffer
	for _, part := range parts {
		zip := gzip.NewWriter(&out)
		_, err := zip.Write(part)
		require.NoError(tb, err)
		require.NoError(tb, zip.Close())
	}
	return out.Bytes()
}

func zstdCompressed(tb testing.TB, parts ...[]byte) []byte {
	var out []byte
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	require.NoError(tb, err)
	for _, part := range parts {
		out = encoder.EncodeAll(part, out)
	}
	return out
}

// write puts content into a file and returns its path.
func write(tb testing.TB, name string, content []byte) string {
	path := filepath.Join(tb.TempDir(), name)
	require.NoError(tb, os.WriteFile(path, content, 0o600))
	return path
}

func open(tb testing.TB, content []byte) *ingest.Source {
	tb.Helper()
	source, err := ingest.Open(write(tb, "f.json", content), nil, io.Discard)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, source.Close()) })
	return source
}

func TestSourceRecognisesByContent(t *testing.T) {
	t.Parallel()
	text, csv := checkout(t), unzip(t, "testdata/checkout.csv.gz")
	half := bytes.IndexByte(text[len(text)/2:], '\n') + len(text)/2 + 10 // within a line
	want := readJSON(string(text)).samples
	for name, c := range map[string]struct {
		content []byte
		format  ingest.Format
		samples int
	}{
		"plain":                      {text, ingest.FormatJSON, len(want)},
		"gzip":                       {gzipped(t, text), ingest.FormatJSON, len(want)},
		"gzip of two members":        {gzipped(t, text[:half], text[half:]), ingest.FormatJSON, len(want)},
		"gzip with an empty member":  {gzipped(t, nil, text, nil), ingest.FormatJSON, len(want)},
		"zstd":                       {zstdCompressed(t, text), ingest.FormatJSON, len(want)},
		"zstd of two frames":         {zstdCompressed(t, text[:half], text[half:]), ingest.FormatJSON, len(want)},
		"zstd behind an empty frame": {append([]byte("\x5f\x2a\x4d\x18\x02\x00\x00\x00ab"), zstdCompressed(t, text)...), ingest.FormatJSON, len(want)}, // as pzstd writes it
		"byte order mark":            {append([]byte("\ufeff"), text...), ingest.FormatJSON, len(want)},
		"white space first":          {append([]byte("\n \r\n"), text...), ingest.FormatJSON, len(want)},
		"CSV":                        {csv, ingest.FormatCSV, len(want)},
		"CSV in gzip":                {gzipped(t, csv), ingest.FormatCSV, len(want)},
		"CSV in zstd":                {zstdCompressed(t, csv), ingest.FormatCSV, len(want)},
		"CSV with a mark":            {append([]byte("\ufeff"), csv...), ingest.FormatCSV, len(want)},
		"CSV of another order":       {[]byte("timestamp,metric_value,metric_name\n1795348800,1,vus\n"), ingest.FormatCSV, 1},
		"one line":                   {[]byte(strings.TrimSpace(point(noon, "1", "{}"))), ingest.FormatJSON, 1},
		"one metric only":            {[]byte(`{"type":"Metric","data":{"name":"m","type":"counter"},"metric":"m"}`), ingest.FormatJSON, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := open(t, c.content)
			assert.Equal(t, c.format, source.Format)
			assert.EqualValues(t, len(c.content), source.Size)
			got := readStream(source.Samples(ingest.NewRegistry()))
			assert.Empty(t, got.bad)
			assert.Len(t, got.samples, c.samples)
			assert.NoError(t, ingest.Damage(got.err))
			assert.EqualValues(t, len(c.content), source.Consumed())

			source, err := ingest.Open("-", bytes.NewReader(c.content), io.Discard)
			require.NoError(t, err)
			assert.Zero(t, source.Size)
			assert.Len(t, readStream(source.Samples(ingest.NewRegistry())).samples, c.samples, "from standard input")
			require.NoError(t, source.Close())
		})
	}
}

func TestSourceNamesStandardInput(t *testing.T) {
	t.Parallel()
	source, err := ingest.Open("-", strings.NewReader("{\n"), io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{`stdin:1:2: not a JSON object: the line ends where '"' should be`}, readStream(source.Samples(ingest.NewRegistry())).bad)
}

func TestSourceDelivers(t *testing.T) {
	t.Parallel()
	text := checkout(t)
	zipped, zst := gzipped(t, text), zstdCompressed(t, text)
	flipped := bytes.Clone(zipped)
	flipped[len(flipped)-8] ^= 1 // of the checksum
	flippedZst := bytes.Clone(zst)
	flippedZst[len(flippedZst)-1] ^= 1
	early := "its compressed data end too early"
	for name, c := range map[string]struct {
		content []byte
		least   int // samples
		damage  string
	}{
		"truncated gzip":            {zipped[:len(zipped)/2], 6000, early},
		"gzip without its checksum": {zipped[:len(zipped)-8], 14692, early},
		"gzip, second member cut":   {append(bytes.Clone(zipped), zipped[:len(zipped)/3]...), 16000, early},
		"gzip, second header cut":   {append(bytes.Clone(zipped), zipped[:5]...), 14692, early},
		"truncated zstd":            {zst[:len(zst)/2], 1000, early},
		"wrong checksum":            {flipped, 14692, "its checksum does not fit its content"},
		"wrong checksum of zstd":    {flippedZst, 14000, "its checksum does not fit its content"},
		"rubbish behind gzip":       {append(bytes.Clone(zipped), "rubbish, and enough of it"...), 14692, "what follows its compressed data is neither gzip nor zstd"},
		"rubbish behind zstd":       {append(bytes.Clone(zst), "rubbish, and enough of it"...), 14692, "what follows its compressed data is neither gzip nor zstd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readStream(open(t, c.content).Samples(ingest.NewRegistry()))
			assert.GreaterOrEqual(t, len(got.samples), c.least, "what could be read")
			assert.LessOrEqual(t, len(got.bad), 1, "the line that was cut")
			assert.EqualError(t, ingest.Damage(got.err), c.damage)
		})
	}
	assert.NoError(t, ingest.Damage(io.EOF))
	other := errors.New("input/output error")
	assert.Equal(t, other, ingest.Damage(other))
}

func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	export := `{"metrics":{"http_reqs":{"count":490,"rate":68.4}},"root_group":{"name":"","path":""}}`
	handled, err := os.ReadFile("testdata/everything.summary.json")
	require.NoError(t, err)
	machine := `{"version":"1.0.0","metadata":{"generatedAt":"2026-11-22T12:00:00Z","k6Version":"2.2.0"},"config":{"duration":7.1,"execution":"local","script":"a.js"},` +
		`"results":{"checks":{"metrics":[],"results":[]},"metrics":[]}}`
	const (
		summary = `is k6's end-of-test summary (--summary-export or handleSummary): it has totals, but no samples to load. Record samples with k6 run --out json=FILE.json.gz, and upload that file`
		reports = `is k6's machine-readable summary: it has totals, but no samples to load. Record samples with k6 run --out json=FILE.json.gz, and upload that file`
		neither = `is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with `
		empty   = `is empty: there is no k6 sample in it`
	)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":                      {nil, empty},
		"blank":                      {[]byte(" \n\t\r\n"), empty},
		"a mark only":                {[]byte("\ufeff"), empty},
		"empty gzip":                 {gzipped(t, nil), empty},
		"empty zstd":                 {zstdCompressed(t, []byte("\n")), empty},
		"export":                     {[]byte(export), summary},
		"export, indented":           {indent(t, []byte(export)), summary},
		"handleSummary":              {handled, summary},
		"handleSummary, indented":    {indent(t, handled), summary},
		"handleSummary in gzip":      {gzipped(t, handled), summary},
		"machine-readable":           {[]byte(machine), reports},
		"machine-readable, indented": {indent(t, []byte(machine)), reports},
		"text":                       {[]byte("hello, world, this is no k6 file at all\nreally"), neither + `"hello, world, this is no k6 file at all\n"`},
		"a binary":                   {[]byte("\x7fELF\x02\x01\x01\x00"), neither + `"\x7fELF\x02\x01\x01\x00"`},
		"a list":                     {[]byte("[1]"), neither + `"[1]"`},
		"another CSV":                {[]byte("a,b\n1,2\n"), neither + `"a,b\n1,2\n"`},
		"gzip of its first bytes":    {gzipped(t, checkout(t))[:6], "is damaged: its compressed data end too early"},
		"gzip without any content":   {gzipped(t, checkout(t))[:12], "is damaged: its compressed data end too early"},
		"zstd of its first bytes":    {zstdCompressed(t, checkout(t))[:6], "is damaged: its compressed data end too early"},
		"what is hardly gzip":        {[]byte("\x1f\x8bhello, world, this is not deflated"), "is damaged: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, "f", c.content)
			_, err := ingest.Open(path, nil, io.Discard)
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), path+" "+c.want), "%v", err)
		})
	}
	_, err = ingest.Open(dir, nil, io.Discard)
	assert.EqualError(t, err, dir+" is a directory; name the files in it, for example "+dir+"/*.json.gz")
	_, err = ingest.Open(filepath.Join(dir, "missing"), nil, io.Discard)
	assert.EqualError(t, err, "cannot read "+filepath.Join(dir, "missing")+": no such file or directory")
	assert.ErrorIs(t, err, os.ErrNotExist)
	file := write(t, "f", nil)
	_, err = ingest.Open(filepath.Join(file, "below"), nil, io.Discard)
	assert.EqualError(t, err, "cannot read "+filepath.Join(file, "below")+": not a directory")
}

// Who may not read a file is told so. Root may read all, so root asks for what not even root may: the
// memory of a process at an address that is none.
func TestSourceWithoutPermission(t *testing.T) {
	t.Parallel()
	path := write(t, "f", []byte("{}"))
	want := "permission denied"
	require.NoError(t, os.Chmod(path, 0))
	if os.Getuid() == 0 {
		path, want = "/proc/self/mem", "input/output error"
	}
	_, err := ingest.Open(path, nil, io.Discard)
	assert.EqualError(t, err, "cannot read "+path+": "+want)
}

func indent(tb testing.TB, text []byte) []byte {
	var out bytes.Buffer
	require.NoError(tb, json.Indent(&out, text, "", "  "))
	return out.Bytes()
}

func TestSourceFingerprint(t *testing.T) {
	t.Parallel()
	text := checkout(t)
	plain := open(t, text)
	_, err := uuid.Parse(plain.RunID())
	require.NoError(t, err)
	for name, same := range map[string][]byte{"gzip": gzipped(t, text), "zstd": zstdCompressed(t, text), "members": gzipped(t, text[:10], text[10:]), "longer": append(bytes.Clone(text), text...)} {
		other := open(t, same)
		assert.Equal(t, plain.Instance(), other.Instance(), name)
		assert.Equal(t, plain.RunID(), other.RunID(), name)
	}
	different := bytes.Clone(text)
	different[1000]++
	assert.NotEqual(t, plain.RunID(), open(t, different).RunID())
	assert.NotEqual(t, plain.Instance(), open(t, different).Instance())
	short, shorter := open(t, []byte(point(noon, "1", "{}"))), open(t, []byte(point(noon, "2", "{}")))
	assert.NotEqual(t, short.RunID(), shorter.RunID())
}

// Closing ends the goroutine that reads ahead, also where nobody read to the end.
func TestSourceCloseEndsItsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, content := range [][]byte{gzipped(t, checkout(t)), zstdCompressed(t, checkout(t))} {
		for range 20 {
			source, err := ingest.Open("-", bytes.NewReader(content), io.Discard)
			require.NoError(t, err)
			require.NoError(t, source.Samples(ingest.NewRegistry()).Read(new(ingest.Sample)))
			require.NoError(t, source.Close())
		}
	}
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+2 }, 5*time.Second, 10*time.Millisecond)
}
