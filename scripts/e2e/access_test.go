package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

// account is a user of a secured server.
type account struct {
	servertest.Secured
	client *http.Client
}

// as is the same server for another user.
func (a account) as(user, password string) account {
	a.User, a.Password = user, password
	return a
}

func newAdministrator(t *testing.T, server string) account {
	t.Helper()
	secured := servertest.SecuredServer(t, server)
	authority, err := os.ReadFile(secured.CAFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return account{secured, &http.Client{Transport: transport}}
}

// send sends text and returns the answer.
func (a account) send(t *testing.T, method, path, text string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, strings.NewReader(text))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(a.User, a.Password)
	response, err := a.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// must is send for what must succeed.
func (a account) must(t *testing.T, method, path, text string) string {
	t.Helper()
	status, answer := a.send(t, method, path, text)
	require.Less(t, status, 300, "%s may not %s %s: %s", a.User, method, path, answer)
	return answer
}

// denied demands that the user may not.
func (a account) denied(t *testing.T, method, path, text string) {
	t.Helper()
	status, answer := a.send(t, method, path, text)
	if status == http.StatusOK { // a bulk request tells of each document
		assert.Regexp(t, `"status":403`, answer, "%s may %s %s", a.User, method, path)
		return
	}
	assert.Equal(t, http.StatusForbidden, status, "%s may %s %s: %s", a.User, method, path, answer)
}

// place is where the server is, as variables of a command.
func (a account) place() []string {
	return []string{
		"K6_ELASTICSEARCH_URL=" + a.URL, "K6_ELASTICSEARCH_CA_CERT_FILE=" + a.CAFile, "K6_ELASTICSEARCH_INDEX_PREFIX=" + a.Prefix,
	}
}

func (a account) login() []string {
	return append(a.place(), "K6_ELASTICSEARCH_USER="+a.User, "K6_ELASTICSEARCH_PASSWORD="+a.Password)
}

// k6es makes a command of this user.
func (a account) k6es(args ...string) command {
	return command{program: k6es, args: args, env: a.login()}
}

// live makes a run of this user.
func (a account) live(t *testing.T) command {
	c := k6Run(t, tiny, "--out=elasticsearch")
	c.env = a.login()
	return c
}

// requestBlock is a request as the documentation has it for pasting.
var requestBlock = regexp.MustCompile("(?s)```json\n((?:PUT|POST) [^\n]+)\n(.*?)```")

// pasted are the requests below a heading of docs/access.md, with names of the test's own.
func (a account) pasted(t *testing.T, heading, password string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "access.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n### "+heading+"\n")
	require.True(t, found)
	section = regexp.MustCompile(`(?s)\n##.*`).ReplaceAllString(section, "")
	section = strings.NewReplacer(`"k6-`, `"`+a.Prefix+"-", `"filebeat-`, `"`+a.Prefix+"-filebeat-", "k6es_", a.Prefix+"_", "CHANGE-ME", password).Replace(section)
	var requests [][]string
	for _, block := range requestBlock.FindAllStringSubmatch(section, -1) {
		method, path, _ := strings.Cut(block[1], " ")
		require.True(t, json.Valid([]byte(block[2])), block[2])
		requests = append(requests, []string{method, "/" + path, block[2]})
	}
	return requests
}

// roles has the administrator paste the roles, and make a user for each and one without any.
func (a account) roles(t *testing.T, heading string) (setup, ingest, reader, nobody account) {
	t.Helper()
	const password = "Zq7-blue-Horse-4"
	name := func(role string) string { return a.Prefix + "_" + role }
	var roles []string
	for _, request := range a.pasted(t, heading, password) {
		method, path, body := request[0], request[1], request[2]
		switch {
		case method == http.MethodPost: // an API key, below
		case regexp.MustCompile(`(?i)/roles?/`).MatchString(path):
			a.must(t, method, path, body)
			roles = append(roles, filepath.Base(path))
		default: // the documentation has it for one user
			for _, role := range []string{"setup", "ingest", "reader"} {
				as := strings.NewReplacer(name("ingest"), name(role))
				a.must(t, method, as.Replace(path), as.Replace(body))
			}
			if !strings.Contains(path, "mapping") {
				as := strings.NewReplacer(name("ingest"), name("nobody"))
				a.must(t, method, as.Replace(path), regexp.MustCompile(`,\s*"roles": \[[^]]*\]`).ReplaceAllString(as.Replace(body), `, "roles": []`))
			}
		}
	}
	require.Equal(t, []string{name("setup"), name("ingest"), name("reader"), name("logs")}, roles)
	return a.as(name("setup"), password), a.as(name("ingest"), password), a.as(name("reader"), password), a.as(name("nobody"), password)
}

func TestRolesOfTheDocumentation(t *testing.T) {
	t.Parallel()
	for _, server := range []struct{ name, heading, creates string }{
		{servertest.SecuredElasticsearch, "Elasticsearch", "indices:data/write/bulk"},
		{servertest.SecuredOpenSearch, "OpenSearch", "indices:admin/create"},
	} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			administrator := newAdministrator(t, server.name)
			prefix := administrator.Prefix
			setup, ingest, reader, nobody := administrator.roles(t, server.heading)
			foreign := prefix + "foreign"
			administrator.must(t, http.MethodPut, "/"+foreign+"/_doc/1?refresh=true", `{"secret":"of another team"}`)
			first, second := write(t, t.TempDir(), "checkout.json", small.text(t)), write(t, t.TempDir(), "checkout.json", load{requests: 300, seed: 2}.text(t))

			// Nobody has a right, and is told which is missing.
			nobody.lacks(t, "indices:admin/index_template/get", nobody.k6es("setup"))
			nobody.lacks(t, "indices:admin/index_template/get", nobody.k6es("upload", first))
			nobody.lacks(t, server.creates, nobody.k6es("upload", "--setup=off", first))
			nobody.lacks(t, "indices:data/read/search", nobody.k6es("runs", "list"))
			nobody.lacks(t, "indices:data/read/", nobody.k6es("runs", "delete", "--yes", "latest"))
			nobody.lacks(t, "indices:data/read/search", nobody.k6es("compare"))

			// Before somebody has set it up, a pipeline is told that it may not.
			ingest.lacks(t, "indices:admin/index_template/put", ingest.k6es("setup"))
			ingest.lacks(t, "indices:admin/index_template/put", ingest.k6es("upload", first))
			setup.k6es("setup").run(t, 0)
			setup.k6es("setup", "--check").run(t, 0)

			// A pipeline uploads, runs, compares.
			ingest.k6es("upload", first).run(t, 0)
			again := ingest.k6es("upload", first).run(t, 0)
			assert.Contains(t, again.stdout+again.stderr, "already there")
			ingest.k6es("upload", "--setup=off", second).run(t, 0)
			assert.NotContains(t, ingest.k6es("compare").run(t, 0).stderr, "not stored")
			assert.Regexp(t, delivered+"elasticsearch", ingest.live(t).run(t, 0).stderr)
			assert.Contains(t, ingest.k6es("runs", "list").run(t, 0).stdout, "checkout")

			// It may nothing else.
			metrics := prefix + "-metrics-1999.01"
			for _, other := range []account{ingest, reader, nobody, setup} {
				other.denied(t, http.MethodPost, "/_bulk", fmt.Sprintf("{\"create\":{\"_index\":%q}}\n{}\n", foreign))
				other.denied(t, http.MethodPut, "/"+foreign+"/_doc/2", "{}")
				other.denied(t, http.MethodGet, "/"+foreign+"/_search", "")
				other.denied(t, http.MethodPut, "/"+prefix+"new", "")
				other.denied(t, http.MethodDelete, "/"+foreign, "")
			}
			for _, other := range []account{ingest, reader, nobody} {
				other.denied(t, http.MethodDelete, "/"+prefix+"-runs", "")
				other.denied(t, http.MethodPost, "/_bulk", fmt.Sprintf("{\"delete\":{\"_index\":%q,\"_id\":\"1\"}}\n", prefix+"-runs"))
				other.denied(t, http.MethodPut, "/_index_template/"+prefix+"-metrics", fmt.Sprintf(`{"index_patterns":[%q]}`, metrics))
				other.denied(t, http.MethodPut, "/_cluster/settings", `{"persistent":{"action.auto_create_index":"true"}}`)
			}
			ingest.lacks(t, "indices:data/write/delete", ingest.k6es("runs", "delete", "--yes", "latest"))

			// A reader reads.
			reader.k6es("runs", "show", "latest").run(t, 0)
			reader.denied(t, http.MethodPost, "/_bulk", fmt.Sprintf("{\"create\":{\"_index\":%q}}\n{}\n", metrics))
			reader.lacks(t, "indices:data/write/bulk", reader.k6es("upload", "--setup=off", second))
			reader.lacks(t, "indices:data/write/index", reader.k6es("runs", "note", "latest", "mine"))

			// It reads the team's logs where it has that role too, and may do no more with them.
			lines := prefix + "-filebeat-1"
			administrator.must(t, http.MethodPut, "/"+lines+"/_doc/1?refresh=true", `{"@timestamp":"2026-11-22T10:00:00Z","message":"hello"}`)
			ofLines := []string{"logs", "latest", "--logs-index", prefix + "-filebeat-*"}
			assert.Regexp(t, `or this user may not see it|the privilege indices:data/read/`, reader.k6es(ofLines...).run(t, 1).stderr)
			administrator.giveLogs(t, reader)
			assert.Contains(t, reader.k6es(ofLines...).run(t, 0).stdout, "logs "+prefix+"-filebeat-*")
			misspelt := reader.k6es("logs", "latest", "--logs-index", prefix+"-filebeat-*,"+prefix+"-filebaet-*").run(t, 0)
			assert.Contains(t, misspelt.stderr, "warning: no index is called "+prefix+"-filebaet-*")
			reader.denied(t, http.MethodPut, "/"+lines+"/_doc/2", "{}")

			// Whoever sets it up may keep it in order.
			setup.k6es("runs", "note", "latest", "seen").run(t, 0)
			setup.k6es("runs", "delete", "--yes", "latest").run(t, 0)
			setup.k6es("runs", "prune", "--yes", "--keep-last", "1").run(t, 0)
		})
	}
}

// giveLogs gives a reader the role to read logs, beside its own.
func (a account) giveLogs(t *testing.T, reader account) {
	t.Helper()
	if _, answer := a.send(t, http.MethodGet, "/_plugins/_security/api/roles/"+a.Prefix+"_logs", ""); strings.Contains(answer, "index_permissions") {
		a.must(t, http.MethodPut, "/_plugins/_security/api/rolesmapping/"+a.Prefix+"_logs", fmt.Sprintf(`{"users":[%q]}`, reader.User))
		return
	}
	a.must(t, http.MethodPut, "/_security/user/"+reader.User, fmt.Sprintf(`{"password":%q,"roles":[%q,%q]}`, reader.Password, reader.User, a.Prefix+"_logs"))
}

// lacks demands that a command fails and names the privilege that is missing.
func (a account) lacks(t *testing.T, privilege string, c command) {
	t.Helper()
	o := c.start(t).wait()
	said := o.stdout + o.stderr
	assert.Contains(t, []int{1, 4}, o.code, "%s: %v: %s", a.User, c.args, said)
	assert.Regexp(t, "the privilege "+regexp.QuoteMeta(privilege)+`[^ ,]*(, \S+)* (on \S+ )?is missing`, said, "%s: %v", a.User, c.args)
	assert.NotContains(t, said, a.Password)
}

func TestAPIKeyOfTheDocumentation(t *testing.T) {
	t.Parallel()
	administrator := newAdministrator(t, servertest.SecuredElasticsearch)
	administrator.k6es("setup").run(t, 0)
	requests := administrator.pasted(t, "Elasticsearch", "")
	last := slices.IndexFunc(requests, func(r []string) bool { return r[0] == http.MethodPost })
	require.GreaterOrEqual(t, last, 0)
	var key struct{ ID, APIKey, Encoded string }
	answer := administrator.must(t, requests[last][0], requests[last][1], requests[last][2])
	require.NoError(t, json.NewDecoder(bytes.NewReader([]byte(strings.Replace(answer, "api_key", "APIKey", 1)))).Decode(&key))
	for i, given := range []string{key.Encoded, key.ID + ":" + key.APIKey} {
		file := write(t, t.TempDir(), "checkout.json", load{requests: 20, seed: uint64(i + 1)}.text(t))
		command{program: k6es, args: []string{"upload", file}, env: append(administrator.place(), "K6_ELASTICSEARCH_API_KEY="+given)}.run(t, 0)
	}
}

func TestTLSOfARealServer(t *testing.T) {
	t.Parallel()
	for _, server := range []string{servertest.SecuredElasticsearch, servertest.SecuredOpenSearch} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			administrator := newAdministrator(t, server)
			unknown := administrator.k6es("setup", "--check", "--ca-cert-file=")
			unknown.env = slices.DeleteFunc(administrator.login(), func(variable string) bool {
				return strings.HasPrefix(variable, "K6_ELASTICSEARCH_CA_CERT_FILE=")
			})
			assert.Contains(t, unknown.run(t, 1).stderr, "shows a certificate that is not trusted (")

			const warning = "insecure-skip-verify (K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY): the certificate of the server is not looked at"
			file := write(t, t.TempDir(), "checkout.json", small.text(t))
			for _, c := range []command{
				administrator.k6es("setup"), administrator.k6es("upload", file), administrator.k6es("runs", "list"), administrator.live(t),
			} {
				c.env = append(slices.Clone(unknown.env), "K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY=true")
				assert.Equal(t, 1, strings.Count(c.run(t, 0).stderr, warning), "%v", c.args)
			}
			administrator.k6es("runs", "list").run(t, 0)
		})
	}
}
