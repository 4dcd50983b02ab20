// Package deflate compresses bulk requests: rows of JSON documents that repeat each other but for some
// numbers and words. What it writes is gzip (RFC 1952) with DEFLATE inside (RFC 1951), which any reader takes.
//
// A general compressor looks for repetitions at every byte. This one looks for them where they begin in such
// text: behind a number or a word that differs from the last time. On other text it is right too, but of
// little use.
package deflate

import (
	"encoding/binary"
	"hash/crc32"
)

// Encoder compresses texts, one after the other. Its memory, about 200 KiB, is used again for each. The zero
// value is ready for use. It is not safe for concurrent use.
type Encoder struct {
	matcher  matcher
	literals huffman // of literals, the end of a block, and the lengths of matches
	offsets  huffman // of the distances of matches
	header   blockHeader
}

// gzipHeader of a member: DEFLATE, no name, no time, compressed for speed, system unknown.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255}

// AppendGzip appends a text, compressed as one gzip member, to dst.
func (e *Encoder) AppendGzip(dst, text []byte) []byte {
	w := bitWriter{out: append(dst, gzipHeader...)}
	e.matcher.start(text)
	for last := false; !last; {
		last = e.matcher.fill()
		e.block(&w, last)
	}
	dst = binary.LittleEndian.AppendUint32(w.end(), crc32.ChecksumIEEE(text))
	return binary.LittleEndian.AppendUint32(dst, uint32(len(text))) //nolint:gosec // modulo 2^32, as the format has it
}

// block writes the matcher's tokens as a block that brings its own Huffman codes (RFC 1951, section 3.2.7).
func (e *Encoder) block(w *bitWriter, last bool) {
	const dynamic = 2
	m := &e.matcher
	m.literals[endOfBlock] = 1
	e.literals.build(m.literals[:], maxCodeLength)
	e.offsets.build(m.offsets[:], maxCodeLength)
	kind := uint64(dynamic << 1)
	if last {
		kind |= 1
	}
	w.write(kind, 3)
	e.header.write(w, &e.literals, &e.offsets)
	w.reserve(m.size(&e.literals, &e.offsets))
	e.tokens(w)
	w.writeCode(e.literals.codes[endOfBlock])
}

// tokens writes the tokens, for which there is room.
func (e *Encoder) tokens(w *bitWriter) {
	out, at, held, used := w.out[:cap(w.out)], len(w.out), w.held, w.used
	for _, t := range e.matcher.tokens {
		if t < isMatch {
			c := e.literals.codes[t]
			held |= uint64(c.value) << used
			used += uint(c.length)
		} else {
			length, offset := &lengthSymbols[t>>offsetBits&0xff], t&(1<<offsetBits-1)
			c := e.literals.codes[length.symbol]
			held |= uint64(c.value) << used
			used += uint(c.length)
			held |= uint64(length.extra) << used
			used += length.bits
			symbol, extraBits := offsetSymbol(offset)
			c = e.offsets.codes[symbol]
			held |= uint64(c.value) << used
			used += uint(c.length)
			held |= uint64(offset) & (1<<extraBits - 1) << used
			used += extraBits
		}
		binary.LittleEndian.PutUint64(out[at:at+8], held)
		at += int(used / 8) //nolint:gosec // at most 8
		held >>= used &^ 7
		used &= 7
	}
	w.out, w.held, w.used = out[:at], held, used
}
