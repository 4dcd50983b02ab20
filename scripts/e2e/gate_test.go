package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate stands before a server and lets requests pass, or not.
type gate struct {
	store // the server behind it, by the gate's address
	state atomic.Int32
}

// What a gate does with a request.
const (
	open   int32 = iota
	shut         // breaks the connection
	silent       // takes it, and never answers
)

// newGate makes a gate before the store's server.
func newGate(t testing.TB, s store, state int32) *gate {
	t.Helper()
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	g := &gate{}
	g.state.Store(state)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch g.state.Load() {
		case shut:
			panic(http.ErrAbortHandler)
		case silent:
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(listener.Close)
	g.store = store{listener.URL, s.prefix}
	return g
}
