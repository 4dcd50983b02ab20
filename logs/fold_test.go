package logs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"timeout after 5012 ms":                                            "timeout after <n> ms",
		"timeout after 1,234.5ms":                                          "timeout after <n>ms",
		"GET /api/items/17 503: connect ECONNREFUSED 10.0.0.5:5432":        "GET /api/items/<n> <n>: connect ECONNREFUSED <ip>",
		"user 0193a1b2-7c3e-7000-8000-00000000abcd not found":              "user <uuid> not found",
		`relation "orders" does not exist at character 15`:                 "relation <text> does not exist at character <n>",
		"can't read the user's file 'a b'":                                 "can't read the user's file <text>",
		"key `k` of bob@example.com is 0xDEADBEEF":                         "key <text> of <email> is <hex>",
		"commit a1b2c3d4e5 by ip6 2001:db8::1 at 2026-11-22T10:00:00.123Z": "commit <hex> by ip<n> <ip> at <time>",
		"2026-11-22 10:00:00,123 started, 10:00:01 ready":                  "<time> started, <time> ready",
		"request req_8fK2l9AbQ of pod shop-7d9f8b6c5-x2x4z on web-1":       "request req_<id> of pod shop-<hex>-<id> on web-<n>",
		"std::vector of a:b:c":                                             "std::vector of a:b:c",
		"sha256 of utf8 in x86_64, v1.2.3":                                 "sha<n> of utf<n> in x<n>_<n>, v<n>",
		"first line\n    at stack (file.js:12)":                            "first line",
		"  many   blanks\tand tabs ":                                       "many blanks and tabs",
		"\xff\x1b[31mred 1":                                                "�red <n>",
		"":                                                                 "",
	} {
		assert.Equal(t, want, Pattern(message), message)
	}
	rest := strings.Repeat(" statement", 40)
	long := Pattern("attempt 9 of" + rest)
	assert.Equal(t, long, Pattern("attempt 10,000 of"+rest), "numbers do not move the end")
	assert.LessOrEqual(t, len(long), longestText)
	assert.True(t, strings.HasSuffix(long, " statement"), "of whole words")
	assert.Len(t, Pattern(strings.Repeat("é", 400)), longestText, "but for a single one")
	assert.Equal(t, "<n> beats <n>", Pattern("12345678 beats 9"), "a number is no hexadecimal word")
}

func TestRoutePattern(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/api/v2/items/17": "/api/v2/items/<n>",
		"/api/items/:id":   "/api/items/:id",
		"/users/0193a1b2-7c3e-7000-8000-00000000abcd/orders/a1b2c3d4e5?page=2": "/users/<uuid>/orders/<hex>",
		"http://shop:8080/page2/": "http://shop:8080/page2/",
		"":                        "",
	} {
		assert.Equal(t, want, routePattern(path))
	}
}

func TestPhrases(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"timeout after", "ms calling payments"}, phrases("timeout after <n> ms calling payments"))
	assert.Equal(t, []string{"GET", "connect ECONNREFUSED"}, phrases("GET /api/items/<n> <n>: connect ECONNREFUSED <ip>"))
	assert.Empty(t, phrases("<n> <n>:"))
	assert.Equal(t, []string{"order placed"}, phrases("order placed"))
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{
		"timeout after 5012 ms", `a "b" 'c' 1.2.3.4:5 ::1`, "\xff'", "0193a1b2-7c3e-7000-8000-00000000abcd", "10:11:12:13::",
		strings.Repeat("é1", 400), "a@b.c 0x1 2026-11-22", "'0' \"1", "<n> <ip>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		pattern := Pattern(message)
		if !utf8.ValidString(pattern) || strings.ContainsAny(pattern, "0123456789\n") {
			t.Errorf("%q became %q", message, pattern)
		}
		phrases(pattern)
	})
}
