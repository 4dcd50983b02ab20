package k6output

import (
	"sync"

	"go.k6.io/k6/v2/metrics"
)

// What waits costs about so much memory, in bytes: a sample in k6's own form, and a place in a batch, of
// which k6 makes more than it needs.
const (
	sampleSize = 160
	placeSize  = 16
)

// worthwhile is the share of the queue's memory (one in so many) from which the worker is woken; what is
// less it takes with its next tick. Samples in bulk cost about half of what they cost in k6's batches of
// 50 ms: what the worker needs to know of each series comes from far memory only once.
const worthwhile = 16

// queue holds what k6 handed over until the worker takes it. It is bounded: a worker that gets no
// processor time must not fill the memory. It is safe for concurrent use.
type queue struct {
	limit  int64         // bytes
	signal chan struct{} // holds an element when there is enough to be worth waking the worker for

	mu      sync.Mutex
	batches [][]metrics.SampleContainer
	held    int64 // bytes of batches
	dropped int64 // samples that found no room
}

func newQueue(memory int64) *queue {
	return &queue{limit: memory, signal: make(chan struct{}, 1)}
}

// put takes a batch, or gives it up where there is no room. It never waits.
func (q *queue) put(batch []metrics.SampleContainer) {
	samples := 0
	for _, container := range batch {
		samples += samplesIn(container)
	}
	if samples == 0 {
		return
	}
	size := int64(samples*sampleSize + cap(batch)*placeSize)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held > 0 && q.held+size > q.limit {
		q.dropped += int64(samples)
		return
	}
	q.held += size
	q.batches = append(q.batches, batch)
	if q.held < q.limit/worthwhile {
		return
	}
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

// samplesIn is how many samples a container holds. A single one is not asked: it would make a slice.
func samplesIn(container metrics.SampleContainer) int {
	if _, single := container.(metrics.Sample); single {
		return 1
	}
	return len(container.GetSamples())
}

// take returns all that waits.
func (q *queue) take() [][]metrics.SampleContainer {
	q.mu.Lock()
	defer q.mu.Unlock()
	batches := q.batches
	q.batches, q.held = nil, 0
	return batches
}

// lost is how many samples found no room so far.
func (q *queue) lost() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
