package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeElasticsearch answers bulk requests and keeps what they create.
type fakeElasticsearch struct {
	mu        sync.Mutex
	indices   []string
	documents []map[string]any
	reject    string // documents with this message are refused
}

func (f *fakeElasticsearch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/_bulk" || r.Header.Get("Content-Type") != "application/x-ndjson" {
		http.Error(w, "not a bulk request", http.StatusBadRequest)
		return
	}
	var items []string
	rejected := false
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		var action map[string]map[string]string
		var document map[string]any
		if json.Unmarshal(lines.Bytes(), &action) != nil || !lines.Scan() || json.Unmarshal(lines.Bytes(), &document) != nil {
			http.Error(w, "malformed", http.StatusBadRequest)
			return
		}
		if document["message"] == f.reject {
			rejected = true
			items = append(items, `{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no"}}}`)
			continue
		}
		f.indices = append(f.indices, action["create"]["_index"])
		f.documents = append(f.documents, document)
		items = append(items, `{"create":{"status":201}}`)
	}
	fmt.Fprintf(w, `{"took":1,"errors":%t,"items":[%s]}`, rejected, strings.Join(items, ","))
}

func ship(t *testing.T, url string) (*logger, *shipper) {
	t.Helper()
	s, err := newShipper(url, "logs-shop-YYYY.MM.DD")
	require.NoError(t, err)
	l, _ := newTestLogger()
	l.file, l.shipper = nil, s
	return l, s
}

func TestLinesBecomeDocuments(t *testing.T) {
	t.Parallel()
	fake := &fakeElasticsearch{}
	web := httptest.NewServer(fake)
	defer web.Close()
	l, s := ship(t, web.URL)
	l.request(requestFor("/fast"), "/fast", 200, time.Millisecond, nil)
	l.lifecycle(levelInfo, "server stopped")
	assert.Equal(t, "log index: 2 lines delivered, 0 dropped", s.close())

	assert.Equal(t, []string{"logs-shop-2026.11.22", "logs-shop-2026.11.22"}, fake.indices)
	assert.Equal(t, map[string]any{
		"@timestamp": "2026-11-22T12:43:56.567Z", "timestamp": "2026-11-22T12:43:56.567Z",
		"level": "info", "message": "GET /fast 200", "hostname": "web-1", "instanceId": "7",
		"ip": "192.0.2.1", "method": "GET", "route": "/fast", "status": 200.0, "IntervalTime": 1.0,
	}, fake.documents[0])
	assert.Equal(t, "server stopped", fake.documents[1]["message"])
}

func TestManyLinesGoInSeveralRequests(t *testing.T) {
	t.Parallel()
	fake := &fakeElasticsearch{}
	web := httptest.NewServer(fake)
	defer web.Close()
	l, s := ship(t, web.URL)
	const lines = 3*batchLength + 1
	for range lines {
		l.lifecycle(levelInfo, "again")
	}
	assert.Equal(t, fmt.Sprintf("log index: %d lines delivered, 0 dropped", lines), s.close())
	assert.Len(t, fake.documents, lines)
}

func TestRejectedLinesAreCounted(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(&fakeElasticsearch{reject: "bad"})
	defer web.Close()
	l, s := ship(t, web.URL)
	l.lifecycle(levelInfo, "good")
	l.lifecycle(levelInfo, "bad")
	assert.Equal(t, "log index: 1 lines delivered, 1 dropped "+
		"(last error: log line rejected: mapper_parsing_exception: no)", s.close())
}

func TestBusyElasticsearchIsAskedAgain(t *testing.T) {
	t.Parallel()
	fake := &fakeElasticsearch{}
	var requests atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer web.Close()
	l, s := ship(t, web.URL)
	l.lifecycle(levelInfo, "patient")
	assert.Contains(t, s.close(), "1 lines delivered, 0 dropped")
	assert.Len(t, fake.documents, 1)
}

func TestRefusalIsNotRepeated(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer web.Close()
	l, s := ship(t, strings.Replace(web.URL, "http://", "http://user:secret@", 1))
	l.lifecycle(levelInfo, "unwelcome")
	report := s.close()
	assert.Contains(t, report, "0 lines delivered, 1 dropped (last error: ")
	assert.Contains(t, report, "401 Unauthorized")
	assert.NotContains(t, report, "secret")
	assert.EqualValues(t, 1, requests.Load())
}

// A server that hangs must neither hold up requests nor eat memory.
func TestFullQueueDrops(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	fake := &fakeElasticsearch{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		fake.ServeHTTP(w, r)
	}))
	defer web.Close()
	_, s := ship(t, web.URL)
	const lines = queueLength + 2*batchLength
	start := time.Now()
	for range lines {
		s.add(start, []byte(`{"message":"one of many"}`))
	}
	assert.Less(t, time.Since(start), bulkTimeout/2, "adding must not wait for the server")
	close(release)
	s.close()
	dropped := s.dropped.Load()
	assert.GreaterOrEqual(t, dropped, int64(batchLength))
	assert.Equal(t, int64(lines), dropped+s.delivered.Load())
	assert.Len(t, fake.documents, int(s.delivered.Load()))
}

func TestURLMustBeOne(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:9200", "ftp://localhost", "http://", "http://a b"} {
		_, err := newShipper(url, "logs")
		assert.ErrorContains(t, err, "--log-elasticsearch must be a URL", url)
	}
}
