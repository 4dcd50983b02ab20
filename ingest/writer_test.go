package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/ingesttest"
)

// messages is a logger that keeps what it is told.
type messages struct {
	mu  sync.Mutex
	all []string
}

func (m *messages) Infof(format string, args ...any) { m.add("INFO ", format, args) }
func (m *messages) Warnf(format string, args ...any) { m.add("WARN ", format, args) }

func (m *messages) add(level, format string, args []any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, level+fmt.Sprintf(format, args...))
}

// delivery is a writer with all that it is given.
type delivery struct {
	*ingest.Writer
	server  *ingesttest.Server
	log     *messages
	rejects *ingest.Rejects
	added   int
}

func deliver(t *testing.T, change func(*ingest.WriterOptions)) *delivery {
	d := &delivery{server: ingesttest.New(t), log: &messages{}, rejects: &ingest.Rejects{Path: filepath.Join(t.TempDir(), "rejects")}}
	options := ingest.WriterOptions{
		BlockSize: 4 << 10, InFlight: 2, Compression: 1, Memory: 1 << 20, Wait: true, Timeout: 30 * time.Second,
		RetryFor: 10 * time.Minute, Fatal: true, Rejects: d.rejects, Log: d.log,
	}
	if change != nil {
		change(&options)
	}
	d.Writer = ingest.NewWriter(d.server.Client(), options)
	return d
}

// entries makes n entries of about 300 bytes, those from..from+n of a stream.
func entries(from, n int) [][]byte {
	s := newStream()
	for i := range from + n {
		s.add("iteration_duration", time.Duration(i)*ms, 1, "journey=buy", fmt.Sprintf("iter=%d", i))
	}
	var all entryList
	p := ingest.NewPipeline(testRun, s.registry, ingest.DefaultOptions(), &all)
	for i := range s.samples {
		_ = p.Add(&s.samples[i])
	}
	_ = p.Close()
	return all[from:]
}

type entryList [][]byte

func (l *entryList) Add(entry []byte) error {
	*l = append(*l, bytes.Clone(entry))
	return nil
}

func (d *delivery) add(entries ...[]byte) (err error) {
	for _, entry := range entries {
		d.added++
		err = errors.Join(err, d.Add(entry))
	}
	return err
}

// close ends the writer within a minute, and checks that the counts cover every document.
func (d *delivery) close(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := d.Close(ctx)
	s := d.Stats()
	assert.EqualValues(t, d.added, s.Created+s.Existing+s.Rejected+s.Undelivered+s.Spooled, "%+v", s)
	assert.LessOrEqual(t, s.Created, int64(len(d.server.Documents())))
	assert.Equal(t, s.Rejected, d.rejects.Count())
	return err
}

// bubble runs a test on a clock of its own, which goes on when everybody waits.
func bubble(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

func TestWriterDelivers(t *testing.T) {
	t.Parallel()
	for _, level := range []int{0, 1, 6} {
		bubble(t, fmt.Sprint("gzip ", level), func(t *testing.T) {
			d := deliver(t, func(o *ingest.WriterOptions) { o.Compression = level })
			require.NoError(t, d.add(entries(0, 100)...))
			require.NoError(t, d.close(t))
			s := d.Stats()
			assert.EqualValues(t, 100, s.Created)
			assert.EqualValues(t, 100, s.Delivered())
			assert.Len(t, d.server.Documents(), 100)
			assert.Greater(t, s.Requests, int64(5), "several blocks")
			assert.Len(t, d.server.Requests(), int(s.Requests))
			assert.Equal(t, level == 0, s.Bytes == s.RawBytes)
			assert.Empty(t, d.log.all, "nothing to tell while all is well")
			for _, r := range d.server.Requests() {
				assert.Equal(t, level > 0, r.Header.Get("Content-Encoding") == "gzip")
			}
			_, err := os.Stat(d.rejects.Path)
			assert.ErrorIs(t, err, os.ErrNotExist, "no rejects, no file")
		})
	}
}

func TestWriterMeetsItsOwnDocuments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, nil)
		require.NoError(t, d.add(entries(0, 50)...))
		require.NoError(t, d.add(entries(20, 80)...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 100, d.Stats().Created)
		assert.EqualValues(t, 30, d.Stats().Existing)
	})
}

// What passes by itself is waited for: nothing is lost, nothing is there twice.
func TestWriterRetries(t *testing.T) {
	t.Parallel()
	busy := &ingesttest.ItemError{Status: 429, Type: "es_rejected_execution_exception", Reason: "queue full"}
	third := func(item *ingesttest.ItemError) func(int, ingesttest.Document) *ingesttest.ItemError {
		return func(i int, _ ingesttest.Document) *ingesttest.ItemError {
			if i%3 == 0 {
				return item
			}
			return nil
		}
	}
	for _, c := range []struct {
		name    string
		fault   ingesttest.Fault
		warning string
	}{
		{"429", ingesttest.Fault{Status: 429}, "http://fake:9200 answered 429 to POST /_bulk"},
		{"503", ingesttest.Fault{Status: 503, Body: "no master"}, "http://fake:9200 answered 503 to POST /_bulk: no master"},
		{"408", ingesttest.Fault{Status: 408}, "http://fake:9200 answered 408 to POST /_bulk"},
		{"refused", ingesttest.Fault{Refused: true}, "connection reset by peer"},
		{"answer lost", ingesttest.Fault{Lost: true}, "connection reset by peer"},
		{"answer cut", ingesttest.Fault{Cut: true}, "reading the answer of http://fake:9200: unexpected EOF"},
		{"no answer in time", ingesttest.Fault{Delay: ingesttest.Forever}, "http://fake:9200 does not answer (nothing came within 30s)"},
		{"slow", ingesttest.Fault{Delay: 29 * time.Second}, ""},
		{"not an answer", ingesttest.Fault{Body: "<html>welcome to the hotel"}, "the answer to a bulk request is not one that Elasticsearch gives: <html>welcome to the hotel"},
		{"half an answer", ingesttest.Fault{Body: `{"errors":true,"items":[{"create":{"status":201}}]}`}, "the answer to a bulk request speaks of 1 documents instead of"},
		{"some documents", ingesttest.Fault{Item: third(busy)}, "http://fake:9200 does not take documents (429, es_rejected_execution_exception: queue full)"},
		{"some shards", ingesttest.Fault{Item: third(&ingesttest.ItemError{Status: 503, Type: "unavailable_shards_exception", Reason: "primary shard is not active"})},
			"http://fake:9200 does not take documents (503, unavailable_shards_exception: primary shard is not active)"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			d := deliver(t, nil)
			d.server.Next(7, c.fault)
			require.NoError(t, d.add(entries(0, 100)...))
			time.Sleep(4 * time.Minute)
			require.NoError(t, d.close(t))
			assert.EqualValues(t, 100, d.Stats().Delivered())
			assert.Len(t, d.server.Documents(), 100)
			assert.Equal(t, c.warning != "", d.Stats().Retried > 0)
			if c.warning == "" {
				assert.Empty(t, d.log.all)
				return
			}
			require.NotEmpty(t, d.log.all)
			assert.Contains(t, d.log.all[0], "WARN "+c.warning)
			assert.Contains(t, d.log.all[0], "; documents wait in memory and are sent again")
			assert.Contains(t, d.log.all[len(d.log.all)-1], "INFO http://fake:9200 is back after ")
		})
	}
}

func TestWriterObeysRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header      string
		least, most time.Duration
	}{
		{"7", 7 * time.Second, 7 * time.Second}, {"3600", time.Minute, time.Minute}, {"", 0, 250 * ms}, {"soon", 0, 250 * ms}, {"-5", 0, 250 * ms},
	} {
		bubble(t, c.header, func(t *testing.T) {
			d := deliver(t, nil)
			d.server.Next(1, ingesttest.Fault{Status: 429, RetryAfter: c.header})
			require.NoError(t, d.add(entries(0, 1)...))
			require.NoError(t, d.Flush())
			time.Sleep(2 * time.Minute)
			require.NoError(t, d.close(t))
			sent := d.server.Requests()
			require.Len(t, sent, 2)
			pause := sent[1].At.Sub(sent[0].At)
			assert.GreaterOrEqual(t, pause, c.least)
			assert.LessOrEqual(t, pause, c.most)
		})
	}
}

func TestWriterPausesGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, nil)
		d.server.Next(12, ingesttest.Fault{Status: 503})
		require.NoError(t, d.add(entries(0, 1)...))
		require.NoError(t, d.Flush())
		time.Sleep(3 * time.Minute)
		require.NoError(t, d.close(t))
		sent := d.server.Requests()
		require.Len(t, sent, 13)
		longest := 250 * ms
		for i := 1; i < len(sent); i++ {
			pause := sent[i].At.Sub(sent[i-1].At)
			assert.LessOrEqual(t, pause, longest)
			assert.Greater(t, pause, longest/2-1)
			longest = min(2*longest, 10*time.Second)
		}
	})
}

func TestWriterGivesUp(t *testing.T) {
	t.Parallel()
	bubble(t, "after its patience", func(t *testing.T) {
		d := deliver(t, func(o *ingest.WriterOptions) { o.RetryFor = 20 * time.Second })
		d.server.Always(ingesttest.Fault{Status: 503})
		require.NoError(t, d.add(entries(0, 100)...))
		time.Sleep(time.Minute)
		assert.ErrorContains(t, d.add(entries(100, 100)...), "gave up after 20s: http://fake:9200 answered 503 to POST /_bulk")
		assert.EqualError(t, d.Flush(), "gave up after 20s: http://fake:9200 answered 503 to POST /_bulk")
		assert.EqualError(t, d.close(t), "gave up after 20s: http://fake:9200 answered 503 to POST /_bulk")
		assert.EqualValues(t, 200, d.Stats().Undelivered)
	})
	bubble(t, "not while some documents get through", func(t *testing.T) {
		d := deliver(t, func(o *ingest.WriterOptions) { o.RetryFor = 20 * time.Second })
		d.server.Always(ingesttest.Fault{Item: func(i int, _ ingesttest.Document) *ingesttest.ItemError {
			if i == 0 {
				return nil
			}
			return &ingesttest.ItemError{Status: 429, Type: "busy", Reason: "one at a time"}
		}})
		require.NoError(t, d.add(entries(0, 10)...))
		require.NoError(t, d.Flush())
		time.Sleep(5 * time.Minute)
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 10, d.Stats().Created)
	})
	bubble(t, "when nobody answers and the time is up", func(t *testing.T) {
		for _, wait := range []bool{true, false} {
			d := deliver(t, func(o *ingest.WriterOptions) { o.RetryFor, o.Memory, o.Wait = 0, 1000, wait })
			d.server.Always(ingesttest.Fault{Delay: ingesttest.Forever})
			require.NoError(t, d.add(entries(0, 20)...), "two blocks, one of which waits with Close")
			start := time.Now()
			assert.ErrorIs(t, d.close(t), context.DeadlineExceeded)
			assert.Equal(t, time.Minute, time.Since(start))
			assert.EqualValues(t, 20, d.Stats().Undelivered)
		}
	})
}

func TestWriterFatal(t *testing.T) {
	t.Parallel()
	closed := &ingesttest.ItemError{Status: 403, Type: "security_exception", Reason: "no permission for k6-metrics-2026.11"}
	for _, c := range []struct {
		name  string
		fault ingesttest.Fault
		want  string
	}{
		{"401", ingesttest.Fault{Status: 401}, "http://fake:9200 answered 401"},
		{"404", ingesttest.Fault{Status: 404}, "http://fake:9200 answered 404 to POST /_bulk"},
		{"403 for a document", ingesttest.Fault{Item: func(int, ingesttest.Document) *ingesttest.ItemError { return closed }},
			"http://fake:9200 does not take documents (403, security_exception: no permission for k6-metrics-2026.11)"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			d := deliver(t, nil)
			d.server.Always(c.fault)
			require.NoError(t, d.add(entries(0, 1)...))
			assert.ErrorContains(t, d.close(t), c.want)
			assert.EqualValues(t, 1, d.Stats().Undelivered)
			assert.EqualValues(t, 1, d.Stats().Requests, "once was enough")
			assert.ErrorContains(t, d.Flush(), c.want)
		})
		bubble(t, c.name+", not fatal", func(t *testing.T) {
			d := deliver(t, func(o *ingest.WriterOptions) { o.Fatal, o.RetryFor = false, 0 })
			d.server.Always(c.fault)
			require.NoError(t, d.add(entries(0, 30)...))
			time.Sleep(time.Hour)
			d.server.Always(ingesttest.Fault{}) // somebody mends it
			require.NoError(t, d.close(t))
			assert.EqualValues(t, 30, d.Stats().Created)
			assert.Contains(t, d.log.all[0], c.want)
		})
	}
}

// What the server calls malformed stays so: it is not sent for ever.
func TestWriterRefusesABlockThatIsMalformed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, nil)
		d.server.Next(1, ingesttest.Fault{Status: 400, Body: `{"error":{"type":"parse_exception","reason":"malformed"},"status":400}`})
		require.NoError(t, d.add(entries(0, 5)...))
		require.NoError(t, d.Flush())
		synctest.Wait()
		require.NoError(t, d.add(entries(5, 5)...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 5, d.Stats().Rejected)
		assert.EqualValues(t, 5, d.Stats().Created)
		assert.Len(t, readRejects(t, d.rejects), 5)
	})
}

// What a proxy says, or the server of a template, is nothing about the documents.
func TestWriterTriesAgainWhatWasNotTheServersWordOnDocuments(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]error{
		"proxy":              nil,
		"template":           &elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: "another template"},
		"template too large": &elastic.Error{Status: 413},
	} {
		bubble(t, name, func(t *testing.T) {
			prepared := 0
			d := deliver(t, func(o *ingest.WriterOptions) {
				o.Fatal = false
				o.Prepare = func(context.Context) error {
					if prepared++; prepared == 1 {
						return prepare
					}
					return nil
				}
			})
			if prepare == nil {
				d.server.Next(1, ingesttest.Fault{Status: 400, Body: "<html>Bad Request</html>"})
			}
			require.NoError(t, d.add(entries(0, 5)...))
			require.NoError(t, d.close(t))
			assert.Zero(t, d.Stats().Rejected)
			assert.Len(t, d.server.Documents(), 5)
		})
	}
}

func TestTwoWritersShareARejectsFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "rejects")
		refusing := func() *delivery {
			d := deliver(t, nil)
			d.rejects.Path, d.rejects.Append = path, true
			d.server.Judge(func(ingesttest.Document) *ingesttest.ItemError {
				return &ingesttest.ItemError{Status: 400, Type: "mapper_parsing_exception", Reason: "no"}
			})
			return d
		}
		one, other := refusing(), refusing()
		for from := range 3 {
			for _, d := range []*delivery{one, other} {
				require.NoError(t, d.add(entries(from, 1)...))
				require.NoError(t, d.Flush())
				synctest.Wait()
			}
		}
		require.NoError(t, one.close(t))
		require.NoError(t, other.close(t))
		assert.Len(t, readRejects(t, one.rejects), 6)
	})
}

func TestWriterHalvesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, func(o *ingest.WriterOptions) { o.BlockSize, o.Compression = 1<<20, 0 })
		d.server.MaxBody(1000)
		large := newStream().add("iteration_duration", time.Hour, 1, "payload="+strings.Repeat("x", 2000))
		require.NoError(t, d.add(entries(0, 40)...))
		require.NoError(t, d.add(large.bulk(t, ingest.Run{ID: "other"}, ingest.DefaultOptions())))
		require.NoError(t, d.add(entries(40, 3)...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 43, d.Stats().Created)
		assert.EqualValues(t, 1, d.Stats().Rejected, "a single document that is too large")
		assert.Contains(t, d.log.all, "WARN 1 documents were refused: http://fake:9200 answered 413 to POST /_bulk")
		assert.Contains(t, readRejects(t, d.rejects)[0]["reason"], "413")
	})
}

func readRejects(t *testing.T, r *ingest.Rejects) []map[string]any {
	require.NoError(t, r.Close())
	text, err := os.ReadFile(r.Path)
	require.NoError(t, err)
	var all []map[string]any
	for line := range bytes.Lines(text) {
		var one map[string]any
		require.NoError(t, json.Unmarshal(line, &one))
		all = append(all, one)
	}
	return all
}

func TestWriterKeepsRejectedDocuments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, nil)
		d.server.Judge(func(doc ingesttest.Document) *ingesttest.ItemError {
			if strings.HasSuffix(doc.ID, "AF") {
				return &ingesttest.ItemError{Status: 400, Type: "mapper_parsing_exception", Reason: "failed to parse field [k6.iter]"}
			}
			return nil
		})
		require.NoError(t, d.add(entries(0, 20)...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 19, d.Stats().Created)
		assert.EqualValues(t, 1, d.Stats().Rejected)
		assert.Equal(t, []string{"WARN the server refused a document (1 in this request): mapper_parsing_exception: failed to parse field [k6.iter]"}, d.log.all)

		kept := readRejects(t, d.rejects)
		require.Len(t, kept, 1)
		assert.Equal(t, "mapper_parsing_exception: failed to parse field [k6.iter]", kept[0]["reason"])
		assert.Contains(t, kept[0]["action"], "create")
		assert.InDelta(t, 5, kept[0]["document"].(map[string]any)["k6"].(map[string]any)["iter"], 0)
		info, err := os.Stat(d.rejects.Path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	})
}

func TestWriterShowsTheFirstFewReasons(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, nil)
		d.server.Judge(func(doc ingesttest.Document) *ingesttest.ItemError {
			return &ingesttest.ItemError{Status: 400, Type: "x", Reason: doc.ID}
		})
		require.NoError(t, d.add(entries(0, 100)...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 100, d.Stats().Rejected)
		assert.Len(t, d.log.all, 5)
		assert.Len(t, readRejects(t, d.rejects), 100)
	})
}

// A document whose labels the index has no room for is sent again with its labels in k6.tags.
func TestWriterMovesLabels(t *testing.T) {
	t.Parallel()
	limit := func(when func(labels bool) bool) func(ingesttest.Document) *ingesttest.ItemError {
		return func(doc ingesttest.Document) *ingesttest.ItemError {
			if !when(bytes.Contains(doc.Source, []byte(`"labels"`))) {
				return nil
			}
			return &ingesttest.ItemError{Status: 400, Type: "illegal_argument_exception", Reason: "Limit of total fields [1000] has been exceeded"}
		}
	}
	s := newStream().add("iteration_duration", 0, 1.5, "journey=buy \"it\"|a.b=é|=odd|scenario=x", "vu=3").
		add("iteration_duration", ms, 1, "scenario=x").add("iteration_duration", 2*ms, 1, "journey="+strings.Repeat("x", 9000))
	var list entryList
	addAll(t, ingest.NewPipeline(testRun, s.registry, ingest.DefaultOptions(), &list), s.samples)
	bubble(t, "out of the way", func(t *testing.T) {
		d := deliver(t, nil)
		d.server.Judge(limit(func(labels bool) bool { return labels }))
		require.NoError(t, d.add(list...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 3, d.Stats().Created)
		docs := map[string]document{}
		for _, doc := range d.server.Documents() {
			var nested map[string]any
			require.NoError(t, json.Unmarshal(doc.Source, &nested))
			docs[doc.ID] = document{doc, map[string]any{}}
			flatten(docs[doc.ID].fields, "", nested)
		}
		first := docs[idOf(t, list[0])].fields
		assert.Equal(t, []any{"=odd", "a_b=é", `journey=buy "it"`}, first["k6.tags"])
		assert.Equal(t, 1.5, first["k6.iteration_duration"])
		assert.Equal(t, "x", first["k6.scenario"])
		assert.NotContains(t, first, "labels.journey")
		assert.NotContains(t, docs[idOf(t, list[1])].fields, "k6.tags")
	})
	bubble(t, "but only once", func(t *testing.T) {
		d := deliver(t, nil)
		d.server.Judge(limit(func(bool) bool { return true }))
		require.NoError(t, d.add(list...))
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 3, d.Stats().Rejected)
	})
}

func idOf(t *testing.T, entry []byte) string {
	docs, err := ingesttest.ParseBulk(entry)
	require.NoError(t, err)
	return docs[0].ID
}

// The bound on memory: with Wait, Add waits; without, the newest documents are given up, and counted.
func TestWriterMemoryIsBounded(t *testing.T) {
	t.Parallel()
	small := func(wait bool) func(*ingest.WriterOptions) {
		return func(o *ingest.WriterOptions) {
			o.BlockSize, o.Compression, o.Memory, o.Wait, o.RetryFor = 1000, 0, 5000, wait, 0
		}
	}
	bubble(t, "waiting", func(t *testing.T) {
		d := deliver(t, small(true))
		d.server.Always(ingesttest.Fault{Status: 503})
		added := make(chan int, 1000)
		go func() {
			for i, entry := range entries(0, 200) {
				_ = d.add(entry)
				added <- i
			}
			close(added)
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Less(t, len(added), 25, "5,000 bytes, a block in the making, and no more")
		d.server.Always(ingesttest.Fault{})
		for range added { //nolint:revive // until the other is through
		}
		require.NoError(t, d.close(t))
		assert.EqualValues(t, 200, d.Stats().Created)
	})
	bubble(t, "giving up", func(t *testing.T) {
		d := deliver(t, small(false))
		d.server.Always(ingesttest.Fault{Status: 503})
		start := time.Now()
		require.NoError(t, d.add(entries(0, 200)...))
		assert.Zero(t, time.Since(start), "Add never waits")
		d.server.Always(ingesttest.Fault{})
		time.Sleep(time.Minute)
		require.NoError(t, d.close(t))
		s := d.Stats()
		assert.Greater(t, s.Created, int64(9))
		assert.Greater(t, s.Undelivered, int64(150))
	})
}

func TestWriterPrepares(t *testing.T) {
	t.Parallel()
	bubble(t, "before the first block and after every outage", func(t *testing.T) {
		calls := 0
		d := deliver(t, func(o *ingest.WriterOptions) {
			o.InFlight = 1
			o.Prepare = func(context.Context) error { calls++; return nil }
		})
		require.NoError(t, d.add(entries(0, 1)...))
		require.NoError(t, d.Flush())
		synctest.Wait()
		assert.Equal(t, 1, calls)
		d.server.Next(2, ingesttest.Fault{Refused: true})
		require.NoError(t, d.add(entries(1, 100)...))
		require.NoError(t, d.close(t))
		assert.Equal(t, 3, calls)
	})
	bubble(t, "not in vain", func(t *testing.T) {
		d := deliver(t, func(o *ingest.WriterOptions) {
			o.Prepare = func(context.Context) error { return errors.New("the template k6-metrics is missing") }
		})
		require.NoError(t, d.add(entries(0, 1)...))
		assert.EqualError(t, d.close(t), "the template k6-metrics is missing")
		assert.Empty(t, d.server.Requests(), "no index may come to be without it")
	})
	bubble(t, "again while it may help", func(t *testing.T) {
		calls := 0
		d := deliver(t, func(o *ingest.WriterOptions) {
			o.InFlight = 1
			o.Prepare = func(context.Context) error {
				if calls++; calls < 4 {
					return fmt.Errorf("looking for the templates: %w", new(elastic.ConnectionError))
				}
				return nil
			}
		})
		require.NoError(t, d.add(entries(0, 1)...))
		require.NoError(t, d.close(t))
		assert.Equal(t, 4, calls)
	})
	bubble(t, "and tells the way out behind what happens meanwhile", func(t *testing.T) {
		calls := 0
		d := deliver(t, func(o *ingest.WriterOptions) {
			o.Fatal = false
			o.Prepare = func(context.Context) error {
				if calls++; calls == 1 {
					return errors.New("the template k6-metrics is missing. Run k6es setup")
				}
				return nil
			}
		})
		require.NoError(t, d.add(entries(0, 1)...))
		require.NoError(t, d.close(t))
		assert.Regexp(t, `^WARN the template k6-metrics is missing, since [0-9:]{8}; documents wait in memory and are sent again\. Run k6es setup$`,
			d.log.all[0])
	})
}

func TestWriterWithoutDocuments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := deliver(t, nil)
		require.NoError(t, d.Flush())
		require.NoError(t, d.close(t))
		assert.Empty(t, d.server.Requests())
		assert.EqualError(t, d.Flush(), "the writer is closed")
	})
}

// Whatever happens, each document is counted once, and what is counted as created is there.
func TestWriterCountsEveryDocument(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			d := deliver(t, func(o *ingest.WriterOptions) {
				o.BlockSize, o.InFlight, o.Compression = 300+rng.IntN(5000), 1+rng.IntN(4), rng.IntN(3)
				o.Memory, o.Wait, o.Fatal = int64(1+rng.IntN(20_000)), rng.IntN(2) == 0, rng.IntN(4) == 0
				o.RetryFor = time.Duration(rng.IntN(60)) * time.Second
			})
			for range rng.IntN(60) {
				d.server.Next(1+rng.IntN(3), randomFault(rng))
			}
			if rng.IntN(5) == 0 {
				d.server.Always(ingesttest.Fault{Delay: ingesttest.Forever})
			}
			if rng.IntN(3) == 0 {
				d.server.MaxBody(200 + rng.IntN(5000))
			}
			for from := 0; from < 200; from += 20 {
				_ = d.add(entries(from, 20+rng.IntN(20))...) // some of them twice
				time.Sleep(time.Duration(rng.IntN(5000)) * ms)
			}
			_ = d.close(t)
			s := d.Stats()
			assert.LessOrEqual(t, int64(len(d.server.Documents())), s.Delivered()+s.Undelivered+s.Rejected)
			for _, doc := range d.server.Documents() {
				require.True(t, json.Valid(doc.Source))
			}
		})
	}
}

func randomFault(rng *rand.Rand) ingesttest.Fault {
	item := func(status int, reason string) ingesttest.Fault {
		return ingesttest.Fault{Lost: rng.IntN(8) == 0, Item: func(i int, _ ingesttest.Document) *ingesttest.ItemError {
			if i%3 != 1 {
				return nil
			}
			return &ingesttest.ItemError{Status: status, Type: "x", Reason: reason}
		}}
	}
	faults := []ingesttest.Fault{
		{}, {}, {Status: 429, RetryAfter: "2"}, {Status: 503}, {Status: 502, Body: "<html>"}, {Refused: true}, {Lost: true}, {Cut: true},
		{Delay: time.Duration(rng.IntN(40)) * time.Second}, {Body: "{}"}, {Body: `{"errors":true}`}, item(429, "busy"), item(400, "wrong"),
		item(400, "Limit of total fields [1000] has been exceeded"), item(503, "no shard"), item(403, "blocked"),
	}
	if rng.IntN(10) == 0 {
		return ingesttest.Fault{Status: 401}
	}
	return faults[rng.IntN(len(faults))]
}

// The same over a network, where connections really break.
func TestWriterOverANetwork(t *testing.T) {
	t.Parallel()
	server := ingesttest.New(t)
	server.Next(1, ingesttest.Fault{Refused: true})
	server.Next(1, ingesttest.Fault{Lost: true})
	server.Next(1, ingesttest.Fault{Cut: true})
	server.Next(1, ingesttest.Fault{Status: 503})
	client, err := elastic.New(elastic.Config{URLs: []string{server.Listen()}})
	require.NoError(t, err)
	w := ingest.NewWriter(client, ingest.WriterOptions{
		BlockSize: 4 << 10, InFlight: 2, Compression: 1, Memory: 1 << 20, Wait: true, Timeout: 30 * time.Second, RetryFor: time.Minute,
		Rejects: new(ingest.Rejects), Log: new(messages),
	})
	for _, entry := range entries(0, 100) {
		require.NoError(t, w.Add(entry))
	}
	require.NoError(t, w.Close(t.Context()))
	assert.EqualValues(t, 100, w.Stats().Delivered())
	assert.Len(t, server.Documents(), 100)
}
