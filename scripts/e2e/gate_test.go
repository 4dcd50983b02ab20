package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// gate stands before a server and lets requests pass, or not.
type gate struct {
	store    // the server behind it, by the gate's address
	far      store
	state    atomic.Int32
	password atomic.Value // of anybody; not set: none is wanted
	spoiled  atomic.Pointer[spoiled]
	seen     [600]atomic.Int32 // how often the server answered with a status
}

// spoiled is what happens to requests whose path begins so.
type spoiled struct {
	path  string
	fault func(w http.ResponseWriter, r *http.Request, server http.Handler)
}

// spoil lets a fault answer the requests whose path begins so; nil for none any more.
func (g *gate) spoil(path string, fault func(w http.ResponseWriter, r *http.Request, server http.Handler)) {
	if fault == nil {
		g.spoiled.Store(nil)
		return
	}
	g.spoiled.Store(&spoiled{path, fault})
}

// admits tells whether a request has the password that is wanted.
func (g *gate) admits(r *http.Request) bool {
	want, wanted := g.password.Load().(string)
	_, password, _ := r.BasicAuth()
	return !wanted || password == want
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
	proxy.ModifyResponse = func(response *http.Response) error {
		g.seen[response.StatusCode].Add(1)
		return nil
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	g.state.Store(state)
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch g.state.Load() {
		case shut:
			panic(http.ErrAbortHandler)
		case silent:
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			g.serve(w, r, proxy)
		}
	}))
	t.Cleanup(listener.Close)
	g.store, g.far = store{listener.URL, s.prefix}, s
	return g
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, server http.Handler) {
	if !g.admits(r) {
		http.Error(w, `{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}`, http.StatusUnauthorized)
		return
	}
	if s := g.spoiled.Load(); s != nil && strings.HasPrefix(r.URL.Path, s.path) {
		s.fault(w, r, server)
		return
	}
	server.ServeHTTP(w, r)
}
