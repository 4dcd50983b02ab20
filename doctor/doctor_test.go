package doctor_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// answers are what a server says, by the path that is asked; a number is a status without words. What it says to
// somebody who does not log in stands behind "stranger ".
type answers map[string]any

// refusal is an answer with a status and words.
type refusal struct {
	status int
	words  object
}

// refused is how servers refuse something.
func refused(status int, typ, reason string) refusal {
	return refusal{status, object{"status": status, "error": object{"type": typ, "reason": reason}}}
}

// items is how servers refuse the document of a bulk request.
func items(status int, typ string) object {
	item := object{"status": status, "error": object{"type": typ, "reason": "so it is"}}
	return object{"errors": true, "items": []object{{"index": item}}}
}

// usual is how a server answers what is not among the answers.
func usual(r *http.Request) any {
	switch {
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		return items(http.StatusNotFound, "index_not_found_exception")
	case r.Method == http.MethodPut:
		return refused(http.StatusNotFound, "index_not_found_exception", "no such index, and [require_alias] is set")
	case strings.HasSuffix(r.URL.Path, "/_search"):
		return object{}
	default:
		return refusal{http.StatusBadRequest, object{"error": "no handler found for uri"}}
	}
}

// well is a server at which nothing is wrong, as k6es asks it: Elasticsearch with security, and samples.
func well() answers {
	said := answers{
		"/":                               object{"cluster_name": "farm", "tagline": "You Know, for Search", "version": object{"number": "8.19.21", "build_flavor": "default"}},
		"/_cluster/health":                object{"cluster_name": "farm", "status": "green", "number_of_data_nodes": 3, "active_shards": 40},
		"/_security/user/_has_privileges": privileges(nil),
		"/_ilm/status":                    object{"operation_mode": "RUNNING"},
		"/_ilm/policy/k6-metrics":         404,
		"/_nodes/stats/os":                object{"nodes": object{"a": object{"timestamp": start.UnixMilli()}}},
		"/_cat/allocation":                []object{disk("a", 60, 100), {"node": "UNASSIGNED"}},
		"/" + names + "/_settings/index.blocks.*": object{},
		"/" + names + "/_stats/docs,store":        object{"_all": object{"primaries": object{"docs": object{"count": 104_823}}, "total": object{"store": object{"size_in_bytes": 9_000_000}}}},
		"/" + names + "/_mapping":                 object{"k6-metrics-2026.11": version(mappings.SchemaVersion), "k6-runs": version(mappings.SchemaVersion)},
		"/_cluster/settings": object{"persistent": object{}, "transient": object{}, "defaults": object{
			"action.auto_create_index": "true", "cluster.max_shards_per_node": "1000", "cluster.blocks.read_only": "false",
			"cluster.routing.allocation.disk.threshold_enabled": "true", "cluster.routing.allocation.disk.watermark.high": "90%",
			"cluster.routing.allocation.disk.watermark.flood_stage": "95%", "cluster.routing.allocation.disk.watermark.flood_stage.max_headroom": "-1",
		}},
	}
	for _, template := range mappings.Templates("k6", mappings.Target{Replicas: 1}) {
		said["/_template/"+template.Name] = 404
		said[template.Path] = object{"index_templates": []object{{"name": template.Name, "index_template": json.RawMessage(template.Body)}}}
	}
	return said
}

type object = map[string]any

const names = "k6-metrics-*,k6-runs,k6-series,k6-comparisons"

// start is when the tests play; each look at the clock takes a millisecond.
var start = time.Date(2026, 11, 22, 10, 31, 7, 0, time.UTC)

func version(n int) object { return object{"mappings": object{"_meta": object{"k6es_version": n}}} }

func disk(node string, available, total int) object {
	const gb = 1 << 30
	return object{"node": node, "disk.avail": fmt.Sprint(available * gb), "disk.total": fmt.Sprint(total * gb)}
}

// ill is the health of a cluster with some indices of that status.
func ill(status string, nodes int, names ...string) object {
	indices := object{"k6-comparisons": object{"status": "green"}}
	for _, name := range names {
		indices[name] = object{"status": status}
	}
	return object{"cluster_name": "farm", "status": status, "number_of_data_nodes": nodes, "indices": indices}
}

// privileges is what a login may do: all but what is taken from it.
func privileges(lacks map[string]string) object {
	index := object{}
	for name := range strings.SplitSeq(names, ",") {
		may := map[string]bool{}
		for _, privilege := range []string{"create_doc", "auto_configure", "index", "read", "delete", "delete_index"} {
			may[privilege] = lacks[name] != privilege
		}
		index[name] = may
	}
	return object{"username": "k6", "cluster": map[string]bool{"manage_index_templates": lacks["cluster"] == ""}, "index": index}
}

// with is the server with some other answers.
func with(other answers) answers {
	said := well()
	for path, answer := range other {
		said[path] = answer
	}
	return said
}

// set is the server with some cluster settings.
func set(settings ...string) answers {
	said := well()
	persistent := said["/_cluster/settings"].(object)["persistent"].(object)
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		persistent[name] = value
	}
	return said
}

// examine makes the checks at a server that says this. Whoever changes something there fails the test.
func examine(t *testing.T, said answers) map[string]doctor.Finding {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := said[r.URL.Path]
		_, _, loggedIn := r.BasicAuth()
		if other, ok := said["stranger "+r.URL.Path]; ok && !loggedIn {
			answer, known = other, true
		}
		if !known {
			answer = usual(r)
		}
		status, isStatus := answer.(int)
		no, isRefusal := answer.(refusal)
		switch {
		case !loggedIn && said[r.Method+" needs a login"] != nil:
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method != http.MethodGet && !strings.Contains(r.URL.RawQuery, "require_alias=true"):
			assert.Fail(t, "doctor writes", "%s %s", r.Method, r.URL)
		case isStatus:
			w.WriteHeader(status)
		case isRefusal:
			w.WriteHeader(no.status)
			_ = json.NewEncoder(w).Encode(no.words)
		default:
			_ = json.NewEncoder(w).Encode(answer)
		}
	}))
	t.Cleanup(server.Close)
	config := elastic.Config{URLs: []string{server.URL}, User: "k6", Password: "p4ss"}
	client, err := elastic.New(config)
	require.NoError(t, err)
	stranger, err := elastic.New(config.WithoutLogin())
	require.NoError(t, err)
	probed, err := client.Probe(t.Context())
	require.NoError(t, err)
	now, mu := start, sync.Mutex{}
	patient := doctor.Patient{Client: client, Stranger: stranger, Server: probed, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}}
	found := map[string]doctor.Finding{}
	for _, finding := range patient.Examine(t.Context()) {
		finding.Text = strings.ReplaceAll(finding.Text, server.URL, "http://es:9200")
		found[finding.Check] = finding
	}
	return found
}

func TestHealthyServer(t *testing.T) {
	t.Parallel()
	found := examine(t, well())
	for check, text := range map[string]string{
		"Elasticsearch": "http://es:9200 · 8.19.21, cluster farm, green",
		"credentials":   `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons; delete runs; install templates`,
		"templates":     "4 current (version 2)",
		"indices":       "2, with 104,823 documents in 9.0 MB",
		"clock":         "this machine and the server agree",
		"blocks":        "none: documents are taken",
		"disk":          "a is 40 % full, 64 GB free",
		"new indices":   "are made when a run needs them",
	} {
		assert.Equal(t, doctor.Finding{Check: check, Mark: doctor.OK, Text: text}, found[check])
	}
	assert.Equal(t, doctor.Finding{
		Check: "retention", Mark: doctor.Off, Text: "k6-metrics: no policy, samples stay until they are pruned", Fix: "k6es setup --retention 90d",
	}, found["retention"])
	assert.Len(t, found, 9)
}

func TestFindings(t *testing.T) {
	t.Parallel()
	foreign := object{"index_templates": []object{{"name": "k6-runs", "index_template": object{"index_patterns": []string{"k6-*"}}}}}
	openSearch := object{"cluster_name": "farm", "tagline": "The OpenSearch Project: https://opensearch.org/", "version": object{"number": "2.19.6", "distribution": "opensearch"}}
	info := object{"user_name": "k6", "roles": []string{"k6_ingest", "own_index"}}
	const docs = "/_doc/doctor"
	const may = `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons`
	clock := func(behind time.Duration) answers {
		return with(answers{"/_nodes/stats/os": object{"nodes": object{
			"a": object{"timestamp": start.UnixMilli()}, "b": object{"timestamp": start.Add(behind).UnixMilli()},
		}}})
	}
	for name, test := range map[string]struct {
		said      answers
		check     string
		mark      doctor.Mark
		text, fix string
	}{
		"yellow": {
			with(answers{"/_cluster/health": ill("yellow", 3, "k6-metrics-2026.11", "logs-shop")}), "Elasticsearch", doctor.Warning,
			"http://es:9200 · 8.19.21, cluster farm, yellow: copies of shards are missing of k6-metrics-2026.11", "GET _cluster/allocation/explain says why",
		},
		"yellow, a single node": {
			with(answers{"/_cluster/health": ill("yellow", 1, "k6-runs")}), "Elasticsearch", doctor.Warning,
			"http://es:9200 · 8.19.21, cluster farm, yellow: copies of shards are missing of k6-runs",
			`a single node holds no copies: k6es setup --replicas 0 for new indices, PUT k6-*/_settings {"index.number_of_replicas":0} for these`,
		},
		"yellow, not ours": {
			with(answers{"/_cluster/health": ill("yellow", 1, "logs-1", "logs-2", "logs-3", "k6-runs-of-others")}), "Elasticsearch", doctor.OK,
			"http://es:9200 · 8.19.21, cluster farm, yellow: copies of shards are missing of k6-runs-of-others, logs-1, logs-2, and 1 more, not k6's", "",
		},
		"yellow, without names": {
			with(answers{"/_cluster/health": ill("yellow", 3)}), "Elasticsearch", doctor.Warning,
			"http://es:9200 · 8.19.21, cluster farm, yellow: copies of shards are missing of indices that the server does not name", "GET _cluster/allocation/explain says why",
		},
		"red": {
			with(answers{"/_cluster/health": ill("red", 3, "k6-series")}), "Elasticsearch", doctor.Wrong,
			"http://es:9200 · 8.19.21, cluster farm, red: shards are missing, and their documents, of k6-series", "GET _cluster/allocation/explain says why",
		},
		"red, not ours": {
			with(answers{"/_cluster/health": ill("red", 3, "logs-shop")}), "Elasticsearch", doctor.Warning,
			"http://es:9200 · 8.19.21, cluster farm, red: shards are missing, and their documents, of logs-shop, not k6's", "GET _cluster/allocation/explain says why",
		},
		"health is not shown": {with(answers{"/_cluster/health": 403}), "Elasticsearch", doctor.OK, "http://es:9200 · 8.19.21, cluster farm", ""},

		"no security": {with(answers{"/_security/user/_has_privileges": 405}), "credentials", doctor.OK, `the server asks for no login; user "k6" is not needed`, ""},
		"login for a proxy": {
			with(answers{"/_security/user/_has_privileges": 405, "GET needs a login": true, "POST needs a login": true}),
			"credentials", doctor.OK, `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons; the login is needed`, "",
		},
		"login for a proxy, to write": {
			with(answers{"/_security/user/_has_privileges": 405, "POST needs a login": true}),
			"credentials", doctor.OK, `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons; the login is needed`, "",
		},
		"a proxy that lets nobody write": {
			with(answers{"/_security/user/_has_privileges": 405, "GET needs a login": true, "/_bulk": 403, "/k6-series/_bulk": 403}),
			"credentials", doctor.Wrong, `user "k6" may not write k6-metrics-*, k6-series`, "allow it in the proxy in front of the server: the server itself has no users",
		},
		"a proxy that fails": {
			with(answers{"/_security/user/_has_privileges": 405, "/_bulk": 502}),
			"credentials", doctor.Warning, "whether it may write could not be tried: http://es:9200 answered 502 to POST /_bulk", "",
		},
		"a proxy that fails for searches": {
			with(answers{"/_security/user/_has_privileges": 405, "/k6-series/_search": 502}),
			"credentials", doctor.Warning, "whether it may read could not be tried: http://es:9200 answered 502 to GET /k6-series/_search", "",
		},
		"a proxy that is busy": {
			with(answers{"/_security/user/_has_privileges": 405, "/_bulk": 429}),
			"credentials", doctor.Warning, "whether it may write could not be tried: http://es:9200 answered 429 to POST /_bulk", "",
		},
		"a proxy that sends elsewhere": {
			with(answers{"/_security/user/_has_privileges": 405, "/k6-runs/_doc/doctor": 302}),
			"credentials", doctor.Warning, "whether it may write could not be tried: http://es:9200 answered 302 to PUT /k6-runs/_doc/doctor", "",
		},
		"a proxy that knows no bulk": {
			with(answers{"/_security/user/_has_privileges": 405, "/_bulk": 404}),
			"credentials", doctor.Warning, "whether it may write could not be tried: http://es:9200 answered 404 to POST /_bulk", "",
		},
		"a proxy that takes all": {
			with(answers{"/_security/user/_has_privileges": 405, "/_bulk": object{}}),
			"credentials", doctor.Warning, "whether it may write could not be tried: something answered that all went well, which no server does", "",
		},
		"a proxy that lets samples in by bulk alone": {
			with(answers{"/_security/user/_has_privileges": 405, "/k6-metrics-doctor" + docs: 403, "/k6-metrics-doctor/_bulk": 403, "/k6-series" + docs: 405}),
			"credentials", doctor.OK, `the server asks for no login; user "k6" is not needed`, "",
		},
		"items are refused": {
			with(answers{"/_security/user/_has_privileges": 405, "/_bulk": items(403, "security_exception")}),
			"credentials", doctor.Wrong, `user "k6" may not write k6-metrics-*`, "allow it in the proxy in front of the server: the server itself has no users",
		},
		"items without a login": {
			with(answers{"/_security/user/_has_privileges": 405, "/k6-series/_bulk": items(401, "")}),
			"credentials", doctor.Wrong, `user "k6" may not write k6-series`, "allow it in the proxy in front of the server: the server itself has no users",
		},
		"items of a busy server": {
			with(answers{"/_security/user/_has_privileges": 405, "/_bulk": items(429, "es_rejected_execution_exception")}),
			"credentials", doctor.Warning, "whether it may write could not be tried: http://es:9200 answered 429 to POST /_bulk: es_rejected_execution_exception: so it is", "",
		},
		"a block is no proxy": {
			with(answers{"/_security/user/_has_privileges": 405, "/k6-runs" + docs: refused(403, "cluster_block_exception", "blocked by: [FORBIDDEN/5/index read-only (api)];")}),
			"credentials", doctor.Warning,
			"whether it may write could not be tried: http://es:9200 answered 403 to PUT /k6-runs/_doc/doctor: cluster_block_exception: blocked by: [FORBIDDEN/5/index read-only (api)];", "",
		},
		"a stranger is sent elsewhere": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /": 302, "stranger /_bulk": 302}),
			"credentials", doctor.OK, may + "; whether the login is needed could not be told", "",
		},
		"a stranger meets what fails": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /": 503}),
			"credentials", doctor.OK, may + "; whether the login is needed could not be told", "",
		},
		"a stranger's writes fail": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /_bulk": 502}),
			"credentials", doctor.OK, may + "; whether the login is needed could not be told", "",
		},
		"a stranger's reads fail": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /k6-runs/_search": 302}),
			"credentials", doctor.OK, may + "; whether the login is needed could not be told", "",
		},
		"a stranger is at another server": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /": openSearch}),
			"credentials", doctor.OK, may + "; whether the login is needed could not be told", "",
		},
		"a stranger's documents are refused": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /k6-runs" + docs: 401}),
			"credentials", doctor.OK, may + "; the login is needed", "",
		},
		"a stranger may not read": {
			with(answers{"/_security/user/_has_privileges": 405, "stranger /k6-series/_search": 403}),
			"credentials", doctor.OK, may + "; the login is needed", "",
		},
		"may not write": {
			with(answers{"/_security/user/_has_privileges": privileges(map[string]string{"k6-metrics-*": "create_doc", "k6-runs": "index"})}),
			"credentials", doctor.Wrong, `user "k6" may not write k6-metrics-*, k6-runs`, "grant create_doc, index on them (docs/access.md has roles)",
		},
		"may not read": {
			with(answers{"/_security/user/_has_privileges": privileges(map[string]string{"k6-series": "read"})}),
			"credentials", doctor.Warning, `user "k6" may write, but not read k6-series: no runs, no comparisons`, "grant read on them (docs/access.md has roles)",
		},
		"samples are only added": {
			with(answers{"/_security/user/_has_privileges": privileges(map[string]string{"k6-metrics-*": "index"})}),
			"credentials", doctor.OK, `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons; delete runs; install templates`, "",
		},
		"may not set up": {
			with(answers{"/_security/user/_has_privileges": privileges(map[string]string{"cluster": "x", "k6-runs": "delete"})}),
			"credentials", doctor.OK, `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons`, "",
		},
		"OpenSearch, may write": {
			with(answers{"/": openSearch, "/_security/user/_has_privileges": 405, "/_plugins/_security/authinfo": info}),
			"credentials", doctor.OK, `user "k6" (roles k6_ingest, own_index) may write k6-metrics-*, k6-runs, k6-series, k6-comparisons`, "",
		},
		"OpenSearch, may not write": {
			with(answers{"/": openSearch, "/_security/user/_has_privileges": 405, "/_plugins/_security/authinfo": info, "/k6-metrics-doctor" + docs: refused(403, "security_exception", "no permissions for [indices:data/write/index]")}),
			"credentials", doctor.Wrong, `user "k6" (roles k6_ingest, own_index) may not write k6-metrics-*`, "map a role that may to it (docs/access.md has roles)",
		},
		"Open Distro, may not read": {
			with(answers{"/_security/user/_has_privileges": 405, "/_opendistro/_security/authinfo": info, "/k6-runs/_search": 403}),
			"credentials", doctor.Warning, `user "k6" (roles k6_ingest, own_index) may write, but not read k6-runs: no runs, no comparisons`, "map a role that may to it (docs/access.md has roles)",
		},
		"credentials are not shown": {with(answers{"/_security/user/_has_privileges": 403}), "credentials", doctor.OK, `user "k6" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons`, ""},
		"credentials are not shown, may not write": {
			with(answers{"/_security/user/_has_privileges": 403, "/k6-runs" + docs: 403}), "credentials", doctor.Wrong, `user "k6" may not write k6-runs`,
			"allow it in the proxy in front of the server, or in a role (docs/access.md has roles)",
		},

		"no templates":            {with(answers{"/_index_template/k6-metrics": 404, "/_index_template/k6-runs": 404}), "templates", doctor.Wrong, "k6-metrics: missing, and 1 more", "k6es setup"},
		"foreign template":        {with(answers{"/_index_template/k6-runs": foreign}), "templates", doctor.Wrong, "k6-runs: a template of this name was not made by k6es", "k6es setup --force"},
		"templates are not shown": {with(answers{"/_index_template/k6-metrics": 403}), "templates", doctor.Off, "not shown to this user", ""},

		"no indices":       {with(answers{"/" + names + "/_mapping": object{}}), "indices", doctor.Off, "none yet: the first run makes them", ""},
		"without template": {with(answers{"/" + names + "/_mapping": object{"k6-metrics-2026.10": version(1), "k6-metrics-2026.11": object{"mappings": object{"properties": object{}}}}}), "indices", doctor.Wrong, "k6-metrics-2026.11: made without the template, so dashboards and runs cannot read it", "delete it, k6es setup, and upload its runs again"},
		"older template":   {with(answers{"/" + names + "/_mapping": object{"k6-metrics-2026.10": version(0), "k6-metrics-2026.11": version(0)}}), "indices", doctor.Warning, "k6-metrics-2026.10, and 1 more: made by an older version of the template, so new fields cannot be searched there", "none is needed: the next index has them"},

		"retention": {
			with(answers{
				"/_ilm/policy/k6-metrics":     object{"k6-metrics": object{"policy": object{"phases": object{"delete": object{"min_age": "61d", "actions": object{"delete": object{}}}}}}},
				"/_index_template/k6-metrics": object{"index_templates": []object{{"name": "k6-metrics", "index_template": json.RawMessage(mappings.Templates("k6", mappings.Target{Lifecycle: "k6-metrics"})[0].Body)}}},
			}),
			"retention", doctor.OK, "k6-metrics: an index of samples is deleted 61 days after it was made (ILM)", "",
		},
		"retention not linked": {
			with(answers{"/_ilm/policy/k6-metrics": object{"k6-metrics": object{"policy": object{"phases": object{"delete": object{"min_age": "61d", "actions": object{"delete": object{}}}}}}}}),
			"retention", doctor.Wrong, "k6-metrics: the template does not name this policy, so new indices are not deleted", "k6es setup --retention 90d",
		},
		"no engine": {with(answers{"/_ilm/status": 405}), "retention", doctor.Off, "the server has neither ILM nor ISM", "k6es runs prune --older-than 90d, by cron"},

		"clock behind":  {clock(4200 * time.Millisecond), "clock", doctor.Warning, "this machine is 4.2 s behind the server: samples stand earlier than the server's logs of the same moment", "let NTP set both clocks"},
		"clock ahead":   {clock(-90 * time.Second), "clock", doctor.Warning, "this machine is 1m30s ahead of the server: dashboards \"last 15 minutes\" miss the newest samples", "let NTP set both clocks"},
		"clock nearly":  {clock(900 * time.Millisecond), "clock", doctor.OK, "this machine and the server agree", ""},
		"clock is kept": {with(answers{"/_nodes/stats/os": 403}), "clock", doctor.Off, "not shown to this user", ""},
		"no time":       {with(answers{"/_nodes/stats/os": object{}}), "clock", doctor.Off, "the server does not tell the time", ""},

		"index block": {
			with(answers{"/" + names + "/_settings/index.blocks.*": object{"k6-runs": object{"settings": object{"index.blocks.read_only_allow_delete": "true"}}}}),
			"blocks", doctor.Wrong, "k6-runs takes no documents: index.blocks.read_only_allow_delete is set, as when a disk is full",
			`make room on the disks, then PUT k6-runs/_settings {"index.blocks.read_only_allow_delete":null}`,
		},
		"no index block": {with(answers{"/" + names + "/_settings/index.blocks.*": object{"k6-runs": object{"settings": object{"index.blocks.write": "false"}}}}), "blocks", doctor.OK, "none: documents are taken", ""},
		"cluster block": {
			set("cluster.blocks.read_only=true"), "blocks", doctor.Wrong, "the cluster takes no documents: cluster.blocks.read_only is set",
			`make room on the disks, then PUT _cluster/settings {"persistent":{"cluster.blocks.read_only":null},"transient":{"cluster.blocks.read_only":null}}`,
		},

		"disk, several":    {with(answers{"/_cat/allocation": []object{disk("a", 60, 100), disk("b", 12, 100)}}), "disk", doctor.OK, "b is 88 % full, 13 GB free", ""},
		"disk, high":       {with(answers{"/_cat/allocation": []object{disk("a", 7, 100)}}), "disk", doctor.Warning, "a is 93 % full, 7.5 GB free: beyond the high watermark; at the flood stage indices become read-only", "make room: k6es runs prune --older-than 90d, or a larger disk"},
		"disk, flood":      {with(answers{"/_cat/allocation": []object{disk("a", 4, 100)}}), "disk", doctor.Wrong, "a is 96 % full, 4.3 GB free: beyond the flood stage, indices become read-only", "make room: k6es runs prune --older-than 90d, or a larger disk"},
		"disk, not minded": {setWith(answers{"/_cat/allocation": []object{disk("a", 4, 100)}}, "cluster.routing.allocation.disk.threshold_enabled=false"), "disk", doctor.OK, "a is 96 % full, 4.3 GB free", ""},
		"disk, bytes":      {setWith(answers{"/_cat/allocation": []object{disk("a", 4, 100)}}, "cluster.routing.allocation.disk.watermark.flood_stage=3gb"), "disk", doctor.Warning, "a is 96 % full, 4.3 GB free: beyond the high watermark; at the flood stage indices become read-only", "make room: k6es runs prune --older-than 90d, or a larger disk"},
		"disk, ratio":      {setWith(answers{"/_cat/allocation": []object{disk("a", 4, 100)}}, "cluster.routing.allocation.disk.watermark.flood_stage=0.97"), "disk", doctor.Warning, "a is 96 % full, 4.3 GB free: beyond the high watermark; at the flood stage indices become read-only", "make room: k6es runs prune --older-than 90d, or a larger disk"},
		"disk, headroom":   {setWith(answers{"/_cat/allocation": []object{disk("a", 400, 10_000)}}, "cluster.routing.allocation.disk.watermark.flood_stage.max_headroom=100GB", "cluster.routing.allocation.disk.watermark.high.max_headroom=150GB"), "disk", doctor.OK, "a is 96 % full, 429 GB free", ""},

		"auto create off": {set("action.auto_create_index=false"), "new indices", doctor.Wrong, "the cluster makes none by itself: action.auto_create_index is false", `PUT _cluster/settings {"persistent":{"action.auto_create_index":"+k6-*"}}`},
		"auto create others": {
			set("action.auto_create_index=-k6-*,+logs-*"), "new indices", doctor.Wrong, "the cluster makes none by itself: action.auto_create_index is -k6-*,+logs-*",
			`PUT _cluster/settings {"persistent":{"action.auto_create_index":"+k6-*,-k6-*,+logs-*"}}`,
		},
		"auto create ours":        {set("action.auto_create_index=.kibana*, k6-metrics-*,-*"), "new indices", doctor.OK, "are made when a run needs them", ""},
		"no more shards":          {set("cluster.max_shards_per_node=13"), "new indices", doctor.Wrong, "the cluster has 40 of 39 shards that it may have", "delete indices, or raise cluster.max_shards_per_node"},
		"few shards more":         {set("cluster.max_shards_per_node=15"), "new indices", doctor.Warning, "the cluster has 40 of 45 shards that it may have", "delete indices, or raise cluster.max_shards_per_node"},
		"settings are not shown":  {with(answers{"/_cluster/settings": 403}), "new indices", doctor.Off, "not shown to this user", ""},
		"disk without its limits": {with(answers{"/_cluster/settings": 403, "/_cat/allocation": []object{disk("a", 4, 100)}}), "disk", doctor.OK, "a is 96 % full, 4.3 GB free", ""},
		"broken":                  {with(answers{"/_cat/allocation": 500}), "disk", doctor.Warning, "could not be looked at: http://es:9200 answered 500 to GET /_cat/allocation", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, doctor.Finding{Check: test.check, Mark: test.mark, Text: test.text, Fix: test.fix}, examine(t, test.said)[test.check])
		})
	}
}

// setWith is the server with some settings and other answers.
func setWith(other answers, settings ...string) answers {
	said := set(settings...)
	for path, answer := range other {
		said[path] = answer
	}
	return said
}

func TestDeadNode(t *testing.T) {
	t.Parallel()
	alive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(well()["/"]) }))
	t.Cleanup(alive.Close)
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	open := func(address string) (*elastic.Client, error) {
		return elastic.New(elastic.Config{URLs: []string{address}})
	}
	found := doctor.Nodes(t.Context(), []string{alive.URL, dead.URL, alive.URL}, open)
	require.Len(t, found, 1)
	assert.Equal(t, doctor.Warning, found[0].Mark)
	assert.Equal(t, dead.URL+" does not answer (connection refused)", found[0].Text)
	assert.Empty(t, doctor.Nodes(t.Context(), []string{dead.URL}, open), "a single one is looked at as the server")
}

// Every server can be looked at; a look leaves nothing behind.
func TestRealServers(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		prefix := servertest.Prefix(t, url)
		client, err := elastic.New(elastic.Config{URLs: []string{url}})
		require.NoError(t, err)
		server, err := client.Probe(t.Context())
		require.NoError(t, err)
		patient := doctor.Patient{Client: client, Server: server, Mappings: mappings.Options{Prefix: prefix}, Now: time.Now}
		before := marks(t, patient)
		assert.Equal(t, map[string]doctor.Mark{
			"credentials": doctor.OK, "templates": doctor.Wrong, "indices": doctor.Off, "retention": doctor.Off,
			"clock": doctor.OK, "blocks": doctor.OK, "new indices": doctor.OK,
		}, before)
		var left []any
		require.NoError(t, client.JSON(t.Context(), http.MethodGet, "/_cat/indices/"+prefix+"*?format=json", nil, &left))
		assert.Empty(t, left)

		_, err = mappings.Install(t.Context(), client, patient.Mappings)
		require.NoError(t, err)
		index := "/" + prefix + "-metrics-2026.11"
		require.NoError(t, client.JSON(t.Context(), http.MethodPut, index, nil, nil))
		after := marks(t, patient)
		assert.Equal(t, doctor.OK, after["templates"])
		assert.Equal(t, doctor.OK, after["indices"])

		require.NoError(t, client.JSON(t.Context(), http.MethodPut, index+"/_settings", object{"index.blocks.read_only_allow_delete": true}, nil))
		assert.Equal(t, doctor.Wrong, marks(t, patient)["blocks"])
		require.NoError(t, client.JSON(t.Context(), http.MethodPut, index+"/_settings", object{"index.blocks.read_only_allow_delete": nil}, nil))

		template := "/_index_template/" + prefix + "-metrics"
		require.NoError(t, client.JSON(t.Context(), http.MethodDelete, template, nil, nil))
		require.NoError(t, client.JSON(t.Context(), http.MethodPost, "/"+prefix+"-metrics-2026.12/_doc", object{"a": 1}, nil))
		assert.Equal(t, doctor.Wrong, marks(t, patient)["indices"], "an index that was made without its template")
	})
}

// marks are those of all checks but of what depends on the machine: its disk, and how the cluster is.
func marks(t *testing.T, p doctor.Patient) map[string]doctor.Mark {
	t.Helper()
	found := map[string]doctor.Mark{}
	for _, finding := range p.Examine(t.Context()) {
		assert.NotContains(t, finding.Text, "could not be looked at", finding.Check)
		if finding.Check != "disk" && finding.Check != p.Server.Product {
			found[finding.Check] = finding.Mark
		}
	}
	return found
}
