package e2e

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
)

// outage is how long a server is away in the middle of a run.
var outage = either(5*time.Second, time.Minute)

// road is the way from k6 to a server, on which things go wrong.
type road struct {
	store // the server behind it, by the road's address
	far   store
	proxy *toxiproxy.Proxy
}

// toxiproxyProcess is the proxy server that all roads share.
var toxiproxyProcess *exec.Cmd

var startToxiproxy = sync.OnceValues(func() (*toxiproxy.Client, error) {
	binary := filepath.Join(workDir, "toxiproxy")
	if err := goBuild("-o", binary, "github.com/Shopify/toxiproxy/v2/cmd/server"); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return nil, err
	}
	toxiproxyProcess = exec.Command(binary, "-host", "127.0.0.1", "-port", strconv.Itoa(port))
	toxiproxyProcess.Env = append(os.Environ(), "LOG_LEVEL=error")
	toxiproxyProcess.Stderr = os.Stderr
	if err := toxiproxyProcess.Start(); err != nil {
		toxiproxyProcess = nil
		return nil, err
	}
	client := toxiproxy.NewClient(fmt.Sprintf("127.0.0.1:%d", port))
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err = client.Version(); err == nil {
			return client, nil
		}
	}
	return nil, fmt.Errorf("toxiproxy did not start within 20 s: %w", err)
})

func stopToxiproxy() error {
	if toxiproxyProcess == nil {
		return nil
	}
	if err := toxiproxyProcess.Process.Kill(); err != nil {
		return err
	}
	_ = toxiproxyProcess.Wait() // killed
	return nil
}

// newRoad makes a road to a store. It is open.
func newRoad(t testing.TB, far store) road {
	t.Helper()
	client, err := startToxiproxy()
	require.NoError(t, err)
	proxy, err := client.CreateProxy(rand.Text(), "127.0.0.1:0", strings.TrimPrefix(far.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = proxy.Delete() })
	return road{store: store{"http://" + proxy.Listen, far.prefix}, far: far, proxy: proxy}
}

// close lets nobody in any more, and breaks the connections that there are.
func (r road) close(t testing.TB) {
	t.Helper()
	require.NoError(t, r.proxy.Disable())
}

func (r road) open(t testing.TB) {
	t.Helper()
	require.NoError(t, r.proxy.Enable())
}

// upstream spoils what goes to the server, downstream what comes from it.
func (r road) upstream(t testing.TB, kind string, attributes toxiproxy.Attributes) {
	t.Helper()
	r.spoil(t, "upstream", kind, attributes)
}

func (r road) downstream(t testing.TB, kind string, attributes toxiproxy.Attributes) {
	t.Helper()
	r.spoil(t, "downstream", kind, attributes)
}

func (r road) spoil(t testing.TB, stream, kind string, attributes toxiproxy.Attributes) {
	t.Helper()
	_, err := r.proxy.AddToxic(kind+"-"+stream, kind, stream, 1, attributes)
	require.NoError(t, err)
}

// heal takes away what spoils the road.
func (r road) heal(t testing.TB) {
	t.Helper()
	toxics, err := r.proxy.Toxics()
	require.NoError(t, err)
	for _, toxic := range toxics {
		require.NoError(t, r.proxy.RemoveToxic(toxic.Name))
	}
}

// runID is the run of every test of a fault; each has an index prefix of its own.
const runID = "disturbed"

// steady is a run of k6 into a store that a fault meets: some seconds, some dozens of requests in each.
func (s store) steady(t testing.TB, duration time.Duration, options ...string) command {
	t.Helper()
	c := k6Run(t, short, s.out(options...), "-e", "DURATION="+duration.String(), "-e", "SUMMARY=summary.json")
	c.env = []string{
		"K6_ELASTICSEARCH_RUN_ID=" + runID, "K6_ELASTICSEARCH_RUN_NAME=" + runID, "K6_ELASTICSEARCH_FLUSH_PERIOD=200ms",
		"K6_ELASTICSEARCH_TIMEOUT=5s", "K6_ELASTICSEARCH_STOP_TIMEOUT=30s",
	}
	return c
}

// requireRun demands that the run's own document tells what k6's summary does, and that nothing is missing.
func (s store) requireRun(t testing.TB, want summary, status runs.Status) runs.Document {
	t.Helper()
	d := s.run(t, runID)
	assert.Equal(t, status, d.K6.Run.Status, d.K6.Run.Reason)
	assert.False(t, d.K6.Run.Partial)
	assert.InDelta(t, want.Metrics["http_reqs"].Values["count"], d.K6.Summary.Requests, 0)
	assert.InDelta(t, want.Metrics["iterations"].Values["count"], d.K6.Summary.Iterations, 0)
	assert.NotEmpty(t, s.series(t, runID))
	return d
}

// requireExact demands that k6 ended well, and that all it counted is on the server: in the documents, and
// in the run's own.
func (s store) requireExact(t testing.TB, o outcome) {
	t.Helper()
	require.Zero(t, o.code, o.stderr)
	require.Contains(t, o.stderr, "all delivered", o.stderr)
	want := readSummary(t, filepath.Join(o.dir, "summary.json"))
	s.requireNumbers(t, want, 0)
	s.requireValid(t)
	s.requireRun(t, want, runs.Passed)
	left, err := filepath.Glob(filepath.Join(o.dir, ".local", "state", "k6es", "spool", runID+"-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is left in the spool")
}

var leftInSpool = regexp.MustCompile(`(\d[\d,]*) of (\d[\d,]*) documents(, and the run's own,)? could not be delivered and are in the spool`)

// requireSpooled demands that k6 ended as if nothing had been, said what is in the spool, and that all it
// counted is on the server once that has been sent.
func (s store) requireSpooled(t testing.TB, o outcome) {
	t.Helper()
	require.Zero(t, o.code, o.stderr)
	require.Regexp(t, leftInSpool, o.stderr)
	s.replay(o.dir).run(t, 0)
	want := readSummary(t, filepath.Join(o.dir, "summary.json"))
	s.requireNumbers(t, want, 0)
	s.requireValid(t)
	s.requireRun(t, want, runs.Passed)
	again := s.replay(o.dir).run(t, 0)
	assert.Contains(t, again.stdout+again.stderr, "othing", "the spool is empty now")
}

// replay makes a command that sends what a run left in the spool of a home folder.
func (s store) replay(home string, args ...string) command {
	return command{program: k6es, dir: home, args: append([]string{"replay", "--url", s.url}, args...)}
}

// ready makes a store of an index prefix of its own that is set up, so that documents arrive at once.
func ready(t testing.TB) store {
	t.Helper()
	s := firstClass(t)
	s.command("setup", "--index-management").run(t, 0)
	return s
}

// during does something while k6 runs, once documents began to arrive.
func (s store) during(t testing.TB, p *process, what func()) outcome {
	t.Helper()
	s.waitForDocuments(t)
	what()
	return p.wait()
}

// waitForDocuments waits until some of the run's documents are there.
func (s store) waitForDocuments(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return s.exists(t) && s.count(t) > 0 }, 30*time.Second, 100*time.Millisecond)
}

// setting changes a setting of an index or the cluster.
func (s store) setting(t testing.TB, path, key string, value any) {
	t.Helper()
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPut, path, object{key: value}, nil))
}
