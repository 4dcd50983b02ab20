//go:build unix

package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

// What goes wrong in the server itself, on one that is short of everything and may be killed. Its tests run
// one after the other.
func TestFaultOfTheServer(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.TightServer)
	for _, fault := range []struct {
		name string
		test func(*testing.T, store)
	}{
		{"a request is too large", testTooLarge},
		{"the circuit breaker trips", testCircuitBreaker},
		{"the write queue is full", testFullQueue},
		{"killed in the middle, and started again", testKilledServer},
	} {
		t.Run(fault.name, func(t *testing.T) {
			s := newStore(t, url)
			s.command("setup", "--index-management").run(t, 0)
			fault.test(t, s)
		})
	}
}

// A bulk request beyond http.max_content_length is sent in halves: 413, for real. Without compression they
// are large enough.
func testTooLarge(t *testing.T, s store) {
	g := newGate(t, s, open)
	o := g.steady(t, brief, "compression=0", "flush-period=3s").start(t).wait()
	assert.Positive(t, g.seen[http.StatusRequestEntityTooLarge].Load(), "the server found no request too large")
	s.requireExact(t, o)
}

// A write queue that others keep full turns requests away (429) until they are done.
func testFullQueue(t *testing.T, s store) {
	g := newGate(t, s, open)
	p := g.steady(t, spanned).start(t)
	o := s.during(t, p, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		s.crowd(ctx, 12)
	})
	items := strings.Contains(o.stderr, "429") || strings.Contains(o.stderr, "es_rejected_execution_exception")
	assert.True(t, items || g.seen[http.StatusTooManyRequests].Load() > 0, "nobody was turned away: %s", o.stderr)
	s.requireExact(t, o)
}

// crowd keeps the server busy with writing until the context ends.
func (s store) crowd(ctx context.Context, writers int) {
	var body strings.Builder
	for range 150 {
		body.WriteString(`{"index":{}}` + "\n" + `{"text":"` + strings.Repeat("word ", 60) + `"}` + "\n")
	}
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/"+s.prefix+"-crowd/_bulk", strings.NewReader(body.String()))
				if err != nil {
					return
				}
				request.Header.Set("Content-Type", "application/x-ndjson")
				if response, err := http.DefaultClient.Do(request); err == nil {
					_ = response.Body.Close()
				}
			}
		})
	}
	all.Wait()
}

// A circuit breaker that lets no request of some size in (429, circuit_breaking_exception) is waited out.
func testCircuitBreaker(t *testing.T, s store) {
	limit := func(value any) {
		s.setting(t, "/_cluster/settings", "transient", object{"network.breaker.inflight_requests.limit": value})
	}
	defer limit(nil)
	g := newGate(t, s, open)
	p := g.steady(t, spanned).start(t)
	o := s.during(t, p, func() {
		limit("100b")
		require.Eventually(t, func() bool { return g.seen[http.StatusTooManyRequests].Load() > 1 }, 10*time.Second, 20*time.Millisecond)
		limit(nil)
	})
	assert.Contains(t, o.stderr, "circuit_breaking_exception")
	s.requireExact(t, o)
}

// A server that is killed while it takes documents, and started again, has them all, once.
func testKilledServer(t *testing.T, s store) {
	pid, err := strconv.Atoi(os.Getenv(servertest.Variable(servertest.TightServer) + "_PID"))
	require.NoError(t, err, "which process is the server?")
	p := s.steady(t, spanned+10*time.Second).start(t)
	o := s.during(t, p, func() {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		again := exec.Command("sh", "-c", os.Getenv(servertest.Variable(servertest.TightServer)+"_START"))
		output, err := again.CombinedOutput()
		require.NoError(t, err, "%s", output)
	})
	if strings.Contains(o.stderr, "are in the spool") { // it took longer than the run to come back
		s.requireSpooled(t, o)
		return
	}
	assert.Contains(t, o.stderr, "is back after")
	s.requireExact(t, o)
}
