package ingesttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/k6es/k6es/elastic"
)

// Client sends requests to a Server without a network, so it works in a testing/synctest bubble too.
// It is an ingest.Transport.
type Client struct{ server *Server }

// Client returns a client of the server.
func (s *Server) Client() *Client { return &Client{s} }

// URL names the server in messages.
func (c *Client) URL() string { return "http://fake:9200" }

// CheckResponse returns an *elastic.Error for an answer that is no success. Its reason is the body, its type
// that of the error in it, if there is one.
func (c *Client) CheckResponse(response *http.Response) error {
	if response.StatusCode < http.StatusMultipleChoices {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	answer := &elastic.Error{
		Method: response.Request.Method, URL: c.URL(), Path: response.Request.URL.Path, Status: response.StatusCode,
		Reason: string(body), RetryAfter: time.Duration(seconds) * time.Second,
	}
	var said struct{ Error struct{ Type string } }
	if json.Unmarshal(body, &said) == nil {
		answer.Type = said.Error.Type
	}
	if err != nil {
		return errors.Join(answer, err)
	}
	return answer
}

// errReset is what breaks when the server drops the connection.
var errReset = errors.New("connection reset by peer")

// Perform sends a request. It returns as soon as the request's context ends.
func (c *Client) Perform(r *http.Request) (*http.Response, error) {
	answers := make(chan *exchange, 1)
	go func() {
		e := &exchange{header: http.Header{}}
		defer func() {
			if reason := recover(); reason != nil {
				if reason != http.ErrAbortHandler {
					panic(reason)
				}
				e.broken = true
			}
			answers <- e
		}()
		c.server.ServeHTTP(e, r)
	}()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case e := <-answers:
		return e.response(r)
	}
}

// exchange is the server's side of a request without a network.
type exchange struct {
	header http.Header
	status int
	body   bytes.Buffer
	broken bool
}

func (e *exchange) Header() http.Header         { return e.header }
func (e *exchange) WriteHeader(status int)      { e.status = status }
func (e *exchange) Write(p []byte) (int, error) { return e.body.Write(p) }
func (e *exchange) Flush()                      {}

func (e *exchange) response(r *http.Request) (*http.Response, error) {
	if e.status == 0 {
		return nil, errReset
	}
	body := io.Reader(&e.body)
	if e.broken {
		body = io.MultiReader(body, brokenReader{})
	}
	return &http.Response{StatusCode: e.status, Header: e.header, Body: io.NopCloser(body), Request: r}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
