package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logBuffer is a log file in memory.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) Close() error { return nil }

func (b *logBuffer) lines(t *testing.T) []map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []map[string]any
	for text := range strings.Lines(b.text.String()) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		lines = append(lines, l)
	}
	return lines
}

// start serves a shop; its log is whole once stop has been called.
func start(t *testing.T, p *pace, errorRate float64) (url string, log *logBuffer, stop func()) {
	t.Helper()
	log = &logBuffer{}
	l := newLogger(io.Discard)
	l.file = log
	s := newServer(config{pace: p, errorRate: errorRate, log: l})
	web := httptest.NewServer(s)
	stop = sync.OnceFunc(func() {
		web.Close()
		s.close()
	})
	t.Cleanup(stop)
	return web.URL, log, stop
}

// call does not follow redirects.
func call(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(text)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	url, _, _ := start(t, newPace(1, "", 1), 0)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string // in the body
	}{
		{"GET", "/api/items", "", 200, `{"total":100,"items":[{"id":1,"name":"Item 1","price":1.99}`},
		{"GET", "/api/items/7", "", 200, `{"id":7,"name":"Item 7","price":7.99}`},
		{"GET", "/api/items/101", "", 404, "no such item"},
		{"GET", "/api/items/seven", "", 404, "no such item"},
		{"GET", "/api/search?q=ITEM%209", "", 200, `{"total":11,"items":[{"id":9,`},
		{"GET", "/api/search?q=nothing", "", 200, `{"total":0,"items":[]}`},
		{"POST", "/api/orders", `{"item":2,"quantity":3}`, 201, `{"id":1,"item":2,"quantity":3,"total":8.97`},
		{"POST", "/api/orders", `{"item":2}`, 422, "quantity"},
		{"POST", "/api/orders", "no order", 400, "not JSON"},
		{"GET", "/page", "", 200, "<h1>Shop</h1>"},
		{"GET", "/fast", "", 200, "ok"},
		{"GET", "/old", "", 302, "/page"},
		{"GET", "/older", "", 302, "/old"},
		{"GET", "/status/418", "", 418, ""},
		{"GET", "/status/42", "", 400, "between 200 and 599"},
		{"GET", "/delay/5", "", 200, `{"delay":5}`},
		{"GET", "/delay/60001", "", 400, "between 0 and 60000"},
		{"GET", "/ws", "", 426, "WebSocket"},
		{"GET", "/", "", 302, "/page"},
		{"GET", "/nowhere", "", 404, "no such route"},
	} {
		res, body := call(t, c.method, url+c.path, c.body)
		assert.Equal(t, c.status, res.StatusCode, "%s %s", c.method, c.path)
		assert.Contains(t, body, c.want, "%s %s", c.method, c.path)
	}
}

func TestRedirectsLeadToThePage(t *testing.T) {
	t.Parallel()
	url, _, _ := start(t, newPace(1, "", 1), 0)
	res, err := http.Get(url + "/older")
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, "/page", res.Request.URL.Path)
}

func TestSlowdownReachesTheClient(t *testing.T) {
	t.Parallel()
	url, log, stop := start(t, newPace(4, "search", 1), 0)
	begin := time.Now()
	call(t, "GET", url+"/api/search", "")
	assert.GreaterOrEqual(t, time.Since(begin), 60*time.Millisecond)
	stop()
	assert.GreaterOrEqual(t, log.lines(t)[0]["IntervalTime"], 60.0, "and the log")
}

func TestLabelsAreWrittenAsExpressWritesThem(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "/", route{pattern: "GET /{$}"}.label())
	assert.Equal(t, "/api/items/:id", route{pattern: "GET /api/items/{id}"}.label())
}

func TestErrorRate(t *testing.T) {
	t.Parallel()
	url, log, stop := start(t, newPace(1, "", 1), 1)
	for range 8 {
		res, _ := call(t, "POST", url+"/api/orders", `{"item":1,"quantity":1}`)
		assert.Contains(t, []int{500, 503}, res.StatusCode)
	}
	res, _ := call(t, "GET", url+"/api/items", "")
	assert.Equal(t, 200, res.StatusCode, "only flaky routes fail")
	stop()
	failed := log.lines(t)[0]
	assert.Equal(t, "error", failed["level"])
	assert.Regexp(t, `^POST /api/orders 50[03]: \w+`, failed["message"])
	assert.Regexp(t, `^Error: .+\n    at \S+breakdown \(server\.go:\d+\)\n    at `, failed["stack"])
}

func TestWebSocketEchoesAndPongs(t *testing.T) {
	t.Parallel()
	url, log, stop := start(t, newPace(1, "", 1), 0)
	conn, _, err := websocket.DefaultDialer.Dial(strings.Replace(url, "http", "ws", 1)+"/ws", nil)
	require.NoError(t, err)
	defer conn.Close()
	pong := ""
	conn.SetPongHandler(func(data string) error {
		pong = data
		return nil
	})
	require.NoError(t, conn.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second)))
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte("hello")))
	kind, message, err := conn.ReadMessage()
	require.NoError(t, err)
	assert.Equal(t, websocket.TextMessage, kind)
	assert.Equal(t, "hello", string(message))
	assert.Equal(t, "are you there", pong)

	stop() // hangs up, although the client has not
	_, _, err = conn.ReadMessage()
	require.Error(t, err)
	assert.Equal(t, "GET /ws 101", log.lines(t)[0]["message"])
}

func TestClientThatDoesNotWait(t *testing.T) {
	t.Parallel()
	url, log, stop := start(t, newPace(1, "", 1), 0)
	client := http.Client{Timeout: 50 * time.Millisecond}
	_, err := client.Get(url + "/delay/5000") //nolint:bodyclose // there is no answer
	require.Error(t, err)
	stop()
	assert.Equal(t, "GET /delay/5000 499", log.lines(t)[0]["message"])
}
