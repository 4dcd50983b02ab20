// Package yardstick is a benchmark that takes as long as a machine is slow. Benchmarks that ran beside it in one
// process can be compared with those of another machine.
package yardstick

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// Benchmark reads lines like k6's with encoding/json. It must never change: figures of before could not be
// compared with those of after.
func Benchmark(b *testing.B) {
	lines := make([][]byte, 100)
	for i := range lines {
		lines[i] = fmt.Appendf(nil, `{"metric":"http_req_duration","type":"Point","data":{"time":"2026-11-22T12:43:56.567%06dZ",`+
			`"value":%d.%03d,"tags":{"group":"::home","method":"GET","name":"home","scenario":"browse","status":"200"}}}`, i, i, i)
	}
	for b.Loop() {
		for _, line := range lines {
			var point struct {
				Metric, Type string
				Data         struct {
					Time  time.Time
					Value float64
					Tags  map[string]string
				}
			}
			if err := json.Unmarshal(line, &point); err != nil {
				b.Fatal(err)
			}
		}
	}
}
