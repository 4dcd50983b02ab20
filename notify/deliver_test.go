package notify

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// broken is a server that answers nothing.
type broken struct{}

func (broken) JSON(context.Context, string, string, any, any) error { return assert.AnError }

// A server that does not give the earlier runs keeps nobody from being told, and what it said stays here.
func TestBaselineThatIsNotToBeHad(t *testing.T) {
	t.Parallel()
	notice := notices(t)["first"]
	notice.judge(t.Context(), &runs.Store{Client: broken{}, Prefix: "k6"})
	assert.Nil(t, notice.Comparison)
	body, err := slackBody(notice)
	require.NoError(t, err)
	assert.Contains(t, string(body), "not compared: the server did not give the earlier runs in time")
	assert.NotContains(t, string(body), assert.AnError.Error())
}
