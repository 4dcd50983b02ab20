package elastic_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// The reasons are those of the servers that they are named after.
func TestExplain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ reason, want string }{
		"Elasticsearch 8, index": {
			"action [indices:data/write/delete] is unauthorized for user [k6] with effective roles [a,b] on indices [k6-series], this action is granted by the index privileges [delete,write,all]",
			"the privilege indices:data/write/delete on k6-series is missing (delete, write or all grants it)",
		},
		"Elasticsearch 8, cluster": {
			"action [indices:admin/index_template/get] is unauthorized for user [k6] with effective roles [a], this action is granted by the cluster privileges [manage_index_templates,monitor,manage,all]",
			"the privilege indices:admin/index_template/get is missing (manage_index_templates, monitor, manage or all grants it)",
		},
		"Elasticsearch 8, API key": {
			"action [indices:data/write/bulk[s]] is unauthorized for API key id [x] of user [k6] on indices [a,b], this action is granted by the index privileges [write]",
			"the privilege indices:data/write/bulk[s] on a, b is missing (write grants it)",
		},
		"Elasticsearch 7.10": {
			"action [indices:data/read/search] is unauthorized for user [k6]",
			"the privilege indices:data/read/search is missing",
		},
		"OpenSearch": {
			"no permissions for [indices:data/write/bulk[s], indices:data/write/index] and User [name=k6, backend_roles=[x], requestedTenant=null]",
			"the privilege indices:data/write/bulk[s], indices:data/write/index is missing",
		},
		"AWS":     {"User: anonymous is not authorized to perform: es:ESHttpGet", "User: anonymous is not authorized to perform: es:ESHttpGet"},
		"another": {"index [x] blocked by: [FORBIDDEN/8/index write (api)]", "index [x] blocked by: [FORBIDDEN/8/index write (api)]"},
		"nothing": {"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, elastic.Explain(test.reason))
		})
	}
}

func TestMissingPrivilegesAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ body, want string }{
		"privilege": {
			`{"error":{"type":"security_exception","reason":"no permissions for [cluster:monitor/main] and User [name=k6, backend_roles=[], requestedTenant=null]"},"status":403}`,
			`user "k6" may not GET /: the privilege cluster:monitor/main is missing. Roles that have it are in docs/access.md`,
		},
		"AWS": {
			`{"Message":"User: arn:aws:iam::1:user/k6 is not authorized to perform: es:ESHttpGet"}`,
			`user "k6" may not GET / (User: arn:aws:iam::1:user/k6 is not authorized to perform: es:ESHttpGet)`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := answer(t, http.StatusForbidden, test.body)
			err := get(t, newClient(t, elastic.Config{URLs: []string{url}, User: "k6", Password: "right"}))
			require.EqualError(t, err, url+" answered 403: "+test.want)
		})
	}
	blocked := answer(t, http.StatusForbidden, `{"error":{"type":"cluster_block_exception","reason":"index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"}}`)
	require.EqualError(t, get(t, newClient(t, elastic.Config{URLs: []string{blocked}})),
		fmt.Sprintf("%s answered 403 to GET /: cluster_block_exception: index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];", blocked))
}
