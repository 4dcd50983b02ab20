package ingest_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/ingesttest"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/ingest/spool/spooltest"
)

// spooling is a live run's writer with a spool.
type spooling struct {
	*delivery
	spool *spool.Run
}

func newSpooling(t *testing.T, size int64, change func(*ingest.WriterOptions)) *spooling {
	s := &spooling{spool: spool.Dir{Root: filepath.Join(t.TempDir(), "spool"), Size: size}.Create(spool.Info{
		RunID: testRun.ID, Instance: "0123456789abcdef", Prefix: "k6",
	})}
	s.delivery = deliver(t, func(o *ingest.WriterOptions) {
		o.Wait, o.Fatal, o.RetryFor, o.Spool, o.SpoolAfter = false, false, 0, s.spool, time.Second
		if change != nil {
			change(o)
		}
	})
	return s
}

// close ends the writer and the spool.
func (s *spooling) close(t *testing.T) error {
	t.Helper()
	err := s.delivery.close(t)
	require.NoError(t, s.spool.Close())
	return err
}

// entry is what the spool has; zero if that is nothing.
func (s *spooling) entry(t *testing.T) spool.Entry {
	t.Helper()
	entries, err := spool.List(s.spool.Root())
	require.NoError(t, err)
	if len(entries) == 0 {
		return spool.Entry{}
	}
	return entries[0]
}

// replay sends what is in a folder to the server.
func (s *spooling) replay(t *testing.T, path string) (ingest.Stats, error) {
	t.Helper()
	run, err := spool.Open(path)
	require.NoError(t, err)
	w := ingest.NewWriter(s.server.Client(), ingest.WriterOptions{
		BlockSize: 4 << 10, InFlight: 2, Compression: 1, Memory: 1 << 20, Wait: true, Timeout: 30 * time.Second, RetryFor: time.Minute,
		Fatal: true, Rejects: s.rejects, Log: s.log, Spool: run,
	})
	ended := w.Close(t.Context())
	require.NoError(t, run.Close())
	return w.Stats(), ended
}

// stream adds entries as a live run does: some, and a flush each second.
func (s *spooling) stream(t *testing.T, from, seconds int) {
	t.Helper()
	for i, entry := range entries(from, seconds*10) {
		require.NoError(t, s.add(entry))
		time.Sleep(100 * ms)
		if i%10 == 9 {
			require.NoError(t, s.Flush())
		}
	}
}

// judge lets the server refuse one document, and put off another while it is busy.
func (s *spooling) judge(refused, late string, busy *bool) {
	s.server.Judge(func(d ingesttest.Document) *ingesttest.ItemError {
		switch {
		case d.ID == refused:
			return &ingesttest.ItemError{Status: 400, Type: "mapper_parsing_exception", Reason: "no"}
		case d.ID == late && *busy:
			return &ingesttest.ItemError{Status: 429, Type: "es_rejected_execution_exception", Reason: "queue"}
		}
		return nil
	})
}

func TestSpoolCarriesAnOutage(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ingesttest.Fault{
		"refused": {Refused: true}, "503": {Status: 503}, "no answer": {Delay: ingesttest.Forever}, "wrong password": {Status: 401},
		"blocked": {Item: func(int, ingesttest.Document) *ingesttest.ItemError {
			return &ingesttest.ItemError{Status: 403, Type: "cluster_block_exception", Reason: "index [k6-metrics-2026.11] blocked"}
		}},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSpooling(t, 1<<20, nil)
			s.stream(t, 0, 5)
			synctest.Wait()
			assert.Zero(t, s.entry(t).Bytes, "the disk is left alone while all is well")
			s.server.Always(fault)
			s.stream(t, 50, 60)
			time.Sleep(time.Second)
			synctest.Wait()
			assert.GreaterOrEqual(t, s.entry(t).Documents, int64(590), "all that was flushed is on disk")
			s.server.Always(ingesttest.Fault{})
			s.stream(t, 650, 20)
			require.NoError(t, s.close(t))
			stats := s.Stats()
			assert.EqualValues(t, 850, stats.Delivered())
			assert.Zero(t, stats.Spooled)
			assert.Len(t, s.server.Documents(), 850)
			assert.NoDirExists(t, filepath.Join(s.spool.Root(), "run-1-0123456789abcdef"))

			require.Len(t, s.log.all, 2, "told once, and once that it is over")
			assert.Contains(t, s.log.all[0], "; documents go to the spool ("+s.spool.Root()+", 1.0 MiB at most)")
			assert.Regexp(t, `^INFO http://fake:9200 is back after [0-9ms]+; sending [0-9]+ documents from the spool$`, s.log.all[1])
		})
	}
}

// What kill -9 costs: what was not flushed, and while nobody knows yet that the server is away, what was
// flushed within the last SpoolAfter.
func TestWhatWasFlushedSurvivesAKill(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			s := newSpooling(t, 1<<20, nil)
			s.stream(t, 0, 3)
			s.server.Always(ingesttest.Fault{Delay: ingesttest.Forever}) // nobody notices for 30 s
			seconds := 1 + random.IntN(60)
			s.stream(t, 30, seconds)
			s.server.Judge(nil)
			late := time.Duration(random.IntN(1500)) * ms
			time.Sleep(late)
			synctest.Wait()
			killed := filepath.Join(t.TempDir(), "killed") // the disk as it is now
			require.NoError(t, os.CopyFS(killed, os.DirFS(s.spool.Root())))

			s.server.Always(ingesttest.Fault{})
			entries, err := spool.List(killed)
			require.NoError(t, err)
			arrived := len(s.server.Documents())
			if len(entries) > 0 {
				stats, err := s.replay(t, entries[0].Path)
				require.NoError(t, err)
				arrived += int(stats.Created)
			}
			flushed, known := 10*(3+seconds), seconds >= 31
			if !known && late < 1250*ms { // a quarter of a period for the spiller to come round
				flushed -= 20
			}
			assert.GreaterOrEqual(t, arrived, flushed, "%d s, and %s", seconds, late)
			require.NoError(t, s.close(t))
			assert.Len(t, s.server.Documents(), 10*(3+seconds))
		})
	}
}

// A server that is slow, but takes all: nobody speaks of an outage, and the memory stays free.
func TestSpoolHelpsWithASlowServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, func(o *ingest.WriterOptions) { o.Memory = 20_000 })
		s.server.Always(ingesttest.Fault{Delay: 5 * time.Second})
		s.stream(t, 0, 60)
		_ = s.close(t) // some of it may be left
		assert.EqualValues(t, 600, s.Stats().Delivered()+s.Stats().Spooled)
		assert.Greater(t, s.Stats().Delivered(), int64(300))
		assert.Empty(t, s.log.all)
		assert.Len(t, s.server.Documents(), int(s.Stats().Delivered()))
		if s.Stats().Spooled > 0 {
			s.server.Always(ingesttest.Fault{})
			_, err := s.replay(t, s.entry(t).Path)
			require.NoError(t, err)
		}
		assert.Len(t, s.server.Documents(), 600)
	})
}

func TestWhatIsLeftAtTheEndIsReplayed(t *testing.T) {
	t.Parallel()
	for _, fault := range []ingesttest.Fault{{Delay: ingesttest.Forever}, {Refused: true}, {Status: 429, RetryAfter: "30"}} {
		bubble(t, fmt.Sprintf("%+v", fault.Status), func(t *testing.T) {
			s := newSpooling(t, 1<<20, nil)
			s.server.Always(fault)
			s.stream(t, 0, 30)
			require.NoError(t, s.add(entries(300, 7)...), "not flushed by the stream")
			start := time.Now()
			require.ErrorIs(t, s.close(t), context.DeadlineExceeded)
			assert.Equal(t, time.Minute, time.Since(start), "it waits for the server to the end")
			assert.EqualValues(t, 307, s.Stats().Spooled)
			assert.Zero(t, s.Stats().Undelivered)
			entry := s.entry(t)
			assert.EqualValues(t, 307, entry.Documents)
			assert.False(t, entry.InUse)

			s.server.Always(ingesttest.Fault{Status: http.StatusForbidden})
			stats, err := s.replay(t, entry.Path)
			require.ErrorContains(t, err, "answered 403")
			assert.EqualValues(t, 307, stats.Spooled)
			s.server.Always(ingesttest.Fault{})
			s.server.Next(3, ingesttest.Fault{Lost: true})
			stats, err = s.replay(t, entry.Path)
			require.NoError(t, err)
			assert.EqualValues(t, 307, stats.Delivered())
			assert.Len(t, s.server.Documents(), 307)
			assert.NoDirExists(t, entry.Path)
		})
	}
}

// The end of a run comes at once to a server that is back: a pause between attempts does not make it late.
func TestTheEndHurries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, nil)
		s.server.Always(ingesttest.Fault{Refused: true})
		s.stream(t, 0, 60)
		s.server.Always(ingesttest.Fault{})
		start := time.Now()
		require.NoError(t, s.close(t))
		assert.Less(t, time.Since(start), 2*time.Second)
		assert.EqualValues(t, 600, s.Stats().Delivered())
	})
}

func TestSpoolThatIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 20_000, func(o *ingest.WriterOptions) { o.Memory = 10_000 })
		s.server.Always(ingesttest.Fault{Refused: true})
		s.stream(t, 0, 300)
		synctest.Wait()
		assert.LessOrEqual(t, s.entry(t).Bytes, int64(20_000))
		require.Error(t, s.close(t))
		stats := s.Stats()
		assert.EqualValues(t, 3000, stats.Spooled+stats.Undelivered)
		assert.Greater(t, stats.Undelivered, int64(500))
		assert.Greater(t, stats.Spooled, int64(200))
		said := strings.Join(s.log.all, "\n")
		assert.Equal(t, 1, strings.Count(said, "is full (20 KiB, option spool-size); documents wait in memory, and those that find no room there are not delivered"), said)
		assert.Equal(t, 1, strings.Count(said, "the memory for documents that wait is full (9.8 KiB, option memory)"), said)

		s.server.Always(ingesttest.Fault{})
		replayed, err := s.replay(t, s.entry(t).Path)
		require.NoError(t, err)
		assert.Equal(t, stats.Spooled, replayed.Created)
	})
}

// While the spool is being sent, the live stream hardly waits: one sender is always its own.
func TestTheLiveStreamGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 8<<20, nil)
		s.server.Always(ingesttest.Fault{Refused: true})
		s.stream(t, 0, 120)
		s.server.Always(ingesttest.Fault{Delay: 500 * ms}) // a request takes half a second
		time.Sleep(11 * time.Second)                       // the longest pause between attempts
		spooled := s.entry(t).Documents
		require.Greater(t, spooled, int64(300))
		for i := range 10 {
			before := len(s.server.Documents())
			require.NoError(t, s.add(entries(1200+i, 1)...))
			require.NoError(t, s.Flush())
			time.Sleep(501 * ms)
			synctest.Wait()
			newest := ""
			for _, document := range s.server.Documents()[before:] {
				newest = max(newest, document.ID)
			}
			assert.Equal(t, idOf(t, entries(1200+i, 1)[0]), newest, "there after one request's time")
		}
		assert.Less(t, s.entry(t).Documents, spooled, "and the spool was sent beside it")
		require.NoError(t, s.close(t))
		assert.Len(t, s.server.Documents(), 1210)
	})
}

// With a patience of its own a live run ends its attempts, and all that follows goes to the spool.
func TestSpoolAfterGivingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, func(o *ingest.WriterOptions) { o.RetryFor = 10 * time.Second })
		s.server.Always(ingesttest.Fault{Status: 503})
		for _, entry := range entries(0, 600) {
			_ = s.add(entry)
			time.Sleep(100 * ms)
		}
		assert.ErrorContains(t, s.close(t), "gave up after 10s")
		assert.EqualValues(t, 600, s.Stats().Spooled)
	})
}

// Damage in the spool is passed over, counted and named.
func TestDamagedSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, nil)
		s.server.Always(ingesttest.Fault{Refused: true})
		s.stream(t, 0, 30)
		require.Error(t, s.close(t))
		entry := s.entry(t)
		name := filepath.Join(entry.Path, "000001.blocks")
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		content[len(content)/2] ^= 1
		require.NoError(t, os.WriteFile(name, content[:len(content)-5], 0o600))

		s.server.Always(ingesttest.Fault{})
		stats, err := s.replay(t, entry.Path)
		require.NoError(t, err)
		assert.EqualValues(t, 2, stats.Damaged)
		assert.EqualValues(t, 300, stats.Created+stats.Undelivered)
		assert.Positive(t, stats.Undelivered)
		assert.Zero(t, stats.Spooled)
		named := 0
		for _, line := range s.log.all {
			if strings.HasPrefix(line, "WARN a block of the spool is damaged, and passed over: "+name+":") {
				named++
			}
		}
		assert.Equal(t, 2, named)
		assert.FileExists(t, name+".damaged")
	})
}

// Whatever happens, every document is in the end on the server, or counted as rejected or undelivered; and
// what is said to be in the spool is there.
func TestSpoolUnderRandomFaults(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			s := newSpooling(t, int64(10_000+rng.IntN(200_000)), func(o *ingest.WriterOptions) {
				o.InFlight, o.Compression, o.BlockSize = 1+rng.IntN(3), rng.IntN(2), 500+rng.IntN(5000)
				o.Memory, o.SpoolAfter = int64(5000+rng.IntN(50_000)), time.Duration(100+rng.IntN(2000))*ms
			})
			if rng.IntN(3) == 0 {
				s.server.MaxBody(400 + rng.IntN(5000))
			}
			for from := 0; from < 400; from += 20 {
				for range rng.IntN(8) {
					s.server.Next(1+rng.IntN(3), randomFault(rng))
				}
				_ = s.add(entries(from, 20)...)
				time.Sleep(time.Duration(rng.IntN(5000)) * ms)
				_ = s.Flush()
			}
			_ = s.close(t)
			stats := s.Stats()
			s.server.MaxBody(0)
			rejected, spooled := stats.Rejected, stats.Spooled
			assert.Equal(t, spooled > 0, s.entry(t).Left)
			for entry := s.entry(t); entry.Left; entry = s.entry(t) { // again and again: the faults go on for a while
				replayed, err := s.replay(t, entry.Path)
				assert.Equal(t, err == nil, replayed.Spooled == 0)
				rejected += replayed.Rejected
			}
			stats.Rejected = rejected
			there := int64(len(s.server.Documents()))
			assert.GreaterOrEqual(t, there, 400-stats.Rejected-stats.Undelivered)
			assert.LessOrEqual(t, there, int64(400))
		})
	}
}

// A disk that cannot be read for a while costs nothing: a live run goes on later, a replay ends and says so.
func TestSpoolThatCannotBeReadNow(t *testing.T) {
	t.Parallel()
	bubble(t, "live", func(t *testing.T) {
		s := newSpooling(t, 1<<20, nil)
		s.server.Always(ingesttest.Fault{Status: 503})
		s.stream(t, 0, 20)
		back := spooltest.Aside(t, filepath.Join(s.entry(t).Path, "000001.blocks"))
		s.server.Always(ingesttest.Fault{})
		time.Sleep(30 * time.Second)
		assert.Positive(t, s.Stats().Spooled)
		back()
		require.NoError(t, s.close(t))
		assert.EqualValues(t, 200, s.Stats().Delivered())
		assert.Zero(t, s.Stats().Damaged)
		assert.Equal(t, 1, strings.Count(strings.Join(s.log.all, "\n"), "; what is in the spool waits there"))
	})
	bubble(t, "replay", func(t *testing.T) {
		s := newSpooling(t, 1<<20, nil)
		s.server.Always(ingesttest.Fault{Status: 503})
		s.stream(t, 0, 5)
		require.Error(t, s.close(t))
		s.server.Always(ingesttest.Fault{})
		entry := s.entry(t)
		run, err := spool.Open(entry.Path)
		require.NoError(t, err)
		back := spooltest.Aside(t, filepath.Join(entry.Path, "000001.blocks"))
		w := ingest.NewWriter(s.server.Client(), ingest.WriterOptions{
			InFlight: 2, Memory: 1 << 20, Wait: true, Timeout: time.Second, RetryFor: time.Minute, Fatal: true,
			Rejects: s.rejects, Log: s.log, Spool: run,
		})
		require.ErrorContains(t, w.Close(t.Context()), "reading the spool")
		assert.EqualValues(t, 50, w.Stats().Spooled)
		require.NoError(t, run.Close())
		back()
		stats, err := s.replay(t, entry.Path)
		require.NoError(t, err)
		assert.EqualValues(t, 50, stats.Delivered())
	})
}

// A file that somebody removed does not come back: what was in it is counted.
func TestSpoolFileThatIsRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, func(o *ingest.WriterOptions) { o.InFlight = 1 })
		s.server.Always(ingesttest.Fault{Status: 503})
		s.stream(t, 0, 20)
		require.NoError(t, os.Remove(filepath.Join(s.entry(t).Path, "000001.blocks")))
		s.server.Always(ingesttest.Fault{})
		_ = s.close(t)
		stats := s.Stats()
		assert.Zero(t, stats.Spooled)
		assert.EqualValues(t, 200, stats.Delivered()+stats.Undelivered)
	})
}

// A replay forgets no document that was refused and could not be put into the rejects file.
func TestReplayWithoutARejectsFile(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ingesttest.Fault{
		"documents": {Item: func(i int, _ ingesttest.Document) *ingesttest.ItemError {
			if i%2 == 0 {
				return nil
			}
			return &ingesttest.ItemError{Status: 400, Type: "mapper_parsing_exception", Reason: "no"}
		}},
		"blocks": {Status: 400, Body: `{"error":{"type":"parse_exception"}}`},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSpooling(t, 1<<20, nil)
			s.server.Always(ingesttest.Fault{Status: 503})
			require.NoError(t, s.add(entries(0, 10)...))
			require.Error(t, s.close(t))
			path := s.entry(t).Path
			s.server.Always(fault)
			s.rejects = &ingest.Rejects{Path: filepath.Join(t.TempDir(), "no", "rejects")}
			first, err := s.replay(t, path)
			require.ErrorContains(t, err, "refused documents cannot be kept: open ")
			assert.Zero(t, first.Rejected)
			assert.Equal(t, first.Spooled, s.entry(t).Documents)

			s.rejects = &ingest.Rejects{Path: filepath.Join(t.TempDir(), "rejects")}
			second, err := s.replay(t, path)
			require.NoError(t, err)
			assert.EqualValues(t, 10, first.Created+second.Delivered()+second.Rejected)
			assert.Len(t, readRejects(t, s.rejects), int(second.Rejected))
			assert.NoDirExists(t, path)
		})
	}
}

// What was refused before a block went to the spool is not refused, and counted, once more by the replay.
func TestRejectedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSpooling(t, 1<<20, nil)
		all := entries(0, 10)
		bad, late := idOf(t, all[2]), idOf(t, all[5])
		busy := true
		s.judge(bad, late, &busy)
		require.NoError(t, s.add(all...))
		require.NoError(t, s.Flush())
		time.Sleep(3 * time.Second)
		require.Error(t, s.close(t))
		assert.Equal(t, []int64{8, 1, 1}, []int64{s.Stats().Created, s.Stats().Rejected, s.Stats().Spooled})
		busy = false
		stats, err := s.replay(t, s.entry(t).Path)
		require.NoError(t, err)
		assert.Equal(t, []int64{1, 0, 0}, []int64{stats.Created, stats.Existing, stats.Rejected})
		assert.Len(t, readRejects(t, s.rejects), 1)
	})
}

// strict is a server that can make nothing of any request.
type strict struct{ *ingesttest.Client }

// Perform implements ingest.Transport.
func (strict) Perform(r *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(`{"error":{"type":"parse_exception"}}`))
	return &http.Response{StatusCode: http.StatusBadRequest, Body: body, Request: r}, nil
}

// A block that holds no entries ends, though its checksum is right.
func TestBlockWithoutEntries(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"x", "x\n", "x\ny"} {
		bubble(t, text, func(t *testing.T) {
			s := newSpooling(t, 1<<20, nil)
			require.NoError(t, s.delivery.close(t))
			_, err := s.spool.Append(spool.Record{Kind: spool.Bulk, Documents: 1, Raw: len(text), Time: time.Now(), Body: []byte(text)}, false)
			require.NoError(t, err)
			w := ingest.NewWriter(strict{s.server.Client()}, ingest.WriterOptions{
				InFlight: 1, Memory: 1 << 20, Timeout: time.Second, Rejects: s.rejects, Log: s.log, Spool: s.spool,
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.NoError(t, w.Close(ctx))
			assert.EqualValues(t, 1, w.Stats().Rejected)
			assert.Contains(t, strings.Join(s.log.all, "\n"), "could not be kept: entry 1 of a block of 1 has no end")
			require.NoError(t, s.spool.Close())
		})
	}
}
