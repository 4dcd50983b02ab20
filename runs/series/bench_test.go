package series

import (
	"testing"

	"github.com/k6es/k6es/ingest"
)

// The budget is 100 ns a sample, whichever of its keys are counted.
func BenchmarkAdd(b *testing.B) {
	registry := ingest.NewRegistry()
	names := []string{"http_reqs", "http_req_duration", "http_req_blocked", "http_req_connecting", "http_req_tls_handshaking",
		"http_req_sending", "http_req_waiting", "http_req_receiving", "http_req_failed"}
	var samples []ingest.Sample
	for i := range 2000 {
		tags := ingest.NewTagSet([]ingest.Tag{{Key: "scenario", Value: "browse"}, {Key: "group", Value: "::home"}, {Key: "method", Value: "GET"},
			{Key: "name", Value: string(rune('a' + i%20))}, {Key: "status", Value: "200"}})
		if i >= 20 {
			tags = samples[(i%20)*9].Tags
		}
		for j, name := range names {
			samples = append(samples, ingest.Sample{Time: int64(i) * 50e6, Value: float64(i*j%997) / 7, Metric: registry.Lookup([]byte(name)), Tags: tags})
		}
	}
	c := NewCollector(nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Add(&samples[i%len(samples)])
	}
}
