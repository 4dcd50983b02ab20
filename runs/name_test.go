package runs

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTestOfFile(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"nightly-20.json.gz":                    "nightly",
		"/var/k6/checkout-2026-11-20.json":      "checkout",
		"checkout_20261120.csv.zst":             "checkout",
		"checkout-2026-11-20T02-00-07Z.json.gz": "checkout",
		"checkout-2026-11-20_020007.json":       "checkout",
		"checkout 2026-11-20 02:00:07.json":     "checkout",
		"checkout-2026-11-20-3.json":            "checkout",
		"checkout-#812.json":                    "checkout",
		"shop.v2.json":                          "shop.v2",
		"api-v2.json":                           "api-v2",
		"k6-10m.json.gz":                        "k6-10m",
		"2026-11-20.json":                       "2026-11-20",
		"20.json":                               "20",
		"results":                               "results",
		"-":                                     "k6",
		".json":                                 "k6",
		"last test.JSON.GZ":                     "last test",
		"überlast-3.json":                       "überlast",
	} {
		assert.Equal(t, want, TestOfFile(file), file)
	}
}

func TestTestOfScript(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"file:///home/me/checkout.js": "checkout", "/a/b/checkout.test.ts": "checkout", "-": "k6", "": "k6",
		"https://example.org/scripts/smoke.js": "smoke", "archive.tar": "archive", "stress-2.js": "stress-2",
	} {
		assert.Equal(t, want, TestOfScript(script), script)
	}
}

func TestNameAtIsInUTC(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 13, 43, 56, 7, time.FixedZone("", 3600))
	assert.Equal(t, "2026-11-22T12:43:56Z", NameAt(at))
}

func TestNewIDsSortByTime(t *testing.T) {
	t.Parallel()
	first := NewID()
	second := NewID()
	assert.Less(t, first, second)
}

func TestCheckID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"812", NewID(), "nightly 812 main@a1b2c3d", "a/b?c=d&e#f%2F", "*", "größe 🚀", `"quoted\"`, "a_b", "latest~x", "latest-812",
		strings.Repeat("x", 500),
	} {
		require.NoError(t, CheckID(id), id)
	}
	for id, why := range map[string]string{
		"":                             "it is empty",
		".":                            "it is empty, \".\"",
		"..":                           "it is empty, \".\"",
		"_search":                      "begins with \"_\"",
		" 812":                         "a blank",
		"812\u00a0":                    "a blank",
		"a\nb":                         "control character",
		"a\xffb":                       "no text",
		"latest":                       "stands for another run",
		"latest~2":                     "stands for another run",
		"pinned":                       "stands for another run",
		strings.Repeat("é", 250) + "x": "it has 501 bytes, 500 are possible",
	} {
		require.ErrorContains(t, CheckID(id), why, id)
	}
}
