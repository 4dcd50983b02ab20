//go:build unix

package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An upload that is interrupted and killed again and again, while it reads and while it sends, ends with just
// the documents of one that was not.
func TestInterruptedUpload(t *testing.T) {
	t.Parallel()
	interrupts := either(20, 100)           // every other one is a kill
	const reading = 1200 * time.Millisecond // what the file is stretched to
	const seed = 42
	text := load{requests: 8000, seed: 5}.text(t)
	require.Greater(t, len(text), 20<<20)
	heavy(t, func(t *testing.T, url string) {
		undisturbed, disturbed := newStore(t, url), newStore(t, url)
		undisturbed.load(t, write(t, t.TempDir(), "long.json", text))

		pipe := filepath.Join(t.TempDir(), "long.json")
		require.NoError(t, syscall.Mkfifo(pipe, 0o600))
		again := disturbed.upload("--output", "json", pipe)
		again.program = k6esPlain // with the race detector, each reads many times longer
		random := rand.New(rand.NewPCG(seed, seed))
		signals := []os.Signal{syscall.SIGINT, syscall.SIGKILL}
		hit := 0
		for i, part := range moments(random, interrupts, len(text)) {
			p := again.start(t)
			f := startFeed(t, pipe, text, reading)
			f.wait(part)
			time.Sleep(time.Duration(random.Int64N(int64(reading) / int64(interrupts))))
			_ = p.Process.Signal(signals[i%len(signals)]) // it may have ended already
			o := p.wait()
			f.stop()
			switch o.code {
			case -1, 4:
				hit++
			default:
				assert.Zero(t, o.code, o.stderr)
			}
			if o.code == 4 {
				assert.Contains(t, o.stderr, "interrupted")
				assert.Contains(t, o.stderr, "un the same command again, and it goes on where it stopped")
			}
		}
		assert.Greater(t, hit, interrupts/2, "seed %d met too few uploads while they ran", seed)
		p := again.start(t)
		f := startFeed(t, pipe, text, 0)
		o := p.wait()
		f.stop()
		require.Zero(t, o.code, o.stderr)
		last := o.results(t)[0]
		assert.Equal(t, last.Documents, last.Created+last.Existing)
		requireSame(t, texts(undisturbed.documents(t)), texts(disturbed.documents(t)))
	})
}

// moments chooses how much of a file has been read at each interrupt: each time more, so that each one
// meets something that no upload before it has finished; and all of it at the last.
func moments(random *rand.Rand, interrupts, size int) []int {
	parts := make([]int, interrupts)
	for i := range parts {
		parts[i] = random.IntN(size)
	}
	parts[0] = size
	slices.Sort(parts)
	return parts
}

// feed writes a text into a pipe, spread over some time, until its reader is gone.
type feed struct {
	written atomic.Int64
	cancel  context.CancelFunc
	done    chan struct{}
}

func startFeed(t testing.TB, pipe, text string, over time.Duration) *feed {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &feed{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.run(ctx, pipe, text, over)
	}()
	return f
}

func (f *feed) run(ctx context.Context, pipe, text string, over time.Duration) {
	const pieces = 200
	file := openPipe(ctx, pipe)
	if file == nil {
		return
	}
	defer file.Close()
	defer context.AfterFunc(ctx, func() { _ = file.Close() })()
	for piece := range slices.Chunk([]byte(text), len(text)/pieces+1) {
		n, err := file.Write(piece)
		f.written.Add(int64(n))
		if err != nil {
			return
		}
		time.Sleep(over / pieces)
	}
}

// wait returns when that many bytes are written, or no more will be.
func (f *feed) wait(bytes int) {
	for f.written.Load() < int64(bytes) {
		select {
		case <-f.done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func (f *feed) stop() {
	f.cancel()
	<-f.done
}

// openPipe opens a pipe as soon as somebody reads it; nil if nobody does before the context ends.
func openPipe(ctx context.Context, pipe string) *os.File {
	for ctx.Err() == nil {
		file, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			return file
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}
