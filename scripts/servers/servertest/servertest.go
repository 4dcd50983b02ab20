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

// Variable names the environment variable that holds the URL of a server; with _PID behind it, the one that
// holds its process id, and with _START a shell command that starts it again.
func Variable(server string) string {
	return variablePrefix + notAlphanumeric.ReplaceAllString(strings.ToUpper(server), "_")
}

// URL returns the address of a server named as in scripts/servers. Without one the test fails in CI
// and is skipped elsewhere.
func URL(t testing.TB, server string) string {
	t.Helper()
	if url := os.Getenv(Variable(server)); url != "" {
		return url
	}
	const message = "NOT TESTED: %s is not set, so there is no real %s to test with. `make test` starts one; " +
		"or: go run ./scripts/servers run %s -- go test ./..."
	if os.Getenv("CI") != "" {
		t.Fatalf(message, Variable(server), server, server)
	}
	t.Skipf(message, Variable(server), server, server)
	return ""
}

// Secured is a real server that wants TLS and a login.
type Secured struct {
	URL    string
	CAFile string // PEM of who signed its certificate
	// The administrator may do everything.
	User, Password string
	// Prefix is an index prefix of the caller's own. What is below it stays until the server ends.
	Prefix string
}

// The secured servers, named as in scripts/servers.
const (
	SecuredElasticsearch = "es-8.19.21-security"
	SecuredOpenSearch    = "opensearch-2.19.4-security"
)

// SecuredServer returns a secured server; without one it does as URL does.
func SecuredServer(t testing.TB, server string) Secured {
	t.Helper()
	url, name := URL(t, server), Variable(server)
	return Secured{
		URL: url, CAFile: os.Getenv(name + caSuffix), User: os.Getenv(name + "_USER"), Password: os.Getenv(name + "_PASSWORD"),
		Prefix: newPrefix(),
	}
}

// TightServer is short of everything (write queue, size of a request), and tests of faults may kill it: they
// run one after the other, in one package.
const TightServer = "es-oss-7.10.2-tight"

// caSuffix ends the variable that only a secured server has.
const caSuffix = "_CA"

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

// started finds the servers in an environment that want no login and are not for faults; their other
// variables hold no URL.
func started(environment []string) map[string]string {
	servers := map[string]string{}
	var secured []string
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		server, ours := strings.CutPrefix(name, variablePrefix)
		if ours && (strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://")) {
			servers[strings.ToLower(server)] = value
		}
		if server, ok := strings.CutSuffix(server, caSuffix); ours && ok {
			secured = append(secured, strings.ToLower(server))
		}
	}
	for _, server := range secured {
		delete(servers, server)
	}
	delete(servers, strings.ToLower(strings.TrimPrefix(Variable(TightServer), variablePrefix)))
	return servers
}

func newPrefix() string { return "k6t-" + strings.ToLower(rand.Text()[:10]) }

// Prefix returns a new index prefix, and deletes the templates and indices whose names begin with it
// when the test ends.
func Prefix(t testing.TB, url string) string {
	t.Helper()
	prefix := newPrefix()
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
