package cmd

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/terminal"
)

// How often progress is shown.
const (
	terminalPeriod = 200 * time.Millisecond
	plainPeriod    = 10 * time.Second
)

// counted counts the documents that pass to a sink. The count may be read from anywhere.
type counted struct {
	ingest.Sink
	made atomic.Int64
}

// Add implements ingest.Sink.
func (c *counted) Add(entry []byte) error {
	c.made.Add(1)
	return c.Sink.Add(entry)
}

// progress shows how far a file is while it is loaded: a moving line on a terminal, a plain line now and
// then elsewhere. showProgress starts its goroutine, stop ends it.
type progress struct {
	quit chan struct{}
	done chan struct{}
}

func (p progress) stop() {
	close(p.quit)
	<-p.done
}

func (l *load) newProgress() progress {
	if l.env.Terminal && !l.options.stdout {
		show, finish := l.barProgress()
		return showProgress(terminalPeriod, show, finish)
	}
	return showProgress(plainPeriod, l.plainProgress, func() {})
}

// showProgress starts to call show, again and again, until stop, which calls finish.
func showProgress(period time.Duration, show, finish func()) progress {
	p := progress{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-p.quit:
				finish()
				return
			case <-ticker.C:
				show()
			}
		}
	}()
	return p
}

func (l *load) plainProgress() {
	fmt.Fprintf(l.env.Err, "%s: %s\n", displayName(l.source.Name), l.facts(", "))
}

func (l *load) barProgress() (show, finish func()) {
	bar := l.env.newBar(filepath.Base(displayName(l.source.Name)), l.source.Size)
	return func() { bar.draw(l.settledBytes(), l.facts("  ")) }, bar.wipe
}

// facts are bytes, documents, rate, and how long it will still take.
func (l *load) facts(separator string) string {
	var stats ingest.Stats
	if l.writer != nil {
		stats = l.writer.Stats()
	}
	arrived, passed := stats.Delivered(), time.Since(l.started)
	text := humanize.Bytes(uint64(l.settledBytes())) //nolint:gosec // not negative
	if l.source.Size > 0 {
		text += "/" + humanize.Bytes(uint64(l.source.Size)) //nolint:gosec // likewise
	}
	text += separator + humanize.Comma(arrived) + " docs" +
		separator + humanize.Comma(int64(float64(arrived)/passed.Seconds())) + "/s"
	share := float64(l.settledBytes()) / float64(l.source.Size)
	if l.source.Size > 0 && share > 0 {
		text += separator + clock(time.Duration(float64(passed)*(1-share)/share)) + " left"
	}
	return text
}

// settledBytes is how much of the file has its documents settled. What was only read does not count, since a
// fast reader is far ahead of the server.
func (l *load) settledBytes() int64 {
	read := l.source.Consumed()
	made := l.sink.made.Load()
	if l.writer == nil || made == 0 {
		return read
	}
	stats := l.writer.Stats()
	settled := stats.Delivered() + stats.Rejected + stats.Undelivered
	return int64(float64(read) * float64(settled) / float64(made))
}

// clock writes a duration as minutes and seconds.
func clock(d time.Duration) string {
	seconds := int64(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// displayName is a file's name for people: "-" is standard input.
func displayName(file string) string {
	if file == "-" {
		return "stdin"
	}
	return terminal.Escape(file)
}
