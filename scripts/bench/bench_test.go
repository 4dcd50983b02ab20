package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/bench/workload"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

func TestValues(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 2, values{3, 1, 2}.median(), 0)
	assert.InDelta(t, 2.5, values{4, 1, 2, 3}.median(), 0)
	assert.Equal(t, "2.00 (1.00–3.00)", values{3, 1, 2}.String())
	assert.Equal(t, "1235", values{1234.6}.String())
	assert.Equal(t, "0.0123", values{0.01234}.String())
	assert.Equal(t, "-", values(nil).String())
	assert.Equal(t, values{2, 0.5}, values{4, 1}.ratio(values{2, 2}))
}

func TestContestAlternates(t *testing.T) {
	t.Parallel()
	var order []string
	named := func(name string) contestant {
		return contestant{name, func(_ context.Context, round int) (figures, error) {
			order = append(order, name)
			return figures{"x": float64(round)}, nil
		}}
	}
	found, err := contest(t.Context(), 2, io.Discard, named("a"), named("b"))
	require.NoError(t, err)
	assert.Equal(t, "a b b a a b", strings.Join(order, " "))
	assert.Equal(t, values{0, 1}, found["a"]["x"], "the first round does not count")
	broken := contestant{"c", func(context.Context, int) (figures, error) { return nil, io.ErrUnexpectedEOF }}
	_, err = contest(t.Context(), 2, io.Discard, broken)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// A missed mark is shown and told; what was found is kept, and shown in the documentation.
func TestReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := report{
		Experiment: "upload", Command: "make x", Machine: "a machine",
		Tables: []table{{"1 GB", []string{"k6es"}, []row{{"speed", []values{{1, 2, 3}}}}}},
		Marks:  []mark{{"fast", values{5, 7, 6}, 6, false}, {"small", values{3}, 2, true}},
	}
	var shown strings.Builder
	assert.ErrorIs(t, r.keep(dir, &shown), errMissed)
	assert.Contains(t, shown.String(), "MISSED")
	assert.Contains(t, shown.String(), "2.00 (1.00–3.00)")
	text := []byte("# Speed\n<!-- result: upload -->\nold\n<!-- end of result -->\nrest\n")
	filled, err := withResults(text, dir)
	require.NoError(t, err)
	assert.Contains(t, string(filled), "| speed | 2.00 (1.00–3.00) |")
	assert.Contains(t, string(filled), "| small | ≤ 2.00 | 3.00 | MISSED |")
	assert.Contains(t, string(filled), "`make x`, on a machine.\n\n<!-- end of result -->\nrest\n")
	assert.NotContains(t, string(filled), "old")
	again, err := withResults(filled, dir)
	require.NoError(t, err)
	assert.Equal(t, string(filled), string(again))
	_, err = withResults([]byte("<!-- result: other -->\n<!-- end of result -->"), dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	r.Marks = r.Marks[:1]
	assert.NoError(t, r.keep("", io.Discard))
}

// The command that is kept names what was set, but for what is of this machine only.
func TestReportNamesItsCommand(t *testing.T) {
	t.Parallel()
	cmd := newScale()
	require.NoError(t, cmd.ParseFlags([]string{"--requests", "10,100", "--rounds=1", "--url", "http://x", "--results", "y"}))
	r := report{}.from(cmd)
	assert.Equal(t, "scale", r.Experiment)
	assert.Equal(t, "make bench-e2e EXPERIMENT='scale --requests 10,100 --rounds 1'", r.Command)
}

// docs/performance.md shows the results that are kept.
func TestDocumentationIsCurrent(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("../..", docsFile))
	require.NoError(t, err)
	filled, err := withResults(text, "results")
	require.NoError(t, err)
	assert.Equal(t, string(filled), string(text), "stale: go run ./scripts/bench docs")
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	got, err := parseStat("1234 (a (b) c d) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1 0 5\n")
	require.NoError(t, err)
	assert.Equal(t, 1270*time.Millisecond, got)
	_, err = parseStat("1234 (short) S 1")
	assert.ErrorContains(t, err, "not understood")
}

func TestRunProcess(t *testing.T) {
	t.Parallel()
	took, err := runProcess(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 0.1"))
	require.NoError(t, err)
	assert.Positive(t, took.CPU)
	assert.Greater(t, took.Wall, 100*time.Millisecond)
	assert.Positive(t, took.RSS)
	_, err = runProcess(t.Context(), exec.CommandContext(t.Context(), "sh", "-c", "echo no such file >&2; exit 3"))
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.ErrorContains(t, err, "no such file")
}

// The reference stores every sample, so that the comparison is one of equals.
func TestReferenceStoresEverySample(t *testing.T) {
	t.Parallel()
	s := server{url: servertest.URL(t, servertest.FirstClass)}
	index := servertest.Prefix(t, s.url) + "-reference"
	file := filepath.Join(t.TempDir(), "run.json")
	written, err := writeWorkload(file, workload.Workload{Requests: 500})
	require.NoError(t, err)
	done, err := ingest(t.Context(), s, index, file)
	require.NoError(t, err)
	assert.Equal(t, written.Samples, int64(done.Documents))
	assert.Greater(t, done.Bytes, written.Bytes/2)
	require.NoError(t, s.settle(t.Context(), index))
	require.NoError(t, s.merge(t.Context(), index))
	documents, disk, err := s.size(t.Context(), index)
	require.NoError(t, err)
	assert.InDelta(t, written.Samples, documents, 0)
	assert.Positive(t, disk)
	_, err = ingest(t.Context(), s, index, file)
	require.ErrorContains(t, err, "resource_already_exists_exception")
	require.NoError(t, s.remove(t.Context(), index))
}
