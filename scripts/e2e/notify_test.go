package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/notify"
	"github.com/k6es/k6es/runs"
)

// channel is a receiver of notifications as Slack has them.
type channel struct {
	url  string // below it is what nobody else may see
	host string

	mu    sync.Mutex
	posts []string
}

func newChannel(t *testing.T) *channel {
	t.Helper()
	c := &channel{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct {
			Text   string
			Blocks []any
		}
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&message))
		assert.NotEmpty(t, message.Blocks)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.posts = append(c.posts, message.Text)
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(server.Close)
	c.url, c.host = "slack+"+server.URL+"/services/s3cr3t", strings.TrimPrefix(server.URL, "http://")
	return c
}

// texts are those that were posted so far.
func (c *channel) texts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.posts...)
}

// Of a run that crosses a threshold one message comes, and of one that holds it none.
func TestFailedRunIsTold(t *testing.T) {
	t.Parallel()
	s, c := firstClass(t), newChannel(t)
	run := func(limit string, code int) outcome {
		live := k6Run(t, short, s.out("test=checkout"), "-e", "LIMIT="+limit)
		live.env = []string{"K6_ELASTICSEARCH_NOTIFY_URL=" + c.url, "K6_ELASTICSEARCH_NOTIFY_ON=failed"}
		o := live.run(t, code)
		assert.NotContains(t, o.stderr+o.stdout, "s3cr3t")
		return o
	}
	assert.NotContains(t, run("100000", 0).stderr, "notified")
	assert.Empty(t, c.texts())
	assert.Contains(t, run("1", 99).stderr, `msg="notified `+c.host+`"`)
	require.Len(t, c.texts(), 1)
	assert.Regexp(t, "^❌ `checkout` \\*failed\\*: 1 of 1 thresholds crossed", c.texts()[0])
}

// Of a run of several k6 processes the last one to end tells, once.
func TestRunOfSeveralProcessesIsToldOnce(t *testing.T) {
	t.Parallel()
	s, c := firstClass(t), newChannel(t)
	start := func(duration string) *process {
		live := k6Run(t, short, s.out("run-id=shared", "run-name=both", "test=checkout"), "-e", "DURATION="+duration)
		live.env = []string{"K6_ELASTICSEARCH_NOTIFY_URL=" + c.url}
		return live.start(t)
	}
	last := start("60s")
	s.waitFor(t, "shared", func(runs.Document) bool { return true })
	first := start("1s").wait()
	require.Zero(t, first.code, first.stderr)
	assert.Empty(t, c.texts(), "the other goes on")
	require.NoError(t, last.Process.Signal(os.Interrupt))
	assert.Contains(t, last.wait().stderr, "notified "+c.host)
	assert.Equal(t, []string{"❌ `checkout` *was interrupted*"}, c.texts())
}

// A receiver that never answers holds up the end of a run by no more than the budget, and does not fail it.
func TestReceiverThatNeverAnswers(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	end := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hangs.Close)
	t.Cleanup(func() { close(end) })
	live := k6Run(t, short, s.out())
	live.env = []string{"K6_ELASTICSEARCH_NOTIFY_URL=" + hangs.URL + "/s3cr3t"}
	o := live.run(t, 0)
	const start, run, baseline, slack = 3 * time.Second, time.Second, 3 * time.Second, 5 * time.Second
	assert.Less(t, o.took, start+run+baseline+notify.Budget+slack)
	assert.Contains(t, o.stderr, "all delivered")
	assert.Contains(t, o.stderr, strings.TrimPrefix(hangs.URL, "http://")+" was not notified: it did not answer in time")
	assert.NotContains(t, o.stderr, "s3cr3t")
}
