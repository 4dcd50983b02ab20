package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// A document lists 1,000 values at most, those beyond make another one, and no value is lost or in the wrong
// place when lists are used again for later seconds.
func TestManyValuesOfATrend(t *testing.T) {
	t.Parallel()
	s := newStream().define("size", ingest.Trend)
	var want []float64
	for second := range 6 {
		for i := range 2500 {
			want = append(want, float64(10_000*second+i))
			s.add("size", time.Duration(second)*time.Second+time.Duration(i)*time.Microsecond, want[len(want)-1], "")
		}
	}
	var got, lengths []float64
	for _, d := range s.documents(t) {
		values := d.fields["k6.metric.value"].([]any)
		assert.InDelta(t, len(values), d.fields["k6.metric.count"], 0)
		lengths = append(lengths, float64(len(values)))
		for _, value := range values {
			got = append(got, value.(float64))
		}
	}
	assert.Equal(t, want, got)
	require.Len(t, lengths, 18)
	assert.Equal(t, []float64{1000, 1000, 500}, lengths[:3])
}
