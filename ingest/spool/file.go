package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The head of a file: what it is, and of which run.
const (
	magic    = "k6spool\n"
	version  = 1
	headSize = 20
	maxInfo  = 64 << 10
)

// Info says which run a folder belongs to. It repeats in each file.
type Info struct {
	RunID    string `json:"run"`
	Instance string `json:"instance"` // 16 hexadecimal digits
	Prefix   string `json:"prefix"`   // of the indices that the documents are for
	Test     string `json:"test,omitempty"`
	Name     string `json:"name,omitempty"`
}

// head is the beginning of each file of the run.
func (i Info) head() ([]byte, error) {
	text, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	if len(text) > maxInfo {
		return nil, fmt.Errorf("run %.100q has names of %d bytes: too much for the spool", i.RunID, len(text))
	}
	head := append([]byte(magic), version, 0, 0, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(text)))
	head = binary.LittleEndian.AppendUint32(head, headSum(head, text))
	return append(head, text...), nil
}

func headSum(head, text []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:headSize-4], castagnoli), castagnoli, text)
}

// scanner walks the records of a file, in order, and past what is damaged.
type scanner struct {
	file io.ReaderAt
	name string
	size int64 // as far as the file is to be read
	at   int64 // of what comes next
	past bool  // the head was read, or passed over
	info *Info // from the head; nil before it was read, and where it is damaged
}

// next returns the next record without its body, and where it is. The error is a *Damage, behind which
// next goes on, errNothing at the end, or that of the disk, which leaves the scanner where it is.
func (s *scanner) next() (h header, at int64, err error) {
	if !s.past {
		if err := s.head(); err != nil {
			return h, 0, err
		}
	}
	if s.at >= s.size {
		return h, s.at, errNothing
	}
	at = s.at
	h, ok, err := s.header(at)
	switch {
	case err != nil:
		return h, at, err
	case !ok:
		return h, at, s.skip(at, "no record begins here")
	case at+h.total() > s.size:
		s.at = s.size
		return h, at, &Damage{s.name, at, s.size - at, h.Documents, cutOff}
	}
	s.at += h.total()
	return h, at, nil
}

// more tells whether next has something.
func (s *scanner) more() bool { return !s.past || s.at < s.size }

// head reads the head of the file. One that holds nothing at all is well: it was just begun.
func (s *scanner) head() error {
	err := s.readHead()
	var damage *Damage
	s.past = err == nil || errors.As(err, &damage)
	return err
}

// begin reads the head, so that what is next is a record. Damage is left for next to tell.
func (s *scanner) begin() error {
	err := s.head()
	var damage *Damage
	if errors.As(err, &damage) {
		s.at, s.past, err = 0, false, nil
	}
	return err
}

func (s *scanner) readHead() error {
	if s.size == 0 {
		return nil
	}
	head := make([]byte, min(headSize, s.size))
	if err := s.fill(head, 0); err != nil {
		return err
	}
	if len(head) < headSize || string(head[:len(magic)]) != magic {
		return s.skip(0, "this is no spool file")
	}
	length := int64(binary.LittleEndian.Uint32(head[12:]))
	if length > maxInfo || headSize+length > s.size {
		return s.skip(0, "the head of the file is damaged")
	}
	text := make([]byte, length)
	if err := s.fill(text, headSize); err != nil {
		return err
	}
	info := new(Info)
	if binary.LittleEndian.Uint32(head[16:]) != headSum(head, text) || json.Unmarshal(text, info) != nil {
		return s.skip(0, "the head of the file is damaged")
	}
	if v := binary.LittleEndian.Uint16(head[8:]); v != version {
		s.at = s.size
		return &Damage{s.name, 0, s.size, 0, fmt.Sprintf("the file has version %d, and this k6es knows %d", v, version)}
	}
	s.at, s.info = headSize+length, info
	return nil
}

// header reads the header at a place.
func (s *scanner) header(at int64) (h header, ok bool, err error) {
	var b [headerSize]byte
	if at+headerSize > s.size {
		return h, false, nil
	}
	if err := s.fill(b[:], at); err != nil {
		return h, false, err
	}
	h, ok = parseHeader(b[:])
	return h, ok, nil
}

// searchSize is how much is read at a time while the next record is looked for.
const searchSize = 64 << 10

// skip goes on to the next place behind from where a record begins, or to the end.
func (s *scanner) skip(from int64, reason string) error {
	window := make([]byte, searchSize+headerSize)
	for base := from + 1; base < s.size; base += searchSize {
		n := min(int64(len(window)), s.size-base)
		if err := s.fill(window[:n], base); err != nil {
			return err
		}
		for i := range min(n-headerSize+1, searchSize) {
			if window[i] != marker[0] {
				continue
			}
			if _, ok := parseHeader(window[i : i+headerSize]); ok {
				s.at = base + i
				return &Damage{s.name, from, s.at - from, 0, reason}
			}
		}
	}
	s.at = s.size
	return &Damage{s.name, from, s.size - from, 0, reason}
}

// fill reads as many bytes as b has from a place.
func (s *scanner) fill(b []byte, at int64) error {
	if n, err := s.file.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("reading the spool %s: %w", s.name, err)
	}
	return nil
}

// read reads a record whole. The error is a *Damage where it is not what was written.
func (s *scanner) read(h header, at int64) (Record, error) {
	record := h.Record
	record.Body = make([]byte, h.size)
	if err := s.fill(record.Body, at+headerSize); err != nil {
		return record, err
	}
	if crc32.Checksum(record.Body, castagnoli) != h.sum {
		return record, &Damage{s.name, at, h.total(), h.Documents, "the checksum is wrong"}
	}
	return record, nil
}
