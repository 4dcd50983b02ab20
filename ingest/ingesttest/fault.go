package ingesttest

import "time"

// Fault is what befalls one request. The zero value is none.
type Fault struct {
	Refused    bool          // the connection breaks before anything was read
	Delay      time.Duration // before anything else; Forever: no answer while the sender waits
	Status     int           // answered with Body, instead of taking the documents
	RetryAfter string        // the header of that name
	Body       string        // answered instead of the true answer
	// Item decides on the i-th document of the request: nil takes it.
	Item func(i int, document Document) *ItemError
	Lost bool // the documents are taken, but the connection breaks before the answer
	Cut  bool // the connection breaks in the middle of the answer
}

// Forever is a Delay that never ends.
const Forever time.Duration = -1

// wait returns false when the sender went away first.
func (f Fault) wait(gone <-chan struct{}) bool {
	var over <-chan time.Time
	if f.Delay > 0 {
		over = time.After(f.Delay)
	}
	select {
	case <-over:
		return true
	case <-gone:
		return false
	}
}

// ItemError is why a single document is not taken.
type ItemError struct {
	Status       int
	Type, Reason string
}

func (e *ItemError) item() map[string]any {
	return map[string]any{"status": e.Status, "error": map[string]any{"type": e.Type, "reason": e.Reason}}
}

// Next lets a fault befall the next n requests, behind those that were told before.
func (s *Server) Next(n int, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, fault)
	}
}

// Always lets a fault befall every request for which Next has no other; the zero Fault ends that.
func (s *Server) Always(fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing = fault
}

// Judge decides on every document: nil takes it.
func (s *Server) Judge(judge func(Document) *ItemError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge = judge
}

// MaxBody makes the server answer 413 to bodies of more bytes; 0 takes any.
func (s *Server) MaxBody(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxBody = bytes
}
