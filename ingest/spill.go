package ingest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest/spool"
)

// How long the spiller leaves the disk alone after it failed, and how often it looks for work at most
// while nobody sends it.
const (
	spillPause = time.Second
	spillTick  = 10 * time.Millisecond
)

// spiller writes blocks to the spool, in a goroutine of its own: NewWriter starts it, Close ends it. A nil
// one is that of a writer without a spool, and does nothing.
type spiller struct {
	work   chan struct{} // holds an element when there may be something to do
	quit   chan struct{} // closed when no more blocks will come
	done   chan struct{} // closed when all is written
	once   sync.Once
	spool  *spool.Run
	saving *block    // on its way to the disk, under the writer's lock; nil: none
	began  time.Time // when that set out, under the writer's lock
	takes  bool      // the disk took the last block, under the writer's lock

	unreadable bool      // the disk could not be read the last time, under the writer's lock
	readAgain  time.Time // when to try next, under the writer's lock

	failing bool      // the last block could not be written; for the goroutine alone, as all below
	again   time.Time // when to try next
	told    map[string]bool
}

// kick lets the spiller look for work.
func (s *spiller) kick() {
	if s == nil {
		return
	}
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// expects tells whether the spool has, or may soon have, blocks to be sent.
func (s *spiller) expects() bool { return s != nil && (s.saving != nil || s.spool.Waiting() > 0) }

// makesRoom tells whether blocks that wait in memory are about to be on disk. A disk that is full, or hangs,
// takes none.
func (s *spiller) makesRoom() bool {
	return s != nil && s.takes && (s.saving == nil || time.Since(s.began) < spillPause)
}

// stop lets the spiller write what is left, and waits for it.
func (s *spiller) stop() {
	if s != nil {
		s.once.Do(func() { close(s.quit) })
		<-s.done
	}
}

func (w *Writer) startSpiller() {
	s := &spiller{
		work: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}), spool: w.options.Spool,
		takes: w.options.Spool.Size() > 0, told: map[string]bool{},
	}
	w.spill = s
	if s.spool.Size() > 0 {
		w.outage.waiting = fmt.Sprintf("documents go to the spool (%s, %s at most)", s.spool.Root(), humanize.IBytes(uint64(s.spool.Size())))
	}
	w.counts.spooled.Store(s.spool.Documents())
	go w.spillAll()
}

// spillAll is the spiller's life.
func (w *Writer) spillAll() {
	s := w.spill
	defer close(s.done)
	period := max(w.options.SpoolAfter/4, spillTick)
	if w.options.SpoolAfter == 0 { // nothing is added: what is in the spool is only sent
		period = time.Minute
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for last := false; ; {
		for b := w.due(last); b != nil; b = w.due(last) {
			w.save(b, last)
		}
		if last {
			return
		}
		select {
		case <-ticker.C:
		case <-s.work:
		case <-s.quit:
			last = true
		}
	}
}

// due picks the oldest block that is to be written to the spool, nil if there is none now: one that has
// waited too long, at the last all, and all that wait while the server is away or the memory is half full.
func (w *Writer) due(last bool) *block {
	s := w.spill
	if !last && s.failing && time.Now().Before(s.again) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	all := last || w.ctx.Err() != nil || w.away()
	for _, b := range w.flying {
		if !last && b.kept == nil && !b.saving && (all || now.Sub(b.sealed) >= w.options.SpoolAfter) {
			return w.saving(b)
		}
	}
	if len(w.queue) == 0 {
		return nil
	}
	b := w.queue[0]
	if !all && w.held <= w.options.Memory/2 && now.Sub(b.sealed) < w.options.SpoolAfter {
		return nil
	}
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return w.saving(b)
}

func (w *Writer) saving(b *block) *block {
	b.saving = true
	w.spill.saving, w.spill.began = b, time.Now()
	return b
}

// save writes a block to the spool: one that is in the air stays there, any other leaves the memory.
func (w *Writer) save(b *block, last bool) {
	w.mu.Lock()
	flying := slices.Contains(w.flying, b)
	w.mu.Unlock()
	ref, err := w.spill.spool.Append(b.record(), flying)
	w.spill.note(w, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	b.saving, w.spill.saving, w.spill.takes = false, nil, err == nil
	defer w.change.Broadcast()
	switch {
	case w.settled: // counted as lost: the disk came too late
	case err == nil && flying:
		b.kept = &ref
	case err == nil:
		w.held -= int64(len(b.body))
		w.counts.spooled.Add(int64(b.docs))
	case flying:
	case last:
		w.held -= int64(len(b.body))
		w.giveUp(b)
	default:
		w.queue = append([]*block{b}, w.queue...)
	}
}

// note tells the user, once for each reason, that the spool takes nothing.
func (s *spiller) note(w *Writer, err error) {
	s.failing, s.again = err != nil, time.Now().Add(spillPause)
	if err == nil {
		return
	}
	var full *spool.FullError
	reason := err.Error()
	if errors.As(err, &full) {
		reason = fmt.Sprintf("the spool %s is full (%s, option spool-size)", full.Dir.Root, humanize.IBytes(uint64(full.Dir.Size)))
	}
	if !s.told[reason] && len(s.told) < maxReasons {
		s.told[reason] = true
		w.options.Log.Warnf("%s; documents wait in memory, and those that find no room there are not delivered", reason)
	}
}

// mayDrain tells whether a sender may take a block of the spool. One sender is left to the live stream,
// unless there is only one or that has ended. While the server is away, one block at a time finds out whether it is back.
func (w *Writer) mayDrain() bool {
	switch {
	case w.spill == nil || w.spill.spool.Waiting() == 0:
		return false
	case w.spill.unreadable && time.Now().Before(w.spill.readAgain):
		return false
	case w.away():
		return len(w.flying)+w.draining == 0
	case w.closed:
		return true
	default:
		return w.draining < max(1, w.options.InFlight-1)
	}
}

// drain takes the oldest block out of the spool; nil if there is none that can be read. The lock is let go
// while the disk reads.
func (w *Writer) drain() *block {
	w.draining++
	w.mu.Unlock()
	record, ref, err := w.spill.spool.NextJoined(w.options.BlockSize)
	w.mu.Lock()
	if err == nil {
		w.spill.unreadable = false
		b := blockOf(record, ref)
		w.counts.spooled.Add(-int64(b.docs))
		w.held += int64(len(b.body))
		w.flying = append(w.flying, b)
		return b
	}
	w.draining--
	var damage *spool.Damage
	switch {
	case errors.Is(err, spool.ErrEmpty):
	case errors.As(err, &damage):
		w.counts.spooled.Add(-int64(damage.Documents))
		w.counts.undelivered.Add(int64(damage.Documents))
		w.counts.damaged.Add(1)
		w.options.Log.Warnf("a block of the spool is damaged, and passed over: %v", damage)
	default:
		w.unread(err)
	}
	return nil
}

// unread leaves alone a disk that cannot be read now. A replay ends: whoever runs it can run it again.
func (w *Writer) unread(err error) {
	if w.options.Fatal {
		w.cancel(err)
		return
	}
	if !w.spill.unreadable {
		w.options.Log.Warnf("%v; what is in the spool waits there", err)
	}
	w.spill.unreadable, w.spill.readAgain = true, time.Now().Add(spillPause)
	time.AfterFunc(spillPause, w.wake)
}
