package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	window    = 32 << 10 // how far back a match may lie
	minMatch  = 6        // a shorter one is no shorter than its literals
	maxMatch  = 258
	blockSize = 32 << 10 // tokens after which a block ends
	hashBits  = 11
)

// A place is found again by as many bytes behind it: a key; the key of what comes first in a document; most of
// what a set of tags says.
const (
	shortProbe = 16
	midProbe   = 32
	longProbe  = 64
	probes     = 3
)

// A token is a literal, or a match: isMatch, length-3 in 8 bits, offset-1 in offsetBits.
const (
	isMatch    = 1 << 31
	offsetBits = 15
)

// matcher turns a text into tokens. It remembers the last place of what stood behind numbers and words.
type matcher struct {
	text     []byte
	at       int
	tokens   []uint32
	literals [numLiterals]uint32 // how often each symbol occurs in tokens
	offsets  [numOffsets]uint32
	seen     [probes][1 << hashBits]int32
	source   int // where the last match would go on
}

func (m *matcher) start(text []byte) {
	m.text, m.at, m.source = text, 0, 0
	m.seen = [probes][1 << hashBits]int32{}
}

// fill makes the tokens of the next block. It returns whether that is the last one.
func (m *matcher) fill() (last bool) {
	m.tokens = m.tokens[:0]
	clear(m.literals[:])
	clear(m.offsets[:])
	for m.at < len(m.text) && len(m.tokens) < blockSize {
		if !inWord[m.text[m.at]] {
			if candidate, length := m.find(); length >= minMatch {
				m.match(m.whole(length), m.at-candidate)
			} else {
				m.literal(m.text[m.at])
			}
		}
		m.word()
	}
	return m.at == len(m.text)
}

// word appends the literals of what is left of a number or word.
func (m *matcher) word() {
	rest := m.text[m.at:]
	for i, c := range rest {
		if !inWord[c] {
			m.at += i
			return
		}
		m.tokens = append(m.tokens, uint32(c))
		m.literals[c]++
	}
	m.at = len(m.text)
}

func (m *matcher) literal(c byte) {
	m.tokens = append(m.tokens, uint32(c))
	m.literals[c]++
	m.at++
}

// isLetter and inWord say which bytes keys, and which numbers and words are made of. Z is in none, so that a
// time ends before it.
var (
	isLetter = setOf("_abcdefghijklmnopqrstuvwxyz")
	inWord   = setOf("0123456789.-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY")
)

func setOf(chars string) (set [256]bool) {
	for _, c := range []byte(chars) {
		set[c] = true
	}
	return set
}

// find returns the longest of some candidates: the last places where what follows here stood, and the one
// behind the last match, if it differs from here by a word only. What is found by many bytes needs no other.
func (m *matcher) find() (candidate, length int) {
	at := m.at
	if at+longProbe > len(m.text) {
		return 0, 0
	}
	for m.source < at && inWord[m.text[m.source]] {
		m.source++
	}
	short, mid, long := m.places(at)
	if candidate, length = long, m.common(long, at); length >= longProbe {
		return candidate, length
	}
	if m.source != candidate {
		if n := m.common(m.source, at); n > length {
			candidate, length = m.source, n
		}
	}
	if mid != candidate {
		if n := m.common(mid, at); n > length {
			candidate, length = mid, n
		}
	}
	if length < midProbe && short != candidate {
		if n := m.common(short, at); n > length {
			candidate, length = short, n
		}
	}
	return candidate, length
}

// places returns the last places where the bytes of each probe stood, and notes this one.
func (m *matcher) places(at int) (short, mid, long int) {
	const odd = 0x9e3779b97f4a7c15
	b := (*[longProbe]byte)(m.text[at:])
	two := func(i int) uint64 {
		return (binary.LittleEndian.Uint64(b[i:])*odd ^ binary.LittleEndian.Uint64(b[i+8:])) * odd
	}
	h := two(0)
	place := &m.seen[0][h>>(64-hashBits)]
	short, *place = int(*place), int32(at) //nolint:gosec // a text has less than 2 GiB
	h = (h ^ h>>32 ^ two(16)) * odd
	place = &m.seen[1][h>>(64-hashBits)]
	mid, *place = int(*place), int32(at) //nolint:gosec // likewise
	h = (h ^ h>>32 ^ two(32) ^ two(48)>>7) * odd
	place = &m.seen[2][h>>(64-hashBits)]
	long, *place = int(*place), int32(at) //nolint:gosec // likewise
	return short, mid, long
}

// whole shortens a match that ends in a key which only begins alike, so that the next match can begin with
// the key, if that stood elsewhere.
func (m *matcher) whole(length int) int {
	const (
		alike = 12 // more than that of an id, which has letters too, is no key
		gain  = 4  // what a match is worth
	)
	end := m.at + length
	if end == len(m.text) || !isLetter[m.text[end]] {
		return length
	}
	start := end
	for start > m.at && start > end-alike && inWord[m.text[start-1]] {
		start--
	}
	for start > m.at && !inWord[m.text[start-1]] {
		start--
	}
	if start < m.at+minMatch || start+longProbe > len(m.text) {
		return length
	}
	short, mid, long := m.places(start)
	for _, place := range [...]int{long, mid, short} {
		if m.common(place, start) > end-start+gain {
			return start - m.at
		}
	}
	return length
}

// common is how many bytes from the candidate on are those from there on.
func (m *matcher) common(candidate, at int) (n int) {
	if offset := at - candidate; offset == 0 || offset > window {
		return 0
	}
	a, b := m.text[candidate:], m.text[at:]
	for len(a) >= 8 && len(b) >= 8 {
		if diff := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b); diff != 0 {
			return n + bits.TrailingZeros64(diff)/8
		}
		a, b, n = a[8:], b[8:], n+8
	}
	for i := range b {
		if a[i] != b[i] {
			break
		}
		n++
	}
	return n
}

// match appends the tokens of a match, which is split where it is longer than one token can say.
func (m *matcher) match(length, offset int) {
	m.at += length
	m.source = m.at - offset
	symbol, _ := offsetSymbol(uint32(offset - 1))
	for length > 0 {
		n := min(length, maxMatch)
		if rest := length - n; rest > 0 && rest < 3 {
			n -= 3
		}
		m.tokens = append(m.tokens, isMatch|uint32(n-3)<<offsetBits|uint32(offset-1))
		m.literals[lengthSymbols[n-3].symbol]++
		m.offsets[symbol]++
		length -= n
	}
}

// size is how many bits the tokens take.
func (m *matcher) size(literals, offsets *huffman) (size int) {
	for symbol, count := range m.literals {
		size += int(count) * int(literals.codes[symbol].length)
	}
	for symbol, count := range m.offsets {
		extra := max(0, symbol/2-1)
		size += int(count) * (int(offsets.codes[symbol].length) + extra + 5) // 5: at most, of a length
	}
	return size
}

// lengthSymbols are, for each length of a match less 3, its symbol and the extra bits behind that
// (RFC 1951, section 3.2.5).
var lengthSymbols = func() (all [256]struct {
	symbol uint16
	extra  uint8
	bits   uint
}) {
	length, symbol := 0, uint16(firstLength)
	for ; length < len(all)-1; symbol++ {
		extraBits := max(0, int(symbol-firstLength)/4-1)
		for extra := 0; extra < 1<<extraBits && length < len(all)-1; extra++ {
			all[length].symbol, all[length].extra, all[length].bits = symbol, uint8(extra), uint(extraBits)
			length++
		}
	}
	all[length].symbol = symbol
	return all
}()

// offsetSymbol is the symbol of an offset less 1, and how many of its low bits stand behind that.
func offsetSymbol(offset uint32) (symbol uint32, extraBits uint) {
	if offset < 2 {
		return offset, 0
	}
	extraBits = uint(bits.Len32(offset) - 2)
	return uint32(2*extraBits) + offset>>extraBits, extraBits
}
