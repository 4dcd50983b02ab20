package ingest

import (
	"fmt"

	"github.com/k6es/k6es/terminal"
)

// BadLine is a line of a file that is no k6 sample. Reading goes on behind it.
type BadLine struct {
	File   string
	Line   int64 // from 1
	Byte   int   // within the line, from 1
	Reason string
	Text   []byte // the line itself, good until the next read; nil if it was too long to keep
	Torn   bool   // it is the last line and lacks its newline: k6 was cut off while writing
}

// Error implements error: file:line:byte and the reason, fit for a terminal.
func (b *BadLine) Error() string {
	return terminal.Escape(fmt.Sprintf("%s:%d:%d: %s", b.File, b.Line, b.Byte, b.Reason))
}
