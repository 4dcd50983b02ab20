package ingest_test

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// TestMetricsAreBounded: a file that names very many metrics keeps those that it named first, and its lines
// of others are bad.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	const n = 10_000
	var text, csv strings.Builder
	csv.WriteString("metric_name,timestamp,metric_value\n")
	for i := range n + 5 {
		fmt.Fprintf(&text, `{"metric":"m%d","type":"Point","data":{"time":%q,"value":1,"tags":{}}}`+"\n", i, noon)
		fmt.Fprintf(&csv, "m%d,1795348800,1\n", i)
	}
	text.WriteString(`{"type":"Metric","data":{"name":"late","type":"counter"},"metric":"late"}` + "\n" + pointLine + "\n")
	got := readJSON(text.String())
	assert.Len(t, got.samples, n+1, "what is k6's own is always known")
	require.Len(t, got.bad, 6)
	assert.Contains(t, got.bad[0], `f.json:10001:11: not a k6 sample: "metric" is "m10000"; the file names more than 10000 metrics`)
	got = readCSV(csv.String())
	assert.Len(t, got.samples, n)
	require.Len(t, got.bad, 5)
	assert.Contains(t, got.bad[0], `:10002:1: not a k6 sample: metric_name is "m10000"; the file names more than 10000 metrics`)
}

// TestThresholdsAreBounded: so are thresholds; what a line says of the type holds.
func TestThresholdsAreBounded(t *testing.T) {
	t.Parallel()
	var expressions []string
	for i := range 5_001 {
		expressions = append(expressions, fmt.Sprintf(`"count<%d"`, i))
	}
	line := `{"type":"Metric","data":{"name":"orders","type":"counter","thresholds":[` + strings.Join(expressions, ",") + `]},"metric":"orders"}`
	registry := ingest.NewRegistry()
	got := readStream(ingest.NewJSONReader(strings.NewReader(line+"\n"), "f", registry))
	require.Len(t, got.bad, 1)
	assert.Contains(t, got.bad[0], "; the file names more than 5000 thresholds")
	metric := registry.Lookup([]byte("orders"))
	assert.Equal(t, ingest.Counter, metric.Type)
	assert.Len(t, metric.Thresholds, 5_000)
}

// TestRecordOfManyLines: the time that a record takes grows with its length, not with its square.
func TestRecordOfManyLines(t *testing.T) {
	t.Parallel()
	const n = 200_000
	started := time.Now()
	got := readCSV("metric_name,timestamp,metric_value,a\n" + `vus,1,1,"` + strings.Repeat("\"\"\n", n) + `"` + "\nvus,2,1,b\n")
	assert.Empty(t, got.bad)
	require.Len(t, got.samples, 2)
	assert.Less(t, time.Since(started), 10*time.Second)
}

// TestFoldsOfLargeTags: series whose tags are large are written early, and add up to the same.
func TestFoldsOfLargeTags(t *testing.T) {
	t.Parallel()
	const sets, samples = 80, 3
	registry := ingest.NewRegistry()
	metric := registry.Define("orders", ingest.Counter)
	var sink collect
	p := ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &sink)
	for range samples {
		for i := range sets {
			tags := ingest.NewTagSet([]ingest.Tag{{Key: "a", Value: fmt.Sprint(i) + strings.Repeat("x", 1<<20)}})
			require.NoError(t, p.Add(&ingest.Sample{Time: start.UnixNano(), Value: 1, Metric: metric, Tags: tags}))
		}
	}
	require.NoError(t, p.Close())
	docs, count := parseDocuments(t, sink.Bytes()), 0.0
	for _, d := range docs {
		count += d.fields["k6.metric.sum"].(float64)
	}
	assert.EqualValues(t, sets*samples, count)
	assert.Greater(t, len(docs), sets, "they were not all held at once")
}

// TestTimesFarApart: the seconds of a run fit their field.
func TestTimesFarApart(t *testing.T) {
	t.Parallel()
	var out collect
	registry := ingest.NewRegistry()
	reader := ingest.NewJSONReader(strings.NewReader(point("1700-01-01T00:00:00Z", "1", "{}")+point("2261-12-31T23:59:59Z", "1", "{}")), "f", registry)
	p := ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &out)
	var s ingest.Sample
	for range 2 {
		require.NoError(t, reader.Read(&s))
		require.NoError(t, p.Add(&s))
	}
	require.NoError(t, p.Close())
	docs := parseDocuments(t, out.Bytes())
	require.Len(t, docs, 2)
	assert.EqualValues(t, 0, docs[0].fields["k6.elapsed"])
	assert.EqualValues(t, math.MaxInt32, docs[1].fields["k6.elapsed"])
}

// TestLongLineOfCSVHasNoText: what was passed over is not kept, nor is anything in its place.
func TestLongLineOfCSVHasNoText(t *testing.T) {
	t.Parallel()
	rejects := ingest.Rejects{Path: filepath.Join(t.TempDir(), "rejects")}
	reader := ingest.NewCSVReader(io.MultiReader(
		strings.NewReader("metric_name,timestamp,metric_value\nvus,1,1\n"), strings.NewReader(strings.Repeat("x", 17<<20)+"\nvus,2,1\n"),
	), "f", ingest.NewRegistry())
	var s ingest.Sample
	require.NoError(t, reader.Read(&s))
	var bad *ingest.BadLine
	require.ErrorAs(t, reader.Read(&s), &bad)
	assert.EqualError(t, bad, "f:3:16777217: the line is longer than 16 MiB")
	rejects.Line(bad)
	require.NoError(t, rejects.Close())
	kept, err := os.ReadFile(rejects.Path)
	require.NoError(t, err)
	assert.NotContains(t, string(kept), "vus")
	require.NoError(t, reader.Read(&s))
}
