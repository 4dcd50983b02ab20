package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
)

// files are what one k6 run leaves behind.
type files struct{ samples, summary, export string }

// recordFiles runs the script with an ending, without a server.
func recordFiles(t testing.TB, end string, code int, flags ...string) files {
	t.Helper()
	o := k6Run(t, ending, append(flags, "--out=json=samples.json", "--summary-export=export.json",
		"-e", "SUMMARY=summary.json", "-e", "ENDING="+end)...).run(t, code)
	in := func(name string) string { return filepath.Join(o.dir, name) }
	return files{in("samples.json"), in("summary.json"), in("export.json")}
}

// A file names the thresholds on whole metrics, which k6es evaluates; k6's verdicts are in its summaries.
func TestThresholdsOfUploads(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	f := recordFiles(t, "crossed", 99)
	all, _ := readSamples(t, f.samples)
	want, sum := readVerdicts(t, f.summary), readSummary(t, f.summary)

	t.Run("by k6es", func(t *testing.T) {
		t.Parallel()
		s.load(t, f.samples, "--run-id", "evaluated")
		d := s.run(t, "evaluated")
		assert.Equal(t, runs.Failed, d.K6.Run.Status)
		assert.Equal(t, []string{"http_req_failed rate<0.001"}, d.K6.Crossed)
		verdicts, err := d.Verdicts()
		require.NoError(t, err)
		named := 0
		for metric, expressions := range want {
			if !strings.Contains(metric, "{") {
				named += len(expressions)
			}
		}
		assert.Len(t, verdicts, named)
		for _, v := range verdicts {
			assert.Equal(t, "k6es", v.By)
			assert.True(t, v.Evaluated)
			assert.Equal(t, !want[v.Metric][v.Expression], v.Crossed, "%s %s", v.Metric, v.Expression)
			compareMeasured(t, v, sum, all)
		}
		assert.Contains(t, s.show(t, "evaluated"), "k6es")
	})
	for name, summary := range map[string]string{"handleSummary": f.summary, "summary-export": f.export} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.load(t, f.samples, "--run-id", name, "--summary", summary)
			d := s.run(t, name)
			assert.Equal(t, runs.Failed, d.K6.Run.Status)
			assert.Equal(t, []string{"http_req_failed rate<0.001"}, d.K6.Crossed)
			requireVerdicts(t, want, sum, all, d)
			requireTotals(t, sum.totals(), all.of("http_req_duration"), d.K6.Summary)
			s.requireDelivered(t, d, all)
		})
	}
	t.Run("machine-readable", func(t *testing.T) {
		t.Parallel()
		s, machine := firstClass(t), filepath.Join(t.TempDir(), "machine.json")
		k6Run(t, tiny, "--new-machine-readable-summary", "--summary-export="+machine).run(t, 0)
		o := s.upload("--summary", machine, f.samples).run(t, 1)
		assert.Contains(t, o.stderr, "machine-readable summary, which has no verdicts")
		assert.Contains(t, o.stderr, "use what handleSummary is given, or --summary-export")
		assert.False(t, s.exists(t))
	})
}

// A file whose end is missing is of a run whose end is not known.
func TestUploadOfTornFile(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	text := small.text(t)
	file := write(t, t.TempDir(), "torn.json", text[:len(text)-20])
	r := s.load(t, file)
	require.True(t, r.TornLine)
	d := s.run(t, r.RunID)
	assert.Equal(t, runs.Interrupted, d.K6.Run.Status)
	assert.Contains(t, d.K6.Run.Reason, "cut off")
	assert.False(t, d.K6.Run.Partial, "all that the file has is there")
	assert.Contains(t, s.show(t, r.RunID), "INTERRUPTED")
}

// A file that is loaded again is no second process of its run.
func TestSecondUploadIsTheSamePart(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	file := write(t, t.TempDir(), "checkout.json", small.text(t))
	id := s.load(t, file).RunID
	first, series := s.run(t, id), texts(byID(t, s.stored(t, mappings.Series)))
	s.load(t, file)
	second := s.run(t, id)
	require.Len(t, partsOf(t, second), 1)
	assert.Len(t, second.K6.Run.Instances, 1)
	assert.Equal(t, first.K6.Summary, second.K6.Summary)
	assert.Equal(t, runs.Passed, second.K6.Run.Status)
	requireSame(t, series, texts(byID(t, s.stored(t, mappings.Series))))
}

// byID names each document of a series or threshold by what it is about.
func byID(t testing.TB, all []json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	named := map[string]json.RawMessage{}
	for _, source := range all {
		var d struct {
			K6 struct {
				Series    struct{ ID string }
				Threshold struct{ Metric, Expression string }
			}
		}
		require.NoError(t, json.Unmarshal(source, &d))
		key := d.K6.Series.ID + d.K6.Threshold.Metric + d.K6.Threshold.Expression
		require.NotContains(t, named, key)
		named[key] = source
	}
	return named
}

// A file that has grown since it was loaded ends as one that was whole from the start, wherever its end
// was: between the samples of a request, of a second, or within a line.
func TestUploadOfGrownFile(t *testing.T) {
	t.Parallel()
	const cuts, seed = 4, 7
	url := firstClass(t).url
	f := recordFiles(t, "passed", 0, "-e", "DURATION=3s")
	content, err := os.ReadFile(f.samples)
	require.NoError(t, err)
	text := string(content)
	whole := newStore(t, url)
	wanted := whole.load(t, f.samples)
	documents := texts(whole.documents(t))
	all, _ := readSamples(t, f.samples)

	random := rand.New(rand.NewPCG(seed, seed))
	const fingerprinted = 64 << 10
	for i := range cuts {
		cut := fingerprinted + random.IntN(len(text)-fingerprinted)
		if i%2 == 0 { // between the samples of a request
			cut += strings.Index(text[cut:], `{"metric":"http_req_waiting"`)
		}
		t.Run("", func(t *testing.T) {
			t.Parallel()
			s, file := newStore(t, url), filepath.Join(t.TempDir(), filepath.Base(f.samples))
			require.NoError(t, os.WriteFile(file, content[:cut], 0o600))
			half := s.load(t, file)
			require.Less(t, half.Samples, wanted.Samples)
			require.NoError(t, os.WriteFile(file, content, 0o600))
			grown := s.load(t, file)
			assert.Equal(t, wanted.RunID, grown.RunID)
			requireSame(t, documents, texts(s.documents(t)))

			d := s.run(t, grown.RunID)
			require.Len(t, partsOf(t, d), 1)
			assert.Equal(t, runs.Passed, d.K6.Run.Status)
			assert.Equal(t, whole.run(t, wanted.RunID).K6.Summary, d.K6.Summary)
			s.requireDelivered(t, d, all)
			requireSame(t, texts(byID(t, whole.stored(t, mappings.Series))), texts(byID(t, s.stored(t, mappings.Series))))
		})
	}
}
