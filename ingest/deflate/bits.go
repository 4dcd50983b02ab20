package deflate

import (
	"encoding/binary"
	"slices"
)

// bitWriter appends bits to bytes, the lowest first.
type bitWriter struct {
	out  []byte
	held uint64 // bits that are not in out yet
	used uint   // how many these are
}

// write appends up to 16 bits.
func (w *bitWriter) write(value uint64, length uint) {
	w.reserve(int(length))
	w.bits(value, length)
	w.flush()
}

// reserve makes room for that many bits to be added and flushed.
func (w *bitWriter) reserve(bits int) {
	const wordSize = 8 // flush writes whole words
	w.out = slices.Grow(w.out, bits/8+2*wordSize)
}

// writeCode appends a code.
func (w *bitWriter) writeCode(c code) { w.write(uint64(c.value), uint(c.length)) }

// bits holds bits until the next flush, 57 at most.
func (w *bitWriter) bits(value uint64, length uint) {
	w.held |= value << w.used
	w.used += length
}

// flush appends the whole bytes of what is held.
func (w *bitWriter) flush() {
	n := len(w.out)
	binary.LittleEndian.PutUint64(w.out[n:n+8], w.held)
	whole := w.used / 8
	w.out = w.out[:n+int(whole)]
	w.held >>= whole * 8
	w.used %= 8
}

// end fills the last byte and returns what was written.
func (w *bitWriter) end() []byte {
	w.write(0, -w.used%8)
	return w.out
}
