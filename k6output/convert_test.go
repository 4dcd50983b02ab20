package k6output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest"
)

// randomSamples makes samples of metrics of every type, with tags, metadata, zones and values as they
// come, and some that never do.
func randomSamples(t *testing.T, random *rand.Rand, n int) []metrics.Sample {
	t.Helper()
	run := newRunSamples()
	known := []*metrics.Metric{run.builtin.HTTPReqs, run.builtin.HTTPReqDuration, run.builtin.Checks, run.builtin.VUs}
	for _, typ := range []metrics.MetricType{metrics.Counter, metrics.Gauge, metrics.Rate, metrics.Trend} {
		known = append(known, run.registry.MustNewMetric("my_"+typ.String(), typ))
	}
	texts := []string{"", "home", "GET /items?a=1&b=2", `say "hi" \ there`, "<script>", "ünï · 負荷", "line\nbreak\ttab\x01", "::a::b", "\u2028", "😀"}
	keys := []string{"name", "url", "group", "status", "method", "my.key", "my key", "Schlüssel", `"`}
	zones := []*time.Location{time.UTC, time.FixedZone("", 3600), time.FixedZone("", -(5*3600 + 1800))}
	samples := make([]metrics.Sample, n)
	for i := range samples {
		tags := run.registry.RootTagSet()
		for range random.IntN(5) {
			tags = tags.With(keys[random.IntN(len(keys))], texts[random.IntN(len(texts))])
		}
		sample := metrics.Sample{
			TimeSeries: metrics.TimeSeries{Metric: known[random.IntN(len(known))], Tags: tags},
			Time:       run.start.Add(time.Duration(random.Int64N(int64(3 * time.Second)))).In(zones[random.IntN(len(zones))]),
			Value:      []float64{0, 1, -1, random.Float64(), random.NormFloat64() * 1e300, 5e-324, 1e21, math.Floor(random.Float64() * 1e6)}[random.IntN(8)],
		}
		if random.IntN(3) == 0 {
			sample.Metadata = map[string]string{"vu": fmt.Sprint(random.IntN(3)), "trace_id": texts[random.IntN(len(texts))]}
		}
		samples[i] = sample
	}
	return samples
}

// k6JSON writes samples as k6 does with --out json.
func k6JSON(t *testing.T, samples []metrics.Sample) []byte {
	t.Helper()
	type point struct {
		Time     time.Time         `json:"time"`
		Value    float64           `json:"value"`
		Tags     *metrics.TagSet   `json:"tags"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}
	type line struct {
		Metric string `json:"metric"`
		Type   string `json:"type"`
		Data   any    `json:"data"`
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	seen := map[*metrics.Metric]bool{}
	for _, s := range samples {
		if !seen[s.Metric] {
			seen[s.Metric] = true
			definition := map[string]any{"name": s.Metric.Name, "type": s.Metric.Type, "contains": s.Metric.Contains}
			require.NoError(t, encoder.Encode(line{s.Metric.Name, "Metric", definition}))
		}
		require.NoError(t, encoder.Encode(line{s.Metric.Name, "Point", point{s.Time, s.Value, s.Tags, s.Metadata}}))
	}
	return out.Bytes()
}

// entries is a sink that keeps everything.
type entries struct{ bytes.Buffer }

func (e *entries) Add(entry []byte) error {
	_, err := e.Write(entry)
	return err
}

// TestLiveAndFileAreTheSame converts samples, and reads the JSON that k6 writes of them, and compares
// sample by sample and document by document.
func TestLiveAndFileAreTheSame(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			samples := randomSamples(t, rand.New(rand.NewPCG(seed, 0)), 500) //nolint:gosec // a test is to be repeatable
			live, file := ingest.NewRegistry(), ingest.NewRegistry()
			convert := newConverter(live)
			reader := ingest.NewJSONReader(bytes.NewReader(k6JSON(t, samples)), "file", file)
			var liveOut, fileOut entries
			who := ingest.Run{ID: "run-1", Name: "nightly", Test: "checkout", Instance: 1}
			livePipeline := ingest.NewPipeline(who, live, ingest.DefaultOptions(), &liveOut)
			filePipeline := ingest.NewPipeline(who, file, ingest.DefaultOptions(), &fileOut)
			for i := range samples {
				var converted, read ingest.Sample
				convert.convert(&samples[i], &converted)
				require.NoError(t, reader.Read(&read))
				requireSame(t, &samples[i], &converted, &read)
				require.NoError(t, livePipeline.Add(&converted))
				require.NoError(t, filePipeline.Add(&read))
			}
			require.NoError(t, livePipeline.Close())
			require.NoError(t, filePipeline.Close())
			assert.Equal(t, fileOut.String(), liveOut.String())
		})
	}
}

func requireSame(t *testing.T, in *metrics.Sample, converted, read *ingest.Sample) {
	t.Helper()
	for _, out := range []*ingest.Sample{converted, read} {
		require.Equal(t, in.Time.UnixNano(), out.Time)
		require.InDelta(t, in.Value, out.Value, 0)
		require.Equal(t, in.Metric.Name, out.Metric.Name)
		require.Equal(t, in.Metric.Type.String(), out.Metric.Type.String())
		for key, value := range in.Tags.Map() {
			require.Equal(t, value, out.Tags.Get(key), key)
		}
		require.True(t, out.Meta.Matches(in.Metadata))
	}
}

func TestConverterWithoutTagsOrMetadata(t *testing.T) {
	t.Parallel()
	run := newRunSamples()
	in := metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: run.builtin.VUs}, Time: run.start, Value: 3}
	var out ingest.Sample
	newConverter(ingest.NewRegistry()).convert(&in, &out)
	assert.Equal(t, "vus", out.Metric.Name)
	assert.Empty(t, out.Tags.Get("name"))
	assert.Nil(t, out.Meta)
}
