package k6output

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/ingesttest"
)

// aborts starts a run with on-error=abort, and returns where the error comes that ends the test.
func aborts(t *testing.T, argument string) (*Output, chan error) {
	o, _ := newOutput(t, argument+",on-error=abort,flush-period=10ms,stop-timeout=300ms")
	ended := make(chan error, 10)
	o.SetTestRunStopCallback(func(err error) { ended <- err })
	require.NoError(t, o.Start())
	return o, ended
}

func requireAbort(t *testing.T, ended chan error, reason string) {
	t.Helper()
	err := <-ended
	require.ErrorContains(t, err, "elasticsearch: "+reason)
	require.ErrorContains(t, err, "; the option on-error ends the test")
	var aborted errext.HasAbortReason
	require.ErrorAs(t, err, &aborted)
	assert.Equal(t, errext.AbortedByOutput, aborted.AbortReason())
	var coded errext.HasExitCode
	require.ErrorAs(t, err, &coded)
	assert.Equal(t, exitcodes.ExternalAbort, coded.ExitCode())
}

func TestAbortWhenDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.Judge(func(ingesttest.Document) *ingesttest.ItemError {
		return &ingesttest.ItemError{Status: http.StatusBadRequest, Type: "mapper_parsing_exception", Reason: "no"}
	})
	o, ended := aborts(t, server.url)
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)}) // of which one is whole
	requireAbort(t, ended, "the server refused 1 documents (kept in ")
	time.Sleep(2 * watchPeriod)
	assert.Empty(t, ended, "once is enough")
	require.NoError(t, o.Stop())
}

func TestAbortWhenTheLoginIsRefused(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	o, ended := aborts(t, server.url)
	server.Always(ingesttest.Fault{Status: http.StatusUnauthorized})
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)}) // of which one is whole
	requireAbort(t, ended, server.url+" answered 401")
	require.NoError(t, o.Stop())
}

func TestAbortWhenDocumentsAreLost(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	o, ended := aborts(t, server.url+",spool-size=0,memory=2KiB,bulk-size=1KiB")
	server.Always(ingesttest.Fault{Delay: ingesttest.Forever})
	for i := range 100 {
		o.AddMetricSamples([]metrics.SampleContainer{samples.request(time.Duration(i) * time.Second)})
		time.Sleep(time.Millisecond)
	}
	err := <-ended
	assert.ErrorContains(t, err, "are lost")
	require.NoError(t, o.Stop())
}

func TestAbortAtOnceWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	o, _ := newOutput(t, "http://127.0.0.1:1,on-error=abort")
	err := o.Start()
	require.EqualError(t, err, "http://127.0.0.1:1 does not answer (connection refused), and on-error is abort")
	require.NoError(t, o.Stop())
}

// An outage is no reason to end a test before it has lasted: what the server does not take is in the spool.
func TestAbortAfterALongOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := ingesttest.New(t)
		o := &Output{queue: newQueue(1 << 20), rejects: new(ingest.Rejects)}
		o.config.OnError = abort
		var ended error
		o.SetTestRunStopCallback(func(err error) { ended = errors.Join(ended, err) })
		o.writer = ingest.NewWriter(server.Client(), ingest.WriterOptions{
			BlockSize: 1000, InFlight: 1, Memory: 1 << 20, Timeout: time.Hour, Rejects: o.rejects, Log: discardLog{},
			Away: errors.New("nobody answers"),
		})
		time.Sleep(abortPatience - time.Second)
		o.watch()
		require.NoError(t, ended)
		time.Sleep(2 * time.Second)
		o.watch()
		require.EqualError(t, ended, "elasticsearch: nobody answers, for 1m1s; the option on-error ends the test")
		require.NoError(t, o.writer.Close(t.Context()))
	})
}

type discardLog struct{}

func (discardLog) Infof(string, ...any) {}
func (discardLog) Warnf(string, ...any) {}

func TestWithoutTheOptionNothingIsEnded(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.Always(ingesttest.Fault{Status: http.StatusUnauthorized})
	o, _ := newOutput(t, server.url+",stop-timeout=100ms")
	o.SetTestRunStopCallback(func(err error) { t.Error(err) })
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.sample(samples.builtin.VUs, 0, math.NaN())})
	require.NoError(t, o.Stop())
}
