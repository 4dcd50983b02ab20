package k6output

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"go.k6.io/k6/v2/metrics"
)

// hook is a receiver of notifications, which keeps them.
type hook struct {
	url string

	mu   sync.Mutex
	told []notification
}

type notification struct {
	Kind, Status, Text string
	Worst              struct{ Name string } `json:"worst_request"`
	Run                struct {
		K6 struct{ Summary struct{ Undelivered int } }
	}
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notification
		body, _ := io.ReadAll(r.Body)
		assert.NoError(t, json.Unmarshal(body, &n), "%s", body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = append(h.told, n)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// finished runs a test of two requests that k6 ends with an error, and returns what was logged.
func finished(t *testing.T, argument string, err error) string {
	t.Helper()
	samples := newRunSamples()
	o, hook := newOutput(t, argument)
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
	require.NoError(t, o.StopWithTestError(err))
	return strings.Join(lines(hook), "\n")
}

func TestEndOfTheRunIsTold(t *testing.T) {
	t.Parallel()
	server := newCluster(t)
	aborted := errext.WithExitCodeIfNone(assert.AnError, exitcodes.ScriptAborted)
	for _, c := range []struct {
		on, text string
		err      error
	}{
		{"always", "checkout.test passed", nil},
		{"failed", "", nil},
		{"worse", "", nil},
		{"failed", "checkout.test was aborted", aborted},
	} {
		h := newHook(t)
		logged := finished(t, server.url+",notify="+h.url+"/s3cr3t,notify-on="+c.on+",test=checkout.test", c.err)
		assert.NotContains(t, logged, "s3cr3t")
		host := strings.TrimPrefix(h.url, "http://")
		if c.text == "" {
			assert.Empty(t, h.told, c.on)
			assert.NotContains(t, logged, host)
			continue
		}
		require.Len(t, h.told, 1)
		assert.Equal(t, "run", h.told[0].Kind)
		assert.Equal(t, c.text, h.told[0].Text)
		assert.Contains(t, logged, "info: notified "+host)
	}
}

// A server that is down is a reason to tell somebody, and does not keep anybody from being told.
func TestEndOfTheRunIsToldWithoutAServer(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	logged := finished(t, "http://127.0.0.1:1,stop-timeout=300ms,notify-on=failed,notify="+h.url, nil)
	require.Len(t, h.told, 1)
	assert.Equal(t, "checkout passed", h.told[0].Text)
	assert.Equal(t, 2, h.told[0].Run.K6.Summary.Undelivered)
	assert.Equal(t, "GET /items", h.told[0].Worst.Name)
	assert.Contains(t, logged, "info: notified ")
}

// A run ends no later than leastNotify after the option stop-timeout is over.
func TestTimeForNotifications(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, time.Second: leastNotify, 0: leastNotify, -lateness: leastNotify - lateness,
	} {
		assert.Equal(t, want, notifyTime(left), "%s left", left)
	}
}

func TestReceiverThatRefusesDoesNotFailTheRun(t *testing.T) {
	t.Parallel()
	server, refuses := newCluster(t), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refuses.Close)
	logged := finished(t, server.url+",notify="+refuses.URL+"/s3cr3t", nil)
	assert.Contains(t, logged, "all delivered")
	assert.Contains(t, logged, "warning: "+strings.TrimPrefix(refuses.URL, "http://")+" was not notified: it answered 404 Not Found. "+
		"Check the address in notify (K6_ELASTICSEARCH_NOTIFY_URL)")
	assert.NotContains(t, logged, "s3cr3t")

	params, _ := testParams(t, server.url+",notify-ca-cert-file=absent.pem")
	_, err := New(params)
	require.ErrorContains(t, err, "cannot use notify-ca-cert-file")
	params, _ = testParams(t, server.url+",notify=s3cr3t")
	_, err = New(params)
	require.ErrorContains(t, err, "notify (--out elasticsearch=…): number 1 is not an address")
	assert.NotContains(t, err.Error(), "s3cr3t")
}
