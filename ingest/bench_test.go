package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// The budgets beside the benchmarks are for one core of a small virtual machine; ratios within one
// process are what counts. The data are a recorded run of a shop's checkout: 1,205 HTTP requests in 14,692 samples.

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
	text := checkout(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readFast(b, text)
	}
}

// Lines in another layout. Budget: 4 times encoding/json.
func BenchmarkReadJSONSlow(b *testing.B) {
	text := spaced(checkout(b))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readFast(b, text)
	}
}

// The comparison.
func BenchmarkReadJSONPlainly(b *testing.B) {
	text := checkout(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		readPlainly(b, text)
	}
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

func requests(samples []ingest.Sample) (n int) {
	for _, s := range samples {
		if s.Metric.Name == "http_reqs" {
			n++
		}
	}
	return n
}

// From samples to entries. Budget: 2,000 ns for each HTTP request, with its checks, iterations and groups.
func BenchmarkPipeline(b *testing.B) {
	registry, samples := samplesOf(b, checkout(b))
	b.ReportAllocs()
	var sink discard
	for b.Loop() {
		addAll(b, ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &sink), samples)
	}
	perRequest(b, requests(samples))
}

func perRequest(b *testing.B, requests int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*requests), "ns/request")
}

// The levels that a block may be compressed with. Budget: 1,200 ns for each HTTP request.
func BenchmarkCompress(b *testing.B) {
	registry, samples := samplesOf(b, checkout(b))
	var entries collect
	addAll(b, ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &entries), samples)
	for level := 1; level <= 3; level++ {
		b.Run(fmt.Sprintf("gzip-%d", level), func(b *testing.B) {
			var out bytes.Buffer
			zip, err := gzip.NewWriterLevel(&out, level)
			require.NoError(b, err)
			b.SetBytes(int64(entries.Len()))
			for b.Loop() {
				out.Reset()
				zip.Reset(&out)
				_, _ = zip.Write(entries.Bytes())
				_ = zip.Close()
			}
			perRequest(b, requests(samples))
			b.ReportMetric(float64(out.Len())/float64(requests(samples)), "wire-B/request")
		})
	}
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
