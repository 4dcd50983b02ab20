package elastic_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/elastic/elastictest"
)

func TestProxy(t *testing.T) {
	t.Parallel()
	p := elastictest.NewProxy(t, "gate:s3cret/word")
	right, wrong := "http://gate:s3cret%2Fword@"+p.Address, "http://gate:wr0ng-word@"+p.Address

	plain := answer(t, http.StatusOK, "{}")
	require.NoError(t, get(t, newClient(t, elastic.Config{URLs: []string{plain}, Proxy: right})))
	assert.EqualValues(t, 1, p.Forwarded.Load())
	require.EqualError(t, get(t, newClient(t, elastic.Config{URLs: []string{plain}, Proxy: wrong})),
		"the proxy before "+plain+" wants another login (407). Check K6_ELASTICSEARCH_PROXY, or HTTP_PROXY")

	ca := newAuthority(t)
	secure := elastic.Config{URLs: []string{ca.serve(t)}, CACertFile: ca.file("ca.pem"), ClientCertFile: ca.file("client.pem"), ClientKeyFile: ca.file("client.key")}
	ca.issue(t, "client")
	secure.Proxy = strings.TrimPrefix(right, "http://")
	require.NoError(t, get(t, newClient(t, secure)))
	assert.EqualValues(t, 1, p.Connected.Load())
	secure.Proxy = wrong
	require.EqualError(t, get(t, newClient(t, secure)),
		secure.URLs[0]+" cannot be reached: the proxy http://"+p.Address+" wants another login (407). Check K6_ELASTICSEARCH_PROXY, or HTTPS_PROXY")

	secure.Proxy, secure.URLs = right, []string{"https://" + closedAddress(t)}
	require.EqualError(t, get(t, newClient(t, secure)), secure.URLs[0]+" cannot be reached: the proxy http://"+p.Address+" answered 502 Bad Gateway")
	secure.Proxy = "http://gate:s3cret%2Fword@" + closedAddress(t)
	err := get(t, newClient(t, secure))
	require.ErrorContains(t, err, secure.URLs[0]+" cannot be reached: the proxy does not answer (")
	require.ErrorContains(t, err, "connection refused). Check K6_ELASTICSEARCH_PROXY, or HTTPS_PROXY")
	assert.NotContains(t, err.Error(), "s3cret")
}

func TestWrongProxy(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"http://gate:s3cret@", "ftp://gate:s3cret@proxy", "http://gate:s3cret%zz@proxy"} {
		_, err := elastic.New(elastic.Config{Proxy: address})
		require.ErrorContains(t, err, "the proxy ")
		assert.NotContains(t, err.Error(), "s3cret")
	}
}
