package k6output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/scripts/bench/yardstick"
)

func batchOf(samples int) []metrics.SampleContainer {
	return []metrics.SampleContainer{make(metrics.Samples, samples)}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	q := newQueue(10*sampleSize + 2*placeSize)
	q.put(batchOf(0))
	assert.Empty(t, q.signal, "nothing to take")
	q.put(batchOf(6))
	q.put(batchOf(4))
	q.put(batchOf(1))
	q.put(batchOf(7))
	assert.EqualValues(t, 8, q.lost())
	assert.Len(t, q.signal, 1)
	assert.Len(t, q.take(), 2)
	assert.Empty(t, q.take())

	q.put(batchOf(11))
	assert.Len(t, q.take(), 1, "a batch that is too large for an empty queue goes through")
	assert.EqualValues(t, 8, q.lost())
}

func TestQueueWakesTheWorkerForWhatIsWorthIt(t *testing.T) {
	t.Parallel()
	q := newQueue(16 * worthwhile * sampleSize)
	for q.held+sampleSize+placeSize < q.limit/worthwhile {
		q.put(batchOf(1))
		assert.Empty(t, q.signal)
	}
	q.put([]metrics.SampleContainer{metrics.Sample{}})
	assert.Len(t, q.signal, 1)
	assert.Len(t, q.take(), 15)
}

func TestQueueCountsEverySample(t *testing.T) {
	t.Parallel()
	q := newQueue(50 * (sampleSize + placeSize))
	const writers, batches, size = 8, 500, 3
	var done sync.WaitGroup
	for range writers {
		done.Go(func() {
			for range batches {
				q.put(batchOf(size))
			}
		})
	}
	taken := 0
	finished := make(chan struct{})
	go func() {
		done.Wait()
		close(finished)
	}()
	for running := true; running; {
		select {
		case <-finished:
			running = false
		case <-q.signal:
		}
		taken += size * len(q.take())
	}
	assert.EqualValues(t, writers*batches*size, int64(taken)+q.lost())
}

func BenchmarkYardstick(b *testing.B) { yardstick.Benchmark(b) }

// BenchmarkAddMetricSamples is what k6 waits for. Budget: 1 µs a batch, and no allocation but the
// queue's own growth.
func BenchmarkAddMetricSamples(b *testing.B) {
	o := &Output{queue: newQueue(1 << 30)}
	batch := []metrics.SampleContainer{newRunSamples().request(0)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		o.AddMetricSamples(batch)
		if i%1000 == 0 {
			o.queue.take()
		}
	}
}

func TestAddMetricSamplesHardlyAllocates(t *testing.T) {
	o := &Output{queue: newQueue(1 << 30)}
	batch := []metrics.SampleContainer{newRunSamples().request(0)}
	perBatch := testing.AllocsPerRun(10_000, func() { o.AddMetricSamples(batch) })
	assert.Less(t, perBatch, 0.1)
}

// workerAlone is an output whose documents go nowhere, for what the worker costs k6.
func workerAlone() *Output {
	registry := ingest.NewRegistry()
	return &Output{
		queue: newQueue(1 << 30), convert: newConverter(registry), recorder: runs.NewRecorder(runs.Facts{}, 1, nil),
		pipeline: ingest.NewPipeline(ingest.Run{ID: "run"}, registry, ingest.DefaultOptions(), nowhere{}),
	}
}

type nowhere struct{}

func (nowhere) Add([]byte) error { return nil }

// load is a second of a load test: requests of seven kinds, and what else an iteration makes.
func load(requests int) []metrics.SampleContainer {
	samples := newRunSamples()
	sample := samples.registry.MustNewMetric("basket", metrics.Gauge)
	var kinds []*metrics.TagSet
	for i := range 7 {
		kinds = append(kinds, samples.registry.RootTagSet().With("scenario", "default").With("method", "GET").With("status", "200").
			With("name", fmt.Sprint("GET /items/", i)))
	}
	var containers []metrics.SampleContainer
	for i := range requests {
		at := time.Second * time.Duration(i) / time.Duration(requests)
		containers = append(containers, samples.httpRequest(at, kinds[i%len(kinds)]), samples.sample(samples.builtin.Checks, at, 1),
			samples.sample(sample, at, float64(i%5)))
	}
	return containers
}

// BenchmarkWorker is what the worker does with a request's nine samples and two more: convert, make the document, count in
// the series. Budget: 3 µs, no allocations.
func BenchmarkWorker(b *testing.B) {
	const requests = 1000
	o, batch := workerAlone(), load(requests)
	b.ReportAllocs()
	for b.Loop() {
		o.AddMetricSamples(batch)
		o.process()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/requests, "ns/request")
}

// What an allocation costs, k6 pays twice: when it is made, and when its garbage is collected.
func TestSamplesHardlyAllocate(t *testing.T) {
	const requests = 1000
	o, batch := workerAlone(), load(requests)
	perBatch := testing.AllocsPerRun(20, func() {
		o.AddMetricSamples(batch)
		o.process()
	})
	assert.Less(t, perBatch/requests, 0.5, "allocations a request")
}

// jsonLine is a sample as k6's own JSON output writes it, more or less.
type jsonLine struct {
	Metric string
	Time   time.Time
	Value  float64
	Tags   map[string]string
}

func writeJSON(batch []metrics.SampleContainer) (err error) {
	encoder := json.NewEncoder(io.Discard)
	for _, container := range batch {
		for _, s := range container.GetSamples() {
			err = errors.Join(err, encoder.Encode(jsonLine{s.Metric.Name, s.Time, s.Value, s.Tags.Map()}))
		}
	}
	return err
}

// A request costs k6 a small part of what it costs to write its samples as JSON, one by one. Both are
// measured in turn, and the best of each counts: other work on the machine only adds.
func TestARequestCostsLittle(t *testing.T) {
	const requests, rounds = 200, 20
	o, batch := workerAlone(), load(requests)
	ours, plainly := time.Hour, time.Hour
	for range rounds {
		begin := time.Now()
		o.AddMetricSamples(batch)
		o.process()
		ours = min(ours, time.Since(begin))
		begin = time.Now()
		require.NoError(t, writeJSON(batch))
		plainly = min(plainly, time.Since(begin))
	}
	t.Logf("%s a request, %s as JSON", ours/requests, plainly/requests)
	assert.Less(t, 6*ours, plainly)
}
