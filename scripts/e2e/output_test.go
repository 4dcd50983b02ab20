package e2e

import (
	"io"
	"net"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

const (
	tiny  = "../k6/tiny.js"
	short = "testdata/short.js"
)

const delivered = `level=info msg="\d+ samples in \d+ documents, all delivered \([0-9.]+ k?B sent\)" output=`

func TestFirstAndLastWord(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	o := k6Run(t, tiny, s.out("run-id=r-1", "run-name=my run")).run(t, 0)
	assert.Contains(t, o.stdout, "output: elasticsearch ("+s.url+" · Elasticsearch OSS 7.10.2 · run r-1 \"my run\")\n")
	assert.Regexp(t, delivered+"elasticsearch", o.stderr)
	assert.NotContains(t, o.stderr, "level=warning")

	quiet := k6Run(t, tiny, "--quiet", s.out()).run(t, 0)
	assert.NotContains(t, quiet.stdout, "output: elasticsearch")
	assert.Regexp(t, delivered+"elasticsearch", quiet.stderr)
}

func TestNamesOfTheOutput(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	for _, name := range []string{"elasticsearch", "opensearch", "output-elasticsearch"} {
		o := k6Run(t, tiny, "--out="+name+"="+s.url+",index-prefix="+s.prefix+",run-id="+name).run(t, 0)
		assert.Regexp(t, delivered+name, o.stderr)
		assert.InDelta(t, 1, s.requests(t, term("k6.run.id", name)), 0)
	}
}

func TestOutputIsConfiguredByEnvironment(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	c := k6Run(t, tiny, "--out=elasticsearch", "--tag", "testid=by tag")
	c.env = []string{
		"K6_ELASTICSEARCH_URL=" + s.url, "K6_ELASTICSEARCH_INDEX_PREFIX=" + s.prefix,
		"K6_ELASTICSEARCH_TEST_NAME=by environment", "K6_ELASTICSEARCH_LABELS=team=shop",
	}
	c.run(t, 0)
	assert.InDelta(t, 1, s.requests(t, term("k6.run.id", "by tag"), term("k6.test", "by environment"), term("labels.team", "shop")), 0)
}

// invalidConfig is k6's own exit code for it.
const invalidConfig = 104

func TestWrongOptionOfTheOutput(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	for option, says := range map[string]string{
		"run-idd=x":              `unknown option \"run-idd\"`,
		"timeout=soon":           "timeout",
		"index-period=fortnight": "index-period",
	} {
		o := k6Run(t, tiny, s.out(option)).run(t, invalidConfig)
		assert.Contains(t, o.stderr, "could not create the 'elasticsearch' output")
		assert.Contains(t, o.stderr, says)
	}
	assert.False(t, s.exists(t))
}

// A server that is not there hinders no test: not its course, and not its exit code.
func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	servertest.URL(t, servertest.FirstClass)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	for name, c := range map[string]struct {
		limit string
		code  int
	}{"thresholds hold": {"1000", 0}, "thresholds are crossed": {"1", 99}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := k6Run(t, short, "--out=elasticsearch=http://"+closed+",stop-timeout=1s", "-e", "LIMIT="+c.limit).run(t, c.code)
			assert.Regexp(t, regexp.QuoteMeta("http://"+closed)+` does not answer \(connection refused\), since [0-9:]+; documents go to the spool \(.*/k6es/spool, 2.0 GiB at most\)`, o.stderr)
			assert.Regexp(t, `level=warning msg="\d+ of \d+ documents, and the run's own, could not be delivered and are in the spool. Send them with: k6es replay `, o.stderr)
			assert.Less(t, o.took, 15*time.Second)
		})
	}
}

// A server that takes the connection and never answers holds a run up by no more than the two bounds: what
// the start waits to learn which server it is, and what the end waits.
func TestServerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	servertest.URL(t, servertest.FirstClass)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, connection) }()
		}
	}()
	const start, run, stop, slack = 3 * time.Second, time.Second, 2 * time.Second, 5 * time.Second
	o := k6Run(t, short, "--out=elasticsearch=http://"+listener.Addr().String()+",stop-timeout=2s", "-e", "DURATION=1s").run(t, 0)
	assert.Regexp(t, `level=warning msg="\d+ of \d+ documents, and the run's own, could not be delivered and are in the spool`, o.stderr)
	assert.Less(t, o.took, start+run+stop+slack)
}

// A server that comes up in the middle of a run, or goes away for a while, gets every document.
func TestServerThatComesAndGoes(t *testing.T) {
	t.Parallel()
	heavy(t, func(t *testing.T, url string) {
		for _, c := range []struct {
			name   string
			states []int32
			says   string
		}{
			{"comes up late", []int32{shut, shut, open}, "closed the connection without an answer"},
			{"goes for a while", []int32{open, shut, open}, "closed the connection without an answer"},
			{"hangs for a while", []int32{open, silent, open}, "does not answer (nothing came within 1s)"},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				s := newStore(t, url)
				g := newGate(t, s, c.states[0])
				p := k6Run(t, short, g.out("timeout=1s", "flush-period=200ms"), "-e", "DURATION=4s", "-e", "LIMIT=1", "-e", "SUMMARY=summary.json").start(t)
				for _, state := range c.states {
					g.state.Store(state)
					time.Sleep(1500 * time.Millisecond)
				}
				o := p.wait()
				assert.Equal(t, 99, o.code, "the threshold's own")
				require.Contains(t, o.stderr, "all delivered", o.stderr)
				assert.Contains(t, o.stderr, c.says)
				assert.Contains(t, o.stderr, "is back after")
				s.requireNumbers(t, readSummary(t, filepath.Join(o.dir, "summary.json")), 0)
				s.requireValid(t)
			})
		}
	})
}
