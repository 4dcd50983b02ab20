package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunServesUntilToldToStop(t *testing.T) {
	t.Parallel()
	fake := &fakeElasticsearch{}
	elasticsearch := httptest.NewServer(fake)
	defer elasticsearch.Close()
	dir := t.TempDir()
	addrFile, logFile := filepath.Join(dir, "addr"), filepath.Join(dir, "shop.log")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	report := &logBuffer{}
	go func() {
		args := []string{"--addr-file", addrFile, "--log", logFile, "--log-elasticsearch", elasticsearch.URL}
		ended <- run(ctx, args, io.Discard, report)
	}()
	web, rpc := addresses(t, addrFile)
	assert.NotEqual(t, web, rpc)
	res, err := http.Get("http://" + web + "/fast")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	stop()
	require.NoError(t, <-ended)

	text, err := os.ReadFile(logFile)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, 3)
	_, port, err := net.SplitHostPort(web)
	require.NoError(t, err)
	assert.Contains(t, lines[0], `"message":"server started on port `+port+`"`)
	assert.Contains(t, lines[1], `"message":"GET /fast 200"`)
	assert.Contains(t, lines[2], `"level":"info","message":"server stopped"`)
	assert.Len(t, fake.documents, 3)
	assert.Equal(t, "log index: 3 lines delivered, 0 dropped\n", report.text.String())
}

// addresses waits for the address file.
func addresses(t *testing.T, file string) (web, rpc string) {
	t.Helper()
	var text []byte
	require.Eventually(t, func() bool {
		var err error
		text, err = os.ReadFile(file)
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
	first, second, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return strings.TrimPrefix(first, "http="), strings.TrimPrefix(second, "grpc=")
}

func TestRunSaysWhyItCouldNotServe(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	logFile := filepath.Join(t.TempDir(), "shop.log")
	err = run(t.Context(), []string{"--addr", taken.Addr().String(), "--log", logFile}, io.Discard, io.Discard)
	require.ErrorContains(t, err, "listen for http")
	text, err := os.ReadFile(logFile)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"level":"fatal","message":"server stopped: listen for http`)
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"--slowdown 0", "--slowdown must be above 0"},
		{"--error-rate 2", "--error-rate must be between 0 and 1"},
		{"--slow-route nowhere", "the routes are home, items, item, orders"},
		{"argument", "no arguments are expected"},
		{"--unknown", "flag provided but not defined"},
	} {
		stderr := &logBuffer{}
		err := run(t.Context(), strings.Fields(c.args), io.Discard, stderr)
		require.ErrorIs(t, err, errUsage, c.args)
		assert.Contains(t, stderr.text.String(), c.want, c.args)
	}
}
