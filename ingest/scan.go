package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how deeply values that nobody asked for may nest in a line.
const maxDepth = 64

// scanError is what is wrong with a line, at the byte (from 0) where it was seen.
type scanError struct {
	at     int
	reason string
}

func (e *scanError) Error() string { return e.reason }

// scanner walks over the JSON of one line. It checks the grammar, and allocates nothing but for errors.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) fail(format string, args ...any) error {
	return &scanError{s.i, fmt.Sprintf(format, args...)}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	if got := s.peek(); got != c {
		return s.fail("%s where %q should be", describe(got, s.i >= len(s.b)), c)
	}
	s.i++
	return nil
}

func describe(c byte, end bool) string {
	if end {
		return "the line ends"
	}
	return fmt.Sprintf("%q stands", c)
}

// end checks that nothing but white space is left.
func (s *scanner) end() error {
	if c := s.peek(); s.i < len(s.b) {
		return s.fail("%q stands behind the end of the object", c)
	}
	return nil
}

// object calls member for each key of an object; member must scan the value. The key has its quotes,
// and its escapes as they stand.
func (s *scanner) object(member func(key []byte) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.i++
		return nil
	}
	for {
		key, err := s.str()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		if s.peek() == '}' {
			s.i++
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// str scans a string and returns it with its quotes, escapes as they stand.
func (s *scanner) str() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.i - 1
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start:s.i], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		case c < ' ':
			return nil, s.fail("a control character stands in a string")
		default:
			s.i++
		}
	}
	return nil, s.fail("the line ends in a string")
}

func (s *scanner) escape() error {
	s.i++
	if s.i >= len(s.b) {
		return s.fail("the line ends in a string")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		for k := 1; k <= 4; k++ {
			if s.i+k >= len(s.b) || !isHex(s.b[s.i+k]) {
				return s.fail("a \\u escape is not four hexadecimal digits")
			}
		}
		s.i += 5
		return nil
	}
	return s.fail("\\%c is not an escape", s.b[s.i])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// value scans any value and returns its text.
func (s *scanner) value(depth int) ([]byte, error) {
	c := s.peek()
	start := s.i
	var err error
	switch {
	case c == '"':
		_, err = s.str()
	case c == '{' || c == '[':
		if depth >= maxDepth {
			return nil, s.fail("values nest more than %d deep", maxDepth)
		}
		err = s.container(c, depth+1)
	case c == '-' || isDigit(c):
		err = s.number()
	default:
		err = s.literal()
	}
	return s.b[start:s.i], err
}

func (s *scanner) container(open byte, depth int) error {
	if open == '{' {
		return s.object(func([]byte) error {
			_, err := s.value(depth)
			return err
		})
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for {
		if _, err := s.value(depth); err != nil {
			return err
		}
		if s.peek() == ']' {
			s.i++
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

func (s *scanner) literal() error {
	for _, word := range []string{"null", "true", "false"} {
		if bytes.HasPrefix(s.b[s.i:], []byte(word)) {
			s.i += len(word)
			return nil
		}
	}
	var c byte
	if s.i < len(s.b) {
		c = s.b[s.i]
	}
	return s.fail("%s where a value should be", describe(c, s.i >= len(s.b)))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && isDigit(s.b[s.i]) {
		s.i++
	}
	return s.i > start
}

func (s *scanner) at(chars string) bool {
	return s.i < len(s.b) && bytes.IndexByte([]byte(chars), s.b[s.i]) >= 0
}

func (s *scanner) number() error {
	if s.at("-") {
		s.i++
	}
	if s.at("0") {
		s.i++
	} else if !s.digits() {
		return s.fail("a number lacks its digits")
	}
	if s.at(".") {
		s.i++
		if !s.digits() {
			return s.fail("a number lacks digits behind its point")
		}
	}
	if s.at("eE") {
		s.i++
		if s.at("+-") {
			s.i++
		}
		if !s.digits() {
			return s.fail("a number lacks the digits of its exponent")
		}
	}
	return nil
}

// unquote turns the text of a string into the string. Bytes that are not UTF-8 become U+FFFD.
func unquote(quoted []byte) string {
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return string(inside)
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return string(bytes.ToValidUTF8(inside, []byte("\ufffd")))
	}
	return text
}

// parsePairs turns the text of an object of strings into tags. Numbers and truth values keep their
// text; null is no tag.
func parsePairs(object []byte) ([]Tag, error) {
	s := scanner{b: object}
	if s.peek() == 'n' {
		return nil, s.literal()
	}
	var tags []Tag
	err := s.object(func(key []byte) error {
		c := s.peek()
		value, err := s.value(maxDepth)
		if err != nil || c == 'n' {
			return err
		}
		tag := Tag{Key: unquote(key), Value: string(value)}
		if c == '"' {
			tag.Value = unquote(value)
		}
		tags = append(tags, tag)
		return nil
	})
	return tags, err
}
