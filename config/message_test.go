package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/config"
)

func TestEnvironmentMessages(t *testing.T) {
	t.Parallel()
	for entry, message := range map[string]string{
		"FLUSH_PERIOD=abc":          `FLUSH_PERIOD: "abc" is not a duration (like 1s or 500ms)`,
		"FLUSH_PERIOD=0":            `FLUSH_PERIOD: 0 is too small (at least 10ms)`,
		"TIMEOUT=-1s":               `TIMEOUT: -1s is too small (at least 1ms)`,
		"COMPRESSION=12":            `COMPRESSION: 12 is out of range (0 to 9)`,
		"COMPRESSION=gzip":          `COMPRESSION: "gzip" is not a whole number`,
		"IN_FLIGHT=0":               `IN_FLIGHT: 0 is out of range (1 to 64)`,
		"REPLICAS=-2":               `REPLICAS: -2 is too small (at least -1)`,
		"BULK_SIZE=5cows":           `BULK_SIZE: "5cows" is not a size (like 1MiB or 512KiB)`,
		"BULK_SIZE=1,5MiB":          `BULK_SIZE: "1,5MiB" is not a size (like 1MiB or 512KiB)`,
		"BULK_SIZE=-1":              `BULK_SIZE: "-1" is not a size (like 1MiB or 512KiB)`,
		"BULK_SIZE=9999999999GiB":   `BULK_SIZE: "9999999999GiB" is not a size (like 1MiB or 512KiB)`,
		"BULK_SIZE=100MiB":          `BULK_SIZE: 100MiB is out of range (1KiB to 90MiB)`,
		"INSECURE_SKIP_VERIFY=sure": `INSECURE_SKIP_VERIFY: "sure" is not true or false`,
		"URL_TAG=maybe":             `URL_TAG: "maybe" is not one of auto, on, off`,
		"INDEX_PERIOD=year":         `INDEX_PERIOD: "year" is not one of month, day`,
		"INDEX_PREFIX=K6":           `INDEX_PREFIX: "K6" cannot begin an index name (lower-case letters, digits, - _ and ., beginning with a letter or a digit, at most 200)`,
		"LABELS=a=b,c":              `LABELS: "c" is not key=value (a comma inside a value is written \,)`,
		"LABELS==b":                 `LABELS: "=b" is not key=value (a comma inside a value is written \,)`,
		"HEADERS=hush":              `HEADERS: takes key=value pairs (a comma inside a value is written \,)`,
		"URL= , ":                   `URL: is empty`,
		"URL=http://a,ftp://b":      `URL: "ftp://b" is not an address (like http://localhost:9200)`,
		"URL=http://es:92o0":        `URL: "http://es:92o0" is not an address (like http://localhost:9200)`,
		"URL=http://":               `URL: "http://" is not an address (like http://localhost:9200)`,
		"URL=http://a,x://u:hush@b": `URL: number 2 is not an address (like http://localhost:9200)`,
		"ADDRESS=x://b":             `ADDRESS: "x://b" is not an address (like http://localhost:9200)`,

		"RUN_NAME=" + strings.Repeat("x", 8193):     `RUN_NAME: "` + strings.Repeat("x", 100) + `" has 8193 bytes; 8192 are possible`,
		"LABELS=a=b,c=" + strings.Repeat("x", 8193): `LABELS: c has 8193 bytes; 8192 are possible`,
	} {
		_, err := config.Load(config.Sources{Env: env("K6_ELASTICSEARCH_" + entry)})
		assert.EqualError(t, err, "K6_ELASTICSEARCH_"+message)
	}
}

func TestIndexPrefix(t *testing.T) {
	t.Parallel()
	for prefix, legal := range map[string]bool{
		"k6": true, "load.tests_2-a": true, "0": true,
		"-k6": false, "_k6": false, ".k6": false, "k6*": false, "k 6": false, "k6/": false, "k6,x": false, "kö": false, "k6\n": false,
	} {
		_, err := config.Load(config.Sources{Flags: flags(t, "--index-prefix", prefix)})
		assert.Equal(t, legal, err == nil, "%q: %v", prefix, err)
	}
}

func TestFlagMessages(t *testing.T) {
	t.Parallel()
	for argument, message := range map[string]string{
		"--flush-period=abc":       `--flush-period: "abc" is not a duration (like 1s or 500ms)`,
		"--push-interval=abc":      `--push-interval: "abc" is not a duration (like 1s or 500ms)`,
		"--timeout=5":              `--timeout: "5" has no unit: write 5s or 5ms`,
		"--retry-timeout=1.5":      `--retry-timeout: "1.5" has no unit: write 1.5s or 1.5ms`,
		"--label=team":             `--label: "team" is not key=value (a comma inside a value is written \,)`,
		"--header=hush":            `--header: takes key=value pairs (a comma inside a value is written \,)`,
		"--config=absent.yaml":     `--config: config file: open absent.yaml: no such file or directory`,
		"--insecure-skip-verify=7": `--insecure-skip-verify: "7" is not true or false`,
	} {
		_, err := config.Load(config.Sources{Flags: flags(t, argument)})
		assert.EqualError(t, err, message)
	}
}

func TestArgumentMessages(t *testing.T) {
	t.Parallel()
	for argument, message := range map[string]string{
		"flushPerod=2s":             `unknown option "flushPerod"; did you mean "flush-period"?`,
		"http://es,flush_period=2s": `unknown option "flush_period"; did you mean "flush-period"?`,
		"tset=x":                    `unknown option "tset"; did you mean "test"?`,
		"ulr=http://es":             `unknown option "ulr"; did you mean "url"?`,
		"usernme=x":                 `unknown option "usernme"; did you mean "username"?`,
		"indexname=x":               `unknown option "indexname"`,
		"qwertyuiop=2s":             `unknown option "qwertyuiop"`,
		"=2s":                       `unknown option ""`,
		"run-id":                    `run-id has no value, write run-id=…`,
		"insecureSkipVerify":        `insecureSkipVerify has no value, write insecureSkipVerify=…`,
		"run-id=1,foo":              `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"run-id=1,runId=2":          `run-id is given twice`,
		"flush-period=abc":          `flush-period: "abc" is not a duration (like 1s or 500ms)`,
		"flush-period=":             `flush-period: "" is not a duration (like 1s or 500ms)`,
		"nightly":                   `element 1 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"http://es:9200,nightly":    `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"hush:hush@es":              `element 1 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"user=u,hush":               `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"password=a,hush":           `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"password=a,hush=x":         `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"http://u:pa,hush@es:9200":  `url: number 1 is not an address (like http://localhost:9200)`,
		"http://u:pa,hush=ss@es:92": `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"http://u:pa@es,hush=ss":    `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"config=absent.yaml":        `config: config file: open absent.yaml: no such file or directory`,
		"\x1b[2J=1":                 `unknown option "\x1b[2J"`,
		"run-id=1,a\n\u202e":        `element 2 is neither an address like http://es:9200 nor an option like run-id=nightly (a host name alone needs http://; a comma inside a value is written \,)`,
		"memory=99999999999GiB":     `memory: "99999999999GiB" is not a size (like 1MiB or 512KiB)`,
		"in-flight=1e9":             `in-flight: "1e9" is not a whole number`,
		"stop-timeout=9999999h":     `stop-timeout: "9999999h" is not a duration (like 1s or 500ms)`,
		"label=a":                   `label: "a" is not key=value (a comma inside a value is written \,)`,
		"header=hush":               `header: takes key=value pairs (a comma inside a value is written \,)`,
		"url=\x00":                  `url: "\x00" is not an address (like http://localhost:9200)`,
	} {
		_, err := config.Load(config.Sources{Argument: argument})
		assert.EqualError(t, err, "--out elasticsearch=…: "+message, argument)
	}
}

func TestConfigFileMessages(t *testing.T) {
	t.Parallel()
	for content, message := range map[string]string{
		"run-id: x\nflush-perod: 1s\n":      `:2: unknown option "flush-perod"; did you mean "flush-period"?`,
		"ulr: http://es\n":                  `:1: unknown option "ulr"; did you mean "url"?`,
		"flush-period: abc\n":               `:1: flush-period: "abc" is not a duration (like 1s or 500ms)`,
		"flush-period: [1s]\n":              `:1: flush-period: takes one value, not several`,
		"url: {a: b}\n":                     `:1: url: takes a list, not keys and values`,
		"url: [[a]]\n":                      `:1: url: holds lists or maps inside a list or a map`,
		"labels: {a: {b: c}}\n":             `:1: labels: holds lists or maps inside a list or a map`,
		"url: []\n":                         `:1: url: is empty`,
		"user: a\nuser: b\n":                `:2: user is given twice`,
		"user: a\nusername: b\n":            `:2: user is given twice`,
		"config: x\n":                       `:1: config is no option of a config file`,
		"- url\n":                           `: is not a list of options like "url: http://localhost:9200"`,
		"hello\n":                           `: is not a list of options like "url: http://localhost:9200"`,
		"user: a\n---\nuser: b\n":           `: has more than one YAML document`,
		"password: *hush\n":                 `: a value that begins with * or & must be in quotes`,
		"a: b: c\n":                         `: mapping values are not allowed in this context`,
		"user: a\nfoo bar: 1\nurl: x://y\n": `:2: unknown option "foo bar"`,
		"&a [*a]: 1\n":                      `:1: unknown option ""`,
		"url: &a [*a]\n":                    `:1: url: holds lists or maps inside a list or a map`,
	} {
		path := file(t, content)
		_, err := config.Load(config.Sources{Files: []string{path}})
		assert.EqualError(t, err, path+message, content)
	}
}

func TestConfigFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Sources{Files: []string{t.TempDir()}})
	require.ErrorContains(t, err, "is a directory")
	absent := filepath.Join(t.TempDir(), "absent.yaml")
	_, err = config.Load(config.Sources{Env: env("K6ES_CONFIG=" + absent)})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "K6ES_CONFIG: ")
}

func TestJSONMessages(t *testing.T) {
	t.Parallel()
	for raw, message := range map[string]string{
		`[]`:                                  `is not a JSON object of options`,
		`{"a"`:                                `is not a JSON object of options`,
		`{"flushPeriode":1}`:                  `unknown option "flushPeriode"; did you mean "flush-period"?`,
		`{"flushPeriod":true}`:                `flushPeriod: "true" is not a duration (like 1s or 500ms)`,
		`{"url":["http://a",["b"]]}`:          `url: holds lists or maps inside a list or a map`,
		`{"labels":{"a":["b"]}}`:              `labels: holds lists or maps inside a list or a map`,
		`{"user":{"a":"b"}}`:                  `user: takes one value, not several`,
		`{"caCertFile":"a","ca-cert-file":1}`: `ca-cert-file is given twice`,
		`{"config":"x"}`:                      `config is no option of a config file`,
		`{"\u001b[2J":1}`:                     `unknown option "\x1b[2J"`,
		`{"flushPeriod":{}}`:                  `flushPeriod: takes one value, not several`,
		`{"memory":1e300}`:                    `memory: "1e300" is not a size (like 1MiB or 512KiB)`,
		`{"inFlight":1.5}`:                    `inFlight: "1.5" is not a whole number`,
		`{"labels":["team"]}`:                 `labels: "team" is not key=value (a comma inside a value is written \,)`,
		`{"labels":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`:   `labels: holds lists or maps inside a list or a map`,
		`{"labels":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`: `is not a JSON object of options`,
	} {
		_, err := config.Load(config.Sources{JSON: json.RawMessage(raw)})
		assert.EqualError(t, err, "collectors.elasticsearch: "+message, raw)
	}
	for _, raw := range []string{"", "null", " null ", "{}", `{"url":null}`, `{"labels":{"a":null}}`} {
		_, err := config.Load(config.Sources{JSON: json.RawMessage(raw)})
		assert.NoError(t, err, raw)
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	t.Parallel()
	path := file(t, "compression: 10\ntimeout: soon\n")
	_, err := config.Load(config.Sources{Files: []string{path}, Env: env("K6_ELASTICSEARCH_MEMORY=much")})
	assert.EqualError(t, err, path+":1: compression: 10 is out of range (0 to 9)\n"+
		path+`:2: timeout: "soon" is not a duration (like 1s or 500ms)`+"\n"+
		`K6_ELASTICSEARCH_MEMORY: "much" is not a size (like 1MiB or 512KiB)`)
}

func TestOptionsThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	for argument, message := range map[string]string{
		"url=http://a,cloud-id=x":                 `more than one address: cloud-id (--out elasticsearch=…) and url (--out elasticsearch=…); give only one`,
		"password=hush":                           `password (--out elasticsearch=…) is given without user`,
		"user=a,password=hush,api-key=hush":       `more than one way to log in: user (--out elasticsearch=…) and api-key (--out elasticsearch=…); give only one`,
		"api-key=hush,service-account-token=hush": `more than one way to log in: api-key (--out elasticsearch=…) and service-account-token (--out elasticsearch=…); give only one`,
		"client-cert-file=a":                      `client-cert-file (--out elasticsearch=…) is given without client-key-file`,
		"client-key-file=a":                       `client-key-file (--out elasticsearch=…) is given without client-cert-file`,
		"bulk-size=2MiB,memory=1MiB":              `memory (--out elasticsearch=…) is 1MiB, less than one bulk request: bulk-size (--out elasticsearch=…) is 2MiB`,
		"memory=1KiB,bulk-size=2KiB":              `memory (--out elasticsearch=…) is 1KiB, less than one bulk request: bulk-size (--out elasticsearch=…) is 2KiB`,
	} {
		_, err := config.Load(config.Sources{Argument: argument})
		assert.EqualError(t, err, message, argument)
	}
	_, err := config.Load(config.Sources{Env: env("K6_ELASTICSEARCH_CLOUD_ID=x"), Argument: "http://a"})
	assert.ErrorContains(t, err, "cloud-id (K6_ELASTICSEARCH_CLOUD_ID) and url (--out elasticsearch=…)")
}
