// Package elastictest holds what tests of a connection need on its other end.
package elastictest

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"testing"
)

// Host is a name that a Proxy takes for this machine. Go's own resolver knows it not, and the proxies of
// the environment are used for it, which they are not for the loopback address.
const Host = "k6es.test"

// Proxy is an HTTP proxy that wants a login. It forwards requests, and connects where that is asked for.
type Proxy struct {
	Address string // host:port
	// Forwarded and Connected count what it did.
	Forwarded, Connected atomic.Int64
}

// NewProxy starts a proxy, which the end of the test stops. The login is "user:password".
func NewProxy(t testing.TB, login string) *Proxy {
	t.Helper()
	p := &Proxy{}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(login))
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.Header.Del("Proxy-Authorization")
		r.Out.URL.Host = here(r.Out.URL.Host)
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Proxy-Authorization") != want:
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
		case r.Method == http.MethodConnect:
			p.Connected.Add(1)
			connect(w, here(r.Host))
		default:
			p.Forwarded.Add(1)
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.Address = strings.TrimPrefix(server.URL, "http://")
	return p
}

func here(host string) string { return strings.Replace(host, Host+":", "127.0.0.1:", 1) }

// connect joins the client's connection with one to the host.
func connect(w http.ResponseWriter, host string) {
	there, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(there, client) }()
	_, _ = io.Copy(client, there)
}
