package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

// small is a load that is uploaded in no time.
var small = load{requests: 300, seed: 1}

func TestSecondUploadAddsNothing(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s, dir := newStore(t, url), t.TempDir()
		file := write(t, dir, "checkout.json", small.text(t))
		packed := write(t, dir, "checkout.json.gz", gzipOf(t, small.text(t)))
		first := s.load(t, file)
		before := texts(s.documents(t))
		require.Len(t, before, first.Created)

		for _, again := range []string{file, packed} {
			o := s.upload(again).run(t, 0)
			assert.Contains(t, o.stdout, again+"  run "+first.RunID)
			assert.Contains(t, o.stdout, "already there: nothing to add")
			second := s.load(t, again)
			assert.Zero(t, second.Created)
			assert.Equal(t, first.Documents, second.Existing)
			assert.Equal(t, first.RunID, second.RunID)
			assert.Equal(t, first.RunName, second.RunName)
		}
		requireSame(t, before, texts(s.documents(t)))
	})
}

func TestFileIsOneRunUnderOneName(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		file := write(t, t.TempDir(), "checkout.json", small.text(t))
		s.load(t, file, "--test", "checkout", "--run-name", "first", "--label", "branch=main")
		before := s.count(t)
		for _, other := range []struct{ flags, says string }{
			{"--test=payment", `is already there as run `},
			{"--run-name=second", `with name "first", not "second"`},
			{"--label=branch=topic", `with label branch "main", not "topic"`},
		} {
			o := s.upload(other.flags, file).run(t, 1)
			assert.Contains(t, o.stderr, other.says)
			assert.Contains(t, o.stderr, "k6es runs delete", "the way out")
			assert.Empty(t, o.stdout)
		}
		assert.Equal(t, before, s.count(t))
		// Who names nothing, or the same, means the run that is there.
		assert.Equal(t, "first", s.load(t, file).RunName)
		assert.Equal(t, "first", s.load(t, file, "--test", "checkout", "--label", "branch=main").RunName)
	})
}

func TestTakenRunID(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s, dir := newStore(t, url), t.TempDir()
		one := write(t, dir, "one.json", small.text(t))
		two := write(t, dir, "two.json", load{requests: 200, seed: 2}.text(t))
		first := s.load(t, one, "--run-id", "mine")

		o := s.upload("--run-id", "mine", two).run(t, 1)
		assert.Contains(t, o.stderr, `run id "mine" already belongs to another source (test "one"`)
		assert.Contains(t, o.stderr, "--append")
		assert.Equal(t, first.Documents, s.count(t))

		second := s.load(t, two, "--run-id", "mine", "--append")
		assert.Equal(t, "mine", second.RunID)
		assert.Equal(t, first.Documents+second.Created, s.count(t))
		assert.InDelta(t, 500, s.requests(t, term("k6.run.id", "mine")), 0)

		assert.Zero(t, s.load(t, two, "--run-id", "mine").Created, "it is there already")
	})
}

// A tag testid that is the same in every run is no reason to refuse one.
func TestTakenTestID(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s, dir := newStore(t, url), t.TempDir()
		one := write(t, dir, "one.json", load{requests: 100, seed: 1, testID: "nightly"}.text(t))
		two := write(t, dir, "two.json", load{requests: 100, seed: 2, testID: "nightly"}.text(t))
		assert.Equal(t, "nightly", s.load(t, one).RunID)
		o := s.upload("--output", "json", two).run(t, 0)
		second := o.results(t)[0]
		assert.Regexp(t, `^nightly-[0-9a-f]{8}$`, second.RunID)
		assert.Contains(t, o.stderr, `run id "nightly" (tag testid) already belongs to another source; this file is run "`+second.RunID+`"`)
		assert.Equal(t, second.Documents, second.Created)

		again := s.load(t, two)
		assert.Equal(t, second.RunID, again.RunID)
		assert.Zero(t, again.Created)
	})
}

func TestUploadOfDamagedFiles(t *testing.T) {
	t.Parallel()
	url, dir := servertest.URL(t, servertest.FirstClass), t.TempDir()
	lines := strings.SplitAfter(small.text(t), "\n")
	text := strings.Join(lines, "")
	middle := len(lines) / 2
	cases := []struct {
		name, text string
		code       int
		says       []string
		badLines   int
		torn       bool
	}{
		{name: "torn.json", text: text[:len(text)-25], torn: true, says: []string{"the last line is cut off, as when k6 is killed; it is left out"}},
		{name: "truncated.json.gz", text: gzipOf(t, text)[:len(gzipOf(t, text))/2], code: 4,
			says: []string{"the file is damaged (its compressed data end too early); what could be read of it is delivered"}, torn: true},
		{name: "bad.json", text: strings.Join(lines[:middle], "") + "{\"metric\":\n" + "nonsense\n" + strings.Join(lines[middle:], ""), code: 4, badLines: 2,
			says: []string{"2 lines of ", "were left out; see ", "bad.json.rejects"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, file := newStore(t, url), write(t, dir, c.name, c.text)
			o := s.upload("--output", "json", file).run(t, c.code)
			for _, words := range c.says {
				assert.Contains(t, o.stderr, words)
			}
			r := o.results(t)[0]
			assert.Equal(t, c.badLines, r.BadLines)
			assert.Equal(t, r.Documents, r.Created)
			assert.Equal(t, r.Documents, s.count(t))
			assert.Equal(t, c.torn, r.TornLine)
			if c.badLines > 0 {
				assert.Len(t, rejects(t, file+".rejects"), c.badLines)
			} else {
				assert.NoFileExists(t, file+".rejects")
			}
		})
	}
}

func TestUploadOfWhatHoldsNoSamples(t *testing.T) {
	t.Parallel()
	s, dir := firstClass(t), t.TempDir()
	for _, c := range []struct{ file, says string }{
		{write(t, dir, "empty.json", ""), "is empty"},
		{dir, "is a directory"},
		{filepath.Join(dir, "missing.json"), "no such file"},
		{filepath.Join("..", "..", "ingest", "testdata", "checkout.summary.json"), "it has totals, but no samples to load"},
		{write(t, dir, "notes.txt", "dear diary\n"), "is neither k6's JSON"},
	} {
		o := s.upload(absolute(t, c.file)).run(t, 1)
		assert.Contains(t, o.stderr, c.says)
	}
	assert.False(t, s.exists(t))
}

// rejects reads a file of what was not taken.
func rejects(t testing.TB, file string) []object {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var rejects []object
	for line := range strings.Lines(string(text)) {
		var reject object
		require.NoError(t, json.Unmarshal([]byte(line), &reject))
		assert.NotEmpty(t, reject["reason"])
		rejects = append(rejects, reject)
	}
	return rejects
}

// What --stdout writes, sent by somebody else, makes the documents that an upload makes.
func TestStdoutIsABulkRequest(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		sent, piped := newStore(t, url), newStore(t, url)
		file := write(t, t.TempDir(), "checkout.json", small.text(t))
		sent.load(t, file)
		command{program: k6es, args: []string{"setup", "--index-management", "--url", url, "--index-prefix", piped.prefix}}.run(t, 0)
		// Nothing listens there: with --stdout no server is asked.
		body := store{"http://127.0.0.1:1", piped.prefix}.upload("--stdout", file).run(t, 0).stdout
		var answer struct{ Errors bool }
		piped.send(t, "POST", "/_bulk", body, &answer)
		assert.False(t, answer.Errors)
		requireSame(t, texts(sent.documents(t)), texts(piped.documents(t)))
	})
}
