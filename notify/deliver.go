package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/terminal"
)

// SignatureHeader has the HMAC-SHA256 of the body, by the secret, as sha256=HEX.
const SignatureHeader = "X-K6es-Signature"

// failure is a notice that a receiver did not take. Its text has nothing of the receiver's address.
type failure struct {
	text  string
	retry bool          // another attempt may help
	after time.Duration // as the receiver asks to wait
}

func (f *failure) Error() string { return f.text }

// deliver sends a notice, and again where that may help and there is time.
func (n *Notifier) deliver(ctx context.Context, r *receiver, notice *Notice) error {
	body, err := r.body(notice)
	if err != nil {
		return err
	}
	pause := n.pause
	for attempt := 1; ; attempt++ {
		failed := n.post(ctx, r, body)
		if failed == nil {
			return nil
		}
		wait := max(pause, failed.after)
		deadline, _ := ctx.Deadline()
		if !failed.retry || attempt == maxAttempts || time.Until(deadline) <= wait {
			return failed
		}
		select {
		case <-ctx.Done():
			return failed
		case <-time.After(wait):
			pause *= 2
		}
	}
}

// post sends a notice once.
func (n *Notifier) post(ctx context.Context, r *receiver, body []byte) *failure {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url.String(), bytes.NewReader(body))
	if err != nil {
		return &failure{text: "its address cannot be used"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "k6es")
	if r.signed && len(n.secret) > 0 {
		request.Header.Set(SignatureHeader, "sha256="+Signature(n.secret, body))
	}
	response, err := n.client.Do(request)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = response.Body.Close() }()
	return judge(response, r)
}

// Signature is the HMAC-SHA256 of a body in hexadecimal digits.
func Signature(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 10

// word is an answer's body that says in a word what is wrong, as those of Slack do: no_service, invalid_payload.
var word = regexp.MustCompile(`^[a-z][a-z_]{0,49}$`)

// judge makes of an answer what became of the notice; nil: it was taken.
func judge(response *http.Response, r *receiver) *failure {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	status := response.StatusCode
	switch {
	case status < http.StatusMultipleChoices:
		return nil
	case status == http.StatusProxyAuthRequired:
		return proxyRefusal(status)
	}
	f := &failure{
		text:  fmt.Sprintf("it answered %d %s", status, http.StatusText(status)),
		retry: status == http.StatusTooManyRequests || status >= http.StatusInternalServerError,
		after: elastic.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	if said := strings.TrimSpace(string(body)); word.MatchString(said) && !strings.Contains(r.url.String(), said) {
		f.text += " (" + said + ")"
	}
	switch {
	case status < http.StatusBadRequest:
		f.text += ", which is not followed: give the address that it leads to"
	case !f.retry:
		f.text += ". Check the address in notify (K6_ELASTICSEARCH_NOTIFY_URL)"
	case f.after > 0:
		f.text += fmt.Sprintf(", and asks to wait for %s", f.after.Round(time.Second))
	}
	return f
}

// proxyRefusal is the failure to get past a proxy.
func proxyRefusal(status int) *failure {
	return &failure{
		text:  fmt.Sprintf("the proxy answered %d %s. Check HTTPS_PROXY, or HTTP_PROXY", status, http.StatusText(status)),
		retry: status >= http.StatusInternalServerError,
	}
}

// explain says why there was no answer, in words of our own: the network's may repeat the address of the receiver,
// or the login of a proxy.
func explain(err error) *failure {
	var unresolved *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var network net.Error
	var operation *net.OpError
	var known *failure
	f := &failure{retry: true}
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.Canceled):
		f.text, f.retry = "interrupted", false
	case errors.As(err, &operation) && operation.Op == "proxyconnect":
		f.text = "the proxy does not answer. Check HTTPS_PROXY, or HTTP_PROXY"
	case errors.As(err, &untrusted):
		why := terminal.Line(untrusted.Err.Error()) // it may say what stands in the certificate
		f.text, f.retry = fmt.Sprintf("its certificate is not trusted (%s). Set notify-ca-cert-file to the file of its CA", why), false
	case errors.Is(err, http.ErrSchemeMismatch):
		f.text, f.retry = "it does not speak TLS", false
	case errors.As(err, &unresolved):
		f.text = "its name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		f.text = "connection refused"
	case errors.As(err, &network) && network.Timeout():
		f.text = "it did not answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		f.text = "it closed the connection without an answer"
	default:
		f.text = "what it answered is no HTTP, or the connection broke"
	}
	return f
}
