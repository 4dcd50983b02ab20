package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// samplesOnly reads a stream in which lines of samples and other lines are mixed, as k6 writes them to
// standard output with --out json=-: its banner, progress and summary go there too. Lines that do not
// begin as k6's JSON does are passed on aside.
type samplesOnly struct {
	r     *bufio.Reader
	aside io.Writer

	rest   []byte // of a line that is kept, good until the next read
	within bool   // the last read ended within a line
	keep   bool   // which is kept
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
	_, err = s.aside.Write(line)
	return err
}

// mixed says whether a stream that begins like this has lines of JSON samples among others.
func mixed(head []byte) bool {
	return bytes.HasPrefix(head, []byte(`{"`)) || bytes.Contains(head, []byte("\n{\""))
}
