package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// morning is a moment in the life of test runs.
var morning = time.Date(2026, 11, 22, 10, 31, 7, 0, time.UTC)

// sampleFiles are what k6 wrote.
var sampleFiles = []string{"../ingest/testdata/checkout.json.gz", "../ingest/testdata/everything.json.gz"}

// newStore makes a store on a real server, under a prefix of its own, at a moment that stands still.
func newStore(t *testing.T, url string, now time.Time) *Store {
	t.Helper()
	prefix := servertest.Prefix(t, url)
	client, err := elastic.New(elastic.Config{URLs: []string{url}})
	require.NoError(t, err)
	_, err = mappings.Install(t.Context(), client, mappings.Options{Prefix: prefix})
	require.NoError(t, err)
	return &Store{Client: client, Prefix: prefix, Now: func() time.Time { return now }}
}

// at is the store at another moment.
func (s *Store) at(now time.Time) *Store {
	return &Store{Client: s.Client, Prefix: s.Prefix, Now: func() time.Time { return now }}
}

// through is the store with something before its client.
func (s *Store) through(before clientFunc) *Store {
	return &Store{Client: before, Prefix: s.Prefix, Now: s.Now}
}

type clientFunc func(ctx context.Context, method, path string, in, out any) error

// JSON implements Client.
func (f clientFunc) JSON(ctx context.Context, method, path string, in, out any) error {
	return f(ctx, method, path, in, out)
}

// forEachSample hands over the samples of a file, in their order.
func forEachSample(t *testing.T, file string, do func(*ingest.Sample)) *ingest.Registry {
	t.Helper()
	source, err := ingest.Open(file, nil, nil)
	require.NoError(t, err)
	defer source.Close()
	registry := ingest.NewRegistry()
	reader := source.Samples(registry)
	for {
		var sample ingest.Sample
		err := reader.Read(&sample)
		if errors.Is(err, io.EOF) {
			return registry
		}
		var bad *ingest.BadLine
		if errors.As(err, &bad) {
			continue
		}
		require.NoError(t, err)
		if !math.IsNaN(sample.Value) && !math.IsInf(sample.Value, 0) {
			do(&sample)
		}
	}
}

// sink collects bulk entries.
type sink struct{ bytes.Buffer }

// Add implements ingest.Sink.
func (s *sink) Add(entry []byte) error {
	s.Write(entry)
	return nil
}

// upload stores a file as a run, with all its documents.
func (s *Store) upload(t *testing.T, file string, facts Facts) *Document {
	t.Helper()
	var documents sink
	recorder := NewRecorder(facts, 7, nil)
	var samples []ingest.Sample
	registry := forEachSample(t, file, func(sample *ingest.Sample) { samples = append(samples, *sample) })
	options := ingest.DefaultOptions()
	options.Prefix = s.Prefix
	pipeline := ingest.NewPipeline(ingest.Run{ID: facts.ID, Name: facts.Name, Test: facts.Test, Instance: 7}, registry, options, &documents)
	for i := range samples {
		require.NoError(t, pipeline.Add(&samples[i]))
		recorder.Add(&samples[i])
	}
	require.NoError(t, pipeline.Close())
	s.bulk(t, documents.Bytes())
	snapshot, err := recorder.Snapshot(Outcome{Status: Passed, Documents: int64(pipeline.Documents())}, true, s.now())
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), snapshot))
	d, err := s.Load(t.Context(), facts.ID)
	require.NoError(t, err)
	return d
}

func (s *Store) bulk(t *testing.T, body []byte) {
	t.Helper()
	var answer struct{ Errors bool }
	require.NoError(t, s.Client.JSON(t.Context(), http.MethodPost, "/_bulk?refresh=true&filter_path=errors", body, &answer))
	require.False(t, answer.Errors)
}

// save stores a run that has only a document.
func (s *Store) save(t *testing.T, facts Facts, part Part) {
	t.Helper()
	if part.Instance == "" {
		part.Instance = "0000000000000007"
	}
	if part.Status == "" {
		part.Status = Passed
	}
	if part.Start.IsZero() {
		part.Start = morning
	}
	if part.End.IsZero() {
		part.End = part.Start.Add(5 * time.Minute)
	}
	if part.Heartbeat.IsZero() {
		part.Heartbeat = part.End
	}
	_, err := s.Save(t.Context(), facts, part)
	require.NoError(t, err)
}

// sampled gives a run sample documents in an index.
func (s *Store) sampled(t *testing.T, month, runID string, n int) {
	t.Helper()
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, `{"index":{"_index":"%s-metrics-%s","_id":"%s-%s-%d"}}`+"\n", s.Prefix, month, runID, month, i)
		fmt.Fprintf(&body, `{"@timestamp":"2026-11-22T10:31:07Z","k6":{"run":{"id":%q}}}`+"\n", runID)
	}
	s.bulk(t, body.Bytes())
}

// documents are the sources of an index's documents.
func (s *Store) documents(t *testing.T, index string) []json.RawMessage {
	t.Helper()
	require.NoError(t, s.refresh(t.Context(), index))
	var answer struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	require.NoError(t, s.search(t.Context(), index, map[string]any{"size": 10_000}, &answer))
	var all []json.RawMessage
	for _, hit := range answer.Hits.Hits {
		all = append(all, hit.Source)
	}
	return all
}

// valid makes sure that stored documents are as the templates say.
func (s *Store) valid(t *testing.T) {
	t.Helper()
	for family, index := range map[string]string{mappings.Runs: s.runsIndex(), mappings.Series: s.seriesIndex()} {
		for _, document := range s.documents(t, index) {
			require.NoError(t, mappings.Validate(family, document), string(document))
		}
	}
}

// indices are the names of the prefix's indices without it, sorted.
func (s *Store) indices(t *testing.T) []string {
	t.Helper()
	var found []struct{ Index string }
	require.NoError(t, s.Client.JSON(t.Context(), http.MethodGet, "/_cat/indices/"+s.Prefix+"-*?format=json&h=index", nil, &found))
	var names []string
	for _, f := range found {
		names = append(names, strings.TrimPrefix(f.Index, s.Prefix+"-"))
	}
	slices.Sort(names)
	return names
}

// ids are the ids of runs.
func ids(all []*Document) []string {
	found := []string{}
	for _, d := range all {
		found = append(found, d.K6.Run.ID)
	}
	return found
}

// nearestRank is the exact percentile of values that are sorted.
func nearestRank(sorted []float64, p float64) float64 {
	return sorted[max(int(math.Ceil(p*float64(len(sorted))-1e-9)), 1)-1]
}

// within asserts a relative error of at most that.
func within(t *testing.T, want, got, relative float64, what string) {
	t.Helper()
	assert.LessOrEqual(t, math.Abs(got-want), relative*math.Abs(want)+1e-9, "%s: %v instead of %v", what, got, want)
}

// forbidden is what a server answers to a user who may not.
func forbidden(method, path string) error {
	return &elastic.Error{Method: method, URL: "http://es:9200", Path: path, Status: http.StatusForbidden}
}

// requests gives a run documents of requests, of the instance of save.
func (s *Store) requests(t *testing.T, runID string, n int) {
	t.Helper()
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, `{"index":{"_index":"%s-metrics-2026.11","_id":"%s-%d"}}`+"\n", s.Prefix, runID, i)
		fmt.Fprintf(&body, `{"@timestamp":%q,"event":{"dataset":"k6.http"},"k6":{"run":{"id":%q},"instance":"0000000000000007","name":"home",`+
			`"http_reqs":1,"http_req_duration":%d,"iterations":1}}`+"\n", morning.Add(time.Duration(i)*time.Second).Format(time.RFC3339), runID, i)
	}
	if n > 0 {
		s.bulk(t, body.Bytes())
	}
}
