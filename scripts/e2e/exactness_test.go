package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// recording is a live run in a store, and the files that k6 wrote of it beside.
type recording struct {
	store
	json, csv string // the files, gzipped
	summary   summary
}

const (
	everything = "../k6/everything.js"
	checkout   = "../k6/checkout.js"
)

// identity is what a live run and its files are both given.
func identity(script string) (id, test, name string) {
	return "run-of-" + filepath.Base(script), "test of " + filepath.Base(script), "e2e größe #1"
}

// record runs a script into the store.
func record(t testing.TB, url, script string, codes []int, flags ...string) recording {
	t.Helper()
	r := recording{store: newStore(t, url)}
	id, test, name := identity(script)
	c := k6Run(t, script, append(flags, r.out("run-id="+id, "test-name="+test, "run-name="+name),
		"--out=json=samples.json.gz", "--out=csv=samples.csv.gz", "-e", "SUMMARY=summary.json")...)
	o := c.start(t).wait()
	require.Contains(t, codes, o.code, "%s\n%s", o.stdout, o.stderr)
	require.Contains(t, o.stderr, "all delivered", o.stderr)
	r.json, r.csv = filepath.Join(o.dir, "samples.json.gz"), filepath.Join(o.dir, "samples.csv.gz")
	r.summary = readSummary(t, filepath.Join(o.dir, "summary.json"))
	return r
}

// Of every live run, what the server computes is what k6 says at the end; and so it is for an upload of
// what k6 wrote of that run, in every form.
func TestNumbersAreThoseOfK6(t *testing.T) {
	t.Parallel()
	heavy(t, func(t *testing.T, url string) {
		t.Run("everything", func(t *testing.T) {
			t.Parallel()
			r := record(t, url, everything, []int{99}, "--tag", "release=v1.2.3", "--tag", "team name=shop")
			testRecording(t, r, everything)
		})
		t.Run("checkout", func(t *testing.T) {
			t.Parallel()
			// Whether its thresholds hold depends on the machine.
			r := record(t, url, checkout, []int{0, 99}, "-e", "DURATION=4s", "-e", "RATE=8")
			testRecording(t, r, checkout)
		})
	})
}

func testRecording(t *testing.T, r recording, script string) {
	t.Run("live", func(t *testing.T) {
		r.requireNumbers(t, r.summary, 0)
		r.requireValid(t)
	})
	t.Run("live and upload make the same documents", func(t *testing.T) {
		file := newStore(t, r.url)
		id, test, name := identity(script)
		file.load(t, r.json, "--run-id", id, "--test", test, "--run-name", name)
		requireSame(t, r.contents(t), file.contents(t))
	})
	t.Run("upload", func(t *testing.T) { testFiles(t, r.url, r.json, r.csv, r.summary) })
	if script == everything {
		t.Run("packing", func(t *testing.T) { testPacking(t, r.url, r.json, r.summary) })
	}
}

// The runs that the repository ships.
func TestNumbersOfSampleFilesAreThoseOfK6(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	for _, name := range []string{"everything", "checkout"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("..", "..", "ingest", "testdata", name)
			testFiles(t, url, file+".json.gz", file+".csv.gz", readSummary(t, file+".summary.json"))
		})
	}
}

// testFiles uploads a run's files, each into a store of its own, and compares the numbers.
func testFiles(t *testing.T, url, jsonFile, csvFile string, want summary) {
	t.Run("json", func(t *testing.T) { testFile(t, url, jsonFile, "", want, 0) })
	t.Run("csv", func(t *testing.T) { testFile(t, url, csvFile, "", want, sixDecimals, want.customTypes()...) })
}

// testPacking uploads a file in each of the ways in which it can be packed.
func testPacking(t *testing.T, url, file string, want summary) {
	plain, dir := gunzip(t, file), t.TempDir()
	half := len(plain) / 2
	for name, text := range map[string]string{
		"plain.json": plain, "packed.json.zst": zstdOf(t, plain), "misnamed.csv": zstdOf(t, plain),
		"two members.json.gz": gzipOf(t, plain[:half]) + gzipOf(t, plain[half:]),
	} {
		t.Run(name, func(t *testing.T) { testFile(t, url, write(t, dir, name, text), "", want, 0) })
	}
	t.Run("standard input", func(t *testing.T) { testFile(t, url, "-", plain, want, 0) })
}

func testFile(t *testing.T, url, file, stdin string, want summary, lost float64, flags ...string) {
	s := newStore(t, url)
	c := s.upload(append(flags, "--output", "json", absolute(t, file))...)
	c.stdin = strings.NewReader(stdin)
	results := c.run(t, 0).results(t)
	require.Len(t, results, 1)
	assert.Equal(t, results[0].Documents, results[0].Created+results[0].Existing, "existing: a request that was sent again")
	assert.Equal(t, results[0].Documents, s.count(t))
	s.requireNumbers(t, want, lost)
	s.requireValid(t)
}

// absolute makes a file's name good in any folder; "-" is standard input.
func absolute(t testing.TB, file string) string {
	t.Helper()
	if file == "-" {
		return file
	}
	path, err := filepath.Abs(file)
	require.NoError(t, err)
	return path
}

// requireValid demands that every document, and the mapping that the server made of them, hold known
// fields only.
func (s store) requireValid(t testing.TB) {
	t.Helper()
	for id, source := range s.documents(t) {
		require.NoError(t, mappings.Validate(mappings.Metrics, source), "%s: %.2000s", id, source)
	}
	var indices map[string]struct {
		Mappings struct{ Properties map[string]property }
	}
	s.send(t, http.MethodGet, "/"+s.indices()+"/_mapping", nil, &indices)
	require.NotEmpty(t, indices)
	for index, found := range indices {
		requireKnown(t, index, "", found.Mappings.Properties)
	}
}

// property is a field, or an object of fields, of a mapping.
type property struct {
	Type       string
	Properties map[string]property
	Fields     map[string]json.RawMessage
}

func requireKnown(t testing.TB, index, parent string, properties map[string]property) {
	t.Helper()
	for name, p := range properties {
		path := parent + name
		if p.Properties != nil {
			requireKnown(t, index, path+".", p.Properties)
			continue
		}
		if path == "labels" && p.Type == "object" {
			continue // no label came
		}
		field, known := mappings.Lookup(path)
		require.True(t, known, "%s: field %s", index, path)
		types := []string{field.Type}
		if field.Type == mappings.ScaledFloat {
			types = append(types, mappings.Double) // where a server has no other
		}
		require.Contains(t, types, p.Type, "%s: field %s", index, path)
		require.Empty(t, p.Fields, "%s: sub-fields of %s", index, path)
	}
}

func gunzip(t testing.TB, name string) string {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(zip)
	require.NoError(t, err)
	return string(text)
}

func gzipOf(t testing.TB, text string) string {
	t.Helper()
	var packed strings.Builder
	zip := gzip.NewWriter(&packed)
	_, err := io.WriteString(zip, text)
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	return packed.String()
}

func zstdOf(t testing.TB, text string) string {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(encoder.EncodeAll([]byte(text), nil))
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}
