package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// What the slow route of the target takes: as long as a search in a small shop.
const (
	slowLeast = 15 * time.Millisecond
	slowMean  = 5 * time.Millisecond // of the exponential part that comes on top
)

// newTarget serves what live k6 calls, in a process of its own. It prints its address and ends with
// its standard input.
func newTarget() *cobra.Command {
	return &cobra.Command{
		Use: "target", Short: "The service that live k6 calls", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			server := &http.Server{Handler: targetHandler(), ReadHeaderTimeout: 10 * time.Second}
			go func() {
				_, _ = io.Copy(io.Discard, cmd.InOrStdin()) // whatever ends it
				_ = server.Close()
			}()
			fmt.Fprintf(cmd.OutOrStdout(), "http://%s\n", listener.Addr())
			if err := server.Serve(listener); err != http.ErrServerClosed { //nolint:errorlint // net/http returns just this
				return err
			}
			return nil
		},
	}
}

// targetHandler is a service that answers within microseconds, but for one route. What the peers of our output
// send, it takes and forgets: at the paths of OTLP over HTTP and of Prometheus' remote write.
func targetHandler() http.Handler {
	page := "<!doctype html><title>Shop</title>" + strings.Repeat("<p>Welcome to the shop.</p>", 20)
	list := `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"id":7,"name":"lamp","price":19.9},`, 20), ",") + `]}`
	target := http.NewServeMux()
	target.Handle("GET /page", answer(http.StatusOK, "text/html", page))
	target.Handle("GET /style", answer(http.StatusOK, "text/css", "body{margin:0}"))
	target.Handle("GET /items", answer(http.StatusOK, "application/json", list))
	target.Handle("GET /items/{id}", answer(http.StatusOK, "application/json", `{"id":7,"name":"lamp","price":19.9}`))
	target.Handle("POST /orders", answer(http.StatusCreated, "application/json", `{"order":42}`))
	target.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(slowLeast + time.Duration(rand.ExpFloat64()*float64(slowMean)))
		_, _ = io.WriteString(w, "found nothing") // nobody waits for it any more
	})
	target.Handle("POST /v1/metrics", answer(http.StatusOK, "application/x-protobuf", ""))
	target.Handle("POST /api/v1/write", answer(http.StatusNoContent, "text/plain", ""))
	target.Handle(elasticsearchSink+"/", http.StripPrefix(elasticsearchSink, sinkHandler()))
	return target
}

// elasticsearchSink is the path below which the target takes documents for an Elasticsearch.
const elasticsearchSink = "/elasticsearch"

// sinkHandler answers as an Elasticsearch that has all that it is asked to have, and takes all.
func sinkHandler() http.Handler {
	const root = `{"version":{"number":"7.10.2","build_flavor":"oss"},"tagline":"You Know, for Search"}`
	say := func(status int, body string) http.Handler { return answer(status, "application/json", body) }
	known, nothing, unseen := say(http.StatusOK, root), say(http.StatusNotFound, "{}"), say(http.StatusForbidden, "{}")
	noHits, taken := say(http.StatusOK, `{"hits":{"hits":[]}}`), say(http.StatusOK, `{"errors":false}`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler := taken
		switch path := r.URL.Path; {
		case path == "/":
			handler = known
		case strings.HasSuffix(path, "/_search"):
			handler = noHits
		case strings.HasSuffix(path, "/_bulk") && path != "/_bulk":
			handler = http.HandlerFunc(takeEach)
		case r.Method == http.MethodGet && strings.Contains(path, "/_doc/"):
			handler = nothing
		case r.Method == http.MethodGet:
			handler = unseen // who may not look at templates trusts that they are there
		}
		handler.ServeHTTP(w, r)
	})
}

// takeEach answers a bulk request with an item for each of its documents, as it is wanted for series.
func takeEach(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever sends it has its own errors
	}
	items := strings.Repeat(`,{"create":{"status":201}}`, bytes.Count(body, []byte("\n"))/2) // a document behind its action
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"errors":false,"items":[`+strings.TrimPrefix(items, ",")+`]}`)
}

// answer reads the request and gives always the same answer.
func answer(status int, contentType, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // whoever sends it has its own errors
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}
