package elastic

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// maxErrorBody bounds what is read of an answer that is only reported or thrown away.
	maxErrorBody = 64 << 10
	// maxReason bounds how much of the server's own words a message repeats, in bytes.
	maxReason = 400
)

// Error is an answer with a status of 300 or more.
type Error struct {
	Method string
	// URL is scheme and host of the node that answered, Path what was asked, without the query.
	URL, Path string
	Status    int
	// Type and Reason are the server's words, such as "security_exception"; either may be empty.
	Type, Reason string
	// RetryAfter is how long the server asks to wait; 0 when it does not say.
	RetryAfter time.Duration

	login login
}

// blocked is the type of a 403 that has nothing to do with the login: the index is read-only.
const blocked = "cluster_block_exception"

// Error says in one sentence what was answered, and for 401 and 403 what to do: which privilege is missing.
func (e *Error) Error() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return fmt.Sprintf("%s answered 401 (%s). %s", e.URL, e.login.refused, e.login.remedy)
	case e.Status == http.StatusForbidden && e.Type != blocked:
		return fmt.Sprintf("%s answered 403: %s may not %s %s%s", e.URL, e.login.who, e.Method, e.Path, e.denial())
	case e.Status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("the proxy before %s wants another login (407). Check K6_ELASTICSEARCH_PROXY, or HTTP_PROXY", e.URL)
	default:
		return fmt.Sprintf("%s answered %d to %s %s%s", e.URL, e.Status, e.Method, e.Path, e.words(": ", ""))
	}
}

func (e *Error) denial() string {
	if missing := Explain(e.Reason); missing != e.Reason {
		return ": " + shorten(missing) + ". Roles that have it are in docs/access.md"
	}
	return e.words(" (", ")")
}

func (e *Error) words(before, after string) string {
	words := strings.TrimPrefix(e.Type+": "+e.Reason, ": ")
	if words == "" {
		return ""
	}
	return before + shorten(strings.TrimSuffix(words, ": ")) + after
}

// IsStatus tells whether err is, or wraps, an answer of that status.
func IsStatus(err error, status int) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.Status == status
}

// IsUnknown tells whether err is how servers, each in its way, answer a request that they do not know.
func IsUnknown(err error) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return true
	default:
		return false
	}
}

// CheckResponse returns an *Error for a status of 300 or more, having read the body for its reason,
// and nil for any other. It does not close the body.
func (c *Client) CheckResponse(response *http.Response) error {
	if response.StatusCode < http.StatusMultipleChoices {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	kind, reason := parseReason(body)
	return &Error{
		Method:     response.Request.Method,
		URL:        address(response.Request.URL),
		Path:       response.Request.URL.Path,
		Status:     response.StatusCode,
		Type:       kind,
		Reason:     c.exchanger.secrets.hide(reason),
		RetryAfter: RetryAfter(response.Header.Get("Retry-After"), time.Now()),
		login:      c.login,
	}
}

// parseReason finds the reason in what servers, and proxies in front of them, answer: an error
// object, an error string, AWS's message, or plain text.
func parseReason(body []byte) (kind, reason string) {
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error == nil && answer.Message == "" {
		return "", plainText(body)
	}
	if answer.Error == nil {
		return "", strings.Join(strings.Fields(answer.Message), " ")
	}
	var detail detail
	if json.Unmarshal(answer.Error, &detail) != nil {
		var text string
		_ = json.Unmarshal(answer.Error, &text)
		return "", text
	}
	return detail.Type, detail.reason()
}

// detail is the server's error object. The outermost reason says what failed, the innermost why.
type detail struct {
	Type, Reason string
	CausedBy     *detail `json:"caused_by"`
}

func (d *detail) reason() string {
	innermost := d
	for innermost.CausedBy != nil {
		innermost = innermost.CausedBy
	}
	if strings.Contains(d.Reason, innermost.Reason) {
		return d.Reason
	}
	return d.Reason + ": " + innermost.Reason
}

// plainText is the body on one line, or nothing for a web page.
func plainText(body []byte) string {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		return ""
	}
	return strings.Join(strings.Fields(string(body)), " ")
}

func shorten(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason], "") + "…"
}

// RetryAfter reads the two forms of the header Retry-After, seconds and a date; 0 where it is neither, or past.
func RetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second //nolint:gosec // 32 bits
	}
	if date, err := http.ParseTime(value); err == nil && date.After(now) {
		return date.Sub(now)
	}
	return 0
}

// ConnectionError is a request that got no answer. Whether the server acted on it is unknown, unless
// the connection was never made.
type ConnectionError struct {
	// URL is scheme and host of the node.
	URL string
	// Err is what the network said. Its text is not meant for messages: it may repeat a secret.
	Err error

	message string
}

// Error says in one sentence what happened.
func (e *ConnectionError) Error() string { return e.message }

// Unwrap returns the network's error.
func (e *ConnectionError) Unwrap() error { return e.Err }

// refused tells that no connection came about, so nothing was sent.
func (e *ConnectionError) refused() bool {
	var operation *net.OpError
	return errors.As(e.Err, &operation) && operation.Op == "dial"
}

func newConnectionError(u *url.URL, err error, timeout time.Duration, secrets *secrets) *ConnectionError {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	said := secrets.hide(err.Error())
	return &ConnectionError{URL: address(u), Err: err, message: explain(u, err, said, timeout)}
}

func explain(u *url.URL, err error, said string, timeout time.Duration) string {
	node := address(u)
	var untrusted *tls.CertificateVerificationError
	var unresolved *net.DNSError
	var network net.Error
	var proxy *proxyError
	var operation *net.OpError
	switch {
	case errors.As(err, &proxy):
		return fmt.Sprintf("%s cannot be reached: %s", node, proxy)
	case errors.As(err, &operation) && operation.Op == "proxyconnect":
		return fmt.Sprintf("%s cannot be reached: the proxy does not answer (%s). Check K6_ELASTICSEARCH_PROXY, or HTTPS_PROXY", node, said)
	case errors.As(err, &untrusted):
		return fmt.Sprintf("%s shows a certificate that is not trusted (%s). Set K6_ELASTICSEARCH_CA_CERT_FILE to the file of its CA", node, said)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("%s does not speak TLS. Use http://%s", node, u.Host)
	case errors.As(err, &unresolved):
		return fmt.Sprintf("%s does not answer (no such host %q)", node, unresolved.Name)
	case strings.Contains(said, transportGreeting):
		return fmt.Sprintf("%s does not speak HTTP: it looks like the port by which nodes talk to each other (transport). "+
			"Use the HTTP port, which is 9200 where nobody changed it", node)
	case errors.Is(err, syscall.ECONNREFUSED):
		return node + " does not answer (connection refused)"
	case errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("%s does not answer (nothing came within %s)", node, timeout)
	case (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) && u.Scheme == "http":
		return fmt.Sprintf("%s closed the connection without an answer. If it speaks TLS, use https://%s", node, u.Host)
	default:
		return fmt.Sprintf("%s does not answer (%s)", node, said)
	}
}

// transportGreeting is what Go makes of the answer of a transport port to HTTP: "This is not an HTTP port".
const transportGreeting = `malformed HTTP status code "is"`

// address is scheme and host: never credentials, path or query.
func address(u *url.URL) string { return u.Scheme + "://" + u.Host }
