package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// statusClientGone is what nginx logs for a client that did not wait for its answer.
const statusClientGone = 499

// config is what a server needs from outside.
type config struct {
	pace      *pace   // service times and chance; required
	errorRate float64 // share of requests to flaky routes that fail, 0 to 1
	log       *logger // gets one line for each request; required
}

// server is the shop's HTTP side. It is safe for concurrent use.
type server struct {
	config
	mux    *http.ServeMux
	orders atomic.Int64 // number of the last order

	active sync.WaitGroup  // requests not logged yet
	open   context.Context // done when WebSockets must be closed
	hangUp context.CancelFunc
}

func newServer(c config) *server {
	s := &server{config: c, mux: http.NewServeMux()}
	s.open, s.hangUp = context.WithCancel(context.Background())
	for _, r := range routes {
		s.mux.Handle(r.pattern, s.logged(r.label(), s.worked(r)))
	}
	s.mux.Handle("/", s.logged("*", func(http.ResponseWriter, *http.Request) error {
		return newFault(http.StatusNotFound, "no such route")
	}))
	return s
}

// close ends the WebSockets, which net/http does not know any more, and returns when every request
// is logged.
func (s *server) close() {
	s.hangUp()
	s.active.Wait()
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handler answers a request, or returns an error for the server to answer.
type handler func(http.ResponseWriter, *http.Request) error

// worked lets a route take its time, and fail now and then if it is a flaky one.
func (s *server) worked(rt route) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := wait(r.Context(), s.pace.duration(rt.name, rt.base, rt.tail)); err != nil {
			return err
		}
		if rt.flaky && s.pace.chance(s.errorRate) {
			return s.breakdown()
		}
		return rt.handle(s, w, r)
	}
}

func (s *server) breakdown() error {
	if s.pace.chance(0.5) {
		return newFault(http.StatusServiceUnavailable, "database connection pool exhausted")
	}
	return newFault(http.StatusInternalServerError, "payment provider did not answer")
}

// logged answers the errors of a handler and writes the request's log line.
func (s *server) logged(label string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Done()
		start := time.Now()
		res := &response{ResponseWriter: w, status: http.StatusOK}
		err := h(res, r)
		if err != nil {
			answer(res, r, err)
		}
		s.log.request(r, label, res.status, time.Since(start), err)
	})
}

func answer(w *response, r *http.Request, err error) {
	if r.Context().Err() != nil {
		w.status = statusClientGone
		return
	}
	status := http.StatusInternalServerError
	if f := (*fault)(nil); errors.As(err, &f) {
		status = f.status
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is sent: all that can still fail is the connection, and the client sees that.
	_ = json.NewEncoder(w).Encode(body)
}

// response remembers the status for the log.
type response struct {
	http.ResponseWriter
	status int
}

func (r *response) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Hijack is what the WebSocket upgrade asks for.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.status = http.StatusSwitchingProtocols
	return http.NewResponseController(r.ResponseWriter).Hijack()
}
