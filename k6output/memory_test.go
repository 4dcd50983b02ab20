package k6output

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"
)

// 20 s of 20,000 samples a second, in k6's batches of 50 ms: 40 MB of documents.
const (
	batches        = 20 * 20
	requestsABatch = 20_000 / 20 / 9
)

// httpRequest is the nine samples of a request, with the tags that k6 has.
func (r *run) httpRequest(at time.Duration, tags *metrics.TagSet) metrics.SampleContainer {
	b := r.builtin
	all := make(metrics.Samples, 0, 9)
	for _, metric := range []*metrics.Metric{
		b.HTTPReqs, b.HTTPReqDuration, b.HTTPReqBlocked, b.HTTPReqConnecting, b.HTTPReqTLSHandshaking, b.HTTPReqSending, b.HTTPReqWaiting,
		b.HTTPReqReceiving, b.HTTPReqFailed,
	} {
		value := float64(at%7919) / 7
		all = append(all, metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: r.start.Add(at), Value: value})
	}
	return all
}

// liveHeap is what is in use after a collection, in bytes.
func liveHeap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc) //nolint:gosec // far below
}

// The option memory is held while the server is down for the whole of a test, with a spool, without one,
// and with one that is full. The test is not parallel: it measures what the whole process has.
func TestMemoryIsBoundedWhileTheServerIsDown(t *testing.T) {
	const (
		memory = 8 << 20
		beside = 12 << 20 // one block that is filled, and what series and tags need
	)
	for _, size := range []string{"2GiB", "8MiB", "0"} {
		t.Run("spool of "+size, func(t *testing.T) {
			samples := newRunSamples()
			var tags []*metrics.TagSet
			for i := range 50 {
				name := fmt.Sprint("GET /items/", i)
				tags = append(tags, samples.registry.RootTagSet().With("scenario", "default").With("name", name).With("method", "GET").With("status", "200"))
			}
			o, hook := newOutput(t, "http://127.0.0.1:1,stop-timeout=1s,memory=8MiB,compression=0,spool-size="+size)
			before := liveHeap()
			require.NoError(t, o.Start())
			most, at := int64(0), time.Duration(0)
			for batch := range batches {
				var containers []metrics.SampleContainer
				for i := range requestsABatch {
					containers = append(containers, samples.httpRequest(at, tags[i%len(tags)]))
					at += 450 * time.Microsecond
				}
				o.AddMetricSamples(containers)
				for o.waiting() > memory/8 { // time passes as fast as the worker can
					time.Sleep(time.Millisecond)
				}
				if batch%50 == 49 {
					most = max(most, liveHeap()-before)
				}
			}
			require.NoError(t, o.Stop())
			stats := o.writer.Stats()
			t.Logf("%d samples, at most %d KiB; %+v", o.pipeline.Samples(), most>>10, stats)
			assert.Less(t, most, int64(memory+beside))
			assert.Zero(t, o.queue.lost())
			assert.Equal(t, int64(o.pipeline.Documents()), stats.Spooled+stats.Undelivered) //nolint:gosec // a count
			if size == "2GiB" {
				assert.Zero(t, stats.Undelivered)
				assert.Less(t, most, int64(beside), "nearly all is on disk")
			}
			assert.LessOrEqual(t, len(lines(hook)), 5, "%q", lines(hook))
		})
	}
}

// waiting is how much the samples that wait take, in bytes.
func (o *Output) waiting() int64 {
	o.queue.mu.Lock()
	defer o.queue.mu.Unlock()
	return o.queue.held
}
