package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

func TestTemplateIsThereBeforeTheFirstDocument(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		file := write(t, t.TempDir(), "checkout.json", small.text(t))
		first := s.load(t, file)
		assert.True(t, s.hasTemplate(t))
		s.requireValid(t)

		s.wipe(t)
		again := s.load(t, file)
		assert.Equal(t, first.Created, again.Created)
		assert.True(t, s.hasTemplate(t), "installed again")
		s.requireValid(t)
	})
}

func TestNothingIsWrittenWithoutTemplate(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s := newStore(t, url)
		file := write(t, t.TempDir(), "checkout.json", small.text(t))
		o := s.upload("--setup=off", file).run(t, 1)
		assert.Contains(t, o.stderr, "the template "+s.template()+" is missing")
		assert.Contains(t, o.stderr, "k6es setup --index-management")

		live := k6Run(t, "../k6/tiny.js", s.out("setup=off", "stop-timeout=5s")).run(t, 0)
		assert.Contains(t, live.stderr, "the template "+s.template()+" is missing")
		assert.Regexp(t, `level=warning msg="[1-9]\d* of \d+ documents, and the run's own, could not be delivered and are in the spool`, live.stderr)

		assert.False(t, s.exists(t))
		assert.False(t, s.hasTemplate(t))
	})
}

// Somebody empties the server while it is away: no document comes before the template.
func TestTemplateIsLookedForAfterAnOutage(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	g := newGate(t, s, open)
	p := k6Run(t, "testdata/short.js", g.out("flush-period=200ms"), "-e", "DURATION=6s").start(t)
	require.Eventually(t, func() bool { return s.exists(t) }, 20*time.Second, 50*time.Millisecond)
	g.state.Store(shut)
	time.Sleep(time.Second) // several requests meet the shut gate
	s.wipe(t)
	g.state.Store(open)
	o := p.wait()
	require.Zero(t, o.code, o.stderr)
	assert.Contains(t, o.stderr, "is back after")
	assert.Contains(t, o.stderr, "all delivered")
	assert.True(t, s.hasTemplate(t), o.stderr)
	assert.NotZero(t, s.count(t))
	s.requireValid(t)
}

// An index that may have no more fields takes the documents with their labels in k6.tags.
func TestFieldLimitOfTheIndex(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s, dir := newStore(t, url), t.TempDir()
		s.load(t, write(t, dir, "first.json", small.text(t)))
		limit := object{"index.mapping.total_fields.limit": s.fields(t) + 3}
		require.Equal(t, http.StatusOK, s.send(t, http.MethodPut, "/"+s.indices()+"/_settings", limit, nil))

		before := s.count(t)
		o := s.upload("--output", "json", write(t, dir, "labels.json", load{requests: 200, seed: 2, labels: 20}.text(t))).run(t, 0)
		r := o.results(t)[0]
		assert.Zero(t, r.Rejected)
		assert.Equal(t, r.Documents, r.Created)
		assert.Equal(t, before+r.Documents, s.count(t))
		s.requireValid(t)
		assert.InDelta(t, 200, s.requests(t, term("k6.run.id", r.RunID), term("k6.tags", "label_19=value 19")), 0)
	})
}

// fields is how many fields the mapping counts against its limit: objects, fields and runtime fields.
func (s store) fields(t testing.TB) int {
	t.Helper()
	var indices map[string]struct {
		Mappings struct{ Properties map[string]property }
	}
	s.send(t, http.MethodGet, "/"+s.indices()+"/_mapping", nil, &indices)
	require.Len(t, indices, 1)
	var count func(map[string]property) int
	count = func(properties map[string]property) int {
		n := len(properties)
		for _, p := range properties {
			n += count(p.Properties)
		}
		return n
	}
	for _, found := range indices {
		return count(found.Mappings.Properties)
	}
	return 0
}

// Somebody else's template wins over ours, and what does not fit it is refused.
func TestRefusedDocumentsAreKept(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		s, dir := newStore(t, url), t.TempDir()
		foreign := object{
			"index_patterns": []string{s.indices()}, "priority": 10_000,
			"template": object{"mappings": object{"properties": object{"k6": object{"properties": object{
				"http_req_duration": object{"type": "boolean"}, "run": object{"properties": object{"id": object{"type": "keyword"}}},
				"instance": object{"type": "keyword"},
			}}}}},
		}
		require.Equal(t, http.StatusOK, s.send(t, http.MethodPut, "/_index_template/"+s.prefix+"-foreign", foreign, nil))

		file := write(t, dir, "checkout.json", small.text(t))
		o := s.upload("--output", "json", file).run(t, 4)
		r := o.results(t)[0]
		assert.Equal(t, small.requests, r.Rejected)
		assert.Equal(t, r.Documents, r.Created+r.Rejected)
		assert.Equal(t, r.Created, s.count(t))
		assert.Contains(t, o.stderr, "300 documents refused by the server; see "+file+".rejects")
		assert.Contains(t, o.stderr, "the server refused a document")
		kept := rejects(t, file+".rejects")
		assert.Len(t, kept, small.requests)
		assert.NotNil(t, kept[0]["document"].(object)["k6"].(object)["http_req_duration"])

		live := k6Run(t, "../k6/tiny.js", s.out("run-id=live")).run(t, 0)
		assert.Regexp(t, `level=warning msg=".* 1 documents? rejected \(kept in k6es-live.rejects\)`, live.stderr)
		assert.Len(t, rejects(t, filepath.Join(live.dir, "k6es-live.rejects")), 1)
		assert.NotContains(t, strings.Join(strings.Fields(live.stderr), " "), "all delivered")
	})
}
