// Package workload makes up load tests, as k6 would have written them with --out json: two scenarios with
// groups, checks and custom metrics, some twelve samples for each HTTP request. The same Workload is always
// the same text.
package workload

import (
	"bufio"
	"container/heap"
	"io"
	"math/rand/v2"
	"time"
)

// Workload is a load test to be made up. Its zero value is one of a single iteration.
type Workload struct {
	Seed     uint64    // of durations and order; with another seed it is another run
	Requests int64     // it ends with the iteration that reaches so many HTTP requests …
	Bytes    int64     // … or so much text; 0: no bound
	Rate     int       // HTTP requests a second; 0: 1,000
	Names    int       // names of requests; 0, or fewer than the script's own six: those
	Start    time.Time // of the run; zero: always the same time
}

// Written is what a workload came to.
type Written struct {
	Requests, Iterations, Samples, Bytes int64
}

const defaultRate = 1000

var defaultStart = time.Date(2026, 11, 22, 12, 43, 56, 567_890_123, time.UTC)

// Write writes the workload as lines of k6 JSON.
func (w Workload) Write(out io.Writer) (Written, error) {
	r := w.newRun(out)
	for !r.ended() || r.active > 0 {
		r.next()
	}
	return r.written, r.out.Flush()
}

// run is a workload under way: arrivals of iterations and iterations, by the time of what they do next.
type run struct {
	Workload
	out     *bufio.Writer // keeps the first error, and Flush tells it
	random  *rand.Rand
	clock   clock
	buf     []byte // of one event
	tasks   tasks
	active  int // iterations that have begun and not ended
	most    int // of active
	known   map[*metric]bool
	written Written
}

func (w Workload) newRun(out io.Writer) *run {
	if w.Rate <= 0 {
		w.Rate = defaultRate
	}
	if w.Start.IsZero() {
		w.Start = defaultStart
	}
	r := &run{
		Workload: w, out: bufio.NewWriterSize(out, 1<<20), random: rand.New(rand.NewPCG(w.Seed, 1)),
		known: map[*metric]bool{},
	}
	start := w.Start.UnixNano()
	for _, script := range newScripts(w.Names) {
		perSecond := float64(w.Rate) * script.share / float64(len(script.steps))
		r.tasks = append(r.tasks, &arrivals{at: start, script: script, pause: int64(1e9 / perSecond)})
	}
	r.tasks = append(r.tasks, &gauges{at: start + int64(time.Second)})
	heap.Init(&r.tasks)
	return r
}

// ended tells whether no more iterations begin.
func (r *run) ended() bool {
	switch {
	case r.Requests > 0 && r.written.Requests+int64(r.active) >= r.Requests:
		return true
	case r.Bytes > 0 && r.written.Bytes >= r.Bytes:
		return true
	default:
		return r.Requests == 0 && r.Bytes == 0 && r.most > 0
	}
}

// next does what comes next in time.
func (r *run) next() {
	r.buf = r.buf[:0]
	if r.tasks[0].do(r) {
		heap.Fix(&r.tasks, 0)
	} else {
		heap.Pop(&r.tasks)
	}
	r.written.Bytes += int64(len(r.buf))
	_, _ = r.out.Write(r.buf)
}

// task is something that happens again and again. do returns false when it was the last time.
type task interface {
	when() int64 // nanoseconds since 1970
	do(r *run) bool
}

// tasks is a heap, the next one first.
type tasks []task

func (t tasks) Len() int           { return len(t) }
func (t tasks) Less(i, j int) bool { return t[i].when() < t[j].when() }
func (t tasks) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *tasks) Push(x any)        { *t = append(*t, x.(task)) }
func (t *tasks) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}

// arrivals begin the iterations of a scenario, at a constant rate.
type arrivals struct {
	at, pause int64
	script    *script
}

func (a *arrivals) when() int64 { return a.at }

func (a *arrivals) do(r *run) bool {
	if r.ended() {
		return false
	}
	it := &iteration{script: a.script, begun: a.at, at: a.at}
	it.schedule(r)
	heap.Push(&r.tasks, it)
	r.active++
	r.most = max(r.most, r.active)
	a.at += a.pause + r.random.Int64N(a.pause/50+1)
	return true
}

// gauges write the numbers of virtual users, once a second.
type gauges struct{ at int64 }

func (g *gauges) when() int64 { return g.at }

func (g *gauges) do(r *run) bool {
	r.sample(vus, g.at, float64(r.active), noTags)
	r.sample(vusMax, g.at, float64(r.most), noTags)
	g.at += int64(time.Second)
	return !r.ended()
}

// iteration is one pass of a virtual user through its script.
type iteration struct {
	script  *script
	step    int
	begun   int64
	grouped [2]int64 // when the groups that it is in began, the outer one first
	at      int64    // when the request of the step ends
	timings timings
}

func (it *iteration) when() int64 { return it.at }

// schedule sends the request of the step.
func (it *iteration) schedule(r *run) {
	step := &it.script.steps[it.step]
	if depth := step.opens; depth > 0 {
		it.grouped[depth-1] = it.at
	}
	it.timings = step.draw(r.random)
	it.at += it.timings.total()
}

// do writes what came of the request and what the script does then.
func (it *iteration) do(r *run) bool {
	step := &it.script.steps[it.step]
	failed := step.failing > 0 && r.random.Float64() < step.failing
	r.request(step, it.at, it.timings, failed)
	for _, then := range step.then {
		if !then.same {
			it.at += 2000 + r.random.Int64N(20_000)
		}
		r.sample(then.metric, it.at, then.value(it, r.random, failed), then.tags)
	}
	if it.step++; it.step < len(it.script.steps) {
		it.schedule(r)
		return true
	}
	r.active--
	r.written.Iterations++
	return false
}
