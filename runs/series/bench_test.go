package series

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/scripts/bench/workload"
	"github.com/k6es/k6es/scripts/bench/yardstick"
)

func BenchmarkYardstick(b *testing.B) { yardstick.Benchmark(b) }

// Budget: 1,200 ns for each HTTP request, with its checks, iterations and groups, and no allocations once all
// series are known and no section of theirs is so small that it lists its values.
func BenchmarkAdd(b *testing.B) {
	samples, requests := load(b)
	c := NewCollector(nil)
	add := func() {
		for i := range samples {
			c.Add(&samples[i])
		}
	}
	for range maxListed + 1 {
		add()
	}
	b.ReportAllocs()
	for b.Loop() {
		add()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*requests), "ns/request")
}

// load is a run that is made up.
func load(tb testing.TB) (samples []ingest.Sample, requests int) {
	var text bytes.Buffer
	written, err := workload.Workload{Seed: 1, Requests: 2000}.Write(&text)
	require.NoError(tb, err)
	reader := ingest.NewJSONReader(&text, "load", ingest.NewRegistry())
	for {
		var s ingest.Sample
		err := reader.Read(&s)
		if errors.Is(err, io.EOF) {
			return samples, int(written.Requests)
		}
		require.NoError(tb, err)
		samples = append(samples, s)
	}
}
