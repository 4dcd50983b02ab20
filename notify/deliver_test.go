package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs"
)

// secretPath is the part of an address that nobody may see.
const secretPath = "/services/T0/B0/s3cr3tW0rd"

// notifier makes one that is quick.
func notifier(t *testing.T, options Options) *Notifier {
	t.Helper()
	n, err := New(options)
	require.NoError(t, err)
	n.budget, n.pause, n.client.Timeout = 5*time.Second, 20*time.Millisecond, 2*time.Second
	t.Cleanup(n.client.CloseIdleConnections)
	return n
}

// hook is a receiver.
type hook struct {
	*httptest.Server
	asked atomic.Int32
}

// newHook makes a receiver whose nth request, from 1 on, is answered so.
func newHook(t *testing.T, answer func(n int32, w http.ResponseWriter, r *http.Request)) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(h.asked.Add(1), w, r) }))
	t.Cleanup(h.Close)
	return h
}

func answers(status int, body string) func(int32, http.ResponseWriter, *http.Request) {
	return func(_ int32, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestEachReceiverGetsWhatItUnderstands(t *testing.T) {
	t.Parallel()
	notice, secret := notices(t)["failed"], "the secret"
	for prefix, want := range map[string]string{"slack+": "slack", "teams+": "teams", "json+": "json", "": "json"} {
		var got []byte
		var header http.Header
		h := newHook(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
			got, _ = io.ReadAll(r.Body)
			header = r.Header
			assert.Equal(t, secretPath+"?sig=1", r.URL.String())
			w.WriteHeader(http.StatusAccepted) // as workflows of Teams answer
		})
		deliveries := notifier(t, Options{URLs: []string{prefix + h.URL + secretPath + "?sig=1"}, Secret: secret}).Send(t.Context(), notice)
		assert.Equal(t, []Delivery{{Receiver: strings.TrimPrefix(h.URL, "http://")}}, deliveries)
		body, err := bodies[want](notice)
		require.NoError(t, err)
		assert.Equal(t, string(body), string(got), prefix)
		assert.Equal(t, "application/json", header.Get("Content-Type"))
		if want == "json" {
			assert.Equal(t, "sha256="+Signature([]byte(secret), got), header.Get(SignatureHeader))
		} else {
			assert.Empty(t, header.Get(SignatureHeader))
		}
	}
}

// The values are those of RFC 4231, test case 2.
func TestSignature(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", Signature([]byte("Jefe"), []byte("what do ya want for nothing?")))
}

func TestHostsSayTheirFormat(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"hooks.slack.com": "slack", "HOOKS.slack.com": "slack", "prod-7.westeurope.logic.azure.com": "teams", "x.environment.api.powerplatform.com": "teams",
		"team.webhook.office.com": "teams", "hooks.slack.com.evil.example": "json", "logic.azure.com.example": "json", "ops.example": "json",
	} {
		assert.Equal(t, want, formatOf(host), host)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	t.Parallel()
	require.NoError(t, CheckURLs(nil))
	for _, address := range []string{"s3cr3t", "ftp://host/s3cr3t", "https://", "mail+https://host/s3cr3t", "http://ho st/s3cr3t", "https://host:s3cr3t/x", "slack+s3cr3t", "http://%zz/s3cr3t"} {
		err := CheckURLs([]string{"https://hooks.slack.com/x", address})
		require.ErrorContains(t, err, "number 2 is not an address like https://hooks.slack.com/services/…", address)
		assert.NotContains(t, err.Error(), "s3cr3t")
		_, err = New(Options{URLs: []string{address}})
		require.ErrorContains(t, err, "notify: number 1")
		assert.NotContains(t, err.Error(), "s3cr3t")
	}
}

// failures of every kind are told, without the address, in time, and tried again only where that may help.
func TestReceiversThatFail(t *testing.T) {
	t.Parallel()
	elsewhere := newHook(t, answers(http.StatusOK, ""))
	for name, c := range map[string]struct {
		answer func(int32, http.ResponseWriter, *http.Request)
		says   string
		asked  int32
	}{
		"gone":          {answers(http.StatusNotFound, "no_service"), "it answered 404 Not Found (no_service). Check the address in notify (K6_ELASTICSEARCH_NOTIFY_URL)", 1},
		"repeats":       {answers(http.StatusForbidden, secretPath), "it answered 403 Forbidden. Check", 1},
		"talks":         {answers(http.StatusNotFound, strings.Repeat("no", 999)), "it answered 404 Not Found. Check", 1},
		"wild status":   {answers(799, "x"), "it answered 799 ", maxAttempts},
		"broken":        {answers(http.StatusInternalServerError, "<html>"), "it answered 500 Internal Server Error", maxAttempts},
		"asks too much": {waits("3600"), "it answered 429 Too Many Requests, and asks to wait for 1h0m0s", 1},
		"redirects": {func(_ int32, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+secretPath, http.StatusTemporaryRedirect)
		}, "it answered 307 Temporary Redirect, which is not followed", 1},
		"resets":         {reset, "it closed the connection without an answer", maxAttempts},
		"speaks no HTTP": {raw("220 mail.example ESMTP " + secretPath + "\r\n"), "what it answered is no HTTP, or the connection broke", maxAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHook(t, c.answer)
			n := notifier(t, Options{URLs: []string{h.URL + secretPath}})
			begun := time.Now()
			deliveries := n.Send(t.Context(), notices(t)["failed"])
			assert.Less(t, time.Since(begun), n.budget)
			require.Len(t, deliveries, 1)
			assert.Contains(t, deliveries[0].String(), strings.TrimPrefix(h.URL, "http://")+" was not notified: "+c.says)
			assert.NotContains(t, deliveries[0].String(), "s3cr3t")
			assert.NotContains(t, deliveries[0].String(), "services")
			assert.Equal(t, c.asked, h.asked.Load())
			assert.Empty(t, n.Send(t.Context(), notices(t)["failed"]), "not tried for the next notice")
			assert.Equal(t, c.asked, h.asked.Load())
		})
	}
	t.Cleanup(func() { assert.Zero(t, elsewhere.asked.Load()) })
}

// waits answers 429.
func waits(seconds string) func(int32, http.ResponseWriter, *http.Request) {
	return func(_ int32, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", seconds)
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

func reset(int32, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// raw answers with bytes of its own.
func raw(text string) func(int32, http.ResponseWriter, *http.Request) {
	return func(_ int32, w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, text)
			_ = connection.Close()
		}
	}
}

func TestReceiverThatRecovers(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(int32, http.ResponseWriter, *http.Request){
		"busy": waits("1"), "broken": answers(http.StatusBadGateway, ""), "resets": reset,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHook(t, func(n int32, w http.ResponseWriter, r *http.Request) {
				if n == 1 {
					first(n, w, r)
				}
				body, _ := io.ReadAll(r.Body)
				assert.True(t, bytes.HasPrefix(body, []byte(`{"kind":"run"`)), "the whole body, again")
			})
			begun := time.Now()
			deliveries := notifier(t, Options{URLs: []string{h.URL}}).Send(t.Context(), notices(t)["failed"])
			require.Len(t, deliveries, 1)
			require.NoError(t, deliveries[0].Err)
			assert.Equal(t, int32(2), h.asked.Load())
			if name == "busy" {
				assert.GreaterOrEqual(t, time.Since(begun), time.Second, "as it asked")
			}
		})
	}
}

// A receiver that hangs takes no more than the budget, and keeps no other from being told.
func TestReceiverThatHangs(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	hangs := newHook(t, func(_ int32, _ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-end:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(end) })
	works := newHook(t, answers(http.StatusOK, "ok"))
	n := notifier(t, Options{URLs: []string{hangs.URL + secretPath, works.URL}})
	n.budget = 700 * time.Millisecond
	begun := time.Now()
	deliveries := n.Send(t.Context(), notices(t)["failed"])
	assert.GreaterOrEqual(t, time.Since(begun), n.budget)
	assert.Less(t, time.Since(begun), n.budget+5*time.Second)
	require.Len(t, deliveries, 2)
	assert.Contains(t, deliveries[0].String(), "was not notified: it did not answer in time")
	require.NoError(t, deliveries[1].Err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	interrupted := notifier(t, Options{URLs: []string{works.URL}}).Send(ctx, notices(t)["failed"])
	assert.Contains(t, interrupted[0].String(), "was not notified: interrupted")
}

func TestReceiverThatIsNotThere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	n := notifier(t, Options{URLs: []string{"http://" + closed + secretPath, "slack+http://" + closed, "http://user:pw@nobody.invalid" + secretPath}})
	deliveries := fmt.Sprint(n.Send(t.Context(), notices(t)["failed"]))
	assert.Contains(t, deliveries, closed+" was not notified: connection refused")
	assert.Contains(t, deliveries, closed+" (number 2) was not notified: connection refused")
	assert.Contains(t, deliveries, "nobody.invalid was not notified: ")
	assert.NotContains(t, deliveries, "pw")
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	h := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	h.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake that must fail
	h.StartTLS()
	t.Cleanup(h.Close)
	deliveries := notifier(t, Options{URLs: []string{h.URL + secretPath}}).Send(t.Context(), notices(t)["failed"])
	assert.Contains(t, deliveries[0].String(), "its certificate is not trusted (x509: ")
	assert.Contains(t, deliveries[0].String(), "Set notify-ca-cert-file to the file of its CA")

	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600))
	deliveries = notifier(t, Options{URLs: []string{h.URL}, CACertFile: ca}).Send(t.Context(), notices(t)["failed"])
	require.NoError(t, deliveries[0].Err)

	_, err := New(Options{CACertFile: "absent.pem"})
	require.ErrorContains(t, err, "cannot use notify-ca-cert-file (K6_ELASTICSEARCH_NOTIFY_CA_CERT_FILE): open absent.pem")
	require.NoError(t, os.WriteFile(ca, []byte("no certificate"), 0o600))
	_, err = New(Options{CACertFile: ca})
	require.ErrorContains(t, err, "holds no PEM certificate")
}

// What stands in a certificate does nothing to a terminal.
func TestCertificateThatIsHostile(t *testing.T) {
	t.Parallel()
	hostile := x509.CertificateInvalidError{Detail: "for \x1b[2J\nnotified hooks.slack.com", Reason: x509.CANotAuthorizedForThisName}
	text := explain(&tls.CertificateVerificationError{Err: hostile}).Error()
	assert.Contains(t, text, `for \x1b[2J notified`)
	assert.NotRegexp(t, dangerous, text)
	assert.NotContains(t, text, "\n")
}

// server answers nothing: at once, or not before the caller gives up.
type server struct{ hangs bool }

func (s server) JSON(ctx context.Context, _, _ string, _, _ any) error {
	if s.hangs {
		<-ctx.Done()
	}
	return assert.AnError
}

// A server that does not give the earlier runs keeps nobody from being told, and what it said stays here.
func TestBaselineThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	for s, says := range map[server]string{
		{}:            "not compared: the earlier runs could not be read",
		{hangs: true}: "not compared: the server did not give the earlier runs in time",
	} {
		notice := notices(t)["first"]
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if !s.hangs {
			ctx = t.Context()
		}
		err := notice.judge(ctx, &runs.Store{Client: s, Prefix: "k6"})
		cancel()
		require.ErrorIs(t, err, assert.AnError)
		assert.Nil(t, notice.Comparison)
		body, err := slackBody(notice)
		require.NoError(t, err)
		assert.Contains(t, string(body), says)
		assert.NotContains(t, string(body), assert.AnError.Error())
	}
}

// stored is a server that has series, and no runs.
type stored []*runs.SeriesDocument

func (s stored) JSON(_ context.Context, _, path string, _, out any) error {
	hits := []any{}
	if strings.Contains(path, "-series/") {
		for _, one := range s {
			hits = append(hits, map[string]any{"_source": one})
		}
	}
	text, err := json.Marshal(map[string]any{"hits": map[string]any{"hits": hits}})
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// The last one of several k6 processes tells of the requests of all.
func TestRunOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	others := runs.NewRecorder(runs.Facts{ID: "812"}, 1, nil)
	others.Add(&ingest.Sample{
		Time: time.Now().UnixNano(), Value: 900, Metric: ingest.NewRegistry().Lookup([]byte(duration)),
		Tags: ingest.NewTagSet([]ingest.Tag{{Key: "name", Value: "/slow"}, {Key: "method", Value: "PUT"}, {Key: "status", Value: "200"}}),
	})
	snapshot, err := others.Snapshot(runs.Outcome{Status: runs.Passed}, true, time.Now())
	require.NoError(t, err)
	for instances, worst := range map[int]string{1: "POST /orders", 2: "PUT /slow"} {
		notice := notices(t)["first"]
		notice.Run.K6.Run.Instances = make([]string, instances)
		require.NoError(t, notice.judge(t.Context(), &runs.Store{Client: stored(snapshot.Series()), Prefix: "k6"}))
		assert.Equal(t, worst, notice.worst().name)
		assert.Equal(t, "there is no earlier run to compare it with", notice.Uncompared)
	}
}

// It is the proxy that wants a login, not the receiver, whether it is asked for a connection or for the request.
func TestProxyThatRefuses(t *testing.T) {
	t.Parallel()
	proxy := newHook(t, answers(http.StatusProxyAuthRequired, ""))
	address, err := url.Parse(strings.Replace(proxy.URL, "://", "://user:s3cr3t@", 1))
	require.NoError(t, err)
	for _, receiver := range []string{"https://hooks.example", "http://hooks.example"} {
		n := notifier(t, Options{URLs: []string{receiver + secretPath}})
		n.client.Transport.(*http.Transport).Proxy = http.ProxyURL(address)
		deliveries := n.Send(t.Context(), notices(t)["failed"])
		assert.Equal(t, "hooks.example was not notified: the proxy answered 407 Proxy Authentication Required. Check HTTPS_PROXY, or HTTP_PROXY",
			deliveries[0].String())
	}
	assert.EqualValues(t, 2, proxy.asked.Load(), "once each")
}

// Where nobody listens any more, no server is asked for a baseline.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	n := notifier(t, Options{URLs: []string{"http://127.0.0.1:1" + secretPath}})
	require.Error(t, n.Send(t.Context(), notices(t)["failed"])[0].Err)
	deliveries, err := n.Run(t.Context(), nil, nil, "")
	require.NoError(t, err)
	assert.Empty(t, deliveries)
}
