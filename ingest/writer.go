package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/k6es/k6es/elastic"
)

// WriterOptions say how a Writer sends. All fields must be set but those that say otherwise.
type WriterOptions struct {
	BlockSize   int           // a block is sealed when it has that many bytes before compression
	InFlight    int           // bulk requests at a time
	Compression int           // gzip level; 0 for none
	Memory      int64         // bytes of sealed blocks that may wait or be under way
	Wait        bool          // Add waits while Memory is used up; otherwise the newest documents are given up, and counted
	Timeout     time.Duration // of one request
	RetryFor    time.Duration // how long a block is tried; 0: until Close's context ends
	// Fatal says that an answer no retry can mend (401, 403, 404) ends the writer at once, instead of
	// being tried again in case somebody mends it.
	Fatal   bool
	Prepare func(context.Context) error // called before the first block and after every outage; may be nil
	Rejects *Rejects
	Log     Logger
}

// Logger takes messages for the user.
type Logger interface {
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Writer sends documents to the server in bulk requests. What it holds in memory is bounded: one block
// that is being filled (BlockSize), Memory for the sealed ones, and for each request in flight once
// more BlockSize while a failed block is taken apart.
//
// Add, Flush and Close are for one goroutine; Stats may be called from anywhere.
type Writer struct {
	transport Transport
	options   WriterOptions
	builder   blockBuilder
	counts    counters
	outage    outage

	ctx    context.Context // ends when nothing more may be sent
	cancel context.CancelCauseFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	change *sync.Cond // of anything below
	queue  []*block
	held   int64 // bytes of blocks that wait or are under way
	closed bool

	prepare  sync.Mutex // one sender prepares, the others wait
	prepared bool
}

// NewWriter starts a writer. Close must be called.
func NewWriter(transport Transport, options WriterOptions) *Writer {
	w := &Writer{transport: transport, options: options, builder: blockBuilder{level: options.Compression}}
	w.outage.log = options.Log
	w.change = sync.NewCond(&w.mu)
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	context.AfterFunc(w.ctx, w.wake)
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
}

// Add takes an entry: an action line and a document. It implements Sink. It returns what ended the
// writer, if something did.
func (w *Writer) Add(entry []byte) error {
	if len(w.builder.buf) > 0 && len(w.builder.buf)+len(entry) > w.options.BlockSize {
		if err := w.Flush(); err != nil {
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
	for w.options.Wait && w.held > 0 && w.held+int64(len(b.body)) > w.options.Memory && w.ctx.Err() == nil {
		w.change.Wait()
	}
	if w.ctx.Err() != nil || w.held > 0 && w.held+int64(len(b.body)) > w.options.Memory {
		w.giveUp(b)
		return context.Cause(w.ctx)
	}
	w.held += int64(len(b.body))
	w.queue = append(w.queue, b)
	w.change.Broadcast()
	return nil
}

// Close sends what is left and waits until it arrived, or ctx ends: then what has not been acknowledged
// is counted as undelivered. It returns what ended the writer early.
func (w *Writer) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { w.cancel(context.Cause(ctx)) })
	defer stop()
	err := w.Flush()
	w.mu.Lock()
	w.closed = true
	w.change.Broadcast()
	w.mu.Unlock()
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range w.queue {
		w.giveUp(b)
	}
	w.queue = nil
	if err == nil {
		err = context.Cause(w.ctx)
	}
	w.cancel(errClosed)
	return err
}

var errClosed = errors.New("the writer is closed")

// Stats returns the counts so far. It may be called at any time.
func (w *Writer) Stats() Stats { return w.counts.snapshot() }

func (w *Writer) giveUp(b *block) { w.counts.undelivered.Add(int64(b.docs)) }

// send is a sender's life: NewWriter starts it, it ends when the writer is closed and empty, or w.ctx
// ends. It owns the block that it took from the queue.
func (w *Writer) send() {
	defer w.done.Done()
	for b := w.take(); b != nil; b = w.take() {
		size := int64(len(b.body))
		w.deliver(b)
		w.mu.Lock()
		w.held -= size
		w.change.Broadcast()
		w.mu.Unlock()
	}
}

func (w *Writer) take() *block {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed && w.ctx.Err() == nil {
		w.change.Wait()
	}
	if len(w.queue) == 0 || w.ctx.Err() != nil {
		return nil
	}
	b := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return b
}

// deliver sends a block until every document of it has an answer, or it has to be given up.
func (w *Writer) deliver(b *block) {
	r := newRetry(w.options.RetryFor)
	for {
		left, err := w.attempt(b)
		if left != nil && left.docs < b.docs {
			r = newRetry(w.options.RetryFor) // some got through: the server is alive
		}
		if left != nil {
			b = left
		}
		switch {
		case err == nil:
			w.outage.over(w.url())
			if left == nil {
				return
			}
		case w.tooLarge(err, b):
			return
		case elastic.IsStatus(err, http.StatusBadRequest): // and so it would be every time
			w.refuse(b, err.Error())
			return
		case w.hopeless(err):
			w.giveUp(b)
			w.cancel(err)
			return
		case !w.pause(r, err, b):
			return
		}
		w.counts.retried.Add(int64(b.docs))
	}
}

// pause waits before the next attempt. It returns false when there will be none.
func (w *Writer) pause(r *retry, err error, b *block) bool {
	if w.ctx.Err() == nil {
		w.outage.begin(err)
	}
	w.unready()
	if r.wait(w.ctx, err) {
		return true
	}
	w.giveUp(b)
	if w.ctx.Err() == nil {
		w.cancel(fmt.Errorf("gave up after %s: %w", w.options.RetryFor, err))
	}
	return false
}

// tooLarge handles 413: a block that the server finds too large is sent in halves.
func (w *Writer) tooLarge(err error, b *block) bool {
	if !elastic.IsStatus(err, http.StatusRequestEntityTooLarge) {
		return false
	}
	if b.docs == 1 {
		w.refuse(b, err.Error())
		return true
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
			w.refuse(b, err.Error())
			return true
		}
		w.deliver(part)
	}
	return true
}

// hopeless says whether an error ends the writer.
func (w *Writer) hopeless(err error) bool {
	return w.options.Fatal && w.ctx.Err() == nil && !passing(err)
}

// refuse counts and keeps all documents of a block as rejected.
func (w *Writer) refuse(b *block, reason string) {
	w.counts.rejected.Add(int64(b.docs))
	if err := b.entries(func(_ int, entry []byte) { w.options.Rejects.entry(entry, reason) }); err != nil {
		w.options.Log.Warnf("%d rejected documents could not be kept: %v", b.docs, err)
	}
	w.options.Log.Warnf("%d documents were refused: %s", b.docs, reason)
}
