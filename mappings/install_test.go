package mappings_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
)

// fakeServer keeps templates by path, as the part of a server that Install talks to.
type fakeServer struct {
	mu        sync.Mutex
	templates map[string][]byte
	puts      int

	dataNodes     int
	noScaledFloat bool
	readOnly      bool
	noHealth      bool
}

func newFake(t *testing.T, fake *fakeServer) mappings.Client {
	t.Helper()
	if fake.templates == nil {
		fake.templates = map[string][]byte{}
	}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return connect(t, server.URL)
}

func connect(t *testing.T, url string) *elastic.Client {
	t.Helper()
	client, err := elastic.New(elastic.Config{URLs: []string{url}, User: "k6", Password: "p4ss"})
	require.NoError(t, err)
	return client
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/_cluster/health" && f.noHealth:
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == "/_cluster/health":
		_ = json.NewEncoder(w).Encode(map[string]int{"number_of_data_nodes": f.dataNodes})
	case r.Method == http.MethodGet:
		f.get(w, r.URL.Path)
	case r.Method == http.MethodPut && f.readOnly:
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodPut:
		f.put(w, r)
	default:
		w.WriteHeader(http.StatusTeapot)
	}
}

func (f *fakeServer) get(w http.ResponseWriter, path string) {
	body, found := f.templates[path]
	name := path[strings.LastIndex(path, "/")+1:]
	switch {
	case !found:
		w.WriteHeader(http.StatusNotFound)
	case strings.HasPrefix(path, "/_template/"):
		_ = json.NewEncoder(w).Encode(map[string]json.RawMessage{name: body})
	default:
		found := map[string]any{"name": name, "index_template": json.RawMessage(body)}
		_ = json.NewEncoder(w).Encode(map[string]any{"index_templates": []any{found}})
	}
}

func (f *fakeServer) put(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if f.noScaledFloat && strings.Contains(string(body), mappings.ScaledFloat) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"type":"mapper_parsing_exception","reason":"No handler for type [scaled_float] declared on field [x]"}}`)
		return
	}
	f.puts++
	f.templates[r.URL.Path] = body
}

const metricsPath = "/_index_template/k6-metrics"

func install(t *testing.T, client mappings.Client, opts mappings.Options) string {
	t.Helper()
	changes, err := mappings.Install(t.Context(), client, opts)
	require.NoError(t, err)
	require.Len(t, changes, len(mappings.Families()))
	return changes[0].String()
}

func check(t *testing.T, client mappings.Client, opts mappings.Options) mappings.Finding {
	t.Helper()
	findings, err := mappings.Check(t.Context(), client, opts)
	require.NoError(t, err)
	require.Len(t, findings, len(mappings.Families()))
	return findings[0]
}

func TestInstallIsIdempotent(t *testing.T) {
	t.Parallel()
	fake := &fakeServer{dataNodes: 1}
	client := newFake(t, fake)
	assert.Equal(t, "k6-metrics: missing", check(t, client, mappings.Options{}).String())
	assert.Equal(t, "k6-metrics: would be installed (version 2)", install(t, client, mappings.Options{DryRun: true}))
	assert.Zero(t, fake.puts)
	assert.Equal(t, "k6-metrics: installed (version 2)", install(t, client, mappings.Options{}))
	assert.Equal(t, "k6-metrics: unchanged (version 2)", install(t, client, mappings.Options{Force: true}))
	assert.Equal(t, len(mappings.Families()), fake.puts)
	assert.Equal(t, "k6-metrics: current (version 2)", check(t, client, mappings.Options{}).String())
	assert.JSONEq(t, string(metricsTemplate(t, "k6", mappings.Target{}).Body), string(fake.templates[metricsPath]))
}

func TestInstallWithoutScaledFloat(t *testing.T) {
	t.Parallel()
	fake := &fakeServer{dataNodes: 1, noScaledFloat: true}
	client := newFake(t, fake)
	assert.Equal(t, "k6-metrics: installed (version 2)", install(t, client, mappings.Options{}))
	assert.Equal(t, "k6-metrics: unchanged (version 2)", install(t, client, mappings.Options{}))
	assert.JSONEq(t, string(metricsTemplate(t, "k6", mappings.Target{NoScaledFloat: true}).Body), string(fake.templates[metricsPath]))
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	two := 2
	tests := map[string]struct {
		fake *fakeServer
		opts mappings.Options
		want float64
	}{
		"single node":  {&fakeServer{dataNodes: 1}, mappings.Options{}, 0},
		"cluster":      {&fakeServer{dataNodes: 3}, mappings.Options{}, 1},
		"may not ask":  {&fakeServer{noHealth: true}, mappings.Options{}, 1},
		"by option":    {&fakeServer{dataNodes: 1}, mappings.Options{Replicas: &two}, 2},
		"upgrade":      {&fakeServer{dataNodes: 1, templates: stored(t, mappings.Target{Replicas: 5}, 0)}, mappings.Options{}, 5},
		"stays":        {&fakeServer{dataNodes: 1, templates: stored(t, mappings.Target{Replicas: 5}, mappings.SchemaVersion)}, mappings.Options{Force: true}, 5},
		"option, late": {&fakeServer{dataNodes: 1, templates: stored(t, mappings.Target{}, mappings.SchemaVersion)}, mappings.Options{Replicas: &two, Force: true}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			install(t, newFake(t, test.fake), test.opts)
			got := at(t, test.fake.templates[metricsPath], "template", "settings", "index", "number_of_replicas")
			assert.InDelta(t, test.want, got, 0)
		})
	}
}

// stored is a server's templates with that of the metrics in some version.
func stored(t *testing.T, target mappings.Target, version int) map[string][]byte {
	t.Helper()
	templates := map[string][]byte{}
	for _, family := range mappings.Families() {
		template := family.Template("k6", target, version)
		templates[template.Path] = template.Body
	}
	return templates
}

func TestWhatIsThereAlready(t *testing.T) {
	t.Parallel()
	refresh := func(body []byte) []byte { return []byte(strings.Replace(string(body), `"5s"`, `"30s"`, 1)) }
	altered := stored(t, mappings.Target{}, mappings.SchemaVersion)
	altered[metricsPath] = refresh(altered[metricsPath])
	tests := map[string]struct {
		templates              map[string][]byte
		check, install, forced string
		ok                     bool
	}{
		"older": {
			stored(t, mappings.Target{}, 0),
			"k6-metrics: version 0 is older than this k6es (version 2)",
			"k6-metrics: upgraded from version 0 to 2", "k6-metrics: upgraded from version 0 to 2", false,
		},
		"newer": {
			stored(t, mappings.Target{}, 99),
			"k6-metrics: version 99 is newer than this k6es (version 2)",
			"k6-metrics: version 99 is newer than this k6es (version 2); left alone (--force replaces it)",
			"k6-metrics: version 99 is newer than this k6es (version 2); replaced by version 2", true,
		},
		"altered": {
			altered,
			"k6-metrics: altered by hand (template.settings.index.refresh_interval is 30s, not 5s)",
			"k6-metrics: altered by hand (template.settings.index.refresh_interval is 30s, not 5s); left alone (--force replaces it)",
			"k6-metrics: altered by hand (template.settings.index.refresh_interval is 30s, not 5s); replaced by version 2", false,
		},
		"foreign": {
			map[string][]byte{metricsPath: []byte(`{"index_patterns":["k6-*"]}`)},
			"k6-metrics: a template of this name was not made by k6es",
			"k6-metrics: a template of this name was not made by k6es; left alone (--force replaces it)",
			"k6-metrics: a template of this name was not made by k6es; replaced by version 2", false,
		},
		"legacy": {
			stored(t, mappings.Target{Legacy: true}, mappings.SchemaVersion),
			"k6-metrics: current (version 2)", "k6-metrics: unchanged (version 2)", "k6-metrics: unchanged (version 2)", true,
		},
		"older legacy": {
			stored(t, mappings.Target{Legacy: true}, 0),
			"k6-metrics: version 0 is older than this k6es (version 2)",
			"k6-metrics: upgraded from version 0 to 2", "k6-metrics: upgraded from version 0 to 2", false,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newFake(t, &fakeServer{dataNodes: 1, templates: test.templates})
			finding := check(t, client, mappings.Options{})
			assert.Equal(t, test.check, finding.String())
			assert.Equal(t, test.ok, finding.OK())
			assert.Equal(t, test.forced, strings.Replace(install(t, client, mappings.Options{DryRun: true, Force: true}), "would be ", "", 1))
			assert.Equal(t, test.install, install(t, client, mappings.Options{}))
			install(t, client, mappings.Options{Force: true})
			assert.Equal(t, "k6-metrics: current (version 2)", check(t, client, mappings.Options{}).String())
		})
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, new, want string }{
		"field type":    {`"type": "ip"`, `"type": "text"`, "template.mappings.properties.server.properties.ip.type is text, not ip"},
		"setting gone":  {`"codec": "best_compression",`, ``, "template.settings.index.codec is missing"},
		"setting added": {`"codec": "best_compression",`, `"codec": "best_compression", "hidden": true,`, "template.settings.index.hidden was added"},
		"data stream":   {`"priority": 200,`, `"priority": 200, "data_stream": {"hidden": false},`, "data_stream.hidden was added"},
		"pattern added": {`"k6-metrics-*"`, `"k6-metrics-*", "logs-*"`, "index_patterns.1 was added"},
		"the server's":  {`"priority": 200,`, `"priority": 200, "composed_of": [], "created_date": 1,`, ""},
		"text numbers":  {`"number_of_shards": 1`, `"number_of_shards": "1"`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			templates := stored(t, mappings.Target{}, mappings.SchemaVersion)
			body := string(templates[metricsPath])
			require.Contains(t, body, test.old)
			templates[metricsPath] = []byte(strings.Replace(body, test.old, test.new, 1))
			finding := check(t, newFake(t, &fakeServer{templates: templates}), mappings.Options{})
			assert.Equal(t, test.want, finding.Difference)
			assert.Equal(t, test.want == "", finding.State == mappings.Current)
		})
	}
}

func TestInstallWithoutTheRight(t *testing.T) {
	t.Parallel()
	_, err := mappings.Install(t.Context(), newFake(t, &fakeServer{readOnly: true}), mappings.Options{})
	require.ErrorContains(t, err, "install the template k6-metrics: http://")
	require.ErrorContains(t, err, `answered 403: user "k6" may not PUT /_index_template/k6-metrics`)
	assert.True(t, elastic.IsStatus(err, http.StatusForbidden))

	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	_, err = mappings.Check(t.Context(), connect(t, dead.URL), mappings.Options{})
	require.ErrorContains(t, err, "read the template k6-metrics: http://")
}
