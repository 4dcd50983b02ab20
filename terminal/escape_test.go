package terminal_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/terminal"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "",
		`GET /items?a=b\c "é" 商品`:  `GET /items?a=b\c "é" 商品`,
		"a\nb\r\tc":                `a\nb\r\tc`,
		"\x1b[2J\x1b]0;title\x07":  `\x1b[2J\x1b]0;title\a`,
		"\u009b31m\u0085":          `\u009b31m\u0085`, // CSI and a line end of their own
		"nul\x00del\x7f":           `nul\x00del\x7f`,
		"\xff\xc3(\xe2\x82":        `\xff\xc3(\xe2\x82`,
		"\ufffd":                   "\ufffd",
		"abc\u202etxt.exe\u2066":   `abc\u202etxt.exe\u2066`, // right to left
		"\u200e\u061c\u2028\ufeff": `\u200e\u061c\u2028\ufeff`,
		"می\u200cخواهم 👩\u200d💻":   "می\u200cخواهم 👩\u200d💻",
		"a\u00a0b\u3000":           "a\u00a0b\u3000",
	} {
		assert.Equal(t, want, terminal.Escape(text), "%q", text)
	}
	assert.Equal(t, `a b  c \x1b \xff`, terminal.Line("a\nb\t\u2028c\u00a0\x1b \xff"))
	assert.Equal(t, "a\n\tb\\r\n\\x1b", terminal.Lines("a\n\tb\r\n\x1b"))
}

// FuzzEscape: nothing that a terminal could obey is left, what was harmless stays, and once is enough.
func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[31m\n\u202e\xff\u009b")
	f.Add(`C:\new\x1b`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, escape := range []func(string) string{terminal.Escape, terminal.Line, terminal.Lines} {
			shown := escape(text)
			require.True(t, utf8.ValidString(shown))
			require.Equal(t, shown, escape(shown))
			require.False(t, strings.ContainsFunc(shown, func(r rune) bool {
				return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
			}), "%q", shown)
		}
		require.NotContains(t, terminal.Escape(text), "\n")
		require.NotContains(t, terminal.Line(text), "\n")
		require.NotContains(t, terminal.Line(text), "\t")
		if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }) {
			require.Equal(t, text, terminal.Escape(text))
		}
	})
}

func BenchmarkEscape(b *testing.B) {
	text := strings.Repeat("GET /items?page=1 ", 4)
	b.ReportAllocs()
	for b.Loop() {
		terminal.Escape(text)
	}
}
