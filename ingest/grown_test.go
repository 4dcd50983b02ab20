package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

// index holds the fields of documents by id, as a server does.
type index map[string]map[string]any

// read takes a stream's first samples, of which known were read before.
func (ix index) read(tb testing.TB, s *stream, samples int, known uint64) {
	tb.Helper()
	options := ingest.DefaultOptions()
	options.Known = known
	part := &stream{registry: s.registry, samples: s.samples[:samples]}
	for _, d := range parseDocuments(tb, part.bulk(tb, testRun, options)) {
		if _, there := ix[d.ID]; there && !d.Anew {
			continue
		}
		ix[d.ID] = d.fields
	}
}

// iteration adds the end of an iteration, which k6 hands over in two containers: others may come in
// between.
func (s *stream) iteration(at time.Duration, tags string, between func()) *stream {
	s.add("data_sent", at, 80, tags).add("data_received", at, 120, tags)
	between()
	return s.add("iteration_duration", at, 1204.3, tags).add("iterations", at, 1, tags)
}

// Wherever a stream ended when it was read first, and once more: read with the rest, it comes to the
// documents of one that was whole from the start.
func TestStreamThatHasGrown(t *testing.T) {
	t.Parallel()
	s := newStream().define("orders", ingest.Counter).define("size", ingest.Trend)
	nothing := func() {}
	for i := range 3 {
		at := time.Duration(i) * 700 * ms
		s.add("data_sent", at, 7, "scenario=browse").add("data_received", at, 9, "scenario=browse")
		s.request(at+ms, 0, home).add("checks", at+2*ms, 1, "check=is 200").add("orders", at+3*ms, 2, "").add("size", at+3*ms, 4, "")
		s.iteration(at+4*ms, "scenario=browse", nothing)
		s.iteration(at+5*ms, "scenario=browse", func() { s.request(at+5*ms, 1, home) })
		s.add("checks", at+6*ms, 0, "check=is 200").add("vus", at+7*ms, 3, "").add("vus_max", at+7*ms, 4, "")
		s.add("browser_data_sent", at+8*ms, 512, "url=http://shop/").add("browser_data_received", at+8*ms, 90210, "url=http://shop/").
			add("browser_http_req_duration", at+8*ms, 12.5, "url=http://shop/").add("browser_http_req_failed", at+8*ms, 1, "url=http://shop/")
		s.add("orders", at+9*ms, 3, "").add("size", at+9*ms, 5, "")
		s.add("group_duration", at+10*ms, 31, "group=::home").add("group_duration", at+11*ms, 30, "group=::home")
		s.add("group_duration", at+12*ms, 32, "group=::home").add("iterations", at+12*ms, 1, "group=::home") // an event of its own
	}
	whole := index{}
	whole.read(t, s, len(s.samples), 0)
	for first := 1; first < len(s.samples); first++ {
		whole.requireSame(t, s, first)
	}
}

// requireSame reads a stream that has grown from so many samples on.
func (ix index) requireSame(tb testing.TB, s *stream, first int) {
	tb.Helper()
	all := len(s.samples)
	for _, second := range []int{all, min(first+1, all), min(first+5, all)} {
		grown, known := index{}, uint64(first)
		grown.read(tb, s, first, 0)
		grown.read(tb, s, second, known)
		grown.read(tb, s, all, uint64(second))
		require.Equal(tb, ix, grown, "%d samples, then %d", first, second)
	}
}

// A list of values that is too long for one document goes on in another, which begins where the first ends,
// wherever the stream did before it grew.
func TestLongListThatHasGrown(t *testing.T) {
	t.Parallel()
	const most, more = 1000, 3 // values of a document, and of the last one
	s := newStream().define("size", ingest.Trend)
	for i := range 2*most + more {
		s.add("size", time.Duration(i)*time.Microsecond, float64(i), "")
	}
	var values []any
	for i, d := range s.documents(t) {
		listed := d.fields["k6.metric.value"].([]any)
		require.Len(t, listed, []int{most, most, more}[i])
		require.EqualValues(t, len(listed), d.fields["k6.metric.count"])
		values = append(values, listed...)
	}
	for i, value := range values {
		require.EqualValues(t, i, value, "in the order of the stream")
	}
	require.Len(t, values, 2*most+more)
	whole := index{}
	whole.read(t, s, len(s.samples), 0)
	for _, first := range []int{1, most - 1, most, most + 1, 2 * most, 2*most + 2} {
		whole.requireSame(t, s, first)
	}
}
