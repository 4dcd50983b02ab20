package k6output

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"go.k6.io/k6/v2/metrics"

	"github.com/k6es/k6es/ingest/ingesttest"
	"github.com/k6es/k6es/runs"
)

func TestNewAndStopWithoutStartTouchNothing(t *testing.T) {
	t.Parallel()
	server := newCluster(t)
	o, hook := newOutput(t, server.url)
	assert.Equal(t, "elasticsearch ("+server.url+` · not asked yet · run run-1 "nightly")`, o.Description())
	require.NoError(t, o.Stop())
	require.NoError(t, o.StopWithTestError(nil))
	assert.Zero(t, server.asked())
	assert.Empty(t, lines(hook))
}

func TestNewNamesTheOptionThatIsWrong(t *testing.T) {
	t.Parallel()
	params, _ := testParams(t, "http://localhost:9200,indxPrefix=x")
	_, err := New(params)
	require.ErrorContains(t, err, `--out elasticsearch=…: unknown option "indxPrefix"; did you mean "index-prefix"?`)

	params, _ = testParams(t, "http://localhost:9200,ca-cert-file=absent.pem")
	_, err = New(params)
	require.ErrorContains(t, err, "cannot use ca-cert-file (K6_ELASTICSEARCH_CA_CERT_FILE): open absent.pem: ")
	var coded errext.HasExitCode
	require.ErrorAs(t, err, &coded)
	assert.Equal(t, exitcodes.InvalidConfig, coded.ExitCode())
}

func TestRunIsNamed(t *testing.T) {
	t.Parallel()
	params, _ := testParams(t, "")
	delete(params.Environment, "K6_ELASTICSEARCH_RUN_ID")
	params.ScriptOptions.RunTags = map[string]string{"testid": "812"}
	o, err := New(params)
	require.NoError(t, err)
	assert.Equal(t, "812", o.(*Output).run.ID)
	assert.Equal(t, "checkout", o.(*Output).run.Test)

	params.ScriptOptions.RunTags = nil
	one, err := New(params)
	require.NoError(t, err)
	two, err := New(params)
	require.NoError(t, err)
	assert.NotEqual(t, one.(*Output).run.ID, two.(*Output).run.ID)
	assert.NotEqual(t, one.(*Output).run.Instance, two.(*Output).run.Instance)
}

func TestRunIDThatNoServerTakes(t *testing.T) {
	t.Parallel()
	params, hook := testParams(t, "")
	params.Environment["K6_ELASTICSEARCH_RUN_ID"] = "_search"
	_, err := New(params)
	require.ErrorContains(t, err, `"_search" cannot be a run id`)

	delete(params.Environment, "K6_ELASTICSEARCH_RUN_ID")
	params.ScriptOptions.RunTags = map[string]string{"testid": "_search"}
	o, err := New(params)
	require.NoError(t, err)
	require.NoError(t, runs.CheckID(o.(*Output).run.ID))
	assert.Contains(t, strings.Join(lines(hook), "\n"), `warning: the tag testid, "_search", cannot be a run id`)
}

func TestRunArrives(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	o, hook := newOutput(t, server.url)
	require.NoError(t, o.Start())
	assert.Equal(t, "elasticsearch ("+server.url+` · Elasticsearch OSS 7.10.2 · run run-1 "nightly")`, o.Description())
	const requests = 1500
	for i := range requests {
		o.AddMetricSamples([]metrics.SampleContainer{samples.request(time.Duration(i) * time.Millisecond)})
	}
	require.NoError(t, o.Stop())
	assert.Len(t, server.Documents(), requests)
	require.Len(t, lines(hook), 1)
	assert.Regexp(t, `^info: 4,500 samples in 1,500 documents, all delivered \([0-9.]+ kB sent\)$`, lines(hook)[0])

	require.NoError(t, o.Stop(), "again")
	require.NoError(t, o.StopWithTestError(assert.AnError))
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0)})
	assert.Len(t, lines(hook), 1)
}

func TestSamplesThatAreNoNumbersAreCounted(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	o, hook := newOutput(t, server.url)
	require.NoError(t, o.Start())
	batch := []metrics.SampleContainer{samples.request(0)}
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		batch = append(batch, samples.sample(samples.builtin.HTTPReqDuration, time.Second, value))
	}
	o.AddMetricSamples(batch)
	require.NoError(t, o.Stop())
	require.Len(t, lines(hook), 2)
	assert.Equal(t, "warning: a sample of http_req_duration is NaN, which is not a number that can be stored", lines(hook)[0])
	assert.Regexp(t, `^warning: 3 samples in 1 documents, 1 delivered \([0-9]+ B sent\); 3 samples without a finite value left out$`, lines(hook)[1])
}

func TestRejectedDocumentsAreCounted(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.Judge(func(ingesttest.Document) *ingesttest.ItemError {
		return &ingesttest.ItemError{Status: http.StatusBadRequest, Type: "mapper_parsing_exception", Reason: "no"}
	})
	o, hook := newOutput(t, server.url)
	require.NoError(t, o.Start())
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
	require.NoError(t, o.Stop())
	report := lines(hook)[len(lines(hook))-1]
	assert.Regexp(t, `^warning: 6 samples in 2 documents, 0 delivered \(.* sent\); 2 documents rejected \(kept in .*/rejects\)$`, report)
	assert.FileExists(t, o.rejects.Path)
}

// Two k6 processes of one run, started in one folder, keep what was refused in one file: each all of its own.
func TestRejectedDocumentsOfTwoInstances(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.Judge(func(ingesttest.Document) *ingesttest.ItemError {
		return &ingesttest.ItemError{Status: http.StatusBadRequest, Type: "mapper_parsing_exception", Reason: "no"}
	})
	file := filepath.Join(t.TempDir(), "rejects")
	kept := func() int {
		content, _ := os.ReadFile(file)
		return strings.Count(string(content), "mapper_parsing_exception")
	}
	var instances []*Output
	for i := range 2 {
		o, _ := newOutput(t, server.url+",flush-period=20ms,rejects-file="+file)
		require.NoError(t, o.Start())
		instances = append(instances, o)
		o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
		require.Eventually(t, func() bool { return kept() == i+1 }, 30*time.Second, 10*time.Millisecond, "the first is kept, the last is open")
	}
	require.NoError(t, errors.Join(instances[0].Stop(), instances[1].Stop()))
	assert.Equal(t, 4, kept())
}

func TestServerThatIsDownDoesNotHinderTheRun(t *testing.T) {
	t.Parallel()
	for _, spooled := range []bool{true, false} {
		t.Run(fmt.Sprint("spooled ", spooled), func(t *testing.T) {
			t.Parallel()
			samples, argument := newRunSamples(), "http://127.0.0.1:1,stop-timeout=300ms"
			if !spooled {
				argument += ",spool-size=0"
			}
			o, hook := newOutput(t, argument)
			require.NoError(t, o.Start())
			assert.Equal(t, `elasticsearch (http://127.0.0.1:1 · does not answer · run run-1 "nightly")`, o.Description())
			o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
			begun := time.Now()
			require.NoError(t, o.Stop())
			assert.Less(t, time.Since(begun), o.config.StopTimeout+lateness)
			logged := lines(hook)
			const refused = `^warning: http://127\.0\.0\.1:1 does not answer \(connection refused\), since [0-9:]{8}; `
			if spooled {
				require.Len(t, logged, 3, "once, and what became of it")
				assert.Regexp(t, refused+`documents go to the spool \(`+o.config.SpoolDir+`, 2\.0 GiB at most\)$`, logged[0])
				assert.Equal(t, "warning: 6 samples in 2 documents, 0 delivered (0 B sent)", logged[1])
				assert.Equal(t, "warning: 2 of 2 documents, and the run's own, could not be delivered and are in the spool. "+
					"Send them with: k6es replay --url http://127.0.0.1:1 run-1", logged[2])
				return
			}
			require.Len(t, logged, 2)
			assert.Regexp(t, refused+"documents wait in memory and are sent again$", logged[0])
			assert.Regexp(t, `^warning: 6 samples in 2 documents, 0 delivered \(0 B sent\); `+
				`2 documents not delivered \(the 300ms of stop-timeout were over\); the run's own document was not written`, logged[1])
		})
	}
}

func TestServerThatHangsHindersNeitherTheRunNorItsEnd(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"0", "20KiB", "1GiB"} {
		t.Run("spool of "+size, func(t *testing.T) {
			t.Parallel()
			server, samples := newCluster(t), newRunSamples()
			server.Always(ingesttest.Fault{Delay: ingesttest.Forever})
			o, hook := newOutput(t, server.url+",memory=256KiB,bulk-size=1KiB,flush-period=10ms,stop-timeout=500ms,spool-size="+size)
			require.NoError(t, o.Start())
			var longest time.Duration
			for i := range 3000 {
				batch := []metrics.SampleContainer{samples.request(time.Duration(i) * time.Millisecond)}
				begun := time.Now()
				o.AddMetricSamples(batch)
				longest = max(longest, time.Since(begun))
			}
			assert.Less(t, longest, 500*time.Millisecond, "never waits for the server")
			begun := time.Now()
			require.NoError(t, o.Stop())
			assert.Less(t, time.Since(begun), o.config.StopTimeout+lateness)
			stats := o.writer.Stats()
			assert.Equal(t, int64(3*3000), int64(o.pipeline.Samples())+o.queue.lost(), "no sample goes uncounted") //nolint:gosec // small
			assert.Equal(t, int64(o.pipeline.Documents()), stats.Undelivered+stats.Spooled)                        //nolint:gosec // small
			assert.Equal(t, size != "0", stats.Spooled > 0)
			if size == "1GiB" {
				assert.Zero(t, stats.Undelivered)
			} else {
				assert.Contains(t, strings.Join(lines(hook), "\n"), "documents not delivered")
			}
			if size == "20KiB" {
				assert.Contains(t, strings.Join(lines(hook), "\n"), "is full (20 KiB, option spool-size); documents wait in memory")
			}
		})
	}
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	server := newCluster(t)
	server.status = http.StatusUnauthorized
	for _, onError := range []string{"warn", abort} {
		params, _ := testParams(t, server.url+",on-error="+onError)
		params.Environment["K6_ELASTICSEARCH_USER"], params.Environment["K6_ELASTICSEARCH_PASSWORD"] = "k6", "geheim"
		o, err := New(params)
		require.NoError(t, err)
		err = o.Start()
		require.ErrorContains(t, err, `answered 401 (wrong user or password for "k6")`)
		assert.NotContains(t, err.Error(), "geheim")
		var coded errext.HasExitCode
		require.ErrorAs(t, err, &coded)
		assert.Equal(t, exitcodes.InvalidConfig, coded.ExitCode())
		require.NoError(t, o.Stop(), "as if it had never been started")
	}
}

// Who may not ask what server this is may write all the same: only refused documents tell.
func TestAServerThatDoesNotSayWhatItIs(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.status = http.StatusForbidden
	o, ended := aborts(t, server.url)
	assert.Contains(t, o.Description(), "· a server that does not say to this user what it is ·")
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
	require.Eventually(t, func() bool { return o.writer.Stats().Delivered() > 0 }, time.Minute, time.Millisecond)
	assert.Empty(t, ended)
	require.NoError(t, o.Stop())
}

func TestAbortWhenNothingMayBeWritten(t *testing.T) {
	t.Parallel()
	server, samples := newCluster(t), newRunSamples()
	server.status = http.StatusForbidden
	server.Always(ingesttest.Fault{Status: http.StatusForbidden})
	o, ended := aborts(t, server.url)
	o.AddMetricSamples([]metrics.SampleContainer{samples.request(0), samples.request(time.Second)})
	requireAbort(t, ended, server.url+" answered 403")
	require.NoError(t, o.Stop())
}
