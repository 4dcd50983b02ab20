package ingesttest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k6es/k6es/mappings"
)

// Server answers bulk requests as Elasticsearch does, and keeps the documents. Whatever is not a bulk
// request of well-formed create and index actions fails the test, and so does a document of samples that the
// mappings do not know. It is safe for concurrent use.
type Server struct {
	t testing.TB

	mu        sync.Mutex
	documents []Document
	taken     map[string]int // where in documents is which, by index and id
	requests  []Request
	faults    []Fault // of the next requests
	standing  Fault   // of the requests behind those
	judge     func(Document) *ItemError
	maxBody   int
}

// Document is a document as it was sent.
type Document struct {
	Index, ID string
	Source    json.RawMessage
	Anew      bool // sent by the action index, which replaces a document, and not by create
}

// Request is a request that came in.
type Request struct {
	At        time.Time
	Header    http.Header
	Bytes     int // of the body as sent
	Documents int // in it
	Status    int // of the answer, 0 if there was none
}

// New makes a server that takes everything.
func New(t testing.TB) *Server { return &Server{t: t, taken: map[string]int{}} }

// Listen makes the server answer at a URL of its own, until the test ends.
func (s *Server) Listen() (url string) {
	listener := httptest.NewServer(s)
	s.t.Cleanup(listener.Close)
	return listener.URL
}

// Documents returns the documents that were taken, in that order.
func (s *Server) Documents() []Document {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.documents)
}

// Requests returns the requests so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := s.begin()
	if fault.Refused {
		panic(http.ErrAbortHandler)
	}
	if fault.Delay != 0 && !fault.wait(r.Context().Done()) {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender went away
	}
	status, answer, documents := s.answer(r, body, fault)
	s.record(r, len(body), documents, status)
	if fault.Lost {
		panic(http.ErrAbortHandler)
	}
	if fault.RetryAfter != "" {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
	w.WriteHeader(status)
	if fault.Cut {
		_, _ = w.Write(answer[:len(answer)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(answer)
}

// begin takes the fault that is due.
func (s *Server) begin() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return s.standing
	}
	fault := s.faults[0]
	s.faults = s.faults[1:]
	return fault
}

func (s *Server) record(r *http.Request, size, documents, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{time.Now(), r.Header.Clone(), size, documents, status})
}

func (s *Server) answer(r *http.Request, body []byte, fault Fault) (status int, answer []byte, documents int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/_bulk" {
		s.t.Errorf("%s %s is not a bulk request", r.Method, r.URL.Path)
		return http.StatusBadRequest, []byte(`{}`), 0
	}
	if s.maxBody > 0 && len(body) > s.maxBody {
		return http.StatusRequestEntityTooLarge, nil, 0
	}
	sent, err := parse(r.Header, body)
	if err != nil {
		s.t.Errorf("not a bulk request: %v", err)
		return http.StatusBadRequest, []byte(`{}`), 0
	}
	if fault.Status != 0 {
		return fault.Status, []byte(fault.Body), len(sent)
	}
	answer = s.take(sent, fault)
	if fault.Body != "" {
		answer = []byte(fault.Body)
	}
	return http.StatusOK, answer, len(sent)
}

// parse reads a body of actions, each followed by its document.
func parse(header http.Header, body []byte) ([]Document, error) {
	if kind := header.Get("Content-Type"); kind != "application/x-ndjson" {
		return nil, fmt.Errorf("its Content-Type is %q", kind)
	}
	if header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(zip); err != nil {
			return nil, err
		}
	}
	if !bytes.HasSuffix(body, []byte("\n")) {
		return nil, fmt.Errorf("it does not end in a newline")
	}
	return ParseBulk(body)
}

// ParseBulk cuts a bulk body into its documents. It returns an error for whatever is not a create or
// index action and a document in turn, each in one line.
func ParseBulk(body []byte) ([]Document, error) {
	var documents []Document
	for len(body) > 0 {
		var entry [2][]byte
		for i := range entry {
			line, rest, ok := bytes.Cut(body, []byte("\n"))
			if !ok || !json.Valid(line) {
				return nil, fmt.Errorf("not a line of JSON: %.200q", line)
			}
			entry[i], body = line, rest
		}
		document, err := parseEntry(entry[0], entry[1])
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

func parseEntry(action, source []byte) (Document, error) {
	type target struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
	}
	var line struct{ Create, Index *target }
	decoder := json.NewDecoder(bytes.NewReader(action))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&line)
	to := cmp.Or(line.Create, line.Index)
	if err != nil || to == nil || to.Index == "" || to.ID == "" {
		return Document{}, fmt.Errorf("not an action with index and id: %s", action)
	}
	document := Document{to.Index, to.ID, bytes.Clone(source), line.Index != nil}
	if strings.Contains(document.Index, "-metrics-") {
		if err := mappings.Validate(mappings.Metrics, source); err != nil {
			return document, fmt.Errorf("%w: %.1000s", err, source)
		}
	}
	return document, nil
}

// take stores what can be stored, and makes the answer.
func (s *Server) take(sent []Document, fault Fault) []byte {
	var answer struct {
		Errors bool                        `json:"errors"`
		Items  []map[string]map[string]any `json:"items"`
	}
	for i, document := range sent {
		item := s.takeOne(i, document, fault)
		answer.Errors = answer.Errors || item["error"] != nil
		answer.Items = append(answer.Items, map[string]map[string]any{document.action(): item})
	}
	text, err := json.Marshal(answer)
	if err != nil {
		s.t.Error(err)
	}
	return text
}

func (s *Server) takeOne(i int, document Document, fault Fault) map[string]any {
	if fault.Item != nil {
		if refusal := fault.Item(i, document); refusal != nil {
			return refusal.item()
		}
	}
	if s.judge != nil {
		if refusal := s.judge(document); refusal != nil {
			return refusal.item()
		}
	}
	key := document.Index + "/" + document.ID
	at, there := s.taken[key]
	switch {
	case there && document.Anew:
		s.documents[at] = document
		return map[string]any{"status": http.StatusOK}
	case there:
		conflict := ItemError{http.StatusConflict, "version_conflict_engine_exception", "[" + document.ID + "]: version conflict, document already exists"}
		return conflict.item()
	}
	s.taken[key] = len(s.documents)
	s.documents = append(s.documents, document)
	return map[string]any{"status": http.StatusCreated}
}

func (d Document) action() string {
	if d.Anew {
		return "index"
	}
	return "create"
}
