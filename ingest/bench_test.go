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
// process are what counts. The data are a recorded run of a shop's checkout: 1,163 HTTP requests.

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

// Budget: as fast for each sample as k6's JSON.
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
