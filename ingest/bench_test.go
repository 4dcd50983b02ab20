package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/deflate"
	"github.com/k6es/k6es/scripts/bench/workload"
	"github.com/k6es/k6es/scripts/bench/yardstick"
)

// The budgets beside the benchmarks are for one core of a small virtual machine; ratios within one
// process are what counts: scripts/bench/micro/budget.go has them as data. The load is made up, of some 2,000 HTTP
// requests in 24,000 samples.

var load = sync.OnceValue(func() []byte {
	var text bytes.Buffer
	if _, err := (workload.Workload{Seed: 1, Requests: 2000}).Write(&text); err != nil {
		panic(err)
	}
	return text.Bytes()
})

func BenchmarkYardstick(b *testing.B) { yardstick.Benchmark(b) }

// plainLine is what the reader has to find out, as encoding/json would do it: the comparison.
type plainLine struct {
	Metric string `json:"metric"`
	Type   string `json:"type"`
	Data   struct {
		Time     time.Time         `json:"time"`
		Value    float64           `json:"value"`
		Tags     map[string]string `json:"tags"`
		Metadata map[string]string `json:"metadata"`
	} `json:"data"`
}

func readPlainly(tb testing.TB, text []byte) {
	for line := range bytes.Lines(text) {
		var l plainLine
		require.NoError(tb, json.Unmarshal(line, &l))
	}
}

func readAll(tb testing.TB, reader ingest.SampleReader) (samples int) {
	var s ingest.Sample
	for {
		err := reader.Read(&s)
		if errors.Is(err, io.EOF) {
			return samples
		}
		if err != nil {
			tb.Fatal(err)
		}
		samples++
	}
}

func readFast(tb testing.TB, text []byte) {
	readAll(tb, ingest.NewJSONReader(bytes.NewReader(text), "fast", ingest.NewRegistry()))
}

// spaced puts a blank into each line, which sends it the slow way.
func spaced(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte(`"data":{`), []byte(`"data": {`))
}

// Budget: 20 times encoding/json.
func BenchmarkReadJSON(b *testing.B) {
	text := load()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readFast(b, text)
	}
}

// Lines in another layout. Budget: 4 times encoding/json.
func BenchmarkReadJSONSlow(b *testing.B) {
	text := spaced(load())
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readFast(b, text)
	}
}

// The comparison.
func BenchmarkReadJSONPlainly(b *testing.B) {
	text := load()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readPlainly(b, text)
	}
}

// Budget: 85 % of what bare decompression does: that is the limit, not parsing, which runs beside it.
func BenchmarkReadGzip(b *testing.B) {
	file, size := zippedLoad(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		source, err := ingest.Open(file, nil, io.Discard)
		require.NoError(b, err)
		readAll(b, source.Samples(ingest.NewRegistry()))
		require.NoError(b, source.Close())
	}
}

// The comparison.
func BenchmarkGunzip(b *testing.B) {
	file, size := zippedLoad(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		opened, err := os.Open(file)
		require.NoError(b, err)
		zip, err := gzip.NewReader(opened)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, zip)
		require.NoError(b, err)
		require.NoError(b, opened.Close())
	}
}

// zippedLoad writes the load some times into one file, as gzip. The size is that before compression, in bytes.
func zippedLoad(b *testing.B) (name string, size int64) {
	const times = 8
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	for range times {
		_, err := zip.Write(load())
		require.NoError(b, err)
	}
	require.NoError(b, zip.Close())
	name = filepath.Join(b.TempDir(), "load.json.gz")
	require.NoError(b, os.WriteFile(name, zipped.Bytes(), 0o600))
	return name, times * int64(len(load()))
}

// Budget: as fast for each sample as lines of JSON in another layout than k6's own.
func BenchmarkReadCSV(b *testing.B) {
	text := unzip(b, "testdata/checkout.csv.gz")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readAll(b, ingest.NewCSVReader(bytes.NewReader(text), "csv", ingest.NewRegistry()))
	}
}

func samplesOf(tb testing.TB, text []byte) (*ingest.Registry, []ingest.Sample) {
	registry := ingest.NewRegistry()
	reader := ingest.NewJSONReader(bytes.NewReader(text), "test", registry)
	var samples []ingest.Sample
	for {
		var s ingest.Sample
		err := reader.Read(&s)
		if errors.Is(err, io.EOF) {
			return registry, samples
		}
		require.NoError(tb, err)
		samples = append(samples, s)
	}
}

func requestsOf(samples []ingest.Sample) (n int) {
	for _, s := range samples {
		if s.Metric.Name == "http_reqs" {
			n++
		}
	}
	return n
}

// From samples to entries. Budget: 2,000 ns for each HTTP request, with its checks, iterations and groups.
func BenchmarkPipeline(b *testing.B) {
	registry, samples := samplesOf(b, load())
	b.ReportAllocs()
	var sink discard
	for b.Loop() {
		addAll(b, ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &sink), samples)
	}
	perRequest(b, requestsOf(samples))
}

func perRequest(b *testing.B, requests int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*requests), "ns/request")
}

// bulk is the bulk body that the workload becomes.
func bulk(tb testing.TB) (body []byte, requests int) {
	registry, samples := samplesOf(tb, load())
	var entries collect
	addAll(tb, ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &entries), samples)
	return entries.Bytes(), requestsOf(samples)
}

// inBlocks calls seal for each part of a bulk body that makes a request, as the writer cuts it.
func inBlocks(body []byte, seal func(part []byte)) {
	const blockSize = 1 << 20
	for len(body) > 0 {
		n := min(blockSize, len(body))
		seal(body[:n])
		body = body[n:]
	}
}

// The levels that a block may be compressed with; 1 is our own. Budget of that: 1,200 ns and 60 bytes for each
// HTTP request.
func BenchmarkCompress(b *testing.B) {
	body, requests := bulk(b)
	b.Run("gzip-1", func(b *testing.B) {
		var encoder deflate.Encoder
		var out []byte
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			out = out[:0]
			inBlocks(body, func(part []byte) { out = encoder.AppendGzip(out, part) })
		}
		perRequest(b, requests)
		b.ReportMetric(float64(len(out))/float64(requests), "wire-B/request")
	})
	for level := 1; level <= 3; level++ {
		b.Run(fmt.Sprintf("klauspost-%d", level), func(b *testing.B) {
			var out bytes.Buffer
			zip, err := gzip.NewWriterLevel(&out, level)
			require.NoError(b, err)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				inBlocks(body, func(part []byte) {
					zip.Reset(&out)
					_, _ = zip.Write(part)
					_ = zip.Close()
				})
			}
			perRequest(b, requests)
			b.ReportMetric(float64(out.Len())/float64(requests), "wire-B/request")
		})
	}
}

// What goes over the wire for each HTTP request, all its documents, with its checks, groups and iterations.
func TestBytesOnTheWire(t *testing.T) {
	t.Parallel()
	body, requests := bulk(t)
	var encoder deflate.Encoder
	var wire int
	inBlocks(body, func(part []byte) { wire += len(encoder.AppendGzip(nil, part)) })
	each := float64(wire) / float64(requests)
	t.Logf("%.1f bytes for each of %d requests, %.0f before compression", each, requests, float64(len(body))/float64(requests))
	require.LessOrEqual(t, each, 60.0)
}

// best is the shortest of several rounds of each, taken in turns so that noise of the machine hits all.
func best(rounds int, each ...func()) []time.Duration {
	shortest := make([]time.Duration, len(each))
	for range rounds {
		for i, run := range each {
			runtime.GC()
			start := time.Now()
			run()
			if d := time.Since(start); shortest[i] == 0 || d < shortest[i] {
				shortest[i] = d
			}
		}
	}
	return shortest
}

// How fast the readers must be, at least, against encoding/json on the same lines. They are faster: see
// the benchmarks; this is what noise of the machine does not reach.
func TestReaderIsFast(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector slows our code, and not encoding/json's: no comparison")
		return
	}
	text := checkout(t)
	slow := spaced(text)
	d := best(5, func() { readFast(t, text) }, func() { readFast(t, slow) }, func() { readPlainly(t, text) })
	fast, other := float64(d[2])/float64(d[0]), float64(d[2])/float64(d[1])
	t.Logf("k6's own layout %.1f times, another %.1f times as fast as encoding/json", fast, other)
	require.Greater(t, fast, 8.0)
	require.Greater(t, other, 3.0)
}

// In steady state, no sample costs an allocation on its way from the file to the sink.
func TestSamplesCostNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector allocates")
		return
	}
	text := checkout(t)
	for name, text := range map[string][]byte{"k6's layout": text, "another layout": spaced(text)} {
		registry := ingest.NewRegistry()
		loop := &endlessly{text: points(text)}
		reader := ingest.NewJSONReader(io.MultiReader(bytes.NewReader(text), loop), "test", registry)
		var sink discard
		p := ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &sink)
		var s ingest.Sample
		pass := func() {
			for range 20_000 {
				if err := reader.Read(&s); err != nil {
					t.Fatal(err)
				}
				if s.Time += int64(loop.rounds) * int64(time.Hour); s.Time < 0 {
					t.Fatal("too many rounds")
				}
				if err := p.Add(&s); err != nil {
					t.Fatal(err)
				}
			}
		}
		pass()
		pass()
		each := testing.AllocsPerRun(5, pass) / 20_000
		t.Logf("%s: %.5f allocations a sample", name, each)
		require.Less(t, each, 0.0005, name)
	}
}

// points leaves out the lines that define metrics.
func points(text []byte) (left []byte) {
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"type":"Metric"`)) {
			left = append(left, line...)
		}
	}
	return left
}

// endlessly repeats a text.
type endlessly struct {
	text   []byte
	at     int
	rounds int
}

func (e *endlessly) Read(p []byte) (int, error) {
	if e.at == len(e.text) {
		e.at, e.rounds = 0, e.rounds+1
	}
	n := copy(p, e.text[e.at:])
	e.at += n
	return n, nil
}
