package series

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// nearestRank is the percentile by its definition.
func nearestRank(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1]
}

func TestSketchIsWithinHalfAPercent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	for name, draw := range map[string]func() float64{
		"latency":         func() float64 { return math.Exp(2 + random.NormFloat64()) },
		"with zeros":      func() float64 { return max(0, random.NormFloat64()) },
		"both signs":      func() float64 { return 100 * random.NormFloat64() },
		"many magnitudes": func() float64 { return math.Pow(10, 20*random.Float64()-10) },
		"one value":       func() float64 { return 7.25 },
	} {
		for _, n := range []int{1, 2, 10, 101, 20_000} {
			registry := ingest.NewRegistry()
			metric := registry.Define("m", ingest.Trend)
			c := NewCollector(nil)
			values := make([]float64, n)
			for i := range values {
				values[i] = draw()
				c.Add(&ingest.Sample{Time: int64(i) * 1e7, Value: values[i], Metric: metric, Tags: ingest.NewTagSet(nil)})
			}
			sketch, err := c.Find("m", Key{Scope: WholeRun}).Sketch()
			require.NoError(t, err)
			text, err := json.Marshal(sketch)
			require.NoError(t, err)
			var read Sketch
			require.NoError(t, json.Unmarshal(text, &read))
			assert.Equal(t, int64(n), read.Count())
			for _, p := range []float64{0, .01, .5, .9, .95, .99, .999, 1} {
				want := nearestRank(values, p)
				got, ok := read.Quantile(p)
				require.True(t, ok)
				assert.InDelta(t, want, got, math.Abs(want)*accuracy*1.0001+1e-300, "%s, n %d, p %v", name, n, p)
			}
		}
	}
}

func TestEmptySketch(t *testing.T) {
	t.Parallel()
	var s Sketch
	_, ok := s.Quantile(.5)
	assert.False(t, ok)
	assert.Zero(t, s.Count())
	require.NoError(t, s.Merge(&Sketch{}))
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &s))
	assert.Zero(t, s.Count())
	require.Error(t, json.Unmarshal([]byte(`"AAAA"`), &s))
	require.Error(t, json.Unmarshal([]byte(`{}`), &s))
}

// JSON has no infinity, and one such sum would keep the whole run from being recorded.
func TestSumsStayFinite(t *testing.T) {
	t.Parallel()
	metric := ingest.NewRegistry().Define("m", ingest.Counter)
	for _, value := range []float64{math.MaxFloat64, -math.MaxFloat64} {
		c := NewCollector(nil)
		for range 3 {
			c.Add(&ingest.Sample{Value: value, Metric: metric, Tags: ingest.NewTagSet(nil)})
		}
		s := c.Find("m", Key{Scope: WholeRun})
		assert.InDelta(t, value, s.Sum, 0)
		s.merge(s)
		assert.InDelta(t, value, s.Sum, 0)
	}
}

// TestTenths feeds a value that says in which tenth of the run it was taken.
func TestTenths(t *testing.T) {
	t.Parallel()
	for _, length := range []time.Duration{
		time.Second, 3 * time.Second, 8 * time.Second, 20 * time.Second, 61 * time.Second, 10 * time.Minute, 3 * time.Hour,
	} {
		metric := ingest.NewRegistry().Lookup([]byte("http_req_duration"))
		c := NewCollector(nil)
		const n = 20_000
		for i := range n {
			at := int64(length) * int64(i) / (n - 1)
			c.Add(&ingest.Sample{Time: 1e18 + at, Value: float64(i*10/n + 1), Metric: metric, Tags: ingest.NewTagSet(nil)})
		}
		s := c.Find("http_req_duration", Key{Scope: WholeRun})
		tenths, err := s.Tenths(length)
		require.NoError(t, err)
		require.Len(t, tenths, 10)
		var total int64
		for i, tenth := range tenths {
			median, ok := tenth.Quantile(.5)
			require.True(t, ok)
			assert.InDelta(t, i+1, median, 0.06, "%s: tenth %d", length, i)
			assert.InDelta(t, n/10, tenth.Count(), n/10*.55, "%s: a section lies in the tenth where its middle is", length)
			total += tenth.Count()
		}
		assert.Equal(t, int64(n), total)
		assert.LessOrEqual(t, len(s.trend.sections), maxSections)
		whole, err := s.Sketch()
		require.NoError(t, err)
		assert.Equal(t, int64(n), whole.Count())
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	registry := ingest.NewRegistry()
	tags := ingest.NewTagSet([]ingest.Tag{
		{Key: "scenario", Value: "browse"}, {Key: "group", Value: "::home::inner"}, {Key: "name", Value: "items"},
		{Key: "method", Value: "GET"}, {Key: "status", Value: "503"}, {Key: "check", Value: "ok"}, {Key: "kind", Value: "x"},
	})
	c := NewCollector([]Submetric{
		{Metric: "checks", Selector: "kind:x", Tags: []ingest.Tag{{Key: "kind", Value: "x"}}},
		{Metric: "checks", Selector: "kind:y", Tags: []ingest.Tag{{Key: "kind", Value: "y"}}},
		{Metric: "other", Selector: "kind:x", Tags: []ingest.Tag{{Key: "kind", Value: "x"}}},
	})
	for _, value := range []float64{1, 0, 1} {
		c.Add(&ingest.Sample{Time: 5, Value: value, Metric: registry.Lookup([]byte("checks")), Tags: tags})
	}
	var keys []string
	for _, s := range c.All() {
		keys = append(keys, s.Key.String())
		assert.Equal(t, int64(3), s.Count)
		assert.Equal(t, int64(2), s.Passes)
		assert.InDelta(t, 2, s.Sum, 0)
	}
	assert.Equal(t, []string{"check ok", "group home::inner", "GET items 5xx", "run", "scenario browse", "{kind:x}"}, keys)
}

func TestStatusClasses(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{"200": "2xx", "404": "4xx", "0": "none", "": "", "5": "5", "shipped": "shipped", "999": "999"} {
		assert.Equal(t, want, statusClass(status), status)
	}
}

// TestTooManySeries makes more request names than there may be series: nothing is lost of the sums, the
// busy ones stay, and the memory is what MaxSeries says.
func TestTooManySeries(t *testing.T) {
	registry := ingest.NewRegistry()
	metric := registry.Lookup([]byte("http_req_duration"))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c := NewCollector(nil)
	const names, busy = 30_000, 50
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test's
	add := func(i, name int) {
		tags := ingest.NewTagSet([]ingest.Tag{{Key: "name", Value: fmt.Sprint("n", name)}})
		c.Add(&ingest.Sample{Time: int64(i) * 1e8, Value: math.Exp(random.NormFloat64()), Metric: metric, Tags: tags})
	}
	for i := range busy * 200 {
		add(i, i%busy)
	}
	for i := range names {
		add(busy*200+i, busy+i)
	}
	assert.LessOrEqual(t, len(c.All()), MaxSeries)
	assert.Positive(t, c.Merged())
	var sum int64
	for _, s := range c.All(Request, Other) {
		sum += s.Count
	}
	assert.Equal(t, int64(names+busy*200), sum)
	assert.Equal(t, sum, c.Find("http_req_duration", Key{Scope: WholeRun}).Count)
	for i := range busy {
		assert.Equal(t, int64(200), c.Find("http_req_duration", Key{Scope: Request, Name: fmt.Sprint("n", i)}).Count)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc) //nolint:gosec // not that large
	t.Logf("%d series: %d KiB", len(c.All()), grown>>10)
	assert.Less(t, grown, int64(MaxSeries)*8<<10, "8 KiB a series at most while most have few values")
	runtime.KeepAlive(c)
}

// TestManyRequests makes more request names than may keep sections: the busy ones keep them, and no
// sample is lost of those that give them up.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	metric := ingest.NewRegistry().Lookup([]byte("http_req_duration"))
	c := NewCollector(nil)
	const names = 3 * maxSectioned
	for i := range 20 * names {
		name := i % names
		if name%3 == 0 {
			name %= 90 // these are busy
		}
		tags := ingest.NewTagSet([]ingest.Tag{{Key: "name", Value: fmt.Sprint("n", name)}})
		c.Add(&ingest.Sample{Time: int64(i) * 1e6, Value: float64(1 + name), Metric: metric, Tags: tags})
	}
	busiest := c.Busiest(maxSectioned)
	assert.LessOrEqual(t, len(busiest), maxSectioned)
	for i := range 30 {
		assert.Contains(t, keysOf(busiest), fmt.Sprint("n", 3*i))
	}
	for _, s := range c.All(Request) {
		sketch, err := s.Sketch()
		require.NoError(t, err)
		assert.Equal(t, s.Count, sketch.Count(), s.Key.Name)
	}
}

func keysOf(all []*Series) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.Key.Name)
	}
	return names
}
