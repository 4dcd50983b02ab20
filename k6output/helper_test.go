package k6output

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"github.com/k6es/k6es/ingest/ingesttest"
)

// cluster is a server that takes samples, has nothing and forgets all else.
type cluster struct {
	*ingesttest.Server
	url    string
	status int // of the answer to GET /; 0 for 200

	mu       sync.Mutex
	requests int
	away     bool
}

// gone lets the server break every connection, or no more.
func (c *cluster) gone(away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = away
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{Server: ingesttest.New(t)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// ServeHTTP implements http.Handler.
func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.requests++
	away := c.away
	c.mu.Unlock()
	if away {
		panic(http.ErrAbortHandler)
	}
	switch {
	case r.URL.Path == "/_bulk":
		body, _ := io.ReadAll(r.Body) // before that nobody notices when the sender goes away
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.Server.ServeHTTP(w, r)
	case r.URL.Path == "/" && c.status != 0:
		w.WriteHeader(c.status)
	case r.URL.Path == "/":
		_, _ = io.WriteString(w, `{"version":{"number":"7.10.2","build_flavor":"oss"},"tagline":"You Know, for Search"}`)
	case strings.HasSuffix(r.URL.Path, "/_bulk"): // of series
		body, _ := io.ReadAll(r.Body)
		items := strings.Repeat(`,{"create":{"status":201}}`, bytes.Count(body, []byte("\n"))/2)
		_, _ = io.WriteString(w, `{"errors":false,"items":[`+strings.TrimPrefix(items, ",")+`]}`)
	case strings.Contains(r.URL.Path, "/_doc/") && r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusForbidden) // who may not look at templates is trusted to have them
	default:
		_, _ = io.WriteString(w, `{}`)
	}
}

func (c *cluster) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// testParams are k6's parameters for an output whose options are the argument.
func testParams(t testing.TB, argument string) (output.Params, *test.Hook) {
	t.Helper()
	logger, hook := test.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	return output.Params{
		OutputType: "elasticsearch", ConfigArgument: argument, Logger: logger,
		Environment: map[string]string{
			"K6_ELASTICSEARCH_SETUP": "off", "K6_ELASTICSEARCH_RUN_ID": "run-1", "K6_ELASTICSEARCH_RUN_NAME": "nightly",
			"K6_ELASTICSEARCH_REJECTS_FILE": t.TempDir() + "/rejects", "K6_ELASTICSEARCH_SPOOL_DIR": t.TempDir(),
		},
		ScriptPath: &url.URL{Scheme: "file", Path: "/scripts/checkout.test.js"},
	}, hook
}

func newOutput(t testing.TB, argument string) (*Output, *test.Hook) {
	t.Helper()
	params, hook := testParams(t, argument)
	o, err := New(params)
	require.NoError(t, err)
	return o.(*Output), hook //nolint:forcetypeassert // it makes no others
}

// lines are what was logged, but for the line that a slow machine makes the end of a run show.
func lines(hook *test.Hook) []string {
	var texts []string
	for _, entry := range hook.AllEntries() {
		if !strings.HasPrefix(entry.Message, "waiting for documents to arrive") {
			texts = append(texts, entry.Level.String()+": "+entry.Message)
		}
	}
	return texts
}

// run is a k6 run's metrics and samples, made by hand.
type run struct {
	registry *metrics.Registry
	builtin  *metrics.BuiltinMetrics
	start    time.Time
}

func newRunSamples() *run {
	registry := metrics.NewRegistry()
	return &run{registry, metrics.RegisterBuiltinMetrics(registry), time.Date(2026, 11, 22, 12, 43, 56, 567_890_123, time.UTC)}
}

func (r *run) sample(metric *metrics.Metric, at time.Duration, value float64) metrics.Sample {
	tags := r.registry.RootTagSet().With("scenario", "default").With("name", "GET /items")
	return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: r.start.Add(at), Value: value}
}

// request is the samples of an HTTP request, which make one document.
func (r *run) request(at time.Duration) metrics.SampleContainer {
	return metrics.Samples{r.sample(r.builtin.HTTPReqs, at, 1), r.sample(r.builtin.HTTPReqDuration, at, 12.5), r.sample(r.builtin.HTTPReqFailed, at, 0)}
}
