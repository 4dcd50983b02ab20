package cmd

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// bar is a line that moves below the messages: a name, how much is done, and facts.
type bar struct {
	out   io.Writer
	width func() int // columns of the terminal
	name  string
	total int64 // 0 where nobody knows
}

// longestName is how much of a name stands before the bar, in runes, so that 80 columns hold it.
const longestName = 18

func (env Env) newBar(title string, total int64) *bar {
	name := []rune(title)
	if len(name) > longestName {
		name = append(name[:longestName-1], '…')
	}
	b := &bar{out: env.Err, width: terminalWidth, name: string(name), total: total}
	if messages, ok := env.Err.(*aboveBar); ok {
		b.out = messages.bar()
	}
	return b
}

func terminalWidth() int {
	if columns, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil && columns > 0 {
		return columns
	}
	return plainWidth
}

const wipe = "\r\x1b[K"

// draw writes the line over the last one; wipe takes it away.
func (b *bar) draw(done int64, facts string) {
	_, _ = io.WriteString(b.out, wipe+b.line(done, facts, b.width()-1))
}

func (b *bar) wipe() { _, _ = io.WriteString(b.out, wipe) }

// line has as many columns at most, since a longer one could not be written over.
func (b *bar) line(done int64, facts string, columns int) string {
	if b.total <= 0 {
		return text.Trim(b.name+"  "+facts, columns)
	}
	share := max(0, min(1, float64(done)/float64(b.total)))
	behind := fmt.Sprintf(" %3.0f %%  %s", 100*share, facts)
	cells := columns - text.StringWidth(b.name+" "+behind)
	if cells < 1 {
		return text.Trim(b.name+behind, columns)
	}
	halves := int(share * float64(2*cells))
	filled := strings.Repeat("█", halves/2) + strings.Repeat("▌", halves%2)
	return b.name + " " + text.Pad(filled, cells, ' ') + behind
}

// aboveBar lets messages stand above a moving bar: each wipes the bar, which draws itself again below.
type aboveBar struct {
	mu sync.Mutex
	w  io.Writer
}

// Write writes a message.
func (a *aboveBar) Write(message []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := io.WriteString(a.w, wipe); err != nil {
		return 0, err
	}
	return a.w.Write(message)
}

// bar is the writer of the bar itself.
func (a *aboveBar) bar() io.Writer { return barWriter{a} }

type barWriter struct{ *aboveBar }

func (b barWriter) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.Write(p)
}
