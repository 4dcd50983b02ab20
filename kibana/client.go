package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/elastic"
)

// maxAnswer bounds what is read of an answer: all our objects are far below it.
const maxAnswer = 64 << 20

// Config says where Kibana is, how to log in, and in which part of it the dashboards are.
type Config struct {
	// Server has the address of Kibana, with its base path if there is one, and the login.
	Server elastic.Config
	// Space is a Kibana space; empty: the default one. Kibana without x-pack has no spaces.
	Space string
	// Tenant is a tenant of OpenSearch Dashboards; empty: the user's default.
	Tenant string
}

// Client sends requests to one Kibana or OpenSearch Dashboards. It is safe for concurrent use.
type Client struct {
	server        *elastic.Client
	space, tenant string
	poll          time.Duration // how often a Kibana that is not ready is asked again
}

// New makes a Client. It does not touch the network.
func New(config Config) (*Client, error) {
	server, err := elastic.New(config.Server)
	if err != nil {
		return nil, err
	}
	return &Client{server: server, space: realSpace(config.Space), tenant: config.Tenant, poll: time.Second}, nil
}

// realSpace is empty for the default space, which has no name in URLs.
func realSpace(space string) string {
	if space == "default" {
		return ""
	}
	return space
}

// URL is the address of Kibana for messages, without credentials.
func (c *Client) URL() string { return c.server.URL() }

// inSpace is a path of the API in the chosen space.
func (c *Client) inSpace(path string) string {
	if c.space == "" {
		return path
	}
	return "/s/" + c.space + path
}

// answer is what came back for a request: any status below 300, or one that the caller expects.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// exchange sends a request. A status of 300 or more that is not expected is an *elastic.Error.
func (c *Client) exchange(ctx context.Context, method, path, contentType string, body []byte, expected ...int) (answer, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, path, reader)
	if err != nil {
		return answer{}, err
	}
	// Kibana wants the first, OpenSearch Dashboards the second; each lets the other pass.
	request.Header.Set("kbn-xsrf", "k6es")
	request.Header.Set("osd-xsrf", "k6es")
	if c.tenant != "" {
		request.Header.Set("securitytenant", c.tenant)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.server.Perform(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got := answer{status: response.StatusCode, header: response.Header}
	if !slices.Contains(expected, got.status) {
		if err := c.server.CheckResponse(response); err != nil {
			return got, explain(response, err)
		}
	}
	got.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return got, err
}

// loginError says what to do about a login that Kibana does not take.
type loginError struct{ answer error }

// Error leaves out what the answer says to do, which is about the server.
func (e *loginError) Error() string {
	said, _, _ := strings.Cut(e.answer.Error(), ". ")
	return said + ". Set K6_KIBANA_USER and K6_KIBANA_PASSWORD; without them, Kibana gets the login of the server"
}

// Unwrap returns the answer.
func (e *loginError) Unwrap() error { return e.answer }

// explain adds to an error answer what to do where that is another thing than for Elasticsearch.
func explain(response *http.Response, err error) error {
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized:
		return &loginError{err}
	case status < http.StatusBadRequest:
		to := response.Header.Get("Location")
		if strings.Contains(to, "login") || strings.Contains(to, "auth") {
			return fmt.Errorf("%w: it leads to a login page. Set K6_KIBANA_USER and K6_KIBANA_PASSWORD", err)
		}
		return fmt.Errorf("%w: it leads to %q. Check K6_KIBANA_URL: it needs the base path too", err, to)
	default:
		return err
	}
}

// decodeAnswer reads an answer that must be JSON.
func (c *Client) decodeAnswer(what string, body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s answered %s with what is not the expected JSON: %w", c.URL(), what, err)
	}
	return nil
}

// isConnection tells whether there was no answer at all.
func isConnection(err error) bool {
	var connection *elastic.ConnectionError
	return errors.As(err, &connection)
}
