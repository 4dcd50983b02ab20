// Package servertest gives integration tests the real servers that scripts/servers started for them.
package servertest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FirstClass is the server that every integration test runs on.
const FirstClass = "es-oss-7.10.2"

const variablePrefix = "K6ES_TEST_"

var notAlphanumeric = regexp.MustCompile(`[^A-Z0-9]`)

// variable names the environment variable that holds the URL of a server.
func variable(server string) string {
	return variablePrefix + notAlphanumeric.ReplaceAllString(strings.ToUpper(server), "_")
}

// URL returns the address of a server named as in scripts/servers. Without one the test fails in CI
// and is skipped elsewhere.
func URL(t testing.TB, server string) string {
	t.Helper()
	if url := os.Getenv(variable(server)); url != "" {
		return url
	}
	const message = "NOT TESTED: %s is not set, so there is no real %s to test with. `make test` starts one; " +
		"or: go run ./scripts/servers run %s -- go test ./..."
	if os.Getenv("CI") != "" {
		t.Fatalf(message, variable(server), server, server)
	}
	t.Skipf(message, variable(server), server, server)
	return ""
}

// Each runs a test on FirstClass and on every other server that was started, in parallel.
func Each(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	URL(t, FirstClass)
	servers := started(os.Environ())
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, servers[name])
		})
	}
}

// started finds the servers in an environment; their other variables hold no URL.
func started(environment []string) map[string]string {
	servers := map[string]string{}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		server, ours := strings.CutPrefix(name, variablePrefix)
		if ours && (strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://")) {
			servers[strings.ToLower(server)] = value
		}
	}
	return servers
}

// Prefix returns a new index prefix, and deletes the templates and indices whose names begin with it
// when the test ends.
func Prefix(t testing.TB, url string) string {
	t.Helper()
	prefix := "k6t-" + strings.ToLower(rand.Text()[:10])
	t.Cleanup(func() { remove(t, url, prefix) })
	return prefix
}

func remove(t testing.TB, url, prefix string) {
	var indices []struct{ Index string }
	request(t, http.MethodGet, url+"/_cat/indices/"+prefix+"*?format=json&h=index", &indices)
	for _, found := range indices {
		request(t, http.MethodDelete, url+"/"+found.Index, nil)
	}
	request(t, http.MethodDelete, url+"/_index_template/"+prefix+"*", nil)
	request(t, http.MethodDelete, url+"/_template/"+prefix+"*", nil)
}

// request decodes a good answer into out; a bad one is left to the next test's own names.
func request(t testing.TB, method, url string, out any) {
	request, err := http.NewRequest(method, url, nil) //nolint:noctx // the test's context has ended
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	if out != nil && response.StatusCode == http.StatusOK {
		require.NoError(t, json.NewDecoder(response.Body).Decode(out))
	}
}
