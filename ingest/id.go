package ingest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// idMaker makes document ids: 18 bytes in 24 characters of URL-safe base64, which Elasticsearch stores
// as the bytes they stand for.
//
//	4 bytes  second of the stream's first sample: newer runs sort behind older ones
//	8 bytes  hash of run id and instance: two sources never meet
//	6 bytes  position in the stream of the document's first sample, from 0
//
// So an id does not depend on when a document was written, and a stream that is read again makes the
// same ids. All documents of a stream share the first 16 characters, which compress to nothing, and
// ids grow with the stream, which keeps the server's look-ups in its newest segment.
type idMaker struct {
	prefix [16]byte
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func newIDMaker(run Run, firstSample int64) idMaker {
	hash := sha256.New()
	hash.Write([]byte(run.ID))
	hash.Write(binary.BigEndian.AppendUint64([]byte{0}, run.Instance))
	var raw [12]byte
	binary.BigEndian.PutUint32(raw[:4], uint32(floorSecond(firstSample)))
	copy(raw[4:], hash.Sum(nil))
	var m idMaker
	base64.RawURLEncoding.Encode(m.prefix[:], raw[:])
	return m
}

// append appends the id of the document whose first sample stands at that position.
func (m *idMaker) append(dst []byte, position uint64) []byte {
	dst = append(dst, m.prefix[:]...)
	for shift := 42; shift >= 0; shift -= 6 {
		dst = append(dst, idAlphabet[position>>shift&63])
	}
	return dst
}
