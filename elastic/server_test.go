package elastic_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

const elasticTagline = `"tagline":"You Know, for Search"`

func TestProbe(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want string }{
		"OSS":           {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"7.10.2","build_flavor":"oss"},` + elasticTagline + `}`, "Elasticsearch OSS 7.10.2"},
		"default":       {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"8.19.21","build_flavor":"default"},` + elasticTagline + `}`, "Elasticsearch 8.19.21"},
		"OpenSearch":    {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"2.19.6","distribution":"opensearch"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`, "OpenSearch 2.19.6"},
		"compatibility": {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"7.10.2"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`, "OpenSearch (in compatibility mode, as 7.10.2)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := newClient(t, elastic.Config{URLs: []string{answer(t, 200, test.body)}}).Probe(t.Context())
			require.NoError(t, err)
			assert.Equal(t, test.want, server.String())
			assert.Equal(t, "c u", server.ClusterName+" "+server.ClusterUUID)
		})
	}
}

func TestProbeRefuses(t *testing.T) {
	t.Parallel()
	const stranger = " is neither Elasticsearch nor OpenSearch: it answers GET / with something else. Check K6_ELASTICSEARCH_URL"
	tests := map[string]struct {
		status     int
		body, want string
	}{
		"old":        {200, `{"version":{"number":"6.8.0","build_flavor":"oss"},` + elasticTagline + `}`, " is Elasticsearch OSS 6.8.0; k6es needs Elasticsearch 7.8.0 or later, or OpenSearch"},
		"web page":   {200, "<html>", stranger},
		"other JSON": {200, `["a"]`, stranger},
		"Kibana":     {200, `{"version":{"number":"7.10.2"}}`, stranger},
		"no version": {200, `{` + elasticTagline + `}`, stranger},
		"error":      {http.StatusMethodNotAllowed, "", " answered 405 to GET /"},
		"empty":      {200, "", stranger},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := answer(t, test.status, test.body)
			_, err := newClient(t, elastic.Config{URLs: []string{url}}).Probe(t.Context())
			require.EqualError(t, err, url+test.want)
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]elastic.Version{"7.10.2": {Major: 7, Minor: 10, Patch: 2}, "9.0.0-rc1": {Major: 9}} {
		got, err := elastic.ParseVersion(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "7", "7.10", "7.10.2.1", "7.x.2", "7.-1.2", "7.1.2 "} {
		_, err := elastic.ParseVersion(text)
		require.Error(t, err, text)
	}
	assert.Positive(t, elastic.Version{Major: 7, Minor: 10}.Compare(elastic.Version{Major: 7, Minor: 9, Patch: 3}))
	assert.Zero(t, elastic.Version{Major: 7}.Compare(elastic.Version{Major: 7}))
}

func TestRealServers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client := newClient(t, elastic.Config{URLs: []string{url}})
		server, err := client.Probe(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, server.ClusterUUID)
		assert.Contains(t, server.String(), server.Version.String())
		assert.Contains(t, []string{elastic.Elasticsearch, elastic.OpenSearch}, server.Product)

		err = client.JSON(t.Context(), http.MethodGet, "/"+servertest.Prefix(t, url), nil, nil)
		assert.True(t, elastic.IsStatus(err, http.StatusNotFound))
		assert.ErrorContains(t, err, "index_not_found_exception: no such index")
	})
}

func TestRealFirstClassServer(t *testing.T) {
	t.Parallel()
	client := newClient(t, elastic.Config{URLs: []string{servertest.URL(t, servertest.FirstClass)}})
	server, err := client.Probe(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Elasticsearch OSS 7.10.2", server.String())
}
