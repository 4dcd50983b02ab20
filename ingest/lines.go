package ingest

import (
	"bytes"
	"errors"
	"io"
)

// maxLine is the longest line of a file, in bytes without its newline.
const maxLine = 16 << 20

// errLongLine says that a line was longer than maxLine; it was passed over.
var errLongLine = errors.New("the line is longer than 16 MiB")

// lines cuts a stream into lines. Its memory is one buffer, as large as the longest line needs and
// never more than twice maxLine.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // what the stream ended with, io.EOF or worse
	number     int64 // of the last line, from 1
	torn       bool  // the last line had no newline

	taken  Content // the lines that were taken,
	summed int     // up to here in buf
}

func newLines(r io.Reader) *lines { return &lines{r: r, buf: make([]byte, 256<<10)} }

// next returns the next line without its newline. The bytes are good until the next call. It returns
// errLongLine for a line that it passed over, and what the stream ended with when there is no more.
func (l *lines) next() ([]byte, error) {
	searched := l.start
	for {
		if i := bytes.IndexByte(l.buf[searched:l.end], '\n'); i >= 0 {
			return l.take(searched+i, searched+i+1)
		}
		if l.err != nil {
			return l.last()
		}
		searched = l.end
		if l.end-l.start > maxLine {
			return nil, l.skip()
		}
		searched -= l.fill()
	}
}

// ahead returns what was read, but not taken yet.
func (l *lines) ahead() []byte { return l.buf[l.start:l.end] }

// pass takes a line, of that many bytes with its newline, that ahead showed.
func (l *lines) pass(n int) {
	l.start += n
	l.number++
}

func (l *lines) take(end, next int) ([]byte, error) {
	line := l.buf[l.start:end]
	l.start = next
	l.number++
	if len(line) > maxLine {
		return nil, errLongLine
	}
	return line, nil
}

// last returns what stands behind the last newline.
func (l *lines) last() ([]byte, error) {
	if l.start == l.end {
		return nil, l.err
	}
	l.torn = true
	l.add()
	return l.take(l.end, l.end)
}

// fill reads more. It returns by how much it moved what was there.
func (l *lines) fill() (moved int) {
	if l.end == len(l.buf) {
		l.add()
		moved = l.start
		to := l.buf
		if l.end-l.start > len(l.buf)/2 {
			to = make([]byte, 2*len(l.buf))
		}
		l.end = copy(to, l.buf[l.start:l.end])
		l.buf, l.start, l.summed = to, 0, 0
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return moved
		}
	}
	l.err = io.ErrNoProgress
	return moved
}

// skip passes over the rest of a line that is too long.
func (l *lines) skip() error {
	l.number++
	for {
		l.start = l.end
		l.add()
		l.start, l.end, l.summed = 0, 0, 0
		l.fill()
		if i := bytes.IndexByte(l.buf[:l.end], '\n'); i >= 0 {
			l.start = i + 1
			return errLongLine
		}
		if l.err != nil {
			l.start = l.end
			return errLongLine
		}
	}
}
