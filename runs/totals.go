package runs

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/k6es/k6es/ingest"
)

// accuracy is the relative error of percentiles, at most.
const accuracy = 0.005

// Totals are the headline numbers of a run, gathered while its samples pass. It is not safe for
// concurrent use.
type Totals struct {
	Requests float64 // HTTP requests
	Failed   float64 // of them
	judged   float64 // samples of http_req_failed: requests that k6 called failed or not
	First    int64   // time of the first and last sample, in nanoseconds since 1970
	Last     int64

	requests, failures, durations *ingest.Metric
	sketch                        *ddsketch.DDSketch
}

// NewTotals makes totals of samples whose metrics are from the registry.
func NewTotals(registry *ingest.Registry) (*Totals, error) {
	sketch, err := ddsketch.NewDefaultDDSketch(accuracy)
	if err != nil {
		return nil, err
	}
	return &Totals{
		requests: registry.Lookup([]byte("http_reqs")), failures: registry.Lookup([]byte("http_req_failed")),
		durations: registry.Lookup([]byte("http_req_duration")), sketch: sketch,
		First: math.MaxInt64, Last: math.MinInt64,
	}, nil
}

// Add counts a sample.
func (t *Totals) Add(s *ingest.Sample) error {
	t.First, t.Last = min(t.First, s.Time), max(t.Last, s.Time)
	switch s.Metric {
	case t.requests:
		t.Requests += s.Value
	case t.failures:
		t.judged++
		if s.Value != 0 {
			t.Failed++
		}
	case t.durations:
		return t.sketch.Add(s.Value)
	}
	return nil
}

// FailedShare is the share of requests that failed, 0 to 1; 0 if k6 judged none.
func (t *Totals) FailedShare() float64 {
	if t.judged == 0 {
		return 0
	}
	return t.Failed / t.judged
}

// Duration is a percentile of http_req_duration in milliseconds, q from 0 to 1, within half a percent.
// ok is false when there was no request.
func (t *Totals) Duration(q float64) (ms float64, ok bool) {
	ms, err := t.sketch.GetValueAtQuantile(q)
	return ms, err == nil
}
