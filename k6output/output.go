// Package k6output is the k6 output: k6 run --out elasticsearch. It is the only package that imports k6.
//
// What happens when:
//
//	New                reads the options; no network, no files but the config file and certificates
//	Start              asks what server this is, starts the worker
//	AddMetricSamples   puts k6's samples into a bounded queue and returns at once
//	the worker         turns samples into documents and hands them to the writer, which sends
//	StopWithTestError  takes what is left, waits for its delivery, bounded, and says what became of it
//
// It is not a stable Go API; what is stable are options, environment variables and document fields.
package k6output

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/notify"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
)

// Names under which the output is registered: k6 run --out NAME.
var Names = []string{"elasticsearch", "output-elasticsearch", "opensearch"}

// silence is how long the end of a test may take before the user is told what it waits for.
const silence = 2 * time.Second

// probeTimeout bounds how long the start of a test waits to learn what server this is.
const probeTimeout = 3 * time.Second

// firstBeat is how soon a run is told of, and how often that is tried while there is no sample.
const firstBeat = time.Second

// Output streams a run into Elasticsearch or OpenSearch.
type Output struct {
	config     config.Config
	params     output.Params
	thresholds map[string]metrics.Thresholds
	log        logrus.FieldLogger
	run        ingest.Run
	queue      *queue

	client   *elastic.Client
	server   string
	rejects  *ingest.Rejects
	spool    *spool.Run // nil when nothing is spooled
	writer   *ingest.Writer
	pipeline *ingest.Pipeline
	convert  *converter
	sample   ingest.Sample // that is being handed on; for the worker alone
	recorder *runs.Recorder
	store    *runs.Store
	prepared atomic.Bool     // the templates are there
	beating  chan struct{}   // holds an element while a heartbeat is being written
	beats    context.Context // of heartbeats; ended by endBeats, behind which none is kept
	endBeats context.CancelFunc
	keeping  sync.Mutex // of the run's document, in the spool
	unusable int64      // samples whose value is no number

	dashboard string         // link to the run in Kibana, at its end; empty: not known
	ended     *runs.Snapshot // what was recorded at the end; nil before, and where there was nothing
	notifier  *notify.Notifier

	away error // why the server did not answer at the start; nil if it did

	abort   func(error) // k6's: ends the test; nil where k6 gave none
	aborted bool        // abort was called; for the worker alone

	stop    chan struct{} // closed when no more samples will come
	stopped sync.Once
	done    chan struct{} // closed when the worker has handed over all
}

var _ output.WithStopWithTestError = (*Output)(nil)

// New makes the output from k6's parameters. Options come from --out, the environment, k6's JSON config
// and the config file; what is wrong with them, or with the certificates that they name, is the error.
func New(params output.Params) (output.Output, error) {
	cfg, err := config.Load(config.Sources{
		Files: config.DefaultFiles(), JSON: params.JSONConfig, Env: params.Environment,
		Argument: params.ConfigArgument, Output: params.OutputType,
	})
	if err != nil {
		return nil, errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
	}
	client, err := elastic.New(cfg.Elastic())
	if err != nil {
		return nil, errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
	}
	notifier, err := notify.New(cfg.Notifications())
	if err != nil {
		return nil, errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
	}
	run, err := newRun(cfg, params)
	if err != nil {
		return nil, errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
	}
	o := &Output{
		config: cfg, params: params, run: run, client: client, notifier: notifier, queue: newQueue(cfg.LiveQueue()),
		log:     params.Logger.WithField("output", params.OutputType),
		beating: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	return o, nil
}

// newRun names the run: by option, else by the tag testid (its id) and the script (its test).
func newRun(cfg config.Config, params output.Params) (ingest.Run, error) {
	run := ingest.Run{ID: cfg.RunID, Name: cfg.RunName, Test: cfg.TestName, Labels: cfg.Labels}
	tagged := params.ScriptOptions.RunTags["testid"]
	switch {
	case run.ID != "":
		if err := runs.CheckID(run.ID); err != nil {
			return run, fmt.Errorf("%q cannot be a run id: %w", run.ID, err)
		}
	case tagged == "":
		run.ID = runs.NewID()
	default:
		if run.ID = tagged; runs.CheckID(tagged) != nil {
			run.ID = runs.NewID()
			params.Logger.Warnf("the tag testid, %q, cannot be a run id: %v; this run is %q", tagged, runs.CheckID(tagged), run.ID)
		}
	}
	if run.Test == "" && params.ScriptPath != nil {
		run.Test = runs.TestOfScript(params.ScriptPath.Path)
	}
	instance := uuid.New()
	run.Instance = binary.BigEndian.Uint64(instance[8:])
	return run, nil
}

// Description is what k6 prints at the start, behind "output:".
func (o *Output) Description() string {
	server := o.server
	if server == "" {
		server = "not asked yet"
	}
	return fmt.Sprintf("elasticsearch (%s · %s · run %s %q)", o.client.URL(), server, o.run.ID, o.run.Name)
}

// Start asks for the server and starts the worker. A server that does not answer is no error: samples wait for it.
// A server that k6es cannot work with, or that refuses the login, is one, whatever on-error says: waiting mends neither,
// and nothing is measured yet that could be lost. A user who may not ask what server this is may write all the same.
func (o *Output) Start() error {
	for _, warning := range o.config.Warnings {
		o.log.Warn(warning)
	}
	if err := o.probe(); err != nil {
		return err
	}
	if o.away != nil && o.config.OnError == abort {
		return errext.WithExitCodeIfNone(fmt.Errorf("%w, and on-error is %s", o.away, abort), exitcodes.ExternalAbort)
	}
	origin := ci.Detect(context.Background(), o.params.Environment, "", ci.Command, o.config.Origin())
	if o.run.Name == "" {
		o.run.Name = origin.RunName()
	}
	if o.run.Name == "" {
		o.run.Name = runs.NameAt(time.Now())
	}
	o.store = &runs.Store{Client: o.client, Prefix: o.config.IndexPrefix}
	if err := o.claim(); err != nil {
		return err
	}
	o.recorder = runs.NewRecorder(o.facts(origin), o.run.Instance, o.thresholdSources())
	o.recorder.Started = time.Now()
	o.beats, o.endBeats = context.WithCancel(context.Background())
	o.rejects = &ingest.Rejects{Path: o.rejectsFile(), Append: true} // another instance of the run may write it too
	o.spool = o.newSpool()
	options := o.config.LiveWriter()
	options.Prepare, options.Rejects, options.Log = o.prepare, o.rejects, o.log
	options.Spool, options.Away = o.spool, o.away
	o.writer = ingest.NewWriter(o.client, options)
	registry := ingest.NewRegistry()
	o.convert = newConverter(registry)
	o.pipeline = ingest.NewPipeline(o.run, registry, o.config.Documents(), o.writer)
	go o.work()
	return nil
}

func (o *Output) rejectsFile() string {
	if o.config.RejectsFile != "" {
		return o.config.RejectsFile
	}
	return config.RejectsFileOf(o.run.ID)
}

func (o *Output) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	server, err := o.client.Probe(ctx)
	if err == nil {
		o.server = server.String()
		return nil
	}
	var connection *elastic.ConnectionError
	var answer *elastic.Error
	switch {
	case errors.As(err, &connection), errors.Is(err, context.DeadlineExceeded):
		o.server = "does not answer"
	case elastic.IsStatus(err, http.StatusForbidden):
		o.server = elastic.Server{}.String()
		return nil
	case errors.As(err, &answer) && answer.Status != http.StatusUnauthorized:
		o.server = fmt.Sprintf("answered %d", answer.Status)
	default:
		return errext.WithExitCodeIfNone(err, exitcodes.InvalidConfig)
	}
	o.away = err
	return nil
}

// prepare makes sure that the templates are there before documents are written.
func (o *Output) prepare(ctx context.Context) error {
	err := mappings.Ensure(ctx, o.client, o.config.Mappings(), o.config.Setup == "auto")
	o.prepared.Store(err == nil)
	return err
}

// AddMetricSamples takes a batch from k6. It never waits.
func (o *Output) AddMetricSamples(samples []metrics.SampleContainer) { o.queue.put(samples) }

// work is the worker's life: Start starts it, StopWithTestError ends it. It alone touches the converter
// and the pipeline, and adds to the writer.
func (o *Output) work() {
	defer close(o.done)
	ticker, heart, watch := time.NewTicker(o.config.FlushPeriod), time.NewTicker(firstBeat), time.NewTicker(watchPeriod)
	defer ticker.Stop()
	defer heart.Stop()
	defer watch.Stop()
	for {
		select {
		case <-o.queue.signal:
			o.process()
		case <-ticker.C:
			o.process()
			o.note(o.writer.Flush())
		case <-heart.C:
			o.process()
			if o.beat() {
				heart.Reset(runs.Heartbeat)
			}
		case <-watch.C:
			o.watch()
		case <-o.stop:
			o.process()
			o.note(o.pipeline.Close())
			return
		}
	}
}

func (o *Output) process() {
	for _, batch := range o.queue.take() {
		for _, container := range batch {
			if single, ok := container.(metrics.Sample); ok {
				o.take(&single)
				continue
			}
			samples := container.GetSamples()
			for i := range samples {
				o.take(&samples[i])
			}
		}
	}
}

// take hands a sample on to all that make something of it.
func (o *Output) take(in *metrics.Sample) {
	o.convert.convert(in, &o.sample)
	if !o.note(o.pipeline.Add(&o.sample)) {
		o.recorder.Add(&o.sample)
	}
}

// note counts samples that cannot be stored, and tells whether this was one. Errors of the writer are
// told by the writer itself.
func (o *Output) note(err error) (unusable bool) {
	if err == nil { // the usual: what follows allocates
		return false
	}
	var notFinite *ingest.NotFiniteError
	if !errors.As(err, &notFinite) {
		return false
	}
	if o.unusable == 0 {
		o.log.Warn(err)
	}
	o.unusable++
	return true
}

// Stop is StopWithTestError for a test that ended well.
func (o *Output) Stop() error { return o.StopWithTestError(nil) }

// StopWithTestError waits for what is left, at most the option stop-timeout, and says what became of
// the run's documents: nobody could do anything about an error. It may be called again, and without Start.
func (o *Output) StopWithTestError(testErr error) error {
	if o.writer == nil {
		return nil
	}
	o.stopped.Do(func() { o.finishInTime(testErr) })
	return nil
}

// lateness is how much longer than the option stop-timeout the end of a run may take: a disk that hangs
// cannot be interrupted, only left.
const lateness = 3 * time.Second

func (o *Output) finishInTime(testErr error) {
	begun, finished := time.Now(), make(chan struct{})
	go func() {
		defer close(finished)
		o.finish(testErr)
	}()
	timer := time.NewTimer(o.config.StopTimeout + lateness)
	defer timer.Stop()
	select {
	case <-finished:
		o.notify(o.config.StopTimeout - time.Since(begun))
	case <-timer.C:
		o.log.Warnf("the run's end took longer than %s: what became of the last documents is not known. Does the disk of the spool hang?",
			o.config.StopTimeout+lateness)
	}
}

// reserve is what is kept of the option stop-timeout for the run's own document, a third of it at most.
const reserve = 5 * time.Second

func (o *Output) finish(testErr error) {
	over := fmt.Errorf("the %s of stop-timeout were over", o.config.StopTimeout)
	ctx, cancel := context.WithTimeoutCause(context.Background(), o.config.StopTimeout, over)
	defer cancel()
	sending, cancelSending := context.WithTimeoutCause(ctx, o.config.StopTimeout-min(reserve, o.config.StopTimeout/3), over)
	defer cancelSending()
	patience := time.AfterFunc(silence, func() {
		o.log.Infof("waiting for documents to arrive, %s at most (option stop-timeout)", o.config.StopTimeout)
	})
	defer patience.Stop()
	close(o.stop)
	<-o.done
	closed := o.writer.Close(sending)
	recorded := o.finalRecord(ctx, testErr)
	o.report(closed, recorded, o.rejects.Close())
}
