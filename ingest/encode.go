package ingest

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxText is how much of a text a document keeps, in bytes: Lucene refuses keywords over 32 KiB, and
// nobody reads or groups by what is longer than this.
const maxText = 8 << 10

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD. A text over maxText
// is cut at a character, and *cut is set where cut is not nil.
func appendString(dst []byte, s string, cut *bool) []byte {
	if len(s) > maxText {
		s = s[:cutAt(s)]
		if cut != nil {
			*cut = true
		}
	}
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
			dst = appendEscape(append(dst, s[start:i]...), c)
			start = i + 1
		}
		i++
	}
	return append(append(dst, s[start:]...), '"')
}

// CutText is as much of a text as documents keep: all of it up to 8 KiB. What is cut does not hold on to
// the whole text.
func CutText(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.Clone(s[:cutAt(s)])
}

// cutAt is where a text over maxText is cut: at the last character that begins within it.
func cutAt(s string) int {
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return end
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

// appendNumber appends a finite number in the shortest form that reads back as the same float64.
func appendNumber(dst []byte, v float64) []byte {
	if i := int64(v); float64(i) == v && i > -1e15 && i < 1e15 {
		return strconv.AppendInt(dst, i, 10)
	}
	if abs := math.Abs(v); abs < 1e-6 || abs >= 1e21 {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendMillis appends a duration in milliseconds, rounded to the microsecond.
func appendMillis(dst []byte, ms float64) []byte {
	micros := math.Round(ms * 1000)
	if math.Abs(micros) >= 1e15 {
		return appendNumber(dst, ms)
	}
	n := int64(micros)
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendInt(dst, n/1000, 10)
	frac := n % 1000
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// clock writes times. It remembers the text of the last second and of the last index period, because
// neighbours in a stream mostly share them.
type clock struct {
	second int64
	text   []byte // 2026-11-22T12:43:56

	period Period
	day    int64
	index  []byte // the index name for that day
	prefix string
}

const nanos = int64(time.Second)

func newClock(prefix string, period Period) clock {
	return clock{second: math.MinInt64, day: math.MinInt64, prefix: prefix + "-metrics-", period: period}
}

// floorSecond gives the whole second that a time in nanoseconds lies in, also before 1970.
func floorSecond(ns int64) int64 {
	s := ns / nanos
	if ns%nanos < 0 {
		s--
	}
	return s
}

// elapsed is the whole seconds from one time to another, as many as 32 bits hold. Times may lie further apart
// than nanoseconds can count, but not seconds.
func elapsed(from, to int64) int64 {
	seconds := to/nanos - from/nanos
	if math.MinInt32 < seconds && seconds < math.MaxInt32 {
		return floorSecond(to - from)
	}
	return max(math.MinInt32, min(math.MaxInt32, seconds))
}

// appendTime appends a time in nanoseconds as 2026-11-22T12:43:56.567Z, cut to the millisecond.
func (c *clock) appendTime(dst []byte, ns int64) []byte {
	second := floorSecond(ns)
	if second != c.second {
		c.second = second
		c.text = time.Unix(second, 0).UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05")
	}
	ms := (ns - second*nanos) / int64(time.Millisecond)
	dst = append(dst, c.text...)
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// appendIndex appends the name of the index that a document of that time belongs to.
func (c *clock) appendIndex(dst []byte, ns int64) []byte {
	const secondsOfDay = 24 * 60 * 60
	second := floorSecond(ns)
	day := second / secondsOfDay
	if second%secondsOfDay < 0 {
		day--
	}
	if day != c.day {
		c.day = day
		c.index = time.Unix(day*secondsOfDay, 0).UTC().AppendFormat(append(c.index[:0], c.prefix...), c.period.layout())
	}
	return append(dst, c.index...)
}

// Period is the span of time that one index of samples holds, by UTC date.
type Period string

// The periods.
const (
	Month Period = "month"
	Day   Period = "day"
)

func (p Period) layout() string {
	if p == Day {
		return "2006.01.02"
	}
	return "2006.01"
}
