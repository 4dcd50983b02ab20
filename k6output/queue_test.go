package k6output

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.k6.io/k6/v2/metrics"
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
