package mappings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// lifecycleServer is a server with templates, indices and an engine that deletes the indices, as the
// documentation of the engines has their requests and answers. It refuses what is not documented.
type lifecycleServer struct {
	fakeServer
	engine   mappings.Engine
	policies map[string]json.RawMessage
	version  int
	indices  map[string]string // name → policy
	changed  []string          // indices that took a new version of their policy
	refuses  bool              // says of each index that it cannot be changed
	mayNot   bool
}

func newLifecycle(t *testing.T, engine mappings.Engine, indices map[string]string) (*lifecycleServer, mappings.Client) {
	t.Helper()
	fake := &lifecycleServer{engine: engine, policies: map[string]json.RawMessage{}, indices: indices}
	fake.templates, fake.dataNodes = map[string][]byte{}, 1
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return fake, connect(t, server.URL)
}

func (f *lifecycleServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	handled := f.lifecycle(w, r)
	f.mu.Unlock()
	if !handled {
		f.fakeServer.ServeHTTP(w, r)
	}
}

func (f *lifecycleServer) lifecycle(w http.ResponseWriter, r *http.Request) bool {
	path, root := r.URL.Path, map[mappings.Engine]string{
		mappings.ILM: "/_ilm/", mappings.ISM: "/_plugins/_ism/", mappings.OpenDistroISM: "/_opendistro/_ism/", mappings.NoEngine: "/none/",
	}[f.engine]
	below, ours := strings.CutPrefix(path, root)
	kind, name, _ := strings.Cut(below, "/")
	switch {
	case ours && f.mayNot:
		w.WriteHeader(http.StatusForbidden)
	case ours && f.engine == mappings.ILM && kind == "status":
		write(w, map[string]string{"operation_mode": "RUNNING"})
	case ours && kind == "policy" && f.engine == mappings.ILM, ours && kind == "policies" && f.engine != mappings.ILM:
		f.policy(w, r, name)
	case ours && f.engine != mappings.ILM && kind == "explain":
		f.explain(w)
	case ours && f.engine != mappings.ILM:
		f.assign(w, r, kind, strings.Split(name, ","))
	case strings.Contains(path, "/_ism/") || strings.HasPrefix(path, "/_ilm/"):
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"no handler found for uri"}`)
	case f.engine == mappings.ILM && strings.HasSuffix(path, "/_settings"):
		f.settings(w, r, strings.Split(strings.Split(path, "/")[1], ","))
	case f.engine == mappings.ILM && strings.HasSuffix(path, "/_ilm/remove") && r.Method == http.MethodPost:
		for _, index := range strings.Split(strings.Split(path, "/")[1], ",") {
			f.indices[index] = ""
		}
		write(w, map[string]any{"has_failures": f.refuses, "failed_indexes": []string{}})
	default:
		return false
	}
	return true
}

func write(w io.Writer, value any) { _ = json.NewEncoder(w).Encode(value) }

func (f *lifecycleServer) policy(w http.ResponseWriter, r *http.Request, name string) {
	switch r.Method {
	case http.MethodGet:
		f.getPolicy(w, name)
	case http.MethodDelete:
		for _, policy := range f.indices {
			if policy == name {
				w.WriteHeader(http.StatusBadRequest) // it is in use
				return
			}
		}
		delete(f.policies, name)
	case http.MethodPut:
		f.putPolicy(w, r, name)
	}
}

func (f *lifecycleServer) getPolicy(w http.ResponseWriter, name string) {
	policy, found := f.policies[name]
	switch {
	case !found:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"type":"resource_not_found_exception","reason":"policy not found"}}`)
	case f.engine == mappings.ILM:
		write(w, map[string]any{name: map[string]any{"version": f.version, "modified_date": "2026-11-22T10:00:00Z", "policy": policy}})
	default:
		write(w, map[string]any{"_id": name, "_seq_no": f.version, "_primary_term": 1, "policy": policy})
	}
}

// The documented shapes; a field that is not in them is refused, as servers do.
type (
	ilmBody struct {
		Policy struct {
			Phases map[string]struct {
				MinAge  string              `json:"min_age"`
				Actions map[string]struct{} `json:"actions"`
			} `json:"phases"`
		} `json:"policy"`
	}
	ismTemplate struct {
		IndexPatterns []string `json:"index_patterns"`
		Priority      int      `json:"priority"`
	}
	ismBody struct {
		Policy struct {
			Description  string          `json:"description"`
			DefaultState string          `json:"default_state"`
			Template     json.RawMessage `json:"ism_template"`
			States       []struct {
				Name        string                `json:"name"`
				Actions     []map[string]struct{} `json:"actions"`
				Transitions []struct {
					State      string            `json:"state_name"`
					Conditions map[string]string `json:"conditions"`
				} `json:"transitions"`
			} `json:"states"`
		} `json:"policy"`
	}
)

func (f *lifecycleServer) putPolicy(w http.ResponseWriter, r *http.Request, name string) {
	body, _ := io.ReadAll(r.Body)
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var shape any = &ilmBody{}
	if f.engine != mappings.ILM {
		shape = &ismBody{}
	}
	_, exists := f.policies[name]
	expected := fmt.Sprintf("if_seq_no=%d&if_primary_term=1", f.version)
	switch {
	case decoder.Decode(shape) != nil:
		w.WriteHeader(http.StatusBadRequest)
	case f.engine != mappings.ILM && exists && r.URL.RawQuery != expected:
		w.WriteHeader(http.StatusConflict)
	default:
		var policy struct{ Policy json.RawMessage }
		_ = json.Unmarshal(body, &policy)
		f.policies[name] = policy.Policy
		f.version++
	}
}

func (f *lifecycleServer) explain(w io.Writer) {
	key := "index.plugins.index_state_management.policy_id"
	if f.engine == mappings.OpenDistroISM {
		key = "index.opendistro.index_state_management.policy_id"
	}
	answer, managed := map[string]any{}, 0
	for index, policy := range f.indices {
		said := map[string]any{key: nil, "enabled": nil}
		if policy != "" {
			said = map[string]any{key: policy, "index": index, "policy_id": policy}
			managed++
		}
		answer[index] = said
	}
	answer["total_managed_indices"] = managed
	write(w, answer)
}

func (f *lifecycleServer) assign(w http.ResponseWriter, r *http.Request, what string, indices []string) {
	var body struct {
		Policy string `json:"policy_id"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	failed := []map[string]string{}
	for _, index := range indices {
		before, found := f.indices[index]
		switch {
		case !found || r.Method != http.MethodPost || f.refuses:
			failed = append(failed, map[string]string{"index_name": index, "reason": "it is closed"})
		case what == "add" && before == "", what == "remove" && before != "":
			f.indices[index] = body.Policy
		case what == "change_policy" && before != "":
			f.indices[index] = body.Policy
			f.changed = append(f.changed, index)
		default:
			failed = append(failed, map[string]string{"index_name": index, "reason": "not possible now"})
		}
	}
	write(w, map[string]any{"updated_indices": len(indices) - len(failed), "failures": len(failed) > 0, "failed_indices": failed})
}

func (f *lifecycleServer) settings(w http.ResponseWriter, r *http.Request, indices []string) {
	if r.Method == http.MethodPut {
		var body map[string]string
		_ = json.NewDecoder(r.Body).Decode(&body)
		for _, index := range indices {
			f.indices[index] = body["index.lifecycle.name"]
		}
		write(w, map[string]bool{"acknowledged": true})
		return
	}
	answer := map[string]any{}
	for index, policy := range f.indices {
		settings := map[string]string{"index.uuid": "x"}
		if policy != "" {
			settings["index.lifecycle.name"] = policy
		}
		answer[index] = map[string]any{"settings": settings}
	}
	write(w, answer)
}

// month keeps samples for so many days in indices of a month.
func month(days int) mappings.Retention {
	return mappings.Retention{Keep: time.Duration(days) * 24 * time.Hour, Period: 31 * 24 * time.Hour}
}

func retain(t *testing.T, client mappings.Client, opts mappings.Options, want mappings.Retention) string {
	t.Helper()
	change, err := mappings.InstallRetention(t.Context(), client, opts, want)
	require.NoError(t, err)
	return change.String()
}

func release(t *testing.T, client mappings.Client, opts mappings.Options) string {
	t.Helper()
	change, err := mappings.RemoveRetention(t.Context(), client, opts)
	require.NoError(t, err)
	return change.String()
}

func checkRetention(t *testing.T, client mappings.Client, want *mappings.Retention) mappings.RetentionFinding {
	t.Helper()
	finding, err := mappings.CheckRetention(t.Context(), client, mappings.Options{}, want)
	require.NoError(t, err)
	return finding
}

const metricsPolicy = "k6-metrics"

func TestRetention(t *testing.T) {
	t.Parallel()
	for _, engine := range []mappings.Engine{mappings.ILM, mappings.ISM, mappings.OpenDistroISM} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fake, client := newLifecycle(t, engine, map[string]string{"k6-metrics-2026.10": "", "k6-metrics-2026.11": "", "k6-metrics-by-hand": "theirs"})
			install(t, client, mappings.Options{})
			none := checkRetention(t, client, nil)
			assert.True(t, none.OK())
			assert.Equal(t, "k6-metrics: no policy, samples stay until they are pruned", none.String())
			want := month(30)
			assert.False(t, checkRetention(t, client, &want).OK())

			after := fmt.Sprintf("an index of samples is deleted 61 days after it was made (%s)", engine)
			others := "; 1 index with another policy left alone"
			assert.Equal(t, "k6-metrics: would be installed, "+after, retain(t, client, mappings.Options{DryRun: true}, want))
			assert.Empty(t, fake.policies)
			assert.Equal(t, "k6-metrics: installed, "+after+"; so for 2 indices that had been there"+others, retain(t, client, mappings.Options{}, want))
			managed := map[string]string{"k6-metrics-2026.10": metricsPolicy, "k6-metrics-2026.11": metricsPolicy, "k6-metrics-by-hand": "theirs"}
			assert.Equal(t, managed, fake.indices)
			assert.Equal(t, "k6-metrics: "+after, checkRetention(t, client, &want).String())
			assert.True(t, checkRetention(t, client, &want).OK())
			assert.Equal(t, "k6-metrics: unchanged, "+after+others, retain(t, client, mappings.Options{}, want))

			// The template is as it should be, with the policy and without it being asked for.
			assert.Equal(t, "k6-metrics: current (version 2)", check(t, client, mappings.Options{}).String())
			assert.Equal(t, "k6-metrics: unchanged (version 2)", install(t, client, mappings.Options{Force: true}))
			if engine == mappings.ILM {
				assert.Equal(t, metricsPolicy, at(t, fake.templates[metricsPath], "template", "settings", "index", "lifecycle", "name"))
			} else {
				assert.NotContains(t, string(fake.templates[metricsPath]), "lifecycle")
			}

			longer := month(59)
			assert.Equal(t, fmt.Sprintf("k6-metrics: an index is deleted 61 days after it was made, not 90 days (%s)", engine),
				checkRetention(t, client, &longer).String())
			assert.Contains(t, retain(t, client, mappings.Options{}, longer), "k6-metrics: upgraded, an index of samples is deleted 90 days after")
			assert.Equal(t, managed, fake.indices)
			if engine != mappings.ILM {
				assert.ElementsMatch(t, []string{"k6-metrics-2026.10", "k6-metrics-2026.11"}, fake.changed)
			}

			assert.Equal(t, "k6-metrics: would be removed, samples stay until they are pruned", release(t, client, mappings.Options{DryRun: true}))
			assert.Equal(t, "k6-metrics: removed, samples stay until they are pruned; so for 2 indices that had been there", release(t, client, mappings.Options{}))
			assert.Empty(t, fake.policies)
			assert.Equal(t, map[string]string{"k6-metrics-2026.10": "", "k6-metrics-2026.11": "", "k6-metrics-by-hand": "theirs"}, fake.indices)
			assert.NotContains(t, string(fake.templates[metricsPath]), "lifecycle")
			assert.Equal(t, "k6-metrics: no policy, samples stay until they are pruned", release(t, client, mappings.Options{}))
		})
	}
}

func TestRetentionPolicies(t *testing.T) {
	t.Parallel()
	ilm := mappings.Retention{Keep: 36 * time.Hour, Period: 24 * time.Hour}.Policy("load", mappings.ILM)
	assert.Equal(t, "load-metrics", ilm.Name)
	assert.Equal(t, "/_ilm/policy/load-metrics", ilm.Path)
	assert.JSONEq(t, `{"policy":{"phases":{"delete":{"min_age":"60h","actions":{"delete":{}}}}}}`, string(ilm.Body))

	ism := month(30).Policy("load", mappings.ISM)
	assert.Equal(t, "/_plugins/_ism/policies/load-metrics", ism.Path)
	assert.Equal(t, []any{map[string]any{"index_patterns": []any{"load-metrics-*"}, "priority": 200.0}}, at(t, ism.Body, "policy", "ism_template"))
	openDistro := month(30).Policy("load", mappings.OpenDistroISM)
	assert.Equal(t, "/_opendistro/_ism/policies/load-metrics", openDistro.Path)
	var template ismTemplate
	text, err := json.Marshal(at(t, openDistro.Body, "policy", "ism_template"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &template))
	assert.Equal(t, []string{"load-metrics-*"}, template.IndexPatterns)
}

// What somebody made of the policy is kept, unless it is to be replaced.
func TestRetentionThatWasAlteredByHand(t *testing.T) {
	t.Parallel()
	// As servers give policies back, with what they add of their own.
	asInstalled := map[mappings.Engine]string{
		mappings.ILM: `{"phases":{"delete":{"min_age":"61d","actions":{"delete":{"delete_searchable_snapshot":true}}}}}`,
		mappings.ISM: `{"policy_id":"k6-metrics","schema_version":18,"error_notification":null,"default_state":"keep","states":[
			{"name":"keep","actions":[],"transitions":[{"state_name":"delete","conditions":{"min_index_age":"1464h"}}]},
			{"name":"delete","actions":[{"retry":{"count":3,"backoff":"exponential","delay":"1m"},"delete":{}}],"transitions":[]}],
			"ism_template":[{"index_patterns":["k6-metrics-*"],"priority":200,"last_updated_time":1}]}`,
	}
	altered := map[mappings.Engine][]string{
		mappings.ILM: {
			`{"phases":{"hot":{"min_age":"0ms","actions":{"rollover":{}}},"delete":{"min_age":"61d","actions":{"delete":{}}}}}`,
			`{"phases":{"delete":{"min_age":"61d","actions":{"wait_for_snapshot":{"policy":"x"},"delete":{}}}}}`,
		},
		mappings.ISM: {
			`{"states":[{"name":"keep","actions":[{"replica_count":{}}],"transitions":[{"state_name":"delete","conditions":{"min_index_age":"61d"}}]},{"name":"delete","actions":[{"delete":{}}]}]}`,
			`{"states":[{"name":"keep","transitions":[{"state_name":"delete","conditions":{"cron":{"cron":{"expression":"* * * * *"}}}}]},{"name":"delete","actions":[{"delete":{}}]}]}`,
			`{"states":[{"name":"keep"}]}`,
		},
	}
	for engine, policies := range altered {
		want := month(30)
		fake, client := newLifecycle(t, engine, map[string]string{})
		install(t, client, mappings.Options{})
		retain(t, client, mappings.Options{}, want)
		fake.policies[metricsPolicy] = json.RawMessage(asInstalled[engine])
		assert.Equal(t, mappings.Current, checkRetention(t, client, &want).State, engine)
		for _, policy := range policies {
			fake.policies[metricsPolicy] = json.RawMessage(policy)
			said := fmt.Sprintf("k6-metrics: altered by hand, it does more than to delete (%s)", engine)
			assert.Equal(t, said, checkRetention(t, client, &want).String())
			assert.True(t, checkRetention(t, client, nil).OK(), "nobody asked for another")
			assert.Equal(t, said+"; left alone (--force replaces it)", retain(t, client, mappings.Options{}, want))
			assert.Equal(t, said+"; left alone (--force replaces it)", release(t, client, mappings.Options{}))
			assert.JSONEq(t, policy, string(fake.policies[metricsPolicy]))
			assert.Contains(t, retain(t, client, mappings.Options{Force: true}, want), "k6-metrics: replaced, an index")
			assert.Equal(t, mappings.Current, checkRetention(t, client, &want).State)
		}
	}
}

// With ILM it is the template that gives new indices their policy.
func TestRetentionAndTheTemplate(t *testing.T) {
	t.Parallel()
	naming := func(policy string) map[string][]byte {
		return stored(t, mappings.Target{Lifecycle: policy}, mappings.SchemaVersion)
	}
	want := month(30)

	fake, client := newLifecycle(t, mappings.ILM, nil)
	fake.templates = naming("theirs")
	finding := checkRetention(t, client, &want)
	assert.False(t, finding.OK())
	assert.True(t, checkRetention(t, client, nil).OK())
	assert.Equal(t, "k6-metrics: the template names another policy, theirs (ILM)", finding.String())
	assert.Contains(t, retain(t, client, mappings.Options{}, want), "left alone (--force replaces it)")
	assert.Contains(t, string(fake.templates[metricsPath]), "theirs")
	assert.Contains(t, retain(t, client, mappings.Options{Force: true}, want), "k6-metrics: replaced")
	assert.NotContains(t, string(fake.templates[metricsPath]), "theirs")

	fake.templates = naming("")
	finding = checkRetention(t, client, nil)
	assert.False(t, finding.OK())
	assert.Equal(t, "k6-metrics: the template does not name this policy, so new indices are not deleted", finding.String())
	retain(t, client, mappings.Options{}, want)
	assert.True(t, checkRetention(t, client, nil).OK())

	fake.policies = map[string]json.RawMessage{}
	finding = checkRetention(t, client, nil)
	assert.False(t, finding.OK())
	assert.Equal(t, "k6-metrics: the template names this policy, which is not there", finding.String())
	retain(t, client, mappings.Options{}, want)
	assert.True(t, checkRetention(t, client, nil).OK())

	// An upgrade keeps the policy; a template that is not ours to change is named.
	fake.templates = stored(t, mappings.Target{Lifecycle: metricsPolicy}, 0)
	assert.Equal(t, "k6-metrics: upgraded from version 0 to 2", install(t, client, mappings.Options{}))
	assert.True(t, checkRetention(t, client, &want).OK())
	fake.templates = stored(t, mappings.Target{}, 99)
	_, err := mappings.InstallRetention(t.Context(), client, mappings.Options{}, want)
	assert.EqualError(t, err, "new indices will not be deleted: the template k6-metrics: version 99 is newer than this k6es (version 2); left alone (--force replaces it)")
}

func TestLinkedTemplate(t *testing.T) {
	t.Parallel()
	_, client := newLifecycle(t, mappings.ILM, nil)
	install(t, client, mappings.Options{})
	policy := "mine"
	opts := mappings.Options{Lifecycle: &policy}
	assert.Equal(t, "k6-metrics: names no retention policy", check(t, client, opts).String())
	assert.Equal(t, "k6-metrics: would be changed to name the retention policy mine", install(t, client, mappings.Options{Lifecycle: &policy, DryRun: true}))
	assert.Equal(t, "k6-metrics: changed to name the retention policy mine", install(t, client, opts))
	assert.Equal(t, "k6-metrics: unchanged (version 2)", install(t, client, opts))
	assert.Equal(t, "k6-metrics: unchanged (version 2)", install(t, client, mappings.Options{}))
	none := ""
	assert.Equal(t, "k6-metrics: changed to name no retention policy", install(t, client, mappings.Options{Lifecycle: &none}))
}

func TestRetentionThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	for _, engine := range []mappings.Engine{mappings.ILM, mappings.ISM} {
		fake, client := newLifecycle(t, engine, nil)
		fake.mayNot = true
		_, err := mappings.InstallRetention(t.Context(), client, mappings.Options{}, month(30))
		require.ErrorContains(t, err, "looking for "+string(engine))
		require.ErrorContains(t, err, `user "k6" may not GET`)
		assert.True(t, elastic.IsStatus(err, http.StatusForbidden))
	}
	fake, client := newLifecycle(t, mappings.ISM, map[string]string{"k6-metrics-2026.10": ""})
	install(t, client, mappings.Options{})
	fake.refuses = true
	_, err := mappings.InstallRetention(t.Context(), client, mappings.Options{}, month(30))
	assert.EqualError(t, err, "the policy of k6-metrics-2026.10 could not be changed: it is closed")
	fake, client = newLifecycle(t, mappings.ILM, map[string]string{"k6-metrics-2026.10": ""})
	install(t, client, mappings.Options{})
	retain(t, client, mappings.Options{}, month(30))
	fake.refuses = true
	_, err = mappings.RemoveRetention(t.Context(), client, mappings.Options{})
	assert.EqualError(t, err, "the policy of k6-metrics-2026.10 could not be changed")
}

// A request line holds only so much: many indices take several requests.
func TestRetentionOfManyIndices(t *testing.T) {
	t.Parallel()
	for _, engine := range []mappings.Engine{mappings.ILM, mappings.ISM} {
		indices := map[string]string{}
		for day := range 730 {
			indices["k6-metrics-"+time.Date(2026, 1, 1+day, 0, 0, 0, 0, time.UTC).Format("2006.01.02")] = ""
		}
		fake := &lifecycleServer{engine: engine, policies: map[string]json.RawMessage{}, indices: indices}
		fake.templates = map[string][]byte{}
		longest, mu := 0, sync.Mutex{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			longest = max(longest, len(r.RequestURI))
			mu.Unlock()
			fake.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		client := connect(t, server.URL)
		install(t, client, mappings.Options{})
		assert.Contains(t, retain(t, client, mappings.Options{}, month(30)), "; so for 730 indices that had been there")
		assert.Less(t, longest, 4000)
	}
}

// None of the real servers has an engine: their answers must be told from those of servers that have one.
func TestRealServersHaveNoRetention(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		engine, err := mappings.FindEngine(t.Context(), client, prefix)
		require.NoError(t, err)
		assert.Equal(t, mappings.NoEngine, engine)
		var none *mappings.NoEngineError
		_, err = mappings.InstallRetention(t.Context(), client, mappings.Options{Prefix: prefix}, month(30))
		require.ErrorAs(t, err, &none)
		assert.Equal(t, prefix+"-metrics: no policy, samples stay until they are pruned",
			release(t, client, mappings.Options{Prefix: prefix}))
	})
}
