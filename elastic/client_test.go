package elastic_test

import (
	"context"
	"encoding/base64"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// answer starts a server that answers everything in one way.
func answer(t *testing.T, status int, body string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func newClient(t *testing.T, config elastic.Config) *elastic.Client {
	t.Helper()
	client, err := elastic.New(config)
	require.NoError(t, err)
	return client
}

func get(t *testing.T, client *elastic.Client) error {
	t.Helper()
	return client.JSON(t.Context(), http.MethodGet, "/", nil, nil)
}

// closedAddress is a loopback address that nobody listens on.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestLogin(t *testing.T) {
	t.Parallel()
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	tests := map[string]struct {
		config elastic.Config
		user   string // put into the URL
		want   string
	}{
		"nobody":            {},
		"user":              {config: elastic.Config{User: "k6", Password: "s3cret"}, want: basic("k6:s3cret")},
		"URL":               {config: elastic.Config{APIKey: "abcd"}, user: "in:p%40ss@", want: basic("in:p@ss")},
		"encoded API key":   {config: elastic.Config{APIKey: "aWQ6a2V5"}, want: "APIKey aWQ6a2V5"},
		"plain API key":     {config: elastic.Config{APIKey: "id:key"}, want: "APIKey aWQ6a2V5"},
		"service token":     {config: elastic.Config{ServiceToken: "AAEAAW"}, want: "Bearer AAEAAW"},
		"bearer token":      {config: elastic.Config{BearerToken: "eyJhbGciOi"}, want: "Bearer eyJhbGciOi"},
		"header goes first": {config: elastic.Config{Headers: map[string]string{"authorization": "Bearer own"}, User: "k6", Password: "p"}, want: "Bearer own"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got http.Header
			url := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
			config := test.config
			config.URLs = []string{strings.Replace(url, "://", "://"+test.user, 1)}
			require.NoError(t, get(t, newClient(t, config)))
			assert.Equal(t, test.want, got.Get("Authorization"))
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	var got http.Header
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	client := newClient(t, elastic.Config{URLs: []string{url}, Headers: map[string]string{"x-tenant": "shop"}})
	require.NoError(t, get(t, client))
	assert.Equal(t, []string{"shop"}, got.Values("X-Tenant"))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config elastic.Config
		want   string
	}{
		"default":     {elastic.Config{}, "http://localhost:9200"},
		"no scheme":   {elastic.Config{URLs: []string{" es:9200/"}}, "http://es:9200"},
		"path prefix": {elastic.Config{URLs: []string{"https://proxy/es/"}}, "https://proxy/es"},
		"several":     {elastic.Config{URLs: []string{"http://u:p@a:1", "https://b"}}, "http://a:1, https://b"},
		"cloud id": {
			elastic.Config{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("eu.example.com$abc$def")), URLs: []string{"http://not-this"}},
			"https://abc.eu.example.com:443",
		},
		"cloud id with port": {
			elastic.Config{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("eu.example.com:9243$abc$def"))},
			"https://abc.eu.example.com:9243",
		},
		"cloud id with a port of each": {
			elastic.Config{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("eu.example.com:9243$abc:9244$def:9245"))},
			"https://abc.eu.example.com:9244",
		},
		"cloud id without padding": {
			elastic.Config{CloudID: "mine:" + base64.RawStdEncoding.EncodeToString([]byte("eu.example.com$ab$def"))},
			"https://ab.eu.example.com:443",
		},
		"cloud id whose label has colons": {
			elastic.Config{CloudID: " shop: the tests:" + base64.StdEncoding.EncodeToString([]byte("eu.example.com$abc$")) + "\n"},
			"https://abc.eu.example.com:443",
		},
		"cloud id without label": {
			elastic.Config{CloudID: base64.StdEncoding.EncodeToString([]byte("eu.example.com$abc"))},
			"https://abc.eu.example.com:443",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, newClient(t, test.config).URL())
		})
	}
}

func TestWrongAddresses(t *testing.T) {
	t.Parallel()
	for _, config := range []elastic.Config{
		{URLs: []string{"http://u:s3cret%zz@es:9200"}},
		{URLs: []string{"http://u:s3cret@es:port"}},
		{URLs: []string{"ftp://u:s3cret@es"}},
		{URLs: []string{"http://u:s3cret@"}},
		{CloudID: "s3cret"},
		{CloudID: "mine:s3cret"},
		{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("s3cret"))},
		{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("s3cret$$"))},
		{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("$s3cret$"))},
		{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("eu$s3cret:port$"))},
		{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("eu/s3cret$a$"))},
		{CloudID: "mine:" + base64.StdEncoding.EncodeToString([]byte("eu$s3cret@b$"))},
	} {
		_, err := elastic.New(config)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "s3cret")
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Equal(t, "/es/_index_template/x", r.URL.Path)
		assert.Equal(t, "pretty=true", r.URL.RawQuery)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		_, _ = io.WriteString(w, `{"echo":`+string(body)+`}`)
	})
	client := newClient(t, elastic.Config{URLs: []string{url + "/es"}})
	for _, in := range []any{map[string]int{"a": 1}, []byte(`{"a":1}`)} {
		var out struct{ Echo struct{ A int } }
		require.NoError(t, client.JSON(t.Context(), http.MethodPut, "/_index_template/x?pretty=true", in, &out))
		assert.Equal(t, 1, out.Echo.A)
	}
}

func TestEscapesStay(t *testing.T) {
	t.Parallel()
	var got string
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI })
	for prefix, want := range map[string]string{"": "", "/es": "/es", "/a b/c": "/a%20b/c"} {
		client := newClient(t, elastic.Config{URLs: []string{url + prefix}})
		require.NoError(t, client.JSON(t.Context(), http.MethodGet, "/k6-runs/_doc/a%2Fb%25?q=%2F", nil, nil))
		assert.Equal(t, want+"/k6-runs/_doc/a%2Fb%25?q=%2F", got)
		require.NoError(t, client.JSON(t.Context(), http.MethodGet, "/k6-*/_search", nil, nil))
		assert.Equal(t, want+"/k6-*/_search", got)
	}
}

func TestPerformSendsTheBodyAsItIs(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Equal(t, "gzipped", string(body))
		assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
		assert.Equal(t, "application/x-ndjson", r.Header.Get("Content-Type"))
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error":{"type":"es_rejected_execution_exception","reason":"queue is full"},"status":429}`)
	})
	client := newClient(t, elastic.Config{URLs: []string{url}})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/_bulk?filter_path=errors", strings.NewReader("gzipped"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Content-Encoding", "gzip")
	response, err := client.Perform(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()

	err = client.CheckResponse(response)
	var answered *elastic.Error
	require.ErrorAs(t, err, &answered)
	assert.Equal(t, 7*time.Second, answered.RetryAfter)
	assert.Equal(t, url+" answered 429 to POST /_bulk: es_rejected_execution_exception: queue is full", err.Error())
}

func TestErrorSentences(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config elastic.Config
		status int
		body   string
		want   string
	}{
		"no login":      {elastic.Config{}, 401, "Unauthorized", " answered 401 (it wants a login). Set K6_ELASTICSEARCH_USER and K6_ELASTICSEARCH_PASSWORD, or K6_ELASTICSEARCH_API_KEY"},
		"wrong login":   {elastic.Config{User: "k6", Password: "wrong"}, 401, "", ` answered 401 (wrong user or password for "k6"). Set K6_ELASTICSEARCH_USER and K6_ELASTICSEARCH_PASSWORD`},
		"wrong API key": {elastic.Config{APIKey: "abcd"}, 401, "", " answered 401 (the API key is not accepted). Check K6_ELASTICSEARCH_API_KEY"},
		"wrong bearer":  {elastic.Config{BearerToken: "abcd"}, 401, "", " answered 401 (the bearer token is not accepted). Check K6_ELASTICSEARCH_BEARER_TOKEN"},
		"wrong AWS keys": {
			elastic.Config{SigV4: elastic.SigV4{Region: "eu", AccessKey: "a", SecretKey: "b"}}, 401, "",
			" answered 401 (the AWS credentials are not accepted). Check K6_ELASTICSEARCH_SIGV4_REGION, the credentials, and the clock of this machine",
		},
		"wrong token": {elastic.Config{ServiceToken: "abcd"}, 401, "", " answered 401 (the service account token is not accepted). Check K6_ELASTICSEARCH_SERVICE_ACCOUNT_TOKEN"},
		"forbidden": {
			elastic.Config{User: "k6", Password: "right"}, 403, `{"error":{"type":"security_exception","reason":"action is unauthorized"}}`,
			` answered 403: user "k6" may not GET / (security_exception: action is unauthorized)`,
		},
		"cause":      {elastic.Config{}, 400, `{"error":{"type":"a","reason":"b","caused_by":{"reason":"c","caused_by":{"reason":"d"}}}}`, " answered 400 to GET /: a: b: d"},
		"text error": {elastic.Config{}, 405, `{"error":"Incorrect HTTP method"}`, " answered 405 to GET /: Incorrect HTTP method"},
		"plain text": {elastic.Config{}, 503, "OpenSearch Security\nnot initialized.", " answered 503 to GET /: OpenSearch Security not initialized."},
		"web page":   {elastic.Config{}, 502, "<html>Bad Gateway</html>", " answered 502 to GET /"},
		"redirect":   {elastic.Config{}, 302, "", " answered 302 to GET /"},
		"long":       {elastic.Config{}, 500, strings.Repeat("x", 1000), " answered 500 to GET /: " + strings.Repeat("x", 400) + "…"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := answer(t, test.status, test.body)
			test.config.URLs = []string{url}
			err := get(t, newClient(t, test.config))
			require.EqualError(t, err, url+test.want)
			assert.True(t, elastic.IsStatus(err, test.status))
		})
	}
}

// What a connection without the login sends is what a proxy or a server without users needs, and nothing else.
func TestWithoutLogin(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]elastic.Config{
		"user":    {User: "k6", Password: "geheim"},
		"API key": {APIKey: "geheim"}, "token": {ServiceToken: "geheim"}, "bearer": {BearerToken: "geheim"},
		"header": {Headers: map[string]string{"authorization": "Bearer geheim"}},
		"AWS":    {SigV4: elastic.SigV4{Region: "eu", AccessKey: "a", SecretKey: "geheim"}},
		"in URL": {URLs: []string{"http://k6:geheim@HOST/es"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent http.Header
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				sent = r.Header
				assert.Equal(t, "/es/", r.URL.Path)
				_, _ = io.WriteString(w, `{}`)
			})
			if login.URLs == nil {
				login.URLs = []string{url + "/es"}
			} else {
				login.URLs = []string{strings.Replace(login.URLs[0], "HOST", strings.TrimPrefix(url, "http://"), 1)}
			}
			headers := map[string]string{"X-Tenant": "shop"}
			maps.Copy(headers, login.Headers)
			login.Headers = headers
			client := newClient(t, login)
			assert.NotEmpty(t, client.Login())
			require.NoError(t, get(t, client))
			assert.NotEmpty(t, sent.Get("Authorization"))

			client = newClient(t, login.WithoutLogin())
			assert.Empty(t, client.Login())
			require.NoError(t, get(t, client))
			assert.Empty(t, sent.Get("Authorization"))
			assert.Equal(t, "shop", sent.Get("X-Tenant"))
			assert.Equal(t, headers, login.Headers, "what it was made from is as it was")
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	refused := closedAddress(t)
	hangUp := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, _ := http.NewResponseController(w).Hijack()
		_ = connection.Close()
	})
	transport := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, _ := http.NewResponseController(w).Hijack()
		_, _ = io.WriteString(connection, "This is not a HTTP port")
		_ = connection.Close()
	})
	release := make(chan struct{})
	slow := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	tests := map[string]struct{ url, want string }{
		"refused": {"http://" + refused, "http://" + refused + " does not answer (connection refused)"},
		"hung up": {hangUp, hangUp + " closed the connection without an answer. If it speaks TLS, use https://" + host(hangUp)},
		"slow":    {slow, slow + " does not answer (nothing came within 200ms)"},
		"transport": {transport, transport + " does not speak HTTP: it looks like the port by which nodes talk to each other (transport). " +
			"Use the HTTP port, which is 9200 where nobody changed it"},
		"unknown": {"http://unknown.invalid:9200", `http://unknown.invalid:9200 does not answer (no such host "unknown.invalid")`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := get(t, newClient(t, elastic.Config{URLs: []string{test.url}, Timeout: 200 * time.Millisecond}))
			require.EqualError(t, err, test.want)
			var connection *elastic.ConnectionError
			require.ErrorAs(t, err, &connection)
			assert.Equal(t, test.url, connection.URL)
		})
	}
}

func TestTheTimeoutBoundsTheBodyToo(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"a":`)
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	client := newClient(t, elastic.Config{URLs: []string{url}, Timeout: 100 * time.Millisecond})
	var out any
	err := client.JSON(t.Context(), http.MethodGet, "/", nil, &out)
	require.EqualError(t, err, url+" does not answer (nothing came within 100ms)")
}

func TestAnEndedContextIsTheError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newClient(t, elastic.Config{}).JSON(ctx, http.MethodGet, "/", nil, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestJSONPassesOverANodeThatRefuses(t *testing.T) {
	t.Parallel()
	alive := answer(t, 200, "{}")
	for _, urls := range [][]string{{closedAddress(t), alive}, {alive, closedAddress(t)}} {
		client := newClient(t, elastic.Config{URLs: urls})
		for range 4 {
			require.NoError(t, get(t, client))
		}
	}
}

func TestEveryRequestIsSentOnce(t *testing.T) {
	t.Parallel()
	requests := make(chan struct{}, 10)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests <- struct{}{}
		connection, _, _ := http.NewResponseController(w).Hijack()
		_ = connection.Close()
	})
	client := newClient(t, elastic.Config{URLs: []string{url, url}})
	require.Error(t, client.JSON(t.Context(), http.MethodPost, "/_bulk", []byte("{}"), nil))
	assert.Len(t, requests, 1)
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+" "+user+" "+password+" "+r.Header.Get("X-Token")+" "+r.Header.Get("X-Amz-Security-Token"))
	})
	dead := "http://" + closedAddress(t)
	for _, url := range []string{echo, dead} {
		for _, config := range []elastic.Config{
			{User: "k6", Password: "s3cret"},
			{APIKey: "s3cret"},
			{APIKey: "id:s3cret"},
			{ServiceToken: "s3cret"},
			{BearerToken: "s3cret"},
			{SigV4: elastic.SigV4{Region: "eu", AccessKey: "AKID", SecretKey: "a", SessionToken: "s3cret"}},
			{Headers: map[string]string{"X-Token": "s3cret"}},
			{URLs: []string{strings.Replace(url, "://", "://k6:s3cret@", 1)}},
		} {
			if config.URLs == nil {
				config.URLs = []string{url}
			}
			client := newClient(t, config)
			err := get(t, client)
			require.Error(t, err)
			for _, secret := range []string{"s3cret", "azY6czNjcmV0", "aWQ6czNjcmV0"} {
				assert.NotContains(t, err.Error()+client.URL(), secret)
			}
		}
	}
}
