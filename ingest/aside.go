package ingest

import (
	"bytes"
	"io"

	"github.com/k6es/k6es/terminal"
)

// What k6 writes to standard output with --out json=- has its banner, progress and summary among the samples.
// They are part of the stream, as they are of a file to which it was copied, and are passed on aside.

// sampleHead is how a line of k6's JSON begins.
const sampleHead = `{"`

// passAside passes a line on that is neither a sample nor begins as one, made fit for a terminal. It returns
// false for others, and where nothing is passed on.
func (r *JSONReader) passAside(line []byte) (passed bool, err error) {
	if r.aside == nil || bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte(sampleHead)) {
		return false, nil
	}
	text := terminal.Lines(string(line))
	if r.lines.torn {
		r.lines.leaveOut()
	} else {
		text += "\n"
	}
	_, err = io.WriteString(r.aside, text)
	return true, err
}

// mixed says whether a stream that begins like this has lines of JSON samples, maybe among others.
func mixed(head []byte) bool {
	return bytes.HasPrefix(head, []byte(sampleHead)) || bytes.Contains(head, []byte("\n"+sampleHead))
}
