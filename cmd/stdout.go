package cmd

import (
	"bufio"
	"fmt"
	"io"
)

// writeBuffer is what standard output gets at a time, in bytes.
const writeBuffer = 256 << 10

// printer writes bulk requests to standard output.
type printer struct{ *bufio.Writer }

func newPrinter(w io.Writer) *printer { return &printer{bufio.NewWriterSize(w, writeBuffer)} }

// Add implements ingest.Sink.
func (p *printer) Add(entry []byte) error {
	_, err := p.Write(entry)
	return err
}

// Flush writes what is left, and returns what went wrong with any of it.
func (p *printer) Flush() error {
	if err := p.Writer.Flush(); err != nil {
		return fmt.Errorf("cannot write to standard output: %w", err)
	}
	return nil
}
