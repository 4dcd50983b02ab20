package ci

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]ref{
		"":                                {},
		"main":                            {branch: "main"},
		"feature/heads/x":                 {branch: "feature/heads/x"},
		"release/tags/x":                  {branch: "release/tags/x"},
		"refs/heads/feature/x":            {branch: "feature/x"},
		"origin/main":                     {branch: "main"},
		"refs/remotes/origin/main":        {branch: "main"},
		"remotes/origin/main":             {branch: "main"},
		"upstream/main":                   {branch: "upstream/main"},
		"refs/tags/v1":                    {tag: "v1"},
		"tags/v1":                         {tag: "v1"},
		"origin/tags/v1":                  {tag: "v1"},
		"refs/pull/77/merge":              {change: "77"},
		"refs/pull/77/head":               {change: "77"},
		"pull/77":                         {change: "77"},
		"refs/pull-requests/77/from":      {change: "77"},
		"refs/merge-requests/5/train":     {change: "5"},
		"refs/changes/45/12345/2":         {change: "12345"},
		"pull/x":                          {branch: "pull/x"},
		"refs/heads/":                     {},
		"HEAD":                            {},
		"origin/HEAD":                     {},
		" main\n":                         {branch: "main"},
		"ma\x1b[31min\u202e":              {branch: "ma[31min"},
		"rönne\xff":                       {branch: "rönne"},
		strings.Repeat("x", maxFact+5):    {branch: strings.Repeat("x", maxFact)},
		strings.Repeat("x", 1023) + "ö-y": {branch: strings.Repeat("x", 1023)},
	} {
		assert.Equal(t, want, parseRef(name), "%.40q", name)
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"":                                       {"", ""},
		"https://github.com/acme/shop":           {"https://github.com/acme/shop", "shop"},
		"https://github.com/acme/shop.git":       {"https://github.com/acme/shop", "shop"},
		"https://github.com/acme/shop.git/":      {"https://github.com/acme/shop", "shop"},
		"https://token@github.com/acme/shop.git": {"https://github.com/acme/shop", "shop"},
		"https://gitlab-ci-token:SECRET@gitlab.com/a/b/shop.git":       {"https://gitlab.com/a/b/shop", "shop"},
		"https://me:pa@SECRET@github.com/acme/shop":                    {"https://github.com/acme/shop", "shop"},
		"https://github.com/acme/shop.git?private_token=SECRET#SECRET": {"https://github.com/acme/shop", "shop"},
		"http://git.example.com:3000/acme/my%20shop.git":               {"http://git.example.com:3000/acme/my%20shop", "my shop"},
		"git@github.com:acme/shop.git":                                 {"git@github.com:acme/shop.git", "shop"},
		"git@github.com:shop.git":                                      {"git@github.com:shop.git", "shop"},
		"git:SECRET@github.com:acme/shop.git":                          {"git@github.com:acme/shop.git", "shop"},
		"SECRET@github.com:acme/shop.git":                              {"github.com:acme/shop.git", "shop"},
		"oauth2:SECRET@gitlab.com:acme/shop.git":                       {"gitlab.com:acme/shop.git", "shop"},
		"git@github.com:acme/shop.git?token=SECRET":                    {"git@github.com:acme/shop.git", "shop"},
		"ssh://git@git.example.com:7999/acme/shop.git":                 {"ssh://git@git.example.com:7999/acme/shop.git", "shop"},
		"ssh://git:SECRET@git.example.com/acme/shop.git":               {"ssh://git@git.example.com/acme/shop.git", "shop"},
		"ssh://SECRET@git.example.com/acme/shop.git":                   {"ssh://git.example.com/acme/shop.git", "shop"},
		"git://git.example.com/acme/shop.git":                          {"git://git.example.com/acme/shop.git", "shop"},
		"/srv/git/shop.git":                                            {"", "shop"},
		`C:\work\shop`:                                                 {"", "shop"},
		"../shop":                                                      {"", "shop"},
		"..":                                                           {"", ""},
		"file:///srv/git/shop.git":                                     {"", ""},
		"https://":                                                     {"", ""},
		"https://github.com":                                           {"https://github.com", ""},
		"https:/me:SECRET@github.com/acme/shop":                        {"", "shop"},
		"me:SECRET@github.com/acme/shop":                               {"", "shop"},
		"https://me:SECRET@[bad/acme/shop":                             {"", ""},
		"https://mirror.example.com/https://me:SECRET@github.com/shop": {"", "shop"},
		"https://mirror.example.com/me:SECRET@github.com/shop":         {"", "shop"},
		"https://me:SECRET@github.com/" + strings.Repeat("x", maxFact): {"", strings.Repeat("x", maxFact)},
		"https://me:" + strings.Repeat("s", maxFact) + "@github.com/a": {"https://github.com/a", "a"},
		"git@github.com:" + strings.Repeat("x", maxFact):               {"", strings.Repeat("x", maxFact)},
	} {
		address, name := repository(raw)
		assert.Equal(t, want, [2]string{address, name}, raw)
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                                "",
		"https://ci.example.com/job/812/": "https://ci.example.com/job/812/",
		"https://me:SECRET@ci.example.com/job/812/":                         "https://ci.example.com/job/812/",
		"https://SECRET@ci.example.com/job":                                 "https://ci.example.com/job",
		"https://ci.example.com/job?token=SECRET&buildId=5&access_token=S#": "https://ci.example.com/job?buildId=5",
		"https://ci.example.com/job?":                                       "https://ci.example.com/job",
		"https://ci.example.com/job#access_token=SECRET":                    "https://ci.example.com/job",
		"https://bitbucket.org/a/b/addon/pipelines/home#!/results/812":      "https://bitbucket.org/a/b/addon/pipelines/home#!/results/812",
		"https://dev.azure.com/a/b/_build/results?buildId=8&view=logs&j=1":  "https://dev.azure.com/a/b/_build/results?buildId=8&view=logs&j=1",
		"javascript:alert(1)":                                               "",
		"ftp://ci.example.com/job":                                          "",
		"ci.example.com/job":                                                "",
		"https://ci.example.com/\x00job":                                    "https://ci.example.com/job",
		"https://ci.example.com/" + strings.Repeat("x", maxFact):            "",
	} {
		assert.Equal(t, want, link(raw), raw)
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "", "HEAD": "", "FETCH_HEAD": "", "main": "", "abc": "", "4711": "4711", "A1B2C3D": "a1b2c3d", sha1: sha1,
		sha1 + sha1: "", " " + sha1 + "\n": sha1, strings.Repeat("a", 64): strings.Repeat("a", 64),
	} {
		assert.Equal(t, want, revision(value), value)
	}
}

// presentable is what holds for every fact.
func presentable(t *testing.T, value string) {
	t.Helper()
	assert.True(t, utf8.ValidString(value), "%q", value)
	assert.LessOrEqual(t, len(value), maxFact)
	assert.Equal(t, -1, strings.IndexFunc(value, func(r rune) bool { return !unicode.IsGraphic(r) }), "%q", value)
	assert.Equal(t, strings.TrimSpace(value), value)
}

func FuzzParseRef(f *testing.F) {
	for _, name := range []string{"refs/heads/main", "origin/refs/tags/v1", "refs/pull/77/merge", "tags/tags/", "\xff \u202e"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := parseRef(name)
		for _, value := range []string{got.branch, got.tag, got.change} {
			presentable(t, value)
			assert.False(t, strings.HasPrefix(value, "refs/heads/"), value)
		}
		assert.False(t, got.branch != "" && got.tag != "")
		if got.branch != "" && changeRef.FindString(got.branch) == "" {
			assert.Equal(t, got, parseRef(got.branch), "again")
		}
	})
}

// FuzzAddresses plants a secret where addresses have users and passwords.
func FuzzAddresses(f *testing.F) {
	for _, seed := range [][3]string{
		{"https", "me", "github.com/acme/shop.git"}, {"ssh", "git", "host:22/shop"}, {"https", "", "[::1]/a?b=c#d"},
		{"http", "a@b", "/x"}, {"git+ssh", "git", "host/%2e%2e/.git"}, {"https", "x:y/z", "h"}, {"https", "u", "h/http://x:y@z"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	const secret = "s3cr3tT0ken"
	f.Fuzz(func(t *testing.T, scheme, user, rest string) {
		for _, raw := range []string{
			scheme + "://" + user + ":" + secret + "@" + rest,
			scheme + "://" + secret + "@" + rest,
			user + ":" + secret + "@" + rest,
			secret + "@" + rest,
			scheme + "://" + rest + "?token=" + secret,
			scheme + "://" + rest + "#token=" + secret,
		} {
			address, name := repository(raw)
			page := link(raw)
			presentable(t, address)
			presentable(t, name)
			presentable(t, page)
			for _, shown := range []string{address, name, page} {
				assert.NotContains(t, shown, secret, raw)
			}
			if strings.Contains(address, "://") {
				again, _ := repository(address)
				assert.Equal(t, address, again, raw)
			}
			assert.Equal(t, page, link(page), raw)
		}
	})
}
