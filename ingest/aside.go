package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/k6es/k6es/terminal"
)

// samplesOnly reads a stream in which lines of samples and other lines are mixed, as k6 writes them to
// standard output with --out json=-: its banner, progress and summary go there too. Lines that do not
// begin as k6's JSON does are passed on aside, made fit for a terminal.
type samplesOnly struct {
	r     *bufio.Reader
	aside io.Writer

	rest   []byte // of a line that is kept, good until the next read
	within bool   // the last read ended within a line
	keep   bool   // which is kept
	half   []byte // the beginning of a character that is passed on
	err    error
}

func newSamplesOnly(r io.Reader, aside io.Writer) *samplesOnly {
	return &samplesOnly{r: bufio.NewReaderSize(r, 256<<10), aside: aside}
}

// Read implements io.Reader.
func (s *samplesOnly) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// next reads a line, or what fits the buffer of it.
func (s *samplesOnly) next() error {
	line, err := s.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		s.err = err
	}
	if !s.within {
		s.keep = bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte(`{"`))
	}
	s.within = err != nil
	if s.keep {
		s.rest = line
		return nil
	}
	return s.pass(line)
}

// pass passes a line on, or a part of one: a character of which the rest is to come waits for it.
func (s *samplesOnly) pass(line []byte) error {
	text := append(s.half, line...)
	whole := len(text)
	if s.within {
		whole -= halfRune(text)
	}
	_, err := io.WriteString(s.aside, terminal.Lines(string(text[:whole])))
	s.half = append(s.half[:0], text[whole:]...)
	return err
}

// halfRune is how many bytes at the end are the beginning of a character.
func halfRune(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// mixed says whether a stream that begins like this has lines of JSON samples among others.
func mixed(head []byte) bool {
	return bytes.HasPrefix(head, []byte(`{"`)) || bytes.Contains(head, []byte("\n{\""))
}
