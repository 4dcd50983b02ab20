package elastic_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// FuzzErrorAnswer: whatever a server or a proxy before it answers becomes an error of one short sentence that
// names the server.
func FuzzErrorAnswer(f *testing.F) {
	for _, seed := range []struct {
		status int
		after  string
		body   string
	}{
		{400, "", `{"error":{"type":"mapper_parsing_exception","reason":"failed","caused_by":{"type":"x","reason":"why","caused_by":{}}},"status":400}`},
		{401, "", `{"error":{"root_cause":[{"type":"security_exception"}],"type":"security_exception","reason":"missing authentication"}}`},
		{403, "", `{"error":"no permissions for [indices:data/write/bulk]"}`},
		{429, "120", "Too Many Requests"}, {503, "Wed, 21 Oct 2037 07:28:00 GMT", "<html><body>503"}, {413, "99999999999999", ""},
		{500, "-1", `{"error":{"caused_by":{"caused_by":{"caused_by":{"reason":"deep"}}}}}`}, {502, "\x00", `{"error":[1,{"a":`}, {404, "1e9", `{"error":null}`},
	} {
		f.Add(seed.status, seed.after, seed.body)
	}
	client, err := elastic.New(elastic.Config{URLs: []string{"http://es.example:9200"}, User: "me", Password: "hush5ecret"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, status int, after, body string) {
		if status < 300 {
			t.Skip()
		}
		err := client.CheckResponse(&http.Response{
			StatusCode: status, Header: http.Header{"Retry-After": {after}}, Body: io.NopCloser(strings.NewReader(body)),
			Request: &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "es.example:9200", Path: "/_bulk"}},
		})
		var answer *elastic.Error
		require.ErrorAs(t, err, &answer)
		require.GreaterOrEqual(t, answer.RetryAfter, time.Duration(0))
		require.Contains(t, err.Error(), "http://es.example:9200")
		require.Less(t, len(err.Error()), 1000)
		require.NotContains(t, err.Error(), "hush5ecret")
		require.True(t, elastic.IsStatus(err, status))
	})
}

// FuzzProbe: whatever answers at the address is a server that k6es can work with, or is refused by its address.
func FuzzProbe(f *testing.F) {
	f.Add(`{"cluster_name":"c","version":{"number":"7.10.2","build_flavor":"oss"},"tagline":"You Know, for Search"}`)
	f.Add(`{"version":{"number":"2.19.6","distribution":"opensearch"}}`)
	f.Add(`{"version":{"number":"99999.1.0-SNAPSHOT"},"tagline":"You Know, for Search"}`)
	f.Add(`{"version":[]}`)
	f.Add(`<html>`)
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	f.Cleanup(server.Close)
	client, err := elastic.New(elastic.Config{URLs: []string{server.URL}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, answer string) {
		body = answer
		found, err := client.Probe(t.Context())
		if err != nil {
			require.Contains(t, err.Error(), server.URL+" ")
			return
		}
		require.NotEmpty(t, found.Product)
		require.Regexp(t, `^[ -~]*$`, found.String())
	})
}
