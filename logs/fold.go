package logs

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"
)

// How many bytes of a message's first line are shown and of its pattern kept, and how many make the pattern:
// what is variable may be longer than what stands for it, and must not move the end of a pattern.
const (
	longestText   = 300
	longestFolded = 4 * longestText
)

// variables finds what differs between messages that say the same, each at its earliest: the order is
// that of precedence.
var variables = regexp.MustCompile(strings.Join([]string{
	`"[^"]*"`, "`[^`]*`", `\B'[^']*'\B`, // quoted
	`\b[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\b`, // UUID
	`\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d\b)?)?`,
	`\b\d\d?:\d\d:\d\d(?:[.,]\d+)?\b`,
	`[\w.+-]+@[\w-]+(?:\.[\w-]+)+`,
	`\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b`,
	`\b[0-9A-Fa-f]{0,4}(?::{1,2}[0-9A-Fa-f]{1,4}){2,7}\b`,
	`\b0[xX][0-9A-Fa-f]+\b`,
	`[A-Za-z]*\d+(?:[.,]\d+)+[A-Za-z]*`,
	`[0-9A-Za-z]*\d[0-9A-Za-z]*`,
}, "|"))

var (
	digits    = regexp.MustCompile(`\d+(?:[.,]\d+)*`)
	hexWord   = regexp.MustCompile(`^[0-9A-Fa-f]{8,}$`)
	clockTime = regexp.MustCompile(`^\d\d?:\d\d:\d\d`)
)

// Pattern is what messages have in common that differ only in numbers, times, addresses, UUIDs,
// hexadecimal and random words, and quoted text: `timeout after <n> ms`. It is made of a message's first
// line, and has 300 bytes at most, of whole words.
func Pattern(message string) string {
	words := strings.Join(strings.Fields(firstLine(message, longestFolded)), " ")
	pattern := variables.ReplaceAllStringFunc(words, placeholder)
	if len(pattern) <= longestText {
		return pattern
	}
	pattern = cutTo(pattern, longestText)
	if end := strings.LastIndexByte(pattern, ' '); end > 0 {
		return pattern[:end]
	}
	return pattern
}

// cutTo is a text's beginning, of so many bytes at most, of whole characters.
func cutTo(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	for longest > 0 && !utf8.RuneStart(text[longest]) {
		longest--
	}
	return text[:longest]
}

// colours are what libraries write into messages for terminals.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// firstLine is the first line of a message, valid, without colours, and of so many bytes at most before it
// was made valid.
func firstLine(message string, longest int) string {
	first, _, _ := strings.Cut(strings.TrimSpace(colours.ReplaceAllString(message, "")), "\n")
	return strings.TrimSpace(strings.ToValidUTF8(cutTo(first, longest), "�"))
}

// placeholder stands for a variable part.
func placeholder(part string) string {
	switch first := part[0]; {
	case first == '"' || first == '\'' || first == '`':
		return "<text>"
	case strings.Contains(part, "@"):
		return "<email>"
	case len(part) == 36 && strings.Count(part, "-") == 4:
		return "<uuid>"
	case clockTime.MatchString(part), len(part) >= 10 && part[4] == '-' && part[7] == '-':
		return "<time>"
	case strings.Count(part, ".") == 3 && isAddress(part), strings.Contains(part, ":") && isAddress(part):
		return "<ip>"
	case strings.HasPrefix(part, "0x"), strings.HasPrefix(part, "0X"), hexWord.MatchString(part) && mixed(part):
		return "<hex>"
	case randomWord(part):
		return "<id>"
	default:
		return digits.ReplaceAllString(part, "<n>")
	}
}

func isAddress(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(text)
	return err == nil
}

// mixed tells whether a word has letters beside its digits.
func mixed(word string) bool {
	return strings.Trim(word, "0123456789") != "" && digits.MatchString(word)
}

// randomWord tells whether letters and digits take turns as they do in ids, and not in sha256 or web1.
func randomWord(word string) bool {
	const least = 5
	return len(word) >= least && mixed(word) && !strings.ContainsAny(word, ".,") && len(digits.FindAllString(word, 2)) > 1
}

// wholly is a pattern that has nothing in common but its kind.
var wholly = regexp.MustCompile(`^<[a-z]+>$`)

// routePattern is what paths have in common that differ in ids: /items/<n>. Of a part of the path that is no
// id, as v2, nothing is variable; the query is left out.
func routePattern(path string) string {
	path, _, _ = strings.Cut(firstLine(path, longestText), "?")
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if pattern := Pattern(part); wholly.MatchString(pattern) {
			parts[i] = pattern
		}
	}
	return strings.Join(parts, "/")
}

// placeholders are what Pattern puts in.
var placeholders = regexp.MustCompile(`\S*<(?:text|email|uuid|time|ip|hex|id|n)>\S*`)

// phrases are the words of a pattern that all of its messages have, in runs without a variable part.
func phrases(pattern string) []string {
	var found []string
	for _, run := range placeholders.Split(pattern, -1) {
		if run = strings.TrimSpace(run); strings.ContainsFunc(run, isWordRune) {
			found = append(found, run)
		}
	}
	return found
}

func isWordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > utf8.RuneSelf
}
