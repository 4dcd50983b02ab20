package ingest_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

func TestLongTextsAreCutAndMarked(t *testing.T) {
	t.Parallel()
	const most = 8 << 10
	long := strings.Repeat("x", most-1) + "é" + strings.Repeat("y", 40_000)
	docs := newStream().
		request(0, 0, "name="+long+"|journey="+long+"|x.y=1|x_y="+long+"|url=http://"+long+"|error="+long, "trace_id="+long).
		add("iteration_duration", ms, 1, strings.Repeat("k", 300)+"=1|"+strings.Repeat("k", 256)+"=2|fits="+strings.Repeat("z", most)).
		documents(t)
	require.Len(t, docs, 2)
	cut := strings.Repeat("x", most-1) // the é would end one byte behind
	assert.Equal(t, cut, docs[0].fields["k6.name"])
	assert.Equal(t, cut, docs[0].fields["labels.journey"])
	assert.Equal(t, cut, docs[0].fields["error.message"])
	assert.Equal(t, cut, docs[0].fields["trace.id"])
	assert.Equal(t, []any{"x_y=" + cut[:most-4]}, docs[0].fields["k6.tags"])
	assert.Equal(t, "http://"+cut[:most-7], docs[0].fields["url.full"])
	assert.ElementsMatch(t, []any{"k6.name", "labels.journey", "error.message", "trace.id", "k6.tags", "url.full"}, docs[0].fields["k6.truncated"])

	assert.Equal(t, []any{strings.Repeat("k", 300) + "=1"}, docs[1].fields["k6.tags"])
	assert.Equal(t, "2", docs[1].fields["labels."+strings.Repeat("k", 256)])
	assert.Len(t, docs[1].fields["labels.fits"], most)
	assert.NotContains(t, docs[1].fields, "k6.truncated")
}

func TestWhatIsNoNumberIsLeftOutAndNamed(t *testing.T) {
	t.Parallel()
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s := newStream().define("ratio", ingest.Trend).add("ratio", 0, value, "").add("ratio", 0, 1, "")
		var out collect
		p := ingest.NewPipeline(testRun, s.registry, ingest.DefaultOptions(), &out)
		var notFinite *ingest.NotFiniteError
		require.ErrorAs(t, p.Add(&s.samples[0]), &notFinite)
		assert.Equal(t, "ratio", notFinite.Metric)
		assert.Equal(t, fmt.Sprintf("a sample of ratio is %v, which is not a number that can be stored", value), notFinite.Error())
		require.NoError(t, p.Add(&s.samples[1]))
		require.NoError(t, p.Close())
		assert.Len(t, parseDocuments(t, out.Bytes()), 1)
		assert.EqualValues(t, 1, p.Samples())
	}
}

// A script may add any number to a built-in rate: k6 counts whether it is 0.
func TestBuiltInRateCountsAsK6Does(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]float64{0: 0, 1: 1, 0.5: 1, -2: 1} {
		docs := newStream().add("http_req_failed", 0, value, "").request(ms, value, "").documents(t)
		require.Len(t, docs, 2)
		for _, doc := range docs {
			assert.InDelta(t, want, doc.fields["k6.http_req_failed"], 0, "value %v", value)
		}
	}
}

func TestRunWithTooManyLabelsOrURLsSaysSo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		labels, urls   int
		labels2, urls2 bool
	}{{2, 2, false, false}, {1, 2, true, false}, {2, 1, false, true}} {
		s := newStream().request(0, 0, "name=a|a=1|b=2|url=http://1").request(ms, 0, "name=a|url=http://2")
		options := withLabels(c.labels)
		options.MaxURLs = c.urls
		p := ingest.NewPipeline(testRun, s.registry, options, new(discard))
		addAll(t, p, s.samples)
		assert.Equal(t, c.labels2, p.LabelsCapped())
		assert.Equal(t, c.urls2, p.URLsCapped())
	}
}

var errFull = errors.New("full")

// full is a sink that takes some entries and then no more.
type full struct{ room int }

func (f *full) Add([]byte) error {
	if f.room--; f.room < 0 {
		return errFull
	}
	return nil
}

func TestErrorOfTheSinkComesBack(t *testing.T) {
	t.Parallel()
	s := newStream().request(0, 0, home).add("data_sent", 0, 1, "").add("data_sent", time.Minute, 1, "").
		define("size", ingest.Trend).add("size", time.Hour, 1, "")
	all := len(s.documents(t))
	for room := range all {
		p := ingest.NewPipeline(testRun, s.registry, ingest.DefaultOptions(), &full{room})
		var err error
		for i := range s.samples {
			if err = p.Add(&s.samples[i]); err != nil {
				break
			}
		}
		if err == nil {
			err = p.Close()
		}
		assert.ErrorIs(t, err, errFull)
	}
}

func everything(tb testing.TB) *stream {
	registry, samples := samplesOf(tb, unzip(tb, "testdata/everything.json.gz"))
	return &stream{registry: registry, samples: samples}
}

func TestIdsAreDistinctAndGrowWithTheStream(t *testing.T) {
	t.Parallel()
	docs := everything(t).documents(t)
	seen := map[string]bool{}
	var positions []string
	for _, d := range docs {
		require.Len(t, d.ID, 24)
		raw, err := base64.RawURLEncoding.DecodeString(d.ID)
		require.NoError(t, err)
		assert.False(t, seen[d.ID], "%s is there twice", d.ID)
		seen[d.ID] = true
		assert.Equal(t, docs[0].ID[:16], d.ID[:16])
		if ds := d.fields["event.dataset"]; ds == "k6.http" || ds == "k6.group" {
			positions = append(positions, string(raw)) // events are written as they come
		}
	}
	assert.True(t, slices.IsSorted(positions), "as the bytes that the server stores")
}

func TestIdsAreTheSameWheneverAStreamIsRead(t *testing.T) {
	t.Parallel()
	first := everything(t).bulk(t, testRun, ingest.DefaultOptions())
	assert.Equal(t, first, everything(t).bulk(t, testRun, ingest.DefaultOptions()))
}

func TestIdsDoNotDependOnWhatElseIsInTheStream(t *testing.T) {
	t.Parallel()
	// A second that closes late has the id of its first sample, as one that closes early.
	early := newStream().add("data_sent", 0, 1, "").request(time.Minute, 0, home).documents(t)
	late := newStream().add("data_sent", 0, 1, "").request(time.Second, 0, home).documents(t)
	assert.Equal(t, early[0].ID, late[1].ID)
	assert.Equal(t, early[1].ID, late[0].ID)
}

func TestIdsOfTwoSourcesNeverMeet(t *testing.T) {
	t.Parallel()
	s := newStream().add("iteration_duration", 0, 1, "")
	seen := map[string]ingest.Run{}
	for _, run := range []ingest.Run{{ID: "a"}, {ID: "b"}, {ID: "a", Instance: 1}, {ID: "a", Instance: 1 << 56}, {ID: "a\x00"}, {}} {
		id := parseDocuments(t, s.bulk(t, run, ingest.DefaultOptions()))[0].ID
		assert.NotContains(t, seen, id, "%+v", run)
		seen[id] = run
	}
}

func TestManyOpenSeriesAreWrittenEarlyRatherThanKept(t *testing.T) {
	t.Parallel()
	const series = 130_000
	registry := ingest.NewRegistry()
	table := ingest.NewTagTable[string]()
	var sink discard
	p := ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &sink)
	metric := registry.Define("orders", ingest.Counter)
	for i := range series {
		key := fmt.Sprint(i)
		set := table.Put(key, []ingest.Tag{{Key: "customer", Value: key}})
		require.NoError(t, p.Add(&ingest.Sample{Time: start.UnixNano() - int64(i/1000)*int64(time.Second), Value: 1, Metric: metric, Tags: set}))
		assert.LessOrEqual(t, i-sink.documents, 100_000)
	}
	require.NoError(t, p.Close())
	assert.Equal(t, series, sink.documents)
}

// A second of very many values is written in parts, and none is lost.
func TestManyOpenValuesAreWrittenEarlyRatherThanKept(t *testing.T) {
	t.Parallel()
	const most, values = 1 << 20, 1<<20 + 5000
	registry := ingest.NewRegistry()
	var sink listing
	p := ingest.NewPipeline(testRun, registry, ingest.DefaultOptions(), &sink)
	sample := ingest.Sample{Time: start.UnixNano(), Value: 1, Metric: registry.Define("size", ingest.Trend), Tags: ingest.NewTagSet(nil)}
	for i := range values {
		require.NoError(t, p.Add(&sample))
		if i%1000 == 0 {
			require.LessOrEqual(t, i+1-sink.values, most)
		}
	}
	require.NoError(t, p.Close())
	assert.Equal(t, values, sink.values)
}

// listing is a sink that counts the values of trends.
type listing struct{ values int }

func (l *listing) Add(entry []byte) error {
	_, list, _ := bytes.Cut(entry, []byte(`"value":`))
	list, _, _ = bytes.Cut(list, []byte(`,"count"`))
	l.values += 1 + bytes.Count(list, []byte(","))
	return nil
}

// What a full table forgets is made anew, and the sums stay right.
func TestTagTableForgetsNothingThatMatters(t *testing.T) {
	t.Parallel()
	table := ingest.NewTagTable[int]()
	first := table.Put(0, []ingest.Tag{{Key: "n", Value: "0"}})
	again := table.Put(1_000_000, []ingest.Tag{{Key: "n", Value: "0"}})
	assert.Same(t, first, again, "equal tags under another key")
	for i := range 20_000 {
		table.Put(i, []ingest.Tag{{Key: "n", Value: fmt.Sprint(i)}})
		set, ok := table.Get(i)
		require.True(t, ok)
		require.Equal(t, fmt.Sprint(i), set.Get("n"))
	}
	_, ok := table.Get(0)
	assert.False(t, ok, "the table is bounded")
	for i := range 20 {
		table.Put(i, []ingest.Tag{{Key: "n", Value: strings.Repeat("x", 1<<20)}, {Key: "i", Value: fmt.Sprint(i)}})
	}
	_, ok = table.Get(0)
	assert.False(t, ok, "by bytes too")
}

func TestTagSet(t *testing.T) {
	t.Parallel()
	set := ingest.NewTagSet([]ingest.Tag{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "3"}})
	assert.Equal(t, "3", set.Get("b"), "the last wins")
	assert.Equal(t, "2", set.Get("a"))
	assert.Empty(t, set.Get("c"))
}

func TestMetaMatches(t *testing.T) {
	t.Parallel()
	meta := ingest.NewMeta([]ingest.Tag{{Key: "vu", Value: "1"}, {Key: "iter", Value: "2"}})
	assert.True(t, meta.Matches(map[string]string{"vu": "1", "iter": "2"}))
	for _, other := range []map[string]string{nil, {"vu": "1"}, {"vu": "1", "iter": "3"}, {"vu": "1", "other": "2"}} {
		assert.False(t, meta.Matches(other), "%v", other)
	}
	assert.Nil(t, ingest.NewMeta(nil))
	var none *ingest.Meta
	assert.True(t, none.Matches(nil))
	assert.False(t, none.Matches(map[string]string{"vu": "1"}))
}

func TestMetricTypes(t *testing.T) {
	t.Parallel()
	for _, typ := range []ingest.MetricType{ingest.Unknown, ingest.Counter, ingest.Gauge, ingest.Rate, ingest.Trend} {
		parsed, ok := ingest.ParseMetricType(typ.String())
		assert.True(t, ok)
		assert.Equal(t, typ, parsed)
	}
	_, ok := ingest.ParseMetricType("Counter")
	assert.False(t, ok)
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := ingest.NewRegistry()
	assert.True(t, r.Lookup([]byte("http_reqs")).Builtin())
	assert.Same(t, r.Lookup([]byte("http_reqs")), r.Define("http_reqs", ingest.Counter))
	orders := r.Lookup([]byte("orders"))
	assert.Equal(t, ingest.Unknown, orders.Type)
	assert.Same(t, orders, r.Lookup([]byte("orders")))
	counter := r.Define("orders", ingest.Counter)
	assert.NotSame(t, orders, counter)
	assert.Same(t, counter, r.Lookup([]byte("orders")))
	assert.False(t, r.Define("vus", ingest.Trend).Builtin(), "k6's name, but not k6's metric")
}
