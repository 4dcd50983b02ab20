package mappings_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

const wayOut = ". Run `k6es setup --index-management` as a user who may install templates, or hand `k6es export template` to one"

func TestEnsure(t *testing.T) {
	t.Parallel()
	foreign := stored(t, mappings.Target{}, mappings.SchemaVersion)
	foreign[metricsPath] = []byte(`{"index_patterns":["k6-*"]}`)
	altered := stored(t, mappings.Target{Replicas: 7}, mappings.SchemaVersion)
	tests := map[string]struct {
		templates map[string][]byte
		off       bool
		puts      int
		err       string // what follows "the template ", up to the way out
	}{
		"current":      {templates: stored(t, mappings.Target{}, mappings.SchemaVersion)},
		"newer":        {templates: stored(t, mappings.Target{}, mappings.SchemaVersion+1)},
		"by hand":      {templates: altered},
		"missing":      {puts: len(mappings.Families())},
		"older":        {templates: stored(t, mappings.Target{}, mappings.SchemaVersion-1), puts: len(mappings.Families())},
		"foreign":      {templates: foreign, err: "k6-metrics was not made by k6es"},
		"current, off": {templates: stored(t, mappings.Target{}, mappings.SchemaVersion), off: true},
		"missing, off": {off: true, err: "k6-metrics is missing"},
		"older, off":   {templates: stored(t, mappings.Target{}, 0), off: true, err: "k6-metrics is of version 0, older than this k6es (version 2)"},
		"by hand, off": {templates: altered, off: true},
		"foreign, off": {templates: foreign, off: true, err: "k6-metrics was not made by k6es"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeServer{dataNodes: 1, templates: test.templates}
			err := mappings.Ensure(t.Context(), newFake(t, fake), mappings.Options{}, !test.off)
			assert.Equal(t, test.puts, fake.puts)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			var unready *mappings.NotReadyError
			require.ErrorAs(t, err, &unready)
			require.NoError(t, unready.Unwrap())
			assert.EqualError(t, err, "the template "+test.err+wayOut)
		})
	}
}

func TestEnsureWithoutTheRightToInstall(t *testing.T) {
	t.Parallel()
	err := mappings.Ensure(t.Context(), newFake(t, &fakeServer{dataNodes: 1, readOnly: true}), mappings.Options{}, true)
	var unready *mappings.NotReadyError
	require.ErrorAs(t, err, &unready)
	assert.True(t, elastic.IsStatus(err, http.StatusForbidden))
	assert.Regexp(t, "^the template k6-metrics is missing and cannot be installed "+
		`\(install the template k6-metrics: http://\S+ answered 403: user "k6" may not PUT /_index_template/k6-metrics\)\. Run `, err.Error())
}

// answering gives a client of a server that answers all requests of a method with a status, and all
// others as one without templates does.
func answering(t *testing.T, method string, status int) mappings.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method {
			w.WriteHeader(status)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return connect(t, server.URL)
}

func TestEnsureWithoutTheRightToLook(t *testing.T) {
	t.Parallel()
	client := answering(t, http.MethodGet, http.StatusForbidden)
	require.NoError(t, mappings.Ensure(t.Context(), client, mappings.Options{}, false), "who may not look is trusted")

	err := mappings.Ensure(t.Context(), client, mappings.Options{}, true)
	assert.True(t, elastic.IsStatus(err, http.StatusForbidden))
	assert.ErrorContains(t, err, "looking for the templates: read the template k6-metrics: ")
}

// TestEnsureWhileTheServerIsBusy tells errors that pass, which the caller may try again, from those that
// need somebody to do something.
func TestEnsureWhileTheServerIsBusy(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			err := mappings.Ensure(t.Context(), answering(t, method, status), mappings.Options{}, true)
			assert.True(t, elastic.IsStatus(err, status), "%s %d: %v", method, status, err)
			var unready *mappings.NotReadyError
			assert.NotErrorAs(t, err, &unready, "%s %d", method, status)
		}
	}
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	var connection *elastic.ConnectionError
	require.ErrorAs(t, mappings.Ensure(t.Context(), connect(t, dead.URL), mappings.Options{}, true), &connection)
}

func TestRealEnsure(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, opts := connect(t, url), mappings.Options{Prefix: servertest.Prefix(t, url)}
		var unready *mappings.NotReadyError
		require.ErrorAs(t, mappings.Ensure(t.Context(), client, opts, false), &unready)
		require.NoError(t, mappings.Ensure(t.Context(), client, opts, true))
		require.NoError(t, mappings.Ensure(t.Context(), client, opts, false))
		assert.Equal(t, mappings.Current, check(t, client, opts).State)
	})
}
