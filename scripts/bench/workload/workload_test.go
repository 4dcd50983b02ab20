package workload_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/scripts/bench/workload"
)

func write(t testing.TB, w workload.Workload) (string, workload.Written) {
	t.Helper()
	var text bytes.Buffer
	written, err := w.Write(&text)
	require.NoError(t, err)
	return text.String(), written
}

// Every line is read, and what is in them is what the workload says of itself.
func TestWorkloadIsRead(t *testing.T) {
	t.Parallel()
	text, written := write(t, workload.Workload{Requests: 5000, Names: 60})
	assert.Equal(t, int64(len(text)), written.Bytes)
	reader := ingest.NewJSONReader(strings.NewReader(text), "run.json", ingest.NewRegistry())
	var samples int64
	sums, names := map[string]float64{}, map[string]bool{}
	var s ingest.Sample
	for {
		err := reader.Read(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		samples++
		assert.NotEqual(t, ingest.Unknown, s.Metric.Type, s.Metric.Name)
		sums[s.Metric.Name] += s.Value
		if s.Metric.Name == "http_reqs" {
			names[s.Tags.Get("name")] = true
		}
	}
	assert.Equal(t, written.Samples, samples)
	assert.InDelta(t, written.Requests, sums["http_reqs"], 0)
	assert.InDelta(t, written.Iterations, sums["iterations"], 0)
	assert.GreaterOrEqual(t, written.Requests, int64(5000))
	assert.InDelta(t, 60, len(names), 6)
	assert.InEpsilon(t, sums["http_req_duration"], sums["http_req_sending"]+sums["http_req_waiting"]+sums["http_req_receiving"], 1e-9)
	assert.InDelta(t, 11.8, float64(samples)/sums["http_reqs"], 0.3, "samples for each request")
}

var (
	quoted = regexp.MustCompile(`":("[^"]*"|[-0-9.e]+)`)
	metric = regexp.MustCompile(`^\{"metric":"([^"]*)"`)
)

// shapes are the lines of each metric without the values in them: their keys, in their order.
func shapes(text string) map[string]map[string]bool {
	found := map[string]map[string]bool{}
	for line := range strings.Lines(text) {
		if m := metric.FindStringSubmatch(line); m != nil {
			if found[m[1]] == nil {
				found[m[1]] = map[string]bool{}
			}
			found[m[1]][quoted.ReplaceAllString(line, `":`)] = true
		}
	}
	return found
}

// Lines have the keys of those that a real k6 wrote, in its order. Tags of the script's own may be others.
func TestLinesAreThoseOfK6(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../ingest/testdata/checkout.json.gz")
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	theirs, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	own := regexp.MustCompile(`"(journey|kind|basket)":`)
	want, compared := map[string]map[string]bool{}, 0
	for name, lines := range shapes(string(theirs)) {
		want[name] = map[string]bool{}
		for line := range lines {
			want[name][plain(own, line)] = true
		}
	}
	text, _ := write(t, workload.Workload{Requests: 3000})
	for name, lines := range shapes(text) {
		if want[name] == nil {
			continue // a metric of this script
		}
		for line := range lines {
			compared++
			assert.Contains(t, want[name], plain(own, line), name)
		}
	}
	assert.Greater(t, compared, 15)
}

// plain leaves some keys out of a line.
func plain(keys *regexp.Regexp, line string) string {
	return strings.ReplaceAll(strings.ReplaceAll(keys.ReplaceAllString(line, ""), ",,", ","), ",,", ",")
}

func TestWorkloadsAreReproducible(t *testing.T) {
	t.Parallel()
	w := workload.Workload{Bytes: 100_000, Seed: 3}
	first, written := write(t, w)
	again, _ := write(t, w)
	assert.Equal(t, first, again)
	assert.InDelta(t, 100_000, written.Bytes, 100_000)
	w.Seed++
	other, _ := write(t, w)
	assert.NotEqual(t, first, other)
}

func TestRateOfAWorkload(t *testing.T) {
	t.Parallel()
	text, written := write(t, workload.Workload{Requests: 20_000, Rate: 2000})
	times := regexp.MustCompile(`"time":"([^"]*)"`).FindAllStringSubmatch(text, -1)
	first, err := time.Parse(time.RFC3339Nano, times[0][1])
	require.NoError(t, err)
	last, err := time.Parse(time.RFC3339Nano, times[len(times)-1][1])
	require.NoError(t, err)
	assert.InEpsilon(t, 2000, float64(written.Requests)/last.Sub(first).Seconds(), 0.05)
}

// failing is a disk that is full.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWorkloadTellsOfErrors(t *testing.T) {
	t.Parallel()
	_, err := workload.Workload{Requests: 10_000}.Write(failing{})
	assert.ErrorIs(t, err, io.ErrShortWrite)
}

func BenchmarkWrite(b *testing.B) {
	w := workload.Workload{Requests: 10_000}
	written, _ := w.Write(io.Discard)
	b.SetBytes(written.Bytes)
	for b.Loop() {
		if _, err := w.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
