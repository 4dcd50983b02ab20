package ingest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/ingesttest"
)

var testRun = ingest.Run{ID: "run-1", Name: "nightly", Test: "checkout", Instance: 0x0123456789abcdef}

// start is the time of a stream's moment 0.
var start = time.Date(2026, 11, 22, 12, 43, 56, 567_890_123, time.UTC)

func unzip(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.Open(name)
	require.NoError(tb, err)
	defer file.Close()
	zip, err := gzip.NewReader(file)
	require.NoError(tb, err)
	text, err := io.ReadAll(zip)
	require.NoError(tb, err)
	return text
}

func checkout(tb testing.TB) []byte { return unzip(tb, "testdata/checkout.json.gz") }

// stream is a row of samples written by hand.
type stream struct {
	registry *ingest.Registry
	tags     *ingest.TagTable[string]
	samples  []ingest.Sample
}

func newStream() *stream {
	return &stream{registry: ingest.NewRegistry(), tags: ingest.NewTagTable[string]()}
}

func (s *stream) define(name string, typ ingest.MetricType) *stream {
	s.registry.Define(name, typ)
	return s
}

// add adds a sample. Tags and metadata are written "key=value|key=value".
func (s *stream) add(metric string, at time.Duration, value float64, tags string, meta ...string) *stream {
	set, ok := s.tags.Get(tags)
	if !ok {
		set = s.tags.Put(tags, pairs(tags))
	}
	s.samples = append(s.samples, ingest.Sample{
		Time: start.Add(at).UnixNano(), Value: value, Metric: s.registry.Lookup([]byte(metric)),
		Tags: set, Meta: ingest.NewMeta(pairs(strings.Join(meta, "|"))),
	})
	return s
}

// request adds the nine samples of an HTTP request.
func (s *stream) request(at time.Duration, failed float64, tags string, meta ...string) *stream {
	s.add("http_reqs", at, 1, tags, meta...)
	for i, part := range []string{"duration", "blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving"} {
		s.add("http_req_"+part, at, []float64{2.226123, 0.5964, 0.543, 0, 0.0905, 1.588, 0.547499}[i], tags, meta...)
	}
	return s.add("http_req_failed", at, failed, tags, meta...)
}

func pairs(text string) []ingest.Tag {
	if text == "" {
		return nil
	}
	var tags []ingest.Tag
	for part := range strings.SplitSeq(text, "|") {
		key, value, _ := strings.Cut(part, "=")
		tags = append(tags, ingest.Tag{Key: key, Value: value})
	}
	return tags
}

// bulk runs the stream through a pipeline and returns the bulk body.
func (s *stream) bulk(tb testing.TB, run ingest.Run, options ingest.Options) []byte {
	var out collect
	addAll(tb, ingest.NewPipeline(run, s.registry, options, &out), s.samples)
	return out.Bytes()
}

// documents runs the stream through a pipeline and returns what it wrote, having validated it.
func (s *stream) documents(tb testing.TB) []document {
	tb.Helper()
	return parseDocuments(tb, s.bulk(tb, testRun, ingest.DefaultOptions()))
}

// document is a document with its fields by dotted path.
type document struct {
	ingesttest.Document
	fields map[string]any
}

func parseDocuments(tb testing.TB, bulk []byte) []document {
	tb.Helper()
	parsed, err := ingesttest.ParseBulk(bulk)
	require.NoError(tb, err)
	documents := make([]document, len(parsed))
	for i, p := range parsed {
		var nested map[string]any
		require.NoError(tb, json.Unmarshal(p.Source, &nested))
		documents[i] = document{p, map[string]any{}}
		flatten(documents[i].fields, "", nested)
	}
	return documents
}

func flatten(into map[string]any, prefix string, object map[string]any) {
	for key, value := range object {
		if inner, ok := value.(map[string]any); ok {
			flatten(into, prefix+key+".", inner)
		} else {
			into[prefix+key] = value
		}
	}
}

// collect is a sink that keeps everything.
type collect struct{ bytes.Buffer }

func (c *collect) Add(entry []byte) error {
	_, err := c.Write(entry)
	return err
}

// discard is a sink that only counts.
type discard struct{ documents, bytes int }

func (d *discard) Add(entry []byte) error {
	d.documents++
	d.bytes += len(entry)
	return nil
}

func addAll(tb testing.TB, p *ingest.Pipeline, samples []ingest.Sample) {
	tb.Helper()
	for i := range samples {
		if err := p.Add(&samples[i]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		tb.Fatal(err)
	}
}
