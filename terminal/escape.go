// Package terminal makes text that others wrote fit to be shown: names from files, tags, and what a server
// says may hold sequences that move a terminal's cursor, hide text, or turn its direction round.
//
// It is not a stable Go API.
package terminal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape writes what cannot be seen the way Go writes it in a string: \n, \x1b, \u202e, and \xff for a byte
// that is not UTF-8. All else, blanks and backslashes included, stays as it is; so a text that is escaped
// already does not change.
func Escape(text string) string {
	return escape(text, visible)
}

// Line is Escape for a text that is to be read as one line: white space of any kind is a blank.
func Line(text string) string {
	return escape(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, maskInvalid(text)), visible)
}

// Lines is Escape for a text of several lines: the ends of lines and tabs stay.
func Lines(text string) string {
	return escape(text, func(r rune) bool { return r == '\n' || r == '\t' || visible(r) })
}

// visible says whether a character shows itself and does nothing else. The two joiners are invisible, but
// some scripts and emoji cannot be written without them.
func visible(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.IsGraphic(r) || r == nonJoiner || r == joiner
}

func escape(text string, keep func(rune) bool) string {
	clean := 0
	for clean < len(text) {
		r, size := utf8.DecodeRuneInString(text[clean:])
		if invalid(r, size) || !keep(r) {
			break
		}
		clean += size
	}
	if clean == len(text) {
		return text
	}
	out := []byte(text[:clean])
	for i := clean; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case invalid(r, size):
			out = appendByte(out, text[i])
		case keep(r):
			out = append(out, text[i:i+size]...)
		default:
			quoted := strconv.AppendQuoteRune(nil, r)
			out = append(out, quoted[1:len(quoted)-1]...)
		}
		i += size
	}
	return string(out)
}

func invalid(r rune, size int) bool { return r == utf8.RuneError && size == 1 }

const hexDigits = "0123456789abcdef"

func appendByte(dst []byte, b byte) []byte {
	return append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&15])
}

// maskInvalid escapes bytes that are not UTF-8, which strings.Map would replace.
func maskInvalid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return escape(text, func(rune) bool { return true })
}
