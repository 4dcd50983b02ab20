package elastic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v7/estransport"
)

// Client sends requests to one cluster. It is safe for concurrent use.
type Client struct {
	nodes     *estransport.Client
	exchanger *exchanger
	addresses []*url.URL
	login     login
}

// New reads the certificate files and makes a Client. It does not touch the network.
func New(config Config) (*Client, error) {
	addresses, err := config.addresses()
	if err != nil {
		return nil, err
	}
	secrets := newSecrets(config.secrets(addresses)...)
	transport, err := config.transport(secrets)
	if err != nil {
		return nil, err
	}
	client := &Client{
		exchanger: newExchanger(transport, config.Timeout, secrets),
		addresses: addresses,
		login:     config.login(addresses),
	}
	client.nodes, err = estransport.New(estransport.Config{
		URLs:              addresses,
		Username:          config.User,
		Password:          config.Password,
		APIKey:            config.encodedAPIKey(),
		ServiceToken:      cmp.Or(config.ServiceToken, config.BearerToken),
		Header:            config.header(),
		DisableRetry:      true,
		DisableMetaHeader: true,
		Transport:         client.exchanger,
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", client.URL(), err)
	}
	return client, nil
}

// URL is the address of the cluster for messages, without credentials. Several are joined by ", ".
func (c *Client) URL() string {
	texts := make([]string, len(c.addresses))
	for i, address := range c.addresses {
		texts[i] = address.Scheme + "://" + address.Host + address.Path
	}
	return strings.Join(texts, ", ")
}

// Perform sends one request, once. Its URL holds path and query only; address and login are filled
// in, so a request cannot be sent twice: make a new one. The body goes out as it is, and whoever sets
// one sets Content-Type (and Content-Encoding) too.
//
// An answer of any status is a response, not an error (see CheckResponse); the caller closes its
// body. The error is a *ConnectionError, a *CredentialsError, or the context's own when the context ended.
func (c *Client) Perform(request *http.Request) (*http.Response, error) {
	return c.nodes.Perform(request)
}

// JSON sends in as JSON (nil for no body, []byte as it is) and decodes the answer into out (nil to
// ignore it). The path may carry a query. A status of 300 or more is an *Error, no answer at all a
// *ConnectionError. A node that refuses the connection is passed over for the next address.
func (c *Client) JSON(ctx context.Context, method, path string, in, out any) error {
	body, err := encode(in)
	if err != nil {
		return fmt.Errorf("encode the body of %s %s: %w", method, path, err)
	}
	response, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer drain(response.Body)
	if err := c.CheckResponse(response); err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return c.exchanger.failure(ctx, response.Request, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s answered %s %s with what is not the expected JSON: %w",
			address(response.Request.URL), method, path, err)
	}
	return nil
}

func encode(in any) ([]byte, error) {
	switch in := in.(type) {
	case nil:
		return nil, nil
	case []byte:
		return in, nil
	default:
		return json.Marshal(in)
	}
}

func (c *Client) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	var response *http.Response
	var err error
	for range c.addresses {
		response, err = c.sendOnce(ctx, method, path, body)
		var connection *ConnectionError
		if err == nil || !errors.As(err, &connection) || !connection.refused() {
			break
		}
	}
	return response, err
}

func (c *Client) sendOnce(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, path, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.Perform(request)
}

// drain reads what is left of an answer, so that its connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxErrorBody))
	_ = body.Close()
}

// exchanger bounds a request in time and makes its errors readable. It sits below estransport, which
// would send a request again on a bare io.EOF, with a body that is already used up.
type exchanger struct {
	client  *http.Client
	secrets *secrets
}

func newExchanger(transport http.RoundTripper, timeout time.Duration, secrets *secrets) *exchanger {
	if timeout == 0 {
		timeout = defaultTimeout
	}
	return &exchanger{
		client: &http.Client{
			Transport:     transport,
			Timeout:       timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		secrets: secrets,
	}
}

// RoundTrip implements http.RoundTripper.
func (e *exchanger) RoundTrip(request *http.Request) (*http.Response, error) {
	keepEscapes(request.URL)
	response, err := e.client.Do(request)
	if err != nil {
		return nil, e.failure(request.Context(), request, err)
	}
	return response, nil
}

// keepEscapes mends a path before which estransport put that of the node's address: it forgets there what
// was percent-encoded, such as a slash in an id.
func keepEscapes(u *url.URL) {
	asked, err := url.PathUnescape(u.RawPath)
	if prefix, ok := strings.CutSuffix(u.Path, asked); ok && err == nil && u.RawPath != "" {
		u.RawPath = (&url.URL{Path: prefix}).EscapedPath() + u.RawPath
	}
}

// failure explains why a request got no answer, or only a part of it. The context is the caller's:
// that of the request of a response ends with the timeout too.
func (e *exchanger) failure(ctx context.Context, request *http.Request, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s %s: %w", request.Method, address(request.URL), ended)
	}
	var nothing *CredentialsError
	if errors.As(err, &nothing) {
		return nothing
	}
	return newConnectionError(request.URL, err, e.client.Timeout, e.secrets)
}
