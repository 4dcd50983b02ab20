package elastic_test

import (
	"io"
	"net/http"
	"strings"
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
		"oldest":        {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"7.8.0","build_flavor":"default"},` + elasticTagline + `}`, "Elasticsearch 7.8.0"},
		"first":         {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"1.0.0","distribution":"opensearch","build_type":"tar"},"tagline":"The OpenSearch Project: https://opensearch.org/"}`, "OpenSearch 1.0.0"},
		"snapshot":      {`{"cluster_name":"c","cluster_uuid":"u","version":{"number":"9.1.0-SNAPSHOT","build_flavor":"serverless"},` + elasticTagline + `}`, "Elasticsearch 9.1.0"},
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
	const (
		stranger = " is neither Elasticsearch nor OpenSearch: it answers GET / with something else. Check K6_ELASTICSEARCH_URL"
		tooOld   = "; k6es needs Elasticsearch 7.8.0 or later, or OpenSearch"
		kibana   = " is Kibana or OpenSearch Dashboards, not the server behind it. Set K6_ELASTICSEARCH_URL to that, and K6_KIBANA_URL to this"
	)
	tests := map[string]struct {
		status     int
		header     string // name of one that is sent
		body, want string
	}{
		"Elasticsearch 0.90":    {200, "", `{"ok":true,"status":200,"name":"Box","version":{"number":"0.90.13","build_hash":"249c9c5","build_snapshot":false,"lucene_version":"4.6"},` + elasticTagline + `}`, " is Elasticsearch 0.90.13" + tooOld},
		"Elasticsearch 2.4":     {200, "", `{"name":"Box","cluster_name":"c","version":{"number":"2.4.6","build_hash":"5376dca","lucene_version":"5.5.4"},` + elasticTagline + `}`, " is Elasticsearch 2.4.6" + tooOld},
		"Elasticsearch 5.6":     {200, "", `{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"number":"5.6.16","build_hash":"3a740d1","build_snapshot":false,"lucene_version":"6.6.1"},` + elasticTagline + `}`, " is Elasticsearch 5.6.16" + tooOld},
		"Elasticsearch OSS 6.8": {200, "", `{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"number":"6.8.0","build_flavor":"oss","build_type":"tar","minimum_wire_compatibility_version":"5.6.0"},` + elasticTagline + `}`, " is Elasticsearch OSS 6.8.0" + tooOld},
		"Elasticsearch 7.0":     {200, "", `{"version":{"number":"7.0.0-rc1","build_flavor":"default"},` + elasticTagline + `}`, " is Elasticsearch 7.0.0" + tooOld},
		"Amazon's 7.7":          {200, "", `{"version":{"number":"7.7.0","build_flavor":"oss","build_type":"tar"},` + elasticTagline + `}`, " is Elasticsearch OSS 7.7.0" + tooOld},
		"Kibana":                {302, "kbn-name", "", kibana},
		"Kibana that starts":    {503, "kbn-name", "Kibana server is not ready yet", kibana},
		"Dashboards":            {302, "osd-name", "", kibana},
		"Logstash":              {200, "", `{"host":"h","version":"7.10.2","http_address":"127.0.0.1:9600","id":"i","name":"h","status":"green","pipeline":{"workers":2}}`, stranger},
		"Filebeat":              {200, "", `{"beat":"filebeat","hostname":"h","name":"h","uuid":"u","version":"7.10.2"}`, stranger},
		"Solr":                  {302, "", "", " is neither Elasticsearch nor OpenSearch: it answers GET / with 302. Check K6_ELASTICSEARCH_URL"},
		"another path":          {404, "", "<html>404 Not Found</html>", " is neither Elasticsearch nor OpenSearch: it answers GET / with 404. Check K6_ELASTICSEARCH_URL"},
		"nginx":                 {200, "", "<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head></html>", stranger},
		"Prometheus":            {200, "", `<a href="/graph">Found</a>.`, stranger},
		"other JSON":            {200, "", `["a"]`, stranger},
		"other database":        {200, "", `{"couchdb":"Welcome","version":"3.3.3","vendor":{"name":"The Apache Software Foundation"}}`, stranger},
		"no tagline":            {200, "", `{"version":{"number":"7.10.2"}}`, stranger},
		"no version":            {200, "", `{` + elasticTagline + `}`, stranger},
		"version of another":    {200, "", `{"version":{"number":"next"},` + elasticTagline + `}`, stranger},
		"method not allowed":    {405, "", "", " answered 405 to GET /"},
		"gateway":               {502, "", "<html>", " answered 502 to GET /"},
		"empty":                 {200, "", "", stranger},
		"endless":               {200, "", strings.Repeat(" ", 1<<20) + "{}", stranger},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.header != "" {
					w.Header().Set(test.header, "here")
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
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
