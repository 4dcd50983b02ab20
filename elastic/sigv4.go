package elastic

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// SigV4 says how requests are signed with AWS Signature Version 4. The zero value means that they are
// not.
type SigV4 struct {
	// Region is that of the domain or collection; empty means that requests are not signed.
	Region string
	// Service is "es", also when empty, or "aoss".
	Service string
	// AccessKey, SecretKey and, for temporary ones, SessionToken are keys to sign with. Without them AWS's
	// own variables, files and roles are looked at, when the first request is sent.
	AccessKey, SecretKey, SessionToken string
	// Profile is the one to take from AWS's shared files; empty means AWS_PROFILE, else "default".
	Profile string
}

const (
	openSearchService    = "es"
	openSearchServerless = "aoss"
)

func (s SigV4) service() string { return cmp.Or(s.Service, openSearchService) }

// CredentialsError says that there is nothing to sign requests with. Nothing was sent.
type CredentialsError struct{ message string }

// Error says where was looked, and what was found there.
func (e *CredentialsError) Error() string { return e.message }

// signer signs each request just before it goes out, so that what is tried again is signed again, for
// the node that it goes to. It is safe for concurrent use.
type signer struct {
	next    http.RoundTripper
	config  SigV4
	secrets *secrets
	sign    *v4.Signer
	now     func() time.Time

	mu       sync.Mutex
	provider aws.CredentialsProvider // nil before the first request, and after the server called its keys expired
}

func newSigner(next http.RoundTripper, config SigV4, secrets *secrets) *signer {
	return &signer{next: next, config: config, secrets: secrets, sign: v4.NewSigner(), now: time.Now}
}

// RoundTrip implements http.RoundTripper. When the server calls the keys expired, they are looked up
// anew, and the request is sent once more if there are others now.
func (s *signer) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := readBody(request)
	if err != nil {
		return nil, err
	}
	keys, err := s.credentials(request.Context())
	if err != nil {
		return nil, err
	}
	response, err := s.send(request, body, keys)
	if err != nil || !expired(response) {
		return response, err
	}
	s.forget()
	fresh, err := s.credentials(request.Context())
	if err != nil || fresh.AccessKeyID == keys.AccessKeyID && fresh.SessionToken == keys.SessionToken {
		return response, nil //nolint:nilerr // the server's answer says it better
	}
	_ = response.Body.Close()
	return s.send(request, body, fresh)
}

func (s *signer) send(request *http.Request, body []byte, keys aws.Credentials) (*http.Response, error) {
	signed := request.Clone(request.Context())
	signed.Body, signed.GetBody = http.NoBody, nil
	if len(body) > 0 {
		signed.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		signed.Body, _ = signed.GetBody()
	}
	signed.ContentLength = int64(len(body))
	if err := s.prepare(signed, body, keys); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return s.next.RoundTrip(signed)
}

// prepare signs a request in place.
func (s *signer) prepare(request *http.Request, body []byte, keys aws.Credentials) error {
	request.Header.Del("Authorization")
	// AWS encodes the path that it receives once more, and proxies in front of it decode it first. Both
	// come to the same for a path in which nothing is left to encode.
	request.URL.RawPath = encodePath(request.URL)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if s.config.service() == openSearchServerless {
		request.Header.Set("X-Amz-Content-Sha256", hash)
	}
	return s.sign.SignHTTP(request.Context(), keys, request, hash, s.config.service(), s.config.Region, s.now())
}

// encodePath percent-encodes all of the path but unreserved characters (RFC 3986) and slashes.
func encodePath(u *url.URL) string {
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	var path strings.Builder
	for _, b := range []byte(u.EscapedPath()) {
		if b == '/' || b == '%' || strings.IndexByte(unreserved, b) >= 0 {
			path.WriteByte(b)
		} else {
			fmt.Fprintf(&path, "%%%02X", b)
		}
	}
	return path.String()
}

// readBody returns the body as it will be sent, and closes it.
func readBody(request *http.Request) ([]byte, error) {
	if request.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(request.Body)
	if err := errors.Join(err, request.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	return body, nil
}

// expired tells whether an answer says that the session token is too old. The body can still be read.
func expired(response *http.Response) bool {
	if response.StatusCode < http.StatusBadRequest || response.StatusCode > http.StatusForbidden {
		return false
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	said := strings.ToLower(string(body))
	return strings.Contains(said, "expiredtoken") || strings.Contains(said, "security token included in the request is expired")
}

// credentials returns keys that are valid now.
func (s *signer) credentials(ctx context.Context) (aws.Credentials, error) {
	provider, err := s.load(ctx)
	if err == nil {
		var keys aws.Credentials
		if keys, err = provider.Retrieve(ctx); err == nil {
			s.secrets.add(keys.SecretAccessKey, keys.SessionToken)
			return keys, nil
		}
	}
	if ended := ctx.Err(); ended != nil {
		return aws.Credentials{}, ended
	}
	return aws.Credentials{}, s.config.explain(err)
}

func (s *signer) load(ctx context.Context) (aws.CredentialsProvider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	provider, err := s.config.provider(ctx)
	if err == nil {
		s.provider = provider
	}
	return provider, err
}

// forget has the next request look for keys anew, files and all.
func (s *signer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.provider = nil
}
