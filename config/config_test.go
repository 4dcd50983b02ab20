package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/ingest/spool"
)

// file writes a config file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k6es.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(set, config.CLI)
	require.NoError(t, set.Parse(args))
	return set
}

func env(pairs ...string) map[string]string { return config.Environ(pairs) }

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://localhost:9200"}, c.URLs)
	assert.Equal(t, "k6", c.IndexPrefix)
	assert.Equal(t, "month", c.IndexPeriod)
	assert.Equal(t, -1, c.Replicas)
	assert.Equal(t, "auto", c.Setup)
	assert.Equal(t, 100, c.MaxLabels)
	assert.Equal(t, 1000, c.MaxURLs)
	assert.Equal(t, "auto", c.URLTag)
	assert.Equal(t, time.Second, c.FlushPeriod)
	assert.Equal(t, config.Bytes(5<<20), c.BulkSize)
	assert.Equal(t, 2, c.InFlight)
	assert.Equal(t, 1, c.Compression)
	assert.Equal(t, 30*time.Second, c.Timeout)
	assert.Zero(t, c.RetryTimeout)
	assert.Equal(t, config.Bytes(64<<20), c.Memory)
	assert.Equal(t, 15*time.Second, c.StopTimeout)
	assert.Nil(t, c.Labels)
	assert.Empty(t, c.Warnings)
	assert.Empty(t, c.String())
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := file(t, "run-id: file\nrun-name: file\ntest-name: file\nuser: file\nlabels: {from: file, file: yes}\n")
	sources := config.Sources{
		Files: []string{path},
		JSON:  json.RawMessage(`{"runName":"json","testName":"json","user":"json","labels":{"from":"json","json":1}}`),
		Env:   env("K6_ELASTICSEARCH_TEST_NAME=env", "K6_ELASTICSEARCH_USER=env", "K6_ELASTICSEARCH_LABELS=from=env,env=x"),
	}
	for name, top := range map[string]func(*config.Sources){
		"argument": func(s *config.Sources) { s.Argument = "user=top,label=from=top" },
		"flags":    func(s *config.Sources) { s.Flags = flags(t, "--user", "top", "--label", "from=top") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sources := sources
			top(&sources)
			c, err := config.Load(sources)
			require.NoError(t, err)
			assert.Equal(t, "file", c.RunID)
			assert.Equal(t, "json", c.RunName)
			assert.Equal(t, "env", c.TestName)
			assert.Equal(t, "top", c.User)
			assert.Equal(t, map[string]string{"from": "top", "file": "yes", "json": "1", "env": "x"}, c.Labels)
			assert.Equal(t, path, c.File)
			assert.Empty(t, c.Warnings)
		})
	}
}

func TestEmptyLabelRemovesIt(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{
		Env:   env("K6_ELASTICSEARCH_LABELS=branch=main,team=shop"),
		Flags: flags(t, "--label", "branch=", "--label=commit="),
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"team": "shop"}, c.Labels)
}

func TestNamesOfElasticsExtension(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{JSON: json.RawMessage(`{
		"url": "https://a:9200,https://b:9200", "caCertFile": "ca", "insecureSkipVerify": true,
		"clientCertFile": "cert", "clientKeyFile": "key", "user": "u", "password": "p",
		"flushPeriod": 2500, "indexName": "k6-metrics", "apiKey": null}`)})
	require.NoError(t, err)
	assert.Equal(t, []string{"https://a:9200", "https://b:9200"}, c.URLs)
	assert.Equal(t, "ca", c.CACertFile)
	assert.True(t, c.InsecureSkipVerify)
	assert.Equal(t, "cert", c.ClientCertFile)
	assert.Equal(t, "key", c.ClientKeyFile)
	assert.Equal(t, "u", c.User)
	assert.Equal(t, "p", c.Password)
	assert.Equal(t, 2500*time.Millisecond, c.FlushPeriod)
	assert.Equal(t, []string{
		"collectors.elasticsearch: indexName is ignored: index names are made from a prefix, set K6_ELASTICSEARCH_INDEX_PREFIX instead",
		unverified("collectors.elasticsearch"),
	}, c.Warnings)

	for _, raw := range []string{
		`{"cloud-id":"c","serviceAccountToken":"t"}`, `{"cloudId":"c","service-account-token":"t"}`,
	} {
		c, err = config.Load(config.Sources{JSON: json.RawMessage(raw)})
		require.NoError(t, err)
		assert.Equal(t, "c", c.CloudID)
		assert.Equal(t, "t", c.ServiceAccountToken)
		assert.Empty(t, c.URLs, "the default address gives way to a cloud id")
	}
}

func TestEnvironmentAliases(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Env: env(
		"K6_ELASTICSEARCH_ADDRESS=es:9200", "K6_ELASTICSEARCH_USERNAME=u", "K6_ELASTICSEARCH_PUSH_INTERVAL=3s",
		"K6_ELASTICSEARCH_INSECURE_SKIP_TLS_VERIFY=true", "K6_ELASTICSEARCH_RUN_ID=",
	)})
	require.NoError(t, err)
	assert.Equal(t, []string{"es:9200"}, c.URLs)
	assert.Equal(t, "u", c.User)
	assert.Equal(t, 3*time.Second, c.FlushPeriod)
	assert.True(t, c.InsecureSkipVerify)
	assert.Empty(t, c.RunID)

	c, err = config.Load(config.Sources{Env: env("K6_ELASTICSEARCH_USER=main", "K6_ELASTICSEARCH_USERNAME=alias")})
	require.NoError(t, err)
	assert.Equal(t, "main", c.User)
}

func TestFlags(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Flags: flags(t,
		"--url", "http://a,http://b", "--url=http://c", "--test", "checkout", "--insecure-skip-verify",
		"--label", "team=shop", "--label", "note=a,b", "--bulk-size", "2MiB", "--header", "X-Scope=7", "--run-id=1", "--run-id=2",
	)})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://a", "http://b", "http://c"}, c.URLs)
	assert.Equal(t, "checkout", c.TestName)
	assert.True(t, c.InsecureSkipVerify)
	assert.Equal(t, map[string]string{"team": "shop", "note": "a,b"}, c.Labels)
	assert.Equal(t, config.Bytes(2<<20), c.BulkSize)
	assert.Equal(t, map[string]string{"X-Scope": "7"}, c.Headers)
	assert.Equal(t, "2", c.RunID, "the last flag wins")
}

func TestFlagUsage(t *testing.T) {
	t.Parallel()
	usage := flags(t).FlagUsages()
	assert.Regexp(t, `--flush-period duration\s+how long a sample waits at most before it is sent \(default 1s\)`, usage)
	assert.Regexp(t, `--label key=value\s+.*\(repeatable\)`, usage)
	assert.Regexp(t, `--setup auto\|off`, usage)
	assert.Contains(t, usage, "--test string")
	assert.NotContains(t, usage, "--test-name")
	assert.NotContains(t, usage, "--index-name")
	assert.NotContains(t, usage, "--stop-timeout")
	_, err := config.Load(config.Sources{Flags: flags(t, "--test-name", "x")})
	assert.NoError(t, err)
}

func TestArgument(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Argument: `es-1:9200,https://es-2:9200?a=b,run-id=x, flushPeriod=2s,` +
		`label=a=b\,c=d,labels=e=f=g,http://es-3,url=http://es-4,run-name=C:\x\y,`})
	require.NoError(t, err)
	assert.Equal(t, []string{"es-1:9200", "https://es-2:9200?a=b", "http://es-3", "http://es-4"}, c.URLs)
	assert.Equal(t, "x", c.RunID)
	assert.Equal(t, 2*time.Second, c.FlushPeriod)
	assert.Equal(t, map[string]string{"a": "b,c=d", "e": "f=g"}, c.Labels)
	assert.Equal(t, `C:\x\y`, c.RunName)
	assert.Empty(t, c.Warnings)
}

func TestConfigFileIsFound(t *testing.T) {
	t.Parallel()
	first, second := file(t, "run-id: first"), file(t, "run-id: second")
	absent := filepath.Join(t.TempDir(), "absent.yaml")
	for name, test := range map[string]struct {
		sources config.Sources
		runID   string
	}{
		"first that exists":      {config.Sources{Files: []string{absent, first, second}}, "first"},
		"none exists":            {config.Sources{Files: []string{absent}}, ""},
		"environment before":     {config.Sources{Files: []string{first}, Env: env("K6ES_CONFIG=" + second)}, "second"},
		"argument before":        {config.Sources{Files: []string{first}, Argument: "config=" + second}, "second"},
		"flag above environment": {config.Sources{Env: env("K6ES_CONFIG=" + first), Flags: flags(t, "--config", second)}, "second"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(test.sources)
			require.NoError(t, err)
			assert.Equal(t, test.runID, c.RunID)
		})
	}
}

func TestDefaultFiles(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "/home/someone/.config")
	t.Setenv("HOME", "/home/someone")
	files := config.DefaultFiles()
	require.Len(t, files, 2)
	assert.Equal(t, "k6es.yaml", files[0])
	assert.True(t, strings.HasSuffix(files[1], filepath.Join("k6es", "k6es.yaml")), files[1])
}

func TestConfigFileKeepsTextAsWritten(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Files: []string{file(t, strings.Join([]string{
		"# comment", "url: [&first http://a, http://b]", "run-id: 0123", "run-name: 2026-11-22", "password: 1e3", "user: 12", "api-key: null",
		"labels:", "  team: shop", "  build: 007", "  none: ~", "insecure-skip-verify: True", "cloud-id:",
		"index-prefix: k6-a", "memory: 67108864", "test-name: *first", "headers: [X-A=1]", "",
	}, "\n"))}})
	require.NoError(t, err)
	assert.Equal(t, []string{"http://a", "http://b"}, c.URLs)
	assert.Equal(t, "0123", c.RunID)
	assert.Equal(t, "2026-11-22", c.RunName)
	assert.Equal(t, "http://a", c.TestName)
	assert.Equal(t, "12", c.User)
	assert.Equal(t, "1e3", c.Password)
	assert.Empty(t, c.APIKey)
	assert.Equal(t, map[string]string{"team": "shop", "build": "007"}, c.Labels)
	assert.Equal(t, map[string]string{"X-A": "1"}, c.Headers)
	assert.True(t, c.InsecureSkipVerify)
	assert.Equal(t, config.Bytes(64<<20), c.Memory)
}

func TestEmptyConfigFile(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "\n", "# nothing\n", "---\n", "~\n", "{}\n"} {
		_, err := config.Load(config.Sources{Files: []string{file(t, content)}})
		assert.NoError(t, err, "%q", content)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{
		Argument: "http://u:hush@es:9200,api-key=hush,run-id=x",
		Env: env("K6_ELASTICSEARCH_FLUSH_PEROD=1s", "K6_ELASTICSEARCH_ZZZ=1", "K6_ELASTICSEARCH_INDEX_NAME=x",
			"K6_ELASTICSEARCH_PASSWORD=", "ELASTICSEARCH_URL=y"),
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"K6_ELASTICSEARCH_INDEX_NAME is ignored: index names are made from a prefix, set K6_ELASTICSEARCH_INDEX_PREFIX instead",
		"--out elasticsearch=…: url holds a secret that the list of processes shows: give it by K6_ELASTICSEARCH_URL or in a config file",
		"--out elasticsearch=…: api-key holds a secret that the list of processes shows: give it by K6_ELASTICSEARCH_API_KEY or in a config file",
		"K6_ELASTICSEARCH_FLUSH_PEROD is unknown and ignored; did you mean K6_ELASTICSEARCH_FLUSH_PERIOD?",
		"K6_ELASTICSEARCH_ZZZ is unknown and ignored",
	}, c.Warnings)

	c, err = config.Load(config.Sources{Flags: flags(t, "--user=u", "--password=hush", "--header=X=hush", "--url=http://es")})
	require.NoError(t, err)
	require.Len(t, c.Warnings, 2)
	assert.Contains(t, c.Warnings[0], "--header holds a secret")
	assert.Contains(t, c.Warnings[1], "--password holds a secret")
	assert.NotContains(t, fmt.Sprint(c.Warnings), "hush")
}

func TestOutputNameInMessages(t *testing.T) {
	t.Parallel()
	_, err := config.Load(config.Sources{Output: "opensearch", Argument: "timeout=x", JSON: json.RawMessage(`{"setup":"x"}`)})
	assert.EqualError(t, err, `collectors.opensearch: setup: "x" is not one of auto, off`+"\n"+
		`--out opensearch=…: timeout: "x" is not a duration (like 1s or 500ms)`)
}

func TestSpoolIsInTheStateFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	dir, err := config.Config{SpoolSize: 5}.Spool()
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		assert.Equal(t, spool.Dir{Root: filepath.Join(home, ".local", "state", "k6es", "spool"), Size: 5}, dir)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	dir, err = config.Config{}.Spool()
	require.NoError(t, err)
	assert.NotContains(t, dir.Root, "relative", "the specification has it ignored")
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	dir, err = config.Config{}.Spool()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(home, "state", "k6es", "spool"), dir.Root)
	dir, err = config.Config{SpoolDir: "here"}.Spool()
	require.NoError(t, err)
	assert.Equal(t, "here", dir.Root)
}

// Samples and blocks share the memory of a live run; an upload has it for blocks, as many as keep the server busy.
func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	c := config.Config{Memory: 64 << 20, BulkSize: 5 << 20, InFlight: 2}
	assert.EqualValues(t, 16<<20, c.LiveQueue())
	assert.EqualValues(t, 48<<20, c.LiveWriter().Memory)
	assert.Equal(t, 5<<20, c.LiveWriter().BlockSize)
	c.Memory = 8 << 20
	assert.Equal(t, 1<<20, c.LiveWriter().BlockSize, "one block in memory must not keep out all others")
	assert.EqualValues(t, 8<<20, c.UploadWriter().Memory)
	c.Memory = 64 << 20
	assert.EqualValues(t, 15<<20, c.UploadWriter().Memory, "a file that is read far ahead of the server loads no sooner")
}

// A small memory makes bulk requests small; nobody has to name both.
func TestSmallMemory(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Argument: "http://localhost:9200,memory=2MiB"})
	require.NoError(t, err)
	assert.Equal(t, config.Bytes(2<<20), c.BulkSize)
}

// What only k6 was told is what the k6es command has to be told, too.
func TestOnlyK6(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "k6es.yaml")
	require.NoError(t, os.WriteFile(file, []byte("url: http://file\n"), 0o600))
	for name, test := range map[string]struct {
		sources config.Sources
		want    []string
	}{
		"default":       {},
		"environment":   {config.Sources{Env: map[string]string{"K6_ELASTICSEARCH_URL": "http://env"}, JSON: []byte(`{"url":"http://json"}`)}, nil},
		"file":          {config.Sources{Files: []string{file}}, nil},
		"argument":      {config.Sources{Files: []string{file}, Argument: "http://k6:hush@a,http://b"}, []string{"--url", "http://a,http://b"}},
		"JSON":          {config.Sources{JSON: []byte(`{"url":"http://json","spoolDir":"/s"}`)}, []string{"--url", "http://json", "--spool-dir", "/s"}},
		"file named so": {config.Sources{Argument: "config=" + file}, []string{"--url", "http://file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(test.sources)
			require.NoError(t, err)
			assert.Equal(t, test.want, c.OnlyK6("url", "spool-dir"))
		})
	}
}

// k6 and the extension whose variable it was give milliseconds.
func TestFlushPeriodWithoutUnit(t *testing.T) {
	t.Parallel()
	for _, sources := range []config.Sources{
		{Env: map[string]string{"K6_ELASTICSEARCH_FLUSH_PERIOD": "1500"}}, {JSON: json.RawMessage(`{"flushPeriod":1500}`)},
	} {
		c, err := config.Load(sources)
		require.NoError(t, err)
		assert.Equal(t, 1500*time.Millisecond, c.FlushPeriod)
	}
	c, err := config.Load(config.Sources{Env: map[string]string{"K6_ELASTICSEARCH_RETRY_TIMEOUT": "0"}})
	require.NoError(t, err)
	assert.Zero(t, c.RetryTimeout)
}
