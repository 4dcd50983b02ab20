package e2e

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
)

// How long k6 runs where a fault takes a moment, and where it takes seconds.
const (
	brief   = 4 * time.Second
	spanned = 12 * time.Second
)

// Faults of the road to the server that pass while k6 runs: all that k6 counted arrives.
func TestFaultThatPasses(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		duration time.Duration
		before   func(testing.TB, road)
		during   func(testing.TB, road)
		says     string
	}{
		"server down at the start": {
			duration: outage/2 + spanned,
			before:   func(t testing.TB, r road) { r.close(t) },
			during:   func(t testing.TB, r road) { time.Sleep(outage / 2); r.open(t) },
			says:     "connection refused",
		},
		"server down in the middle": {
			duration: outage + spanned,
			during:   func(t testing.TB, r road) { r.close(t); time.Sleep(outage); r.open(t) },
			says:     "is back after",
		},
		"connection reset within a body": {
			duration: spanned,
			during:   passing(2*time.Second, road.upstream, "reset_peer", toxiproxy.Attributes{"timeout": 0}),
			says:     "is back after",
		},
		"connection cut within a body": {
			duration: spanned,
			during:   passing(2*time.Second, road.upstream, "limit_data", toxiproxy.Attributes{"bytes": 700}),
			says:     "is back after",
		},
		"answers cut": {
			duration: spanned,
			during:   passing(2*time.Second, road.downstream, "limit_data", toxiproxy.Attributes{"bytes": 40}),
			says:     "is back after",
		},
		"silence": {
			duration: spanned,
			during:   passing(7*time.Second, road.downstream, "timeout", toxiproxy.Attributes{"timeout": 0}),
			says:     "nothing came within 5s",
		},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoad(t, ready(t))
			if f.before != nil {
				f.before(t, r)
			}
			p := r.steady(t, f.duration).start(t)
			var o outcome
			if f.before != nil {
				f.during(t, r)
				o = p.wait()
			} else {
				o = r.far.during(t, p, func() { f.during(t, r) })
			}
			assert.Contains(t, o.stderr, f.says)
			r.far.requireExact(t, o)
		})
	}
}

// passing is a road that is spoiled for a while, on the way there or back.
func passing(lasts time.Duration, way func(road, testing.TB, string, toxiproxy.Attributes), kind string, attributes toxiproxy.Attributes) func(testing.TB, road) {
	return func(t testing.TB, r road) {
		way(r, t, kind, attributes)
		time.Sleep(lasts)
		r.heal(t)
	}
}

// Faults that last: k6 ends as if nothing had been, and what did not arrive is in the spool, all of it.
func TestFaultThatLasts(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		fault   func(testing.TB, road) // from the start on
		options []string
		says    string
	}{
		"server down for the whole run": {
			fault: func(t testing.TB, r road) { r.close(t) },
			says:  "connection refused",
		},
		"slow link": {
			fault:   func(t testing.TB, r road) { r.upstream(t, "bandwidth", toxiproxy.Attributes{"rate": 1}) },
			options: []string{"timeout=30s", "setup=off"},
		},
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ready(t)
			r := newRoad(t, s)
			f.fault(t, r)
			options := append([]string{"stop-timeout=1s"}, f.options...)
			begin := time.Now()
			o := r.steady(t, brief, options...).start(t).wait()
			assert.Less(t, time.Since(begin), brief+20*time.Second)
			assert.Contains(t, o.stderr, f.says)
			s.requireSpooled(t, o)
		})
	}
}

// A link that is slow, but not too slow, costs nothing but time at the end.
func TestFaultSlow(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(testing.TB, road){
		"5 s latency":  func(t testing.TB, r road) { r.downstream(t, "latency", toxiproxy.Attributes{"latency": 5000}) },
		"a slow close": func(t testing.TB, r road) { r.downstream(t, "slow_close", toxiproxy.Attributes{"delay": 1000}) },
		"tiny packets": func(t testing.TB, r road) {
			r.upstream(t, "slicer", toxiproxy.Attributes{"average_size": 100, "size_variation": 50, "delay": 10})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ready(t)
			r := newRoad(t, s)
			spoil(t, r)
			o := r.steady(t, brief, "timeout=30s", "stop-timeout=90s").start(t).wait()
			r.far.requireExact(t, o)
		})
	}
}

// Answers that a real server gives only in its worst moments, from something that stands before it.
func TestFaultyAnswers(t *testing.T) {
	t.Parallel()
	const bulk = "/_bulk"
	faults := map[string]func(w http.ResponseWriter, r *http.Request, server http.Handler){
		"503": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"503 with Retry-After": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"the answer is lost": func(_ http.ResponseWriter, r *http.Request, server http.Handler) {
			server.ServeHTTP(discard{http.Header{}}, r)
			panic(http.ErrAbortHandler)
		},
		"HTML instead of JSON": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, "<html><body>Bad gateway</body></html>")
		},
		"half an answer": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			_, _ = fmt.Fprint(w, `{"took":3,"errors":true,"items":[{"create":{"status":201`)
		},
		"fewer items than documents": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			_, _ = fmt.Fprint(w, `{"errors":true,"items":[{"create":{"error":{"type":"x","reason":"y"},"status":429}}]}`)
		},
		"an answer that is not what it says": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = fmt.Fprint(w, "not gzip")
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, ready(t), open)
			p := g.steady(t, spanned).start(t)
			o := g.far.during(t, p, func() {
				g.spoil(bulk, fault)
				time.Sleep(1500 * time.Millisecond)
				g.spoil("", nil)
			})
			assert.Contains(t, o.stderr, "level=warning", "the user is told")
			g.far.requireExact(t, o)
		})
	}
}

// discard takes an answer that nobody shall see.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// A password that is changed while k6 runs locks it out, until somebody changes it back; or it is all in
// the spool.
func TestFaultPasswordChanged(t *testing.T) {
	t.Parallel()
	const user, before, after = "k6", "correct-horse", "battery-staple"
	for name, back := range map[string]bool{"and back": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, ready(t), open)
			g.password.Store(before)
			stop := "2s"
			if back {
				stop = "30s"
			}
			c := g.steady(t, spanned, "user="+user, "stop-timeout="+stop)
			c.env = append(c.env, "K6_ELASTICSEARCH_PASSWORD="+before)
			p := c.start(t)
			o := g.far.during(t, p, func() {
				g.password.Store(after)
				time.Sleep(2 * time.Second)
				if back {
					g.password.Store(before)
				}
			})
			assert.Contains(t, o.stderr, `wrong user or password for \"k6\"`)
			assert.NotContains(t, o.stderr+o.stdout, before)
			if back {
				g.far.requireExact(t, o)
			} else {
				g.far.requireSpooled(t, o)
			}
		})
	}
}

// An index that takes no more, as at the flood stage of the disk, gets all when it does again.
func TestFaultReadOnly(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"and writable again": true, "to the end": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ready(t)
			stop := "2s"
			if again {
				stop = "30s"
			}
			p := s.steady(t, spanned, "stop-timeout="+stop).start(t)
			block := func(value any) {
				s.setting(t, "/"+s.indices()+"/_settings", "index.blocks.read_only_allow_delete", value)
			}
			o := s.during(t, p, func() {
				block(true)
				time.Sleep(2 * time.Second)
				if again {
					block(nil)
				}
			})
			assert.Contains(t, o.stderr, "read-only")
			if again {
				s.requireExact(t, o)
				return
			}
			block(nil)
			s.requireSpooled(t, o)
		})
	}
}

// A foreign template that makes a field something else has the server refuse documents: they are counted,
// and kept, and the others arrive.
func TestFaultForeignTemplate(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	foreign := object{
		"index_patterns": []string{s.indices()}, "priority": 900,
		"template": object{"mappings": object{"properties": object{"k6": object{"properties": object{
			"http_req_duration": object{"type": "date", "format": "yyyy"},
			"run":               object{"properties": object{"id": object{"type": "keyword"}}},
		}}}}},
	}
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPut, "/_index_template/"+s.prefix+"-foreign", foreign, nil))
	o := s.steady(t, brief).start(t).wait()
	require.Zero(t, o.code, o.stderr)
	want := readSummary(t, filepath.Join(o.dir, "summary.json"))
	requests := int(want.Metrics["http_reqs"].Values["count"])
	kept := rejects(t, filepath.Join(o.dir, "k6es-"+runID+".rejects"))
	assert.Len(t, kept, requests, "just the documents that have the field")
	assert.Contains(t, o.stderr, fmt.Sprintf("%d documents rejected (kept in k6es-%s.rejects)", requests, runID))
	d := s.requireRun(t, want, runs.Passed)
	assert.EqualValues(t, requests, d.K6.Summary.Rejected)
	assert.EqualValues(t, d.K6.Summary.Documents-int64(requests), s.count(t))
}

// An index that somebody deletes takes with it what it held; what comes later goes to a new one, which has
// the template, and the run's own document still knows all.
func TestFaultIndexDeleted(t *testing.T) {
	t.Parallel()
	s := ready(t)
	p := s.steady(t, spanned).start(t)
	var deleted float64
	o := s.during(t, p, func() {
		deleted = s.requests(t)
		require.Equal(t, http.StatusOK, s.send(t, http.MethodDelete, "/"+s.onlyIndex(t), nil, nil))
	})
	require.Zero(t, o.code, o.stderr)
	want := readSummary(t, filepath.Join(o.dir, "summary.json"))
	s.requireRun(t, want, runs.Passed)
	s.requireValid(t)
	left := s.requests(t)
	total := want.Metrics["http_reqs"].Values["count"]
	assert.Positive(t, left)
	assert.LessOrEqual(t, left, total-deleted)
	assert.InDelta(t, total-deleted, left, 40, "no more is gone than what arrived between counting and deleting")
}

// onlyIndex is the index that holds all samples.
func (s store) onlyIndex(t testing.TB) string {
	t.Helper()
	var found []struct{ Index string }
	s.send(t, http.MethodGet, "/_cat/indices/"+s.indices()+"?format=json&h=index", nil, &found)
	require.Len(t, found, 1)
	return found[0].Index
}

// One dead node among three is passed over.
func TestFaultDeadNode(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	first, second := newRoad(t, s), newRoad(t, store{s.url, s.prefix})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	c := k6Run(t, short, "--out=elasticsearch", "-e", "DURATION="+spanned.String(), "-e", "SUMMARY=summary.json")
	c.env = []string{
		"K6_ELASTICSEARCH_URL=" + strings.Join([]string{first.url, dead, second.url}, ","),
		"K6_ELASTICSEARCH_INDEX_PREFIX=" + s.prefix, "K6_ELASTICSEARCH_RUN_ID=" + runID, "K6_ELASTICSEARCH_FLUSH_PERIOD=200ms",
	}
	p := c.start(t)
	o := s.during(t, p, func() {
		second.close(t)
		time.Sleep(time.Second)
		second.open(t)
	})
	s.requireExact(t, o)
}

// A name that nobody knows is a server that does not answer: the run goes on, and is in the spool.
func TestFaultUnknownName(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	unknown := store{"http://elasticsearch.invalid:9200", s.prefix}
	o := unknown.steady(t, brief, "stop-timeout=1s").start(t).wait()
	assert.Contains(t, o.stderr, "elasticsearch.invalid")
	s.requireSpooled(t, o)
}

// A k6 that is killed while the server is away leaves in the spool what it had been given up to the last
// flush: what is lost is the last flush period's, and what was on its way through k6.
func TestFaultKilledDuringOutage(t *testing.T) {
	t.Parallel()
	const slack = 2 * time.Second // k6 hands over every 50 ms, a flush is every 200 ms; the rest is a busy machine
	s := ready(t)
	r := newRoad(t, s)
	c := r.steady(t, outage+time.Minute)
	c.args = append(c.args[:len(c.args)-1], "--out=json=samples.json", c.args[len(c.args)-1])
	p := c.start(t)
	s.waitForDocuments(t)
	r.close(t)
	time.Sleep(outage)
	killed := time.Now()
	require.NoError(t, p.Process.Kill())
	o := p.wait()
	s.replay(o.dir).run(t, 0)
	var newest struct {
		Aggregations struct{ Newest struct{ Value float64 } }
	}
	s.refresh(t)
	s.send(t, http.MethodPost, "/"+s.indices()+"/_search?size=0",
		object{"aggs": object{"newest": object{"max": object{"field": "@timestamp"}}}}, &newest)
	reached := time.UnixMilli(int64(newest.Aggregations.Newest.Value))
	assert.Less(t, killed.Sub(reached), slack, "the newest sample is of %s, k6 was killed at %s", reached, killed)
	all, _ := readSamples(t, filepath.Join(o.dir, "samples.json"))
	before := 0.0
	for _, sample := range all {
		if sample.metric == "http_reqs" && sample.time.Before(killed.Add(-slack)) {
			before++
		}
	}
	assert.GreaterOrEqual(t, s.requests(t), before, "all requests of before are there")
}

// A disk that is full cannot take what the server does not: k6 goes on, and says and counts what is lost.
func TestFaultDiskFull(t *testing.T) {
	t.Parallel()
	s := ready(t)
	r := newRoad(t, s)
	r.close(t)
	c := r.steady(t, spanned, "stop-timeout=1s", "memory=64KiB", "bulk-size=16KiB")
	c.shell = `ulimit -f 16; trap '' XFSZ; exec "$0" "$@"` // in blocks of 512 bytes
	o := c.start(t).wait()
	require.Zero(t, o.code, o.stderr)
	assert.Contains(t, o.stderr, "file too large")
	assert.Regexp(t, `[\d,]+ documents not delivered`, o.stderr)
	s.replay(o.dir).run(t, 0)
	want := readSummary(t, filepath.Join(o.dir, "summary.json"))
	d := s.requireRun(t, want, runs.Passed)
	assert.Positive(t, d.K6.Summary.Undelivered)
	assert.EqualValues(t, d.K6.Summary.Documents-d.K6.Summary.Undelivered, s.count(t), "what is missing is what was counted")
}

// With on-error=abort the test ends, through k6's own mechanism, when documents are refused.
func TestFaultAborts(t *testing.T) {
	t.Parallel()
	g := newGate(t, ready(t), open)
	g.password.Store("one")
	c := g.steady(t, time.Minute, "user=k6", "on-error=abort", "stop-timeout=1s")
	c.env = append(c.env, "K6_ELASTICSEARCH_PASSWORD=one")
	p := c.start(t)
	o := g.far.during(t, p, func() { g.password.Store("two") })
	assert.NotZero(t, o.code)
	assert.Less(t, o.took, 40*time.Second)
	assert.Contains(t, o.stderr, "the option on-error ends the test")
}

// A clock that jumps, forward by an hour and back by two, changes when samples were, and no number.
func TestFaultClockJumps(t *testing.T) {
	t.Parallel()
	steadily, jumping := firstClass(t), firstClass(t)
	text := load{requests: 3000, seed: 9}.text(t)
	steadily.load(t, write(t, t.TempDir(), "clock.json", text))
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		switch {
		case i > 2*len(lines)/3:
			lines[i] = strings.Replace(line, `"time":"2026-11-22T12:`, `"time":"2026-11-22T11:`, 1)
		case i > len(lines)/3:
			lines[i] = strings.Replace(line, `"time":"2026-11-22T12:`, `"time":"2026-11-22T13:`, 1)
		}
	}
	result := jumping.load(t, write(t, t.TempDir(), "clock.json", strings.Join(lines, "")))
	assert.Zero(t, result.BadLines+result.Rejected+result.Undelivered)
	jumping.requireValid(t)
	for _, metric := range []string{"http_reqs", "http_req_duration", "http_req_failed"} {
		want := series{store: steadily, t: t, metric: metric, builtin: true}.stats("sum")["sum"]
		got := series{store: jumping, t: t, metric: metric, builtin: true}.stats("sum")["sum"]
		assert.InDelta(t, want.count, got.count, 0, metric)
		assert.InDelta(t, want.sum, got.sum, 1e-6*want.sum, metric)
	}
}
