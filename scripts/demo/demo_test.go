package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana/kibanatest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// shown is what the user sees. Several commands write at a time.
type shown struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newDemo(t *testing.T, environ ...string) (*demo, *shown) {
	t.Helper()
	out := &shown{}
	environ = append(append(withoutOptions(os.Environ(), t.TempDir()), "ELASTICSEARCH_URL=", "DURATION=", "K6_KIBANA_URL=http://127.0.0.1:1"), environ...)
	return &demo{root: filepath.Join("..", ".."), bin: t.TempDir(), out: out, environ: environ, temp: t.TempDir()}, out
}

func TestDemoOnAServerThatIsThere(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	prefix := servertest.Prefix(t, url)
	browser := kibanatest.New(t, "")
	ofKibana(t, url, prefix)
	d, out := newDemo(t, "ELASTICSEARCH_URL="+url, "K6_ELASTICSEARCH_INDEX_PREFIX="+prefix, "DURATION=2s", "K6_KIBANA_URL="+browser.URL)
	require.NoError(t, d.run(t.Context()), out)
	for _, part := range []string{
		browser.URL + ": a Kibana on this server", " lines delivered, 0 dropped", "production logs in " + prefix + "-demo-logs-*: 1 index",
		browser.URL + "/app/dashboards#/view/" + prefix + "-run?_g=", browser.URL + "/app/dashboards#/view/" + prefix + "-logs\n",
		"\nlive run ", "\npast file   1,205      9 (0.75 %)", "just as many as k6 counted", prefix + "-metrics-2026.11", "export K6_ELASTICSEARCH_URL=" + url,
	} {
		assert.Contains(t, out.String(), part)
	}
	assert.NotContains(t, out.String(), "servers stop", "the server is not ours to stop")
	assert.NoDirExists(t, d.temp)
	assert.NotNil(t, browser.Object("dashboard:"+prefix+"-logs"))
}

// ofKibana makes an index such as a Kibana keeps its saved objects in, until the test ends.
func ofKibana(t *testing.T, url, prefix string) {
	t.Helper()
	ask := func(method string) {
		request, err := http.NewRequest(method, url+"/.kibana_"+prefix, nil) //nolint:noctx // the test's context ends before
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	ask(http.MethodPut)
	t.Cleanup(func() { ask(http.MethodDelete) })
}

func TestAKibanaThatDoesNotFit(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"_shards":{"total":0}}`))
	}))
	t.Cleanup(server.Close)
	client, err := elastic.New(elastic.Config{URLs: []string{server.URL}})
	require.NoError(t, err)
	for url, want := range map[string]string{
		kibanatest.New(t, "").URL: "stands on another server than " + server.URL,
		"http://127.0.0.1:1":      "does not answer",
		"nonsense://x":            "nonsense",
	} {
		d, out := newDemo(t, "K6_KIBANA_URL="+url)
		d.client = client
		d.findKibana(t.Context())
		assert.Contains(t, out.String(), want)
		assert.Contains(t, out.String(), "There will be no dashboards.")
		assert.Empty(t, d.kibana)
		assert.NotContains(t, d.environ, "K6_KIBANA_URL="+url)
		require.NoError(t, d.dashboards(t.Context()), "nothing to do")
	}
}

func TestAServerIsStartedAndEndsWithTheDemo(t *testing.T) {
	t.Parallel()
	servertest.URL(t, servertest.FirstClass)
	d, out := newDemo(t, "ELASTICSEARCH_URL=http://127.0.0.1:1", "K6_ELASTICSEARCH_INDEX_PREFIX=another")
	require.NoError(t, d.findServer(t.Context()), out)
	assert.Contains(t, out.String(), "ELASTICSEARCH_URL: ")
	assert.True(t, d.server.ours)
	assert.Equal(t, "k6", d.prefix, "options of another server are not used")
	assert.Equal(t, "Elasticsearch OSS 7.10.2", d.server.what)
	require.NoError(t, d.server.stop())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.client.URL(), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	assert.Error(t, err, "the server still answers")
}

func TestAnInterruptEndsTheStartOfAServer(t *testing.T) {
	t.Parallel()
	servertest.URL(t, servertest.FirstClass)
	d, out := newDemo(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.out = writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "starting "+serverName) {
			cancel()
		}
		return out.Write(p)
	})
	require.Error(t, d.findServer(ctx))
	assert.NotContains(t, out.String(), "ready")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestADifferenceIsToldAndAnError(t *testing.T) {
	t.Parallel()
	counted, err := readSummary(filepath.Join("..", "..", pastSummary))
	require.NoError(t, err)
	assert.Equal(t, facts{requests: 1205, failed: 9, iterations: 301, checksPassed: counted.checksPassed, checksFailed: counted.checksFailed}, counted)
	assert.Positive(t, counted.checksPassed)
	require.NoError(t, counted.differences("live run", counted))
	landed := counted
	landed.requests--
	landed.checksFailed++
	err = landed.differences("live run", counted)
	require.ErrorContains(t, err, "live run: 1,204 requests landed, k6 counted 1,205")
	require.ErrorContains(t, err, "failed checks landed")
	assert.ErrorContains(t, facts{}.differences("live run", facts{}), "no request landed")
}

func TestTheShippedFileIsSmall(t *testing.T) {
	t.Parallel()
	info, err := os.Stat(filepath.Join("..", "..", pastFile))
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(300_000))
}

func TestAFailedBuildSaysWhy(t *testing.T) {
	t.Parallel()
	d, out := newDemo(t)
	report := "go: downloading example.com/x v1\nerrors\n# example.com/x\n./x.go:3:1: syntax error\n"
	assert.Equal(t, "# example.com/x\n./x.go:3:1: syntax error\n", d.countPackages(strings.NewReader(report)))
	assert.Equal(t, "go: downloading example.com/x v1\n", out.String())
}
