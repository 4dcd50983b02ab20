package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
)

// state is all that a store has.
func (s store) state(t testing.TB) map[string]string {
	t.Helper()
	s.refresh(t)
	all := texts(s.documents(t))
	for _, d := range s.stored(t, mappings.Runs) {
		var run runs.Document
		require.NoError(t, json.Unmarshal(d, &run))
		parts := partsOf(t, run)
		for i := range parts {
			parts[i].Heartbeat = run.Timestamp // each upload's own
		}
		text, err := json.Marshal(parts)
		require.NoError(t, err)
		all["run "+run.K6.Run.ID] = string(text)
	}
	for _, d := range s.stored(t, mappings.Series) {
		all["series "+string(d)] = "is there"
	}
	return all
}

// What a fuller upload of the same file knew stays: k6's verdicts, those on parts of a metric too, and the types
// that metrics were given.
func TestWhatAFullerUploadKnewStays(t *testing.T) {
	t.Parallel()
	s, dir := firstClass(t), t.TempDir()
	t.Run("verdicts", func(t *testing.T) {
		t.Parallel()
		s := newStore(t, s.url)
		file := write(t, dir, "checkout.json", small.text(t))
		summary := write(t, dir, "summary.json", `{"metrics":{
			"http_req_duration":{"thresholds":{"p(95)<1":true,"p(99)<900":false}}, "http_req_duration{name:GET /items}":{"thresholds":{"avg<1":true}}}}`)
		run := s.load(t, "--summary", summary, file).RunID
		full := s.state(t)
		s.load(t, file)
		requireSame(t, full, s.state(t))
		assert.Contains(t, s.show(t, run), "FAILED")

		s.load(t, "--summary", write(t, dir, "other.json", `{"metrics":{"http_req_duration":{"thresholds":{"p(95)<1":false}}}}`), file)
		crossed := s.run(t, run).K6.Crossed
		assert.Equal(t, []string{"http_req_duration{name:GET /items} avg<1"}, crossed, "what a summary says now is newer")
	})
	t.Run("types", func(t *testing.T) {
		t.Parallel()
		s := newStore(t, s.url)
		csv := []string{"metric_name,timestamp,metric_value,name"}
		for range 4000 {
			csv = append(csv, "orders,1795348800,2,shop", "size,1795348800,3,shop")
		}
		file := write(t, dir, "orders.csv", strings.Join(csv[:6000], "\n")+"\n")
		s.load(t, "--metric-type", "orders=counter", file)
		full := s.state(t)
		o := s.upload(file).run(t, 0)
		assert.NotContains(t, o.stderr, "metric-type orders")
		requireSame(t, full, s.state(t))
		o = s.upload("--metric-type", "size=trend", file).run(t, 1)
		assert.Contains(t, o.stderr, `with type of metric size "unknown", not "trend". To load it anew, delete it first`)
		o = s.upload("--metric-type", "orders=gauge", file).run(t, 1)
		assert.Contains(t, o.stderr, `with type of metric orders "counter", not "gauge"`)
		requireSame(t, full, s.state(t))

		grown := write(t, t.TempDir(), "orders.csv", strings.Join(csv, "\n")+"\n")
		s.load(t, grown)
		whole := newStore(t, s.url)
		whole.load(t, "--metric-type", "orders=counter", grown)
		requireSame(t, whole.state(t), s.state(t))
	})
	t.Run("types of one run", func(t *testing.T) {
		t.Parallel()
		s, dir := newStore(t, s.url), t.TempDir()
		one, two := write(t, dir, "one.csv", "metric_name,timestamp,metric_value\norders,1795348800,2\n"), write(t, dir, "two.csv", "metric_name,timestamp,metric_value\norders,1795348801,3\n")
		s.load(t, "--append", "--run-id", "X", "--metric-type", "orders=counter", one)
		o := s.upload("--append", "--run-id", "X", "--metric-type", "orders=trend", two).run(t, 1)
		assert.Contains(t, o.stderr, `run X has metric orders with type "counter", not "trend". Leave out --metric-type orders=trend`)
		s.load(t, "--append", "--run-id", "X", two)
		joined := s.state(t)
		s.load(t, "--append", "--run-id", "X", "--metric-type", "orders=counter", one)
		requireSame(t, joined, s.state(t))
		types := map[string]bool{}
		for _, d := range s.documents(t) {
			types[decode(t, d)["k6"].(object)["metric"].(object)["type"].(string)] = true
		}
		assert.Equal(t, map[string]bool{"counter": true}, types)
	})
	t.Run("a type of no metric", func(t *testing.T) {
		t.Parallel()
		s := newStore(t, s.url)
		one, two := write(t, dir, "one.csv", "metric_name,timestamp,metric_value\na,1,1\n"), write(t, dir, "two.csv", "metric_name,timestamp,metric_value\nb,1,1\n")
		o := s.upload("--metric-type", "a=counter", "--metric-type", "b=gauge", "--metric-type", "nope=rate", one, two).run(t, 0)
		assert.Contains(t, o.stderr, "warning: --metric-type nope=rate: there is no metric nope\n")
		assert.Equal(t, 1, strings.Count(o.stderr, "warning"))
	})
}

// A file that begins like one that is there adds what it has beyond it, or nothing at all is written.
func TestFileThatBeginsLikeAnother(t *testing.T) {
	t.Parallel()
	whole, dir := firstClass(t), t.TempDir()
	text := small.text(t)
	lines := strings.SplitAfter(text, "\n")
	without := strings.Join(append(append([]string{}, lines[:1500]...), lines[1501:]...), "")
	file := write(t, dir, "checkout.json", text)
	longer := text + strings.ReplaceAll(lines[1], "2026", "2027")
	for name, c := range map[string]struct{ content, says string }{
		"shorter":             {text[:len(text)/2], "a shorter copy has nothing to add"},
		"a line is lost":      {without, "a shorter copy has nothing to add. If it is another file, `--run-id NEW` makes it a run of its own"},
		"a line lost, longer": {without + strings.Repeat(lines[1], 9), "goes on otherwise. Nothing was written: `--run-id NEW` makes it a run of its own, and `k6es runs delete "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newStore(t, whole.url), t.TempDir()
			run := s.load(t, file)
			before := s.state(t)
			packed := write(t, dir, "checkout.json.gz", gzipOf(t, c.content))
			o := s.upload(packed).run(t, 1)
			assert.Contains(t, o.stderr, c.says)
			assert.Contains(t, o.stderr, run.RunID)
			assert.NotContains(t, o.stdout, "already there")
			stdin := s.upload("-")
			stdin.stdin = strings.NewReader(c.content)
			assert.Contains(t, stdin.run(t, 1).stderr, c.says)
			requireSame(t, before, s.state(t))

			own := s.load(t, "--run-id", "own", packed)
			assert.Equal(t, own.Documents, own.Created)
			again := s.upload("-")
			again.stdin = strings.NewReader(longer)
			assert.Contains(t, again.run(t, 0).stdout, "already there")
			assert.EqualValues(t, run.Samples+1, s.run(t, run.RunID).K6.Summary.Samples)
		})
	}
}

// A file is the same by name, compressed and by standard input, also where lines in it are no samples.
func TestFileWithOtherLinesAgain(t *testing.T) {
	t.Parallel()
	s, dir := firstClass(t), t.TempDir()
	lines := strings.SplitAfter(small.text(t), "\n")
	begin, end := strings.Join(lines[:len(lines)-9], ""), strings.Join(lines[len(lines)-9:], "")
	require.Greater(t, len(begin), 64<<10, "what a run's id is made from")
	content := begin + "\nnone\n" + end
	plain, packed := write(t, dir, "checkout.json", content), write(t, dir, "checkout.json.gz", gzipOf(t, content))
	for name, order := range map[string][]string{
		"a file first": {plain, "-", packed}, "standard input first": {"-", plain}, "compressed first": {packed, "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, s.url)
			for i, file := range order {
				c := s.upload("--output", "json", "--rejects-file", filepath.Join(t.TempDir(), "rejects"), file)
				code := 4
				if file == "-" {
					c.stdin, code = strings.NewReader(content), 0
				}
				r := c.run(t, code).results(t)[0]
				if assert.NotZero(t, r.Documents); i > 0 {
					assert.Equal(t, r.Documents, r.Existing, file)
				}
			}
		})
	}
}

// A copy that is refused leaves what the good upload kept.
func TestRefusedCopyLeavesTheRejects(t *testing.T) {
	t.Parallel()
	s, text := firstClass(t), small.text(t)
	file := write(t, t.TempDir(), "checkout.json", "{none\n"+text+"{nor this\n")
	s.upload(file).run(t, 4)
	kept := rejects(t, file+".rejects")
	assert.Len(t, kept, 2)
	require.NoError(t, os.WriteFile(file, []byte("{none\n"+text[:len(text)/2]), 0o600))
	assert.Contains(t, s.upload(file).run(t, 1).stderr, "a shorter copy has nothing to add")
	assert.Equal(t, kept, rejects(t, file+".rejects"))
}

// A run of a version that did not note what it read of a file keeps its numbers.
func TestShorterFileOfAnOldRun(t *testing.T) {
	t.Parallel()
	s, text := firstClass(t), small.text(t)
	run := s.load(t, write(t, t.TempDir(), "checkout.json", text)).RunID
	d := s.run(t, run)
	parts := partsOf(t, d)
	parts[0].Content.Bytes, parts[0].Content.CRC = 0, 0
	old, err := json.Marshal(parts)
	require.NoError(t, err)
	body := object{"doc": object{"k6": object{"run": object{"parts": base64.StdEncoding.EncodeToString(old)}}}}
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPost, "/"+s.prefix+"-runs/_update/"+run+"?refresh=true", body, nil))
	before := s.state(t)
	o := s.upload(write(t, t.TempDir(), "checkout.json", text[:len(text)/2])).run(t, 1)
	assert.Regexp(t, `with more: [0-9,]+ samples, and this file has [0-9,]+ samples`, o.stderr)
	requireSame(t, before, s.state(t))
}
