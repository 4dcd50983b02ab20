package doctor_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// What a login may do is told as it is by real servers with security: of the administrator, of one who may
// write only other indices, of one who may write but not read, and of one who may do what a run needs.
func TestCredentialsOnSecuredServers(t *testing.T) {
	t.Parallel()
	const password = "Kn0wn-0nly-here-7351"
	type api struct{ role, user, mapping string }
	for name, of := range map[string]api{
		servertest.SecuredElasticsearch: {role: "/_security/role/", user: "/_security/user/"},
		servertest.SecuredOpenSearch: {
			role: "/_plugins/_security/api/roles/", user: "/_plugins/_security/api/internalusers/", mapping: "/_plugins/_security/api/rolesmapping/",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.SecuredServer(t, name)
			open := func(user, password string) *elastic.Client {
				client, err := elastic.New(elastic.Config{URLs: []string{server.URL}, CACertFile: server.CAFile, User: user, Password: password})
				require.NoError(t, err)
				return client
			}
			admin, prefix := open(server.User, server.Password), "k6doctor"
			put := func(path string, body any) {
				require.Eventually(t, func() bool { // just after its start the server may still be busy with its own users
					return admin.JSON(t.Context(), http.MethodPut, path, body, nil) == nil
				}, time.Minute, time.Second, path)
				t.Cleanup(func() { _ = admin.JSON(t.Context(), http.MethodDelete, path, nil, nil) })
			}
			look := func(client *elastic.Client, user string) doctor.Finding {
				probed, err := client.Probe(t.Context())
				require.NoError(t, err)
				patient := doctor.Patient{Client: client, Stranger: open("", ""), Server: probed, Mappings: mappings.Options{Prefix: prefix}, Now: time.Now}
				for _, finding := range patient.Examine(t.Context()) {
					assert.NotContains(t, finding.Text, "could not be looked at")
					if finding.Check == "credentials" {
						return finding
					}
				}
				return doctor.Finding{}
			}
			finding := look(admin, server.User)
			assert.Equal(t, doctor.OK, finding.Mark, finding.Text)
			assert.Contains(t, finding.Text, "may write k6doctor-metrics-*, k6doctor-runs")

			for user, test := range map[string]struct {
				indices string
				actions map[string][]string // of each product
				mark    doctor.Mark
				text    string
			}{
				"k6doctor-other": {
					"elsewhere-*", map[string][]string{servertest.SecuredElasticsearch: {"all"}, servertest.SecuredOpenSearch: {"indices_all"}},
					doctor.Wrong, "may not write k6doctor-metrics-*, k6doctor-runs, k6doctor-series, k6doctor-comparisons",
				},
				"k6doctor-writer": {
					"k6doctor-*", map[string][]string{
						servertest.SecuredElasticsearch: {"auto_configure", "index"},
						servertest.SecuredOpenSearch:    {"create_index", "index"},
					},
					doctor.Warning, "may write, but not read k6doctor-",
				},
				"k6doctor-ingest": {
					"k6doctor-*", map[string][]string{
						servertest.SecuredElasticsearch: {"auto_configure", "index", "read"},
						servertest.SecuredOpenSearch:    {"create_index", "index", "read"},
					},
					doctor.OK, "may write k6doctor-metrics-*, k6doctor-runs, k6doctor-series, k6doctor-comparisons",
				},
			} {
				if of.mapping == "" {
					put(of.role+user, object{"cluster": []string{"monitor"}, "indices": []object{{"names": []string{test.indices}, "privileges": test.actions[name]}}})
					put(of.user+user, object{"password": password, "roles": []string{user}})
				} else {
					put(of.role+user, object{
						"cluster_permissions": []string{"cluster_monitor", "indices:data/write/bulk"},
						"index_permissions":   []object{{"index_patterns": []string{test.indices}, "allowed_actions": test.actions[name]}},
					})
					put(of.user+user, object{"password": password})
					put(of.mapping+user, object{"users": []string{user}})
				}
				finding := look(open(user, password), user)
				assert.Equal(t, test.mark, finding.Mark, finding.Text)
				assert.Contains(t, finding.Text, test.text)
				assert.True(t, strings.HasPrefix(finding.Text, `user "`+user+`"`), finding.Text)
				assert.Equal(t, test.mark == doctor.OK, finding.Fix == "")
			}
			var left []any
			require.NoError(t, admin.JSON(t.Context(), http.MethodGet, "/_cat/indices/"+prefix+"*?format=json", nil, &left))
			assert.Empty(t, left, "trying it out leaves nothing behind")
		})
	}
}
