package elastic_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// The keys of AWS's examples.
const (
	exampleKey    = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// sigV4Vectors are those of AWS's test suite for Signature Version 4 whose requests a client like ours can
// send (aws-signing-test-suite in awslabs/aws-c-auth), and the example of the IAM user guide.
var sigV4Vectors = []struct {
	name, service, method, target, host string
	header                              http.Header
	body, token                         string
	signature                           string
}{
	{name: "get-vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{name: "get-unreserved", target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{name: "get-vanilla-query-order-key-case", target: "/?Param2=value2&Param1=value1", signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{name: "get-vanilla-query-order-encoded", target: "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", signature: "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
	{name: "get-vanilla-query-unreserved", target: "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	{name: "get-vanilla-utf8-query", target: "/?ሴ=bar", signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{name: "get-vanilla-empty-query-key", target: "/?Param1=value1", signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{name: "get-vanilla-with-session-token", token: "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267", signature: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
	{name: "get-header-value-trim", header: http.Header{"My-Header1": {" value1"}, "My-Header2": {` "a   b   c"`}}, signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{name: "get-header-key-duplicate", header: http.Header{"My-Header1": {"value2", "value2", "value1"}}, signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	{name: "post-vanilla", method: "POST", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{name: "post-vanilla-query", method: "POST", target: "/?Param1=value1", signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{name: "post-header-key-sort", method: "POST", header: http.Header{"My-Header1": {"value1"}}, signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{
		name: "post-x-www-form-urlencoded", method: "POST", body: "Param1=value1", signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
		header: http.Header{
			"Content-Type":         {"application/x-www-form-urlencoded"},
			"X-Amz-Content-Sha256": {"9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"},
		},
	},
	{
		name: "the user guide", service: "iam", host: "iam.amazonaws.com", target: "/?Action=ListUsers&Version=2010-05-08",
		header:    http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
		signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
	},
}

func TestSigV4Vectors(t *testing.T) {
	t.Parallel()
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, vector := range sigV4Vectors {
		t.Run(vector.name, func(t *testing.T) {
			t.Parallel()
			method, target, host, service := or(vector.method, "GET"), or(vector.target, "/"), or(vector.host, "example.amazonaws.com"), or(vector.service, "service")
			request, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+target, strings.NewReader(vector.body))
			require.NoError(t, err)
			for name, values := range vector.header {
				request.Header[name] = values
			}
			config := elastic.SigV4{Region: "us-east-1", Service: service, AccessKey: exampleKey, SecretKey: exampleSecret, SessionToken: vector.token}
			require.NoError(t, elastic.Sign(config, request, []byte(vector.body), at))
			authorization, err := parseAuthorization(request.Header.Get("Authorization"))
			require.NoError(t, err)
			assert.Equal(t, vector.signature, authorization.signature)

			// What verifies in the other tests comes to the same.
			got := received{method, target, host, request.Header, []byte(vector.body)}
			path, _, _ := strings.Cut(target, "?")
			assert.Equal(t, vector.signature, got.signature(authorization, exampleSecret, path))
		})
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// amazon is a server that lets only rightly signed requests in.
type amazon struct {
	url string

	mu       sync.Mutex
	keys     awsKeys // the ones that are valid
	service  string
	requests []received
	wrong    []error
}

func newAmazon(t *testing.T, service string, keys awsKeys) *amazon {
	t.Helper()
	a := &amazon{keys: keys, service: service}
	a.url = serve(t, a.answer)
	return a
}

func (a *amazon) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := received{r.Method, r.RequestURI, r.Host, r.Header, body}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, got)
	if r.Header.Get("X-Amz-Security-Token") != a.keys.token {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"The security token included in the request is expired"}`)
		return
	}
	if err := got.verify(a.keys, "eu-central-1", a.service); err != nil {
		a.wrong = append(a.wrong, err)
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"message":"The request signature we calculated does not match: %s"}`, r.Header.Get("X-Amz-Security-Token"))
		return
	}
	_, _ = io.WriteString(w, "{}")
}

func (a *amazon) expect(t *testing.T, requests int) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	assert.Empty(t, a.wrong)
	assert.Len(t, a.requests, requests)
}

func (a *amazon) change(keys awsKeys) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys = keys
}

func TestSignedRequestsAreAccepted(t *testing.T) {
	t.Parallel()
	paths := []string{
		"/", "/_bulk?filter_path=errors,items.*.status,items.*.error",
		"/k6-metrics-*/_search?ignore_unavailable=true&allow_no_indices=true",
		"/k6-runs/_doc/" + url.PathEscape("a run with: odd+signs*,(é)~$&=@%2A") + "?refresh=true&if_seq_no=1",
		"/a,b,-c*/_count", "/_cat/indices/k6-*?format=json&h=index&s=creation.date:desc&v", "/x?q=a+b%20c%2Bd&q=A&q=&empty",
	}
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	_, _ = writer.Write(bytes.Repeat([]byte(`{"create":{}}`+"\n"), 1000))
	require.NoError(t, writer.Close())
	for _, service := range []string{"es", "aoss"} {
		for _, keys := range []awsKeys{{exampleKey, exampleSecret, ""}, {exampleKey, exampleSecret, "a/session+token=="}} {
			t.Run(service+keys.token[:min(1, len(keys.token))], func(t *testing.T) {
				t.Parallel()
				first, second := newAmazon(t, service, keys), newAmazon(t, service, keys)
				client := newClient(t, elastic.Config{
					URLs:    []string{first.url, second.url + "/behind a/pa*th"},
					Headers: map[string]string{"X-Tenant": "the  shop", "X-Amz-Meta": "m"},
					SigV4:   elastic.SigV4{Region: "eu-central-1", Service: service, AccessKey: keys.id, SecretKey: keys.secret, SessionToken: keys.token},
				})
				for _, path := range paths {
					for range 2 { // once for each node
						require.NoError(t, client.JSON(t.Context(), http.MethodGet, path, nil, nil))
					}
					for range 2 {
						require.NoError(t, client.JSON(t.Context(), http.MethodPut, path, map[string]string{"a": "b"}, nil))
					}
					for range 2 {
						request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(zipped.Bytes()))
						require.NoError(t, err)
						request.Header.Set("Content-Encoding", "gzip")
						response, err := client.Perform(request)
						require.NoError(t, err)
						_ = response.Body.Close()
						require.Equal(t, http.StatusOK, response.StatusCode)
					}
				}
				first.expect(t, 3*len(paths))
				second.expect(t, 3*len(paths))
				assert.Equal(t, zipped.Bytes(), first.requests[2].body)
			})
		}
	}
}

func TestAWrongKeyIsExplained(t *testing.T) {
	t.Parallel()
	server := newAmazon(t, "es", awsKeys{exampleKey, exampleSecret, "the-token"})
	client := newClient(t, elastic.Config{URLs: []string{server.url}, SigV4: elastic.SigV4{
		Region: "eu-central-1", AccessKey: exampleKey, SecretKey: "another-secret", SessionToken: "the-token",
	}})
	require.EqualError(t, get(t, client), server.url+" answered 403: the owner of the AWS credentials may not GET / (The request signature we calculated does not match: ****)")
}

// noAWS hides from AWS's library what the machine may have.
func noAWS(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(folder, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(folder, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// writeKeys puts keys into a profile of the shared credentials file.
func writeKeys(t *testing.T, profile string, keys awsKeys) {
	t.Helper()
	text := fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", profile, keys.id, keys.secret, keys.token)
	require.NoError(t, os.WriteFile(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), []byte(text), 0o600))
}

// role serves the keys of a role, as the services of AWS do.
func role(t *testing.T, keys awsKeys, lifetime time.Duration) (url string, asked func() int) {
	t.Helper()
	var mu sync.Mutex
	count := 0
	url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		end := time.Now().Add(lifetime).UTC().Format(time.RFC3339)
		given := map[string]string{
			"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "Token": keys.token,
			"SessionToken": keys.token, "Expiration": end,
		}
		switch {
		case r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = io.WriteString(w, "metadata-token")
			return
		case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
			_, _ = io.WriteString(w, "load-tests")
			return
		case r.Form.Get("Action") == "AssumeRoleWithWebIdentity":
			if r.Form.Get("WebIdentityToken") != "the-identity" {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`)
				return
			}
			mu.Lock()
			count++
			mu.Unlock()
			_, _ = fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>%s</AccessKeyId>`+
				`<SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>`+
				`</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, keys.id, keys.secret, keys.token, end)
			return
		}
		mu.Lock()
		count++
		mu.Unlock()
		_ = json.NewEncoder(w).Encode(given)
	})
	return url, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

// TestSourcesOfKeys is not parallel: AWS's library reads the process's environment.
func TestSourcesOfKeys(t *testing.T) {
	keys := awsKeys{"ASIAROLE", "the-secret-of-the-role", "the-token-of-the-role"}
	identity := filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(identity, []byte("the-identity"), 0o600))
	tests := map[string]func(t *testing.T, role string) elastic.SigV4{
		"options": func(*testing.T, string) elastic.SigV4 {
			return elastic.SigV4{AccessKey: keys.id, SecretKey: keys.secret, SessionToken: keys.token}
		},
		"variables": func(t *testing.T, _ string) elastic.SigV4 {
			t.Setenv("AWS_ACCESS_KEY_ID", keys.id)
			t.Setenv("AWS_SECRET_ACCESS_KEY", keys.secret)
			t.Setenv("AWS_SESSION_TOKEN", keys.token)
			return elastic.SigV4{}
		},
		"default profile": func(t *testing.T, _ string) elastic.SigV4 {
			writeKeys(t, "default", keys)
			return elastic.SigV4{}
		},
		"named profile goes before variables": func(t *testing.T, _ string) elastic.SigV4 {
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIAANOTHER")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
			writeKeys(t, "load-tests", keys)
			return elastic.SigV4{Profile: "load-tests"}
		},
		"web identity": func(t *testing.T, role string) elastic.SigV4 {
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", identity)
			t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/load-tests")
			t.Setenv("AWS_ENDPOINT_URL_STS", role)
			return elastic.SigV4{}
		},
		"container": func(t *testing.T, role string) elastic.SigV4 {
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", role+"/v1/credentials")
			return elastic.SigV4{}
		},
		"instance": func(t *testing.T, role string) elastic.SigV4 {
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", role)
			return elastic.SigV4{}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			noAWS(t)
			server := newAmazon(t, "es", keys)
			source, asked := role(t, keys, time.Hour)
			config := prepare(t, source)
			config.Region = "eu-central-1"
			client := newClient(t, elastic.Config{URLs: []string{server.url}, SigV4: config})
			for range 3 {
				require.NoError(t, get(t, client))
			}
			server.expect(t, 3)
			assert.LessOrEqual(t, asked(), 1, "the keys of a role are kept")
		})
	}
}

func TestKeysAreRenewed(t *testing.T) {
	noAWS(t)
	old, fresh := awsKeys{"ASIAOLD", "the-old-secret", "the-old-token"}, awsKeys{"ASIANEW", "the-new-secret", "the-new-token"}
	sign := elastic.SigV4{Region: "eu-central-1"}

	t.Run("in a file", func(t *testing.T) {
		server := newAmazon(t, "es", old)
		writeKeys(t, "default", old)
		client := newClient(t, elastic.Config{URLs: []string{server.url}, SigV4: sign})
		require.NoError(t, get(t, client))

		server.change(fresh)
		require.ErrorContains(t, get(t, client), "may not GET / (The security token included in the request is expired)")
		server.expect(t, 2)

		writeKeys(t, "default", fresh)
		require.NoError(t, client.JSON(t.Context(), http.MethodPut, "/_bulk", []byte("the body"), nil))
		server.expect(t, 4)
		assert.Equal(t, "the body", string(server.requests[3].body))
	})
	t.Run("of a role, before they expire", func(t *testing.T) {
		server := newAmazon(t, "es", fresh)
		source, asked := role(t, fresh, time.Minute)
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", source)
		require.NoError(t, os.Remove(os.Getenv("AWS_SHARED_CREDENTIALS_FILE")))
		client := newClient(t, elastic.Config{URLs: []string{server.url}, SigV4: sign})
		require.NoError(t, get(t, client))
		require.NoError(t, get(t, client))
		server.expect(t, 2)
		assert.Equal(t, 2, asked())
	})
}

func TestNoKeys(t *testing.T) {
	identity := filepath.Join(t.TempDir(), "identity")
	require.NoError(t, os.WriteFile(identity, []byte("another-identity"), 0o600))
	denied, _ := role(t, awsKeys{}, time.Hour)
	tests := map[string]struct {
		vars   map[string]string
		config elastic.SigV4
		want   []string
	}{
		"nowhere": {want: []string{
			"no AWS credentials: the option sigv4-access-key and the variables AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, " +
				"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI are not set, profile \"default\" in ",
			" gives none, and neither does the role of this machine (",
		}},
		"unknown profile": {config: elastic.SigV4{Profile: "nobody"}, want: []string{
			`no AWS credentials: profile "nobody" (option sigv4-profile) in `, "nobody",
		}},
		"web identity": {
			vars: map[string]string{
				"AWS_WEB_IDENTITY_TOKEN_FILE": identity, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/load-tests", "AWS_ENDPOINT_URL_STS": denied,
			},
			want: []string{"no AWS credentials from the web identity in AWS_WEB_IDENTITY_TOKEN_FILE: ", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		},
		"container": {
			vars: map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://" + closedAddress(t)},
			want: []string{"no AWS credentials from the container role: ", "connection refused"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			noAWS(t)
			for name, value := range test.vars {
				t.Setenv(name, value)
			}
			test.config.Region = "eu-central-1"
			server := newAmazon(t, "es", awsKeys{})
			client := newClient(t, elastic.Config{URLs: []string{server.url}, SigV4: test.config})
			err := get(t, client)
			var nothing *elastic.CredentialsError
			require.ErrorAs(t, err, &nothing)
			for _, want := range test.want {
				assert.ErrorContains(t, err, want)
			}
			server.expect(t, 0)
		})
	}
}
