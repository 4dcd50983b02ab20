package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Kind says what a record holds.
type Kind uint8

// The kinds of record.
const (
	Bulk        Kind = 1 // the body of a bulk request
	RunDocument Kind = 2 // JSON lines: the run's document, and its series
)

// Record is one block of documents.
type Record struct {
	Kind       Kind
	Compressed bool // with gzip
	Documents  int
	Raw        int       // bytes of Body before compression
	Time       time.Time // when it was made, to the millisecond
	Body       []byte
}

// The layout of a record, little-endian: docs/spool.md has the table.
const (
	marker       = "\x89k6r"
	headerSize   = 36
	gzipFlag     = 1
	maxBody      = 256 << 20 // bytes of a body, before and after compression
	maxDocuments = maxBody / 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is what stands before a record's body.
type header struct {
	Record        // without Body
	size   int64  // of the body, in bytes
	sum    uint32 // of the body
}

// total is the record's size in the file.
func (h *header) total() int64 { return headerSize + h.size }

// appendHeader appends the header of a record.
func appendHeader(to []byte, r *Record) []byte {
	start := len(to)
	to = append(to, marker...)
	to = append(to, 0, 0, 0, 0, byte(r.Kind), 0, 0, 0)
	if r.Compressed {
		to[start+9] = gzipFlag
	}
	to = binary.LittleEndian.AppendUint32(to, uint32(len(r.Body)))
	to = binary.LittleEndian.AppendUint32(to, crc32.Checksum(r.Body, castagnoli))
	to = binary.LittleEndian.AppendUint32(to, uint32(r.Documents))
	to = binary.LittleEndian.AppendUint32(to, uint32(r.Raw))
	to = binary.LittleEndian.AppendUint64(to, uint64(r.Time.UnixMilli()))
	binary.LittleEndian.PutUint32(to[start+4:], crc32.Checksum(to[start+8:], castagnoli))
	return to
}

// parseHeader reads a header; ok is false for what is none.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < headerSize || string(b[:4]) != marker ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:headerSize], castagnoli) {
		return h, false
	}
	h.Kind, h.Compressed = Kind(b[8]), b[9]&gzipFlag != 0
	h.size, h.sum = int64(binary.LittleEndian.Uint32(b[12:])), binary.LittleEndian.Uint32(b[16:])
	h.Documents, h.Raw = int(binary.LittleEndian.Uint32(b[20:])), int(binary.LittleEndian.Uint32(b[24:]))
	h.Time = time.UnixMilli(int64(binary.LittleEndian.Uint64(b[28:])))
	return h, h.size <= maxBody && h.Raw <= maxBody && h.Documents <= maxDocuments
}

// check says why a record cannot be kept.
func (r *Record) check() error {
	if len(r.Body) > maxBody || r.Raw > maxBody || r.Documents > maxDocuments {
		return fmt.Errorf("a block of %d bytes is too large for the spool", max(len(r.Body), r.Raw))
	}
	return nil
}

// Damage is a part of a file that holds no whole record.
type Damage struct {
	File      string
	Offset    int64
	Bytes     int64
	Documents int // how many it held, as far as that can be told
	Reason    string
}

// Error names the place.
func (d *Damage) Error() string {
	text := fmt.Sprintf("%s:%d: %s (%d bytes", d.File, d.Offset, d.Reason, d.Bytes)
	if d.Documents > 0 {
		text += fmt.Sprintf(", %d documents", d.Documents)
	}
	return text + ")"
}

// errNothing says that there is no record to read now.
var errNothing = errors.New("nothing to read")

// cutOff is what is said of a record that its process did not finish writing.
const cutOff = "the record is cut off"
