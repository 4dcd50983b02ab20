package deflate

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	endOfBlock    = 256
	firstLength   = 257 // the symbol of matches of length 3
	numLiterals   = 286
	numOffsets    = 30
	maxCodeLength = 15
)

// code is a symbol's code, the first bit lowest, as the bits are written.
type code struct {
	value  uint16
	length uint8 // in bits; 0 for a symbol that does not occur
}

// huffman is a Huffman code of up to numLiterals symbols.
type huffman struct {
	codes [numLiterals]code
	used  []counted // symbols that occur, the rarest first
	nodes []node    // of the tree: the used symbols, then what joins two
}

type counted struct {
	symbol int
	count  uint32
}

type node struct {
	count  uint32
	parent int
	depth  int
}

// build makes the code for symbols that occur that many times, of up to that many bits each.
func (h *huffman) build(counts []uint32, maxLength int) {
	h.codes = [numLiterals]code{}
	h.used = h.used[:0]
	for symbol, count := range counts {
		if count > 0 {
			h.used = append(h.used, counted{symbol, count})
		}
	}
	switch len(h.used) { // a decoder wants a code of one bit at least
	case 0:
		h.codes[0].length = 1
		return
	case 1:
		h.codes[h.used[0].symbol].length = 1
		return
	}
	slices.SortFunc(h.used, func(a, b counted) int { return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.symbol, b.symbol)) })
	h.assign(h.lengths(maxLength))
}

// lengths returns how many codes there are to be of each length.
func (h *huffman) lengths(maxLength int) (byLength [maxCodeLength + 1]int) {
	h.join()
	for i := len(h.nodes) - 2; i >= 0; i-- {
		h.nodes[i].depth = h.nodes[h.nodes[i].parent].depth + 1
		if i < len(h.used) {
			byLength[min(h.nodes[i].depth, maxLength)]++
		}
	}
	// Codes that were cut take more room than there is: lengthen others until all have room.
	room := 0
	for length := 1; length <= maxLength; length++ {
		room += byLength[length] << (maxLength - length)
	}
	for ; room > 1<<maxLength; room-- {
		length := maxLength - 1
		for byLength[length] == 0 {
			length--
		}
		byLength[length]--
		byLength[length+1] += 2
		byLength[maxLength]--
	}
	return byLength
}

// join makes the tree: again and again, the two rarest nodes get a common parent. Parents come to be in the
// order of their counts, so that the rarest is always one of two: the next symbol, or the next parent.
func (h *huffman) join() {
	h.nodes = h.nodes[:0]
	for _, u := range h.used {
		h.nodes = append(h.nodes, node{count: u.count})
	}
	symbol, parent := 0, len(h.used)
	rarest := func() int {
		if symbol < len(h.used) && (parent == len(h.nodes) || h.nodes[symbol].count <= h.nodes[parent].count) {
			symbol++
			return symbol - 1
		}
		parent++
		return parent - 1
	}
	for range len(h.used) - 1 {
		a, b := rarest(), rarest()
		h.nodes[a].parent, h.nodes[b].parent = len(h.nodes), len(h.nodes)
		h.nodes = append(h.nodes, node{count: h.nodes[a].count + h.nodes[b].count})
	}
}

// assign gives the longest codes to the rarest symbols, and values as the format wants them (section 3.2.2).
func (h *huffman) assign(byLength [maxCodeLength + 1]int) {
	rest := h.used
	for length := maxCodeLength; length > 0; length-- {
		for _, u := range rest[:byLength[length]] {
			h.codes[u.symbol].length = uint8(length)
		}
		rest = rest[byLength[length]:]
	}
	var next [maxCodeLength + 2]uint16
	for length := 1; length <= maxCodeLength; length++ {
		next[length+1] = (next[length] + uint16(byLength[length])) << 1
	}
	for i := range h.codes {
		if c := &h.codes[i]; c.length > 0 {
			c.value = bits.Reverse16(next[c.length]) >> (16 - c.length)
			next[c.length]++
		}
	}
}

// blockHeader writes the lengths of a block's codes, compressed by a code of their own.
type blockHeader struct {
	code   huffman
	coded  []lengthRun
	counts [numHeaderSymbols]uint32
}

// lengthRun is a code length that is written, or how often one is repeated.
type lengthRun struct {
	symbol    uint8
	extra     uint8
	extraBits uint8
}

const (
	numHeaderSymbols = 19
	repeatLast       = 16 // 3 to 6 times, 2 bits
	repeatZero       = 17 // 3 to 10 times, 3 bits
	repeatZeroLong   = 18 // 11 to 138 times, 7 bits
	maxHeaderLength  = 7
)

// headerOrder is that in which the lengths of the header's own code stand.
var headerOrder = [numHeaderSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (b *blockHeader) write(w *bitWriter, literals, offsets *huffman) {
	numLit, numOff := occurring(literals, firstLength), occurring(offsets, 1)
	b.coded, b.counts = b.coded[:0], [numHeaderSymbols]uint32{}
	lengths := make([]uint8, 0, numLiterals+numOffsets)
	for _, c := range literals.codes[:numLit] {
		lengths = append(lengths, c.length)
	}
	for _, c := range offsets.codes[:numOff] {
		lengths = append(lengths, c.length)
	}
	b.runs(lengths)
	b.code.build(b.counts[:], maxHeaderLength)
	numOwn := numHeaderSymbols
	for numOwn > 4 && b.code.codes[headerOrder[numOwn-1]].length == 0 {
		numOwn--
	}
	w.write(uint64(numLit-firstLength), 5)
	w.write(uint64(numOff-1), 5)
	w.write(uint64(numOwn-4), 4)
	for _, symbol := range headerOrder[:numOwn] {
		w.write(uint64(b.code.codes[symbol].length), 3)
	}
	for _, run := range b.coded {
		w.writeCode(b.code.codes[run.symbol])
		w.write(uint64(run.extra), uint(run.extraBits))
	}
}

// occurring is how many symbols there are up to the last that occurs, and least at least.
func occurring(h *huffman, least int) int {
	n := len(h.codes)
	for n > least && h.codes[n-1].length == 0 {
		n--
	}
	return n
}

// runs writes the lengths as runs.
func (b *blockHeader) runs(lengths []uint8) {
	for len(lengths) > 0 {
		length, n := lengths[0], 1
		for n < len(lengths) && lengths[n] == length {
			n++
		}
		lengths = lengths[n:]
		if length != 0 {
			b.run(length, 0, 0)
			n--
		}
		for n > 0 {
			n -= b.repeat(length, n)
		}
	}
}

// repeat writes a length, which is 0 or the last one, n times or fewer, and returns how often.
func (b *blockHeader) repeat(length uint8, n int) int {
	switch {
	case n < 3:
		b.run(length, 0, 0)
		return 1
	case length != 0:
		n = min(n, 6)
		b.run(repeatLast, n-3, 2)
	case n <= 10:
		b.run(repeatZero, n-3, 3)
	default:
		n = min(n, 138)
		b.run(repeatZeroLong, n-11, 7)
	}
	return n
}

func (b *blockHeader) run(symbol uint8, extra int, extraBits uint8) {
	b.coded = append(b.coded, lengthRun{symbol, uint8(extra), extraBits})
	b.counts[symbol]++
}
