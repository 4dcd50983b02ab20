package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest/spool"
)

// WriterOptions say how a Writer sends. All fields must be set but those that say otherwise.
type WriterOptions struct {
	BlockSize   int   // a block is sealed when it has that many bytes before compression
	InFlight    int   // bulk requests at a time
	Compression int   // gzip level; 0 for none
	Memory      int64 // bytes of sealed blocks that may wait or be under way
	// Wait says that Add waits for the server while Memory is used up. Otherwise it waits for the disk at most,
	// as long as Spool takes documents; where that is not so, the newest are given up, and counted.
	Wait     bool
	Timeout  time.Duration // of one request
	RetryFor time.Duration // how long a block is tried; 0: until Close's context ends
	// Fatal says that an answer no retry can mend (401, 403, 404) ends the writer at once, instead of
	// being tried again in case somebody mends it.
	Fatal   bool
	Prepare func(context.Context) error // called before the first block and after every outage; may be nil
	Rejects *Rejects
	Log     Logger

	// Spool takes, on disk, blocks that are not delivered in SpoolAfter, during an outage all of them at
	// once, and at the end what is left; the server gets them when it is back. What is in it already is
	// sent too. Nil for none. The writer does not close it.
	Spool      *spool.Run
	SpoolAfter time.Duration
	Away       error // why the server did not answer before the writer was made; nil if it did
}

// Logger takes messages for the user.
type Logger interface {
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Writer sends documents to the server in bulk requests. What it holds in memory is bounded: one block
// that is being filled (BlockSize), Memory for the sealed ones, those that come from the spool included,
// and for each request in flight once more BlockSize while a failed block is taken apart.
//
// Add, Flush and Close are for one goroutine; Stats and Outage may be called from anywhere.
type Writer struct {
	transport Transport
	options   WriterOptions
	builder   blockBuilder
	counts    counters
	outage    outage

	ctx    context.Context // ends when nothing more may be sent
	cancel context.CancelCauseFunc
	hurry  chan struct{} // closed when there is little time left
	done   sync.WaitGroup
	spill  *spiller // nil without a spool

	mu       sync.Mutex
	change   *sync.Cond // of anything below
	queue    []*block
	flying   []*block // that senders have
	held     int64    // bytes of blocks that wait or are under way
	draining int      // how many of flying are from the spool
	closed   bool
	settled  bool // all is counted; who comes late counts no more

	prepare  sync.Mutex // one sender prepares, the others wait
	prepared bool
}

// NewWriter starts a writer. Close must be called.
func NewWriter(transport Transport, options WriterOptions) *Writer {
	w := &Writer{
		transport: transport, options: options, builder: blockBuilder{level: options.Compression}, hurry: make(chan struct{}),
	}
	w.outage.log, w.outage.waiting = options.Log, "documents wait in memory and are sent again"
	w.change = sync.NewCond(&w.mu)
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	context.AfterFunc(w.ctx, w.wake)
	if options.Spool != nil {
		w.startSpiller()
	}
	if options.Away != nil {
		w.outage.begin(options.Away)
	}
	for range options.InFlight {
		w.done.Add(1)
		go w.send()
	}
	return w
}

// wake lets those who wait look again.
func (w *Writer) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.change.Broadcast()
	w.spill.kick()
}

// Add takes an entry: an action line and a document. It implements Sink. It returns what ended the
// writer, if something did.
func (w *Writer) Add(entry []byte) error {
	if len(w.builder.buf) > 0 && len(w.builder.buf)+len(entry) > w.options.BlockSize {
		if err := w.Flush(); err != nil && w.spill == nil {
			w.counts.undelivered.Add(1)
			return err
		}
	}
	w.builder.add(entry)
	return nil
}

// Flush sends what was added so far, without waiting for it to arrive.
func (w *Writer) Flush() error {
	if w.builder.docs == 0 {
		return context.Cause(w.ctx)
	}
	b, err := w.builder.seal()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awaitRoom(b)
	if !w.fits(b) || w.ctx.Err() != nil && w.spill == nil {
		w.overflow(b)
		return context.Cause(w.ctx)
	}
	w.enqueue(b)
	return context.Cause(w.ctx)
}

// awaitRoom waits until there is memory for a block: for the server, if that is asked for, and for the spool
// as long as it takes what is in memory.
func (w *Writer) awaitRoom(b *block) {
	if w.fits(b) {
		return
	}
	look := time.AfterFunc(spillPause, w.wake) // a disk that hangs wakes nobody
	defer look.Stop()
	for !w.fits(b) && w.ctx.Err() == nil && (w.options.Wait || len(w.queue) > 0 && w.spill.makesRoom()) {
		w.spill.kick()
		w.change.Wait()
		look.Reset(spillPause)
	}
}

// overflow gives up the newest block, for which there is no memory; the user is told once.
func (w *Writer) overflow(b *block) {
	if w.ctx.Err() == nil && w.counts.undelivered.Load() == 0 {
		w.options.Log.Warnf("the memory for documents that wait is full (%s, option memory): the newest are given up, and counted",
			humanize.IBytes(uint64(w.options.Memory)))
	}
	w.giveUp(b)
}

// fits tells whether there is memory for a block.
func (w *Writer) fits(b *block) bool {
	return w.held == 0 || w.held+int64(len(b.body)) <= w.options.Memory
}

func (w *Writer) enqueue(blocks ...*block) {
	for _, b := range blocks {
		w.held += int64(len(b.body))
	}
	w.queue = append(w.queue, blocks...)
	w.change.Broadcast()
	if w.spill != nil && (w.ctx.Err() != nil || w.away() || w.held > w.options.Memory/2) {
		w.spill.kick()
	}
}

// away tells whether the server does not take documents.
func (w *Writer) away() bool {
	since, _ := w.outage.state()
	return !since.IsZero()
}

// Outage tells since when the server does not take documents, and why; zero and nil while it does.
func (w *Writer) Outage() (since time.Time, err error) { return w.outage.state() }

// lateness bounds how long Close goes on after its context has ended: to write to the spool what is left.
const lateness = 2 * time.Second

// Close sends what is left, that of the spool included, and waits until it arrived, or ctx ends: then
// what has not been acknowledged goes to the spool, for which there are two more seconds; without one it
// is counted as undelivered. Close returns what ended the writer early.
func (w *Writer) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { w.cancel(context.Cause(ctx)) })
	defer stop()
	err := w.Flush()
	w.mu.Lock()
	w.closed = true
	w.change.Broadcast()
	w.mu.Unlock()
	if !w.options.Wait {
		close(w.hurry)
	}
	w.await(ctx)
	w.settle()
	if err == nil {
		err = context.Cause(w.ctx)
	}
	w.cancel(errClosed)
	return err
}

// await waits for the senders, and then for the spiller; for both only so long after ctx has ended. A disk
// may hang, and must not keep k6 from ending.
func (w *Writer) await(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.done.Wait()
		w.spill.stop()
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	timer := time.NewTimer(lateness)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// settle counts what is left.
func (w *Writer) settle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled = true
	left := append(w.queue, w.flying...)
	if w.spill != nil && w.spill.saving != nil && !slices.Contains(left, w.spill.saving) {
		left = append(left, w.spill.saving)
	}
	for _, b := range left {
		rest := []*block{b}
		if b.answered {
			rest = b.left
		}
		if b.kept != nil {
			w.counts.spooled.Add(documents(rest...))
		} else {
			w.giveUp(rest...)
		}
	}
	w.queue, w.flying = nil, nil
}

var errClosed = errors.New("the writer is closed")

// Stats returns the counts so far. It may be called at any time.
func (w *Writer) Stats() Stats { return w.counts.snapshot() }

func (w *Writer) giveUp(blocks ...*block) { w.counts.undelivered.Add(documents(blocks...)) }

// documents is how many documents blocks hold.
func documents(blocks ...*block) (sum int64) {
	for _, b := range blocks {
		sum += int64(b.docs)
	}
	return sum
}

// send is a sender's life: NewWriter starts it, it ends when the writer is closed and empty, or w.ctx
// ends. It owns the block that it took.
func (w *Writer) send() {
	defer w.done.Done()
	for b := w.take(); b != nil; b = w.take() {
		w.landed(b, w.deliver(b))
	}
}

// take returns the next block: the live stream goes before the spool.
func (w *Writer) take() *block {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.ctx.Err() == nil {
		switch {
		case len(w.queue) > 0:
			b := w.queue[0]
			w.queue[0] = nil
			w.queue = w.queue[1:]
			w.flying = append(w.flying, b)
			return b
		case w.mayDrain():
			if b := w.drain(); b != nil {
				return b
			}
		case w.closed && !w.spill.expects():
			return nil
		default:
			w.change.Wait()
		}
	}
	return nil
}

// landed takes a block out of the air. What could not be delivered of it stays in the spool, or goes
// there; without one it is given up.
func (w *Writer) landed(b *block, left []*block) {
	w.mu.Lock()
	b.answered, b.left = true, left
	for b.saving {
		w.change.Wait()
	}
	if w.settled {
		w.mu.Unlock()
		return
	}
	if b.kept != nil {
		w.counts.spooled.Add(documents(left...))
	}
	w.flying = slices.DeleteFunc(w.flying, func(other *block) bool { return other == b })
	w.held -= int64(len(b.body))
	if b.drained {
		w.draining--
	}
	switch {
	case len(left) == 0 || b.kept != nil:
	case w.spill != nil:
		w.enqueue(left...)
	default:
		w.giveUp(left...)
	}
	w.change.Broadcast()
	w.mu.Unlock()
	switch { // the disk may take its time, without the lock
	case b.kept == nil:
	case len(left) == 0:
		w.options.Spool.Settle(*b.kept)
	default:
		w.putBack(b, left)
		w.wake()
	}
}

// putBack leaves in the spool what was not delivered of a block that is there: without what has an answer
// already, if there is room to write it anew, so that nothing is refused and counted twice.
func (w *Writer) putBack(b *block, left []*block) {
	spooled := w.options.Spool
	if documents(left...) == int64(b.docs) {
		spooled.Release(*b.kept)
		return
	}
	var refs []spool.Ref
	for _, part := range left {
		part.sealed = b.sealed
		ref, err := spooled.Append(part.record(), true)
		if err != nil {
			for _, ref := range refs {
				spooled.Settle(ref)
			}
			spooled.Release(*b.kept)
			return
		}
		refs = append(refs, ref)
	}
	for _, ref := range refs {
		spooled.Release(ref)
	}
	spooled.Settle(*b.kept)
}

// deliver sends a block until every document of it has an answer. It returns what has to be given up.
func (w *Writer) deliver(b *block) (left []*block) {
	r := newRetry(w.options.RetryFor)
	for {
		rest, err := w.attempt(b)
		if rest != nil && rest.docs < b.docs {
			r = newRetry(w.options.RetryFor) // some got through: the server is alive
		}
		if rest != nil {
			b = rest
		}
		switch {
		case err == nil:
			if w.outage.end(w.url(), w.counts.spooled.Load()) {
				w.wake()
			}
			if rest == nil {
				return nil
			}
		case tooLarge(err):
			return w.halve(b, err)
		case malformed(err): // and so it would be every time
			return w.refuse(b, err.Error())
		case w.hopeless(err):
			w.cancel(err)
			return []*block{b}
		case !w.pause(r, err):
			return []*block{b}
		}
		w.counts.retried.Add(int64(b.docs))
	}
}

// pause waits before the next attempt. It returns false when there will be none.
func (w *Writer) pause(r *retry, err error) bool {
	if w.ctx.Err() == nil {
		w.outage.begin(err)
		w.spill.kick()
	}
	w.unready()
	if r.wait(w.ctx, w.hurry, err) {
		return true
	}
	if w.ctx.Err() == nil {
		w.cancel(fmt.Errorf("gave up after %s: %w", w.options.RetryFor, err))
	}
	return false
}

// halve sends a block that the server finds too large (413) in halves.
func (w *Writer) halve(b *block, why error) (left []*block) {
	if b.docs == 1 {
		return w.refuse(b, why.Error())
	}
	for _, half := range []func(i int) bool{
		func(i int) bool { return i < b.docs/2 },
		func(i int) bool { return i >= b.docs/2 },
	} {
		part, err := b.pick(w.options.Compression, func(i int, entry []byte) []byte {
			if half(i) {
				return entry
			}
			return nil
		})
		if err != nil {
			return w.refuse(b, err.Error())
		}
		left = append(left, w.deliver(part)...)
	}
	return left
}

// hopeless says whether an error ends the writer.
func (w *Writer) hopeless(err error) bool {
	var unkept *unkeptError
	return w.options.Fatal && w.ctx.Err() == nil && (!Passing(err) || errors.As(err, &unkept))
}

// refuse counts and keeps all documents of a block as rejected. What it returns has to be given up: in a
// replay the block, if the rejects file does not take it.
func (w *Writer) refuse(b *block, reason string) (left []*block) {
	var unkept error
	err := b.entries(func(_ int, entry []byte) { unkept = w.options.Rejects.entry(entry, reason) })
	if err != nil {
		w.options.Log.Warnf("%d rejected documents could not be kept: %v", b.docs, err)
	}
	w.options.Log.Warnf("%d documents were refused: %s", b.docs, reason)
	if unkept != nil && w.replays() {
		w.cancel(&unkeptError{unkept})
		return []*block{b}
	}
	w.counts.rejected.Add(int64(b.docs))
	return nil
}
