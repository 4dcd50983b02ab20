package config

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

// loaded checks what holds for any input: an error names its source, and a Config is one that could
// have been written by hand.
func loaded(t *testing.T, from string, sources Sources) {
	t.Helper()
	c, err := Load(sources)
	if err == nil {
		assert.NotEmpty(t, c.IndexPrefix)
		assert.True(t, len(c.URLs) > 0 || c.CloudID != "")
		assert.GreaterOrEqual(t, c.Memory, c.BulkSize)
		return
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		assert.Contains(t, line, from)
	}
}

func FuzzArgument(f *testing.F) {
	for _, seed := range []string{
		"", "http://localhost:9200", "a:9200,https://b,run-id=x,flush-period=2s", "flushPerod=1s", `label=a=b\,c,label=d=e`,
		"password=a,b=c", "http://u:p,w@h", "=,=,", `\,\\,\`, "url=", "in-flight=99", "insecure-skip-verify", "replicas=-9",
		"memory=1", "cloud-id=x,user=y", "headers=x", "bulk-size=1e9", "flush-period=NaN", "index-prefix=\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		if strings.Contains(argument, "config") {
			return // it would read files
		}
		loaded(t, "--out elasticsearch=…", Sources{Argument: argument})
	})
}

func FuzzArgumentHidesThePassword(f *testing.F) {
	f.Add("p,w", "foo")
	f.Add(`p\,w`, "flush-period=x")
	f.Add("p=w", "http://")
	f.Fuzz(func(t *testing.T, password, rest string) {
		const secret = "hush5ecret"
		if strings.Contains(rest, "h") || strings.Contains(password, "=") {
			return // a password that holds an option is beyond telling
		}
		c, err := Load(Sources{Argument: "user=u,password=" + password + secret + "," + rest})
		if err != nil && !strings.Contains(password, ",") {
			assert.NotContains(t, err.Error(), secret)
		}
		assert.NotContains(t, strings.Join(c.Warnings, " ")+c.String(), secret)
	})
}

// FuzzVariable: every environment variable takes any text, or is named in the error.
func FuzzVariable(f *testing.F) {
	for i, value := range []string{"x", "-1", "1e9", "http://u:p@h", "a=b,c", "99999999999GiB", "NaN", "9223372036854775807h", "\x00", ",", "[::1", "true"} {
		f.Add(uint8(i), value)
		f.Add(uint8(i+len(options)/2), value)
	}
	f.Fuzz(func(t *testing.T, i uint8, value string) {
		option := &options[int(i)%len(options)]
		names := option.envNames()
		if len(names) == 0 || option.NotInFile {
			t.Skip()
		}
		c := &Config{sources: map[string]string{}, onlyK6: map[string]bool{}}
		if err := c.apply(setting{option: option, from: names[0], value: value}); err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), names[0]+": "), err)
			return
		}
		_ = c.String()
	})
}

func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "url: http://a", "url: [a, b]\nlabels: {a: b}", "flush-perod: 1s", "a: b: c", "- a", "&a [*a]: *a", "labels: &a {<<: *a}",
		"password: *x", "user: a\n---\n", "? {a: b}\n: c", "!!binary x: y", "url: !!null x", "\xff\xfe", "config: x", "%TAG ! x", "user: |\n  a\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		settings, err := yamlSettings("k6es.yaml", content)
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "k6es.yaml:"), err)
			return
		}
		for _, s := range settings {
			if s.option.Ignored != "" {
				continue
			}
			if err := (&Config{sources: map[string]string{}, onlyK6: map[string]bool{}}).apply(s); err != nil {
				assert.True(t, strings.HasPrefix(err.Error(), s.from+": "+s.key+": "), err)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{}", "[]", `{"url":["a"],"labels":{"a":1}}`, `{"flushPeriod":1.5}`, `{"a":1}`, `{"user":"\ud800"}`, ` {"url" : null } `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !utf8.Valid(raw) {
			return
		}
		settings, err := jsonSettings("collectors.elasticsearch", json.RawMessage(raw))
		if err != nil {
			assert.True(t, strings.HasPrefix(err.Error(), "collectors.elasticsearch: "), err)
		}
		for _, s := range settings {
			assert.NotNil(t, s.option)
		}
	})
}
