package k6output

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest/ingesttest"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/runs"
)

// spooled is what the output left in the spool.
func (o *Output) spooled(t *testing.T) spool.Entry {
	t.Helper()
	entries, err := spool.List(o.config.SpoolDir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	return entries[0]
}

// document is the run's own document as the spool has it.
func document(t *testing.T, entry spool.Entry) *runs.Snapshot {
	t.Helper()
	run, err := spool.Open(entry.Path)
	require.NoError(t, err)
	lines, err := run.LoadRun()
	require.NoError(t, err)
	require.NoError(t, run.Close())
	snapshot, err := runs.DecodeSnapshot(lines)
	require.NoError(t, err)
	return snapshot
}

func TestRunDocumentIsSpooled(t *testing.T) {
	t.Parallel()
	samples := newRunSamples()
	o, hook := newOutput(t, "http://127.0.0.1:1,stop-timeout=300ms,kibana-url=http://kibana:5601")
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
	require.NoError(t, o.Stop())
	told := lines(hook)
	assert.Contains(t, told[len(told)-2], "http://kibana:5601/")
	assert.Contains(t, told[len(told)-1], "Send them with: k6es replay", "the last line says what to do")
	entry := o.spooled(t)
	assert.Equal(t, "run-1", entry.RunID)
	assert.Equal(t, "checkout", entry.Test)
	assert.Equal(t, "nightly", entry.Name)
	assert.EqualValues(t, 2, entry.Documents)
	assert.True(t, entry.RunDocument)
	assert.False(t, entry.InUse)
	part := document(t, entry).Part()
	assert.Equal(t, runs.Passed, part.Status)
	assert.EqualValues(t, 6, part.Samples)
	assert.EqualValues(t, 2, part.Documents)
	assert.InDelta(t, 2, part.Requests, 0)
	assert.Zero(t, part.Undelivered, "whoever sends this has sent the documents first")
}

// While the server is away, the heartbeat goes to the spool: that is what is left of a run that is killed.
func TestHeartbeatIsSpooled(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	o, _ := newOutput(t, server.url+",flush-period=50ms,stop-timeout=5s")
	require.NoError(t, o.Start())
	server.gone(true)
	for i := range 10 {
		o.AddMetricSamples([]metrics.SampleContainer{samples.request(time.Duration(i) * time.Second)})
	}
	require.Eventually(t, func() bool {
		entries, err := spool.List(o.config.SpoolDir)
		return err == nil && len(entries) == 1 && entries[0].RunDocument && entries[0].Documents == 9
	}, 30*time.Second, 50*time.Millisecond)
	assert.True(t, o.spooled(t).InUse)
	copied := t.TempDir() // the disk at the moment of a kill
	require.NoError(t, os.CopyFS(copied, os.DirFS(o.config.SpoolDir)))
	entries, err := spool.List(copied)
	require.NoError(t, err)
	assert.Equal(t, runs.Running, document(t, entries[0]).Part().Status)

	server.gone(false)
	require.NoError(t, o.Stop())
	assert.Len(t, server.Documents(), 10)
	left, err := os.ReadDir(o.config.SpoolDir)
	require.NoError(t, err)
	assert.Empty(t, left, "all is delivered, the run's document too")
}

// The run's document is there, but documents are not: replay corrects it.
func TestRunDocumentIsCorrectedByReplay(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.Always(ingesttest.Fault{Status: 429})
	o, hook := newOutput(t, server.url+",stop-timeout=900ms")
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
	require.NoError(t, o.Stop())
	entry := o.spooled(t)
	assert.True(t, entry.RunDocument)
	assert.Zero(t, document(t, entry).Part().Undelivered)
	logged := lines(hook)
	assert.Equal(t, "warning: 2 of 2 documents could not be delivered and are in the spool. Send them with: k6es replay --url "+
		server.url+" run-1", logged[len(logged)-1])
}

// The command that is shown finds by itself what the environment says, and shows no login.
func TestReplayCommand(t *testing.T) {
	t.Parallel()
	for argument, want := range map[string]string{
		"": "k6es replay run-1",
		"http://k6:geheim@a:9200,http://b:9200,spool-dir=/a b": "k6es replay --url http://a:9200,http://b:9200 --spool-dir '/a b' run-1",
	} {
		params, _ := testParams(t, argument)
		params.Environment["K6_ELASTICSEARCH_URL"] = "http://es:9200"
		made, err := New(params)
		require.NoError(t, err)
		assert.Equal(t, want, made.(*Output).replayCommand()) //nolint:forcetypeassert // it makes no others
	}
}

// A folder that cannot be the spool is told of at once, and nobody is promised that documents go there.
func TestUnusableSpool(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	samples := newRunSamples()
	o, hook := newOutput(t, "http://127.0.0.1:1,stop-timeout=300ms,spool-dir="+file)
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0)})
	require.NoError(t, o.Stop())
	logged := lines(hook)
	require.Len(t, logged, 3)
	assert.Equal(t, fmt.Sprintf("warning: %s cannot be the spool: %s is no folder; set spool-dir or K6_ELASTICSEARCH_SPOOL_DIR; "+
		"documents wait in memory", file, file), logged[0])
	assert.Contains(t, logged[1], "; documents wait in memory and are sent again")
	assert.Contains(t, logged[2], "1 documents not delivered")
}

// The folder went bad after the start: what became of the run is told on one line.
func TestSpoolThatGoesBad(t *testing.T) {
	t.Parallel()
	samples := newRunSamples()
	dir := filepath.Join(t.TempDir(), "spool")
	o, hook := newOutput(t, "http://127.0.0.1:1,stop-timeout=300ms,spool-dir="+dir)
	require.NoError(t, o.Start())
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0)})
	require.NoError(t, o.Stop())
	last := lines(hook)[len(lines(hook))-1]
	assert.NotContains(t, last, "\n")
	assert.Regexp(t, `; the run's own document was not written \(.*\), and is not in the spool either \(making the spool: .*\)$`, last)
}

// A server that accepts connections and never answers: neither the start nor the end takes longer than it
// may, and nothing is lost.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	samples := newRunSamples()
	o, _ := newOutput(t, "http://"+listener.Addr().String()+",stop-timeout=1s,flush-period=20ms")
	begun := time.Now()
	require.NoError(t, o.Start())
	assert.Less(t, time.Since(begun), probeTimeout+2*time.Second)
	for i := range 100 {
		o.AddMetricSamples([]metrics.SampleContainer{samples.request(time.Duration(i) * time.Millisecond)})
	}
	begun = time.Now()
	require.NoError(t, o.Stop())
	assert.Less(t, time.Since(begun), o.config.StopTimeout+lateness)
	entry := o.spooled(t)
	assert.EqualValues(t, 100, entry.Documents)
	assert.True(t, entry.RunDocument)
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0193a1b2-7": "0193a1b2-7", "a b": "'a b'", "it's": `'it'\''s'`, "$(rm)": "'$(rm)'", "#812": "'#812'", "負荷": "'負荷'",
	} {
		assert.Equal(t, want, shellWord(text))
	}
}

func TestNoHomeNoSpool(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_STATE_HOME", "")
	samples := newRunSamples()
	params, hook := testParams(t, "http://127.0.0.1:1,stop-timeout=100ms")
	delete(params.Environment, "K6_ELASTICSEARCH_SPOOL_DIR")
	made, err := New(params)
	require.NoError(t, err)
	require.NoError(t, made.Start())
	made.AddMetricSamples([]metrics.SampleContainer{samples.request(0)})
	require.NoError(t, made.Stop())
	assert.Equal(t, "warning: no folder for the spool: $HOME is not defined. Set K6_ELASTICSEARCH_SPOOL_DIR; "+
		"what the server does not take in time waits in memory", lines(hook)[0])
	assert.Contains(t, lines(hook)[len(lines(hook))-1], "1 documents not delivered")
}

// A heartbeat that outlives the run's end does not take its place.
func TestALateHeartbeatIsNotKept(t *testing.T) {
	t.Parallel()
	samples := newRunSamples()
	o, _ := newOutput(t, "http://127.0.0.1:1,stop-timeout=300ms")
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0)})
	require.NoError(t, o.Stop())
	require.Error(t, o.beats.Err())
	late, err := o.recorder.Snapshot(o.outcome(runs.Running, ""), false, time.Now())
	require.NoError(t, err)
	o.keepBeat(late, o.beats.Err())
	assert.Equal(t, runs.Passed, document(t, o.spooled(t)).Part().Status)
}
