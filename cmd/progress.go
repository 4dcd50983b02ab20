package cmd

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest"
)

// printer writes bulk requests to standard output.
type printer struct{ *bufio.Writer }

func newPrinter(w io.Writer) *printer { return &printer{bufio.NewWriterSize(w, writeBuffer)} }

// Add implements ingest.Sink.
func (p *printer) Add(entry []byte) error {
	_, err := p.Write(entry)
	return err
}

// How often progress is shown.
const (
	terminalPeriod = 200 * time.Millisecond
	plainPeriod    = 10 * time.Second
)

const barTemplate = `{{ string . "name" }}  {{ bar . "" "█" "▌" " " "" }} {{ percent . "%3.0f %%" }}  ` +
	`{{ string . "facts" }}  {{ rtime . "%s left" "" "" }}`

const countTemplate = `{{ string . "name" }}  {{ string . "facts" }}  {{ etime . }}`

// progress shows how far a file is while it is loaded: a moving line on a terminal, a plain line now and
// then elsewhere. newProgress starts its goroutine, stop ends it.
type progress struct {
	quit chan struct{}
	done chan struct{}
}

func (p progress) stop() {
	close(p.quit)
	<-p.done
}

func (env Env) newProgress(l *load) progress {
	p := progress{make(chan struct{}), make(chan struct{})}
	show, period, finish := env.plainProgress(l), plainPeriod, func() {}
	if env.Terminal && !l.options.stdout {
		show, finish = env.barProgress(l)
		period = terminalPeriod
	}
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

func (env Env) plainProgress(l *load) func() {
	return func() {
		read := humanize.Bytes(uint64(l.source.Consumed()))
		if l.source.Size > 0 {
			read += " of " + humanize.Bytes(uint64(l.source.Size)) + remaining(l)
		}
		fmt.Fprintf(env.Err, "%s: %s, %s\n", l.source.Name, read, l.pace())
	}
}

func remaining(l *load) string {
	done := float64(l.source.Consumed()) / float64(l.source.Size)
	if done <= 0 || done >= 1 {
		return ""
	}
	left := time.Duration(float64(time.Since(l.started)) * (1 - done) / done)
	return fmt.Sprintf(", %s left", left.Round(time.Second))
}

// pace says how many documents arrived, and how fast.
func (l *load) pace() string {
	var stats ingest.Stats
	if l.writer != nil {
		stats = l.writer.Stats()
	}
	arrived := stats.Delivered()
	return fmt.Sprintf("%s documents, %s/s", humanize.Comma(arrived),
		humanize.Comma(int64(float64(arrived)/time.Since(l.started).Seconds())))
}

func (env Env) barProgress(l *load) (show, finish func()) {
	template := barTemplate
	if l.source.Size == 0 {
		template = countTemplate
	}
	bar := pb.New64(l.source.Size).SetTemplateString(template).SetWriter(env.Err).SetRefreshRate(terminalPeriod)
	bar.Set("name", filepath.Base(l.source.Name)).Set("facts", "")
	bar.Set(pb.Terminal, true).Set(pb.CleanOnFinish, true).Set(pb.Bytes, true)
	bar.Start()
	return func() {
		facts := l.pace()
		if l.source.Size > 0 {
			facts = humanize.Bytes(uint64(l.source.Consumed())) + "/" + humanize.Bytes(uint64(l.source.Size)) + "  " + facts
		}
		bar.Set("facts", facts)
		bar.SetCurrent(l.source.Consumed())
	}, func() { bar.Finish() }
}
