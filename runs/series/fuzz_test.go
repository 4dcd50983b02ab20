package series

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// FuzzSketch: what a document holds in a sketch's place is one, or is refused.
func FuzzSketch(f *testing.F) {
	for _, values := range [][]float64{{1}, {0, 0, 0}, {-3, 2.5, 1e300, 5e-324}, {1, 1, 1, 1, 2, 3, 900}} {
		c := NewCollector(nil)
		metric := ingest.NewRegistry().Define("m", ingest.Trend)
		for i, v := range values {
			c.Add(&ingest.Sample{Time: int64(i), Value: v, Metric: metric, Tags: ingest.NewTagSet(nil)})
		}
		sketch, err := c.Find("m", Key{Scope: WholeRun}).Sketch()
		require.NoError(f, err)
		encoded, err := sketch.MarshalBinary()
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var s, sum Sketch
		if s.UnmarshalBinary(encoded) != nil {
			require.Zero(t, s.Count())
			return
		}
		for _, p := range []float64{0, .5, .95, 1} {
			_, _ = s.Quantile(p)
		}
		require.NoError(t, sum.Merge(&s))
		require.NoError(t, sum.Merge(&s))
		_, err := sum.MarshalBinary()
		require.NoError(t, err)
	})
}
