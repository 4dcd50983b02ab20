package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/notify"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/terminal"
)

type uploadOptions struct {
	stdout          bool
	output, summary string
	types           map[string]string
}

// newUpload makes the command that loads files.
func newUpload(env Env) *cobra.Command {
	var options uploadOptions
	cmd := &cobra.Command{
		Use:   "upload FILE… | -",
		Short: "Load files that k6 wrote with --out json or --out csv",
		Long: "Loads what k6 wrote with --out json or --out csv, plain, gzip or zstd; \"-\" is\n" +
			"standard input. The same file loaded twice adds nothing, and an upload that was\n" +
			"interrupted goes on where it stopped. A line that is no k6 sample is reported\n" +
			"and kept in FILE.rejects, and the rest goes on (exit code 4).",
		Example: "  k6es upload nightly-*.json.gz\n" +
			"  k6es upload --test checkout --label branch=main result.json\n" +
			"  k6 run --out json=- script.js | k6es upload --test checkout -",
		Args: atLeast(1, "a file, or - for standard input"),
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.stdout, "stdout", false, "write the bulk requests to standard output instead of sending them")
	flags.StringVar(&options.output, "output", "text", "how to tell the result: text or json")
	flags.StringVar(&options.summary, "summary", "", "k6's end-of-test summary of the file's run: its verdicts on thresholds are taken over")
	flags.StringToStringVar(&options.types, "metric-type", nil, "`type` of a custom metric in a CSV file, name=counter, gauge, rate or trend (repeatable)")
	flags.Lookup("metric-type").DefValue = ""
	addAllBut(flags, slices.Concat(kibanaOptions, alertOptions, []string{"flush-period", "spool-dir"})...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return env.upload(cmd.Context(), flags, options, args)
	}
	return cmd
}

func (o uploadOptions) check(files []string) error {
	if o.output != "text" && o.output != "json" {
		return usageError("--output is %q; choose text or json", o.output)
	}
	if o.stdout && o.output == "json" {
		return usageError("--stdout and --output json exclude each other: both write to standard output")
	}
	if err := checkTypes(o.types); err != nil {
		return err
	}
	return checkStdin(files)
}

// checkStdin looks at files that are named: standard input cannot be read twice.
func checkStdin(files []string) error {
	first := slices.Index(files, "-")
	if first >= 0 && slices.Contains(files[first+1:], "-") {
		return usageError("standard input (-) can be read only once")
	}
	return nil
}

// uploader is what the uploads of one command share.
type uploader struct {
	env     Env
	config  config.Config
	options uploadOptions
	client  *elastic.Client // nil with --stdout

	verdicts []runs.Verdict // of --summary
	notifier *notify.Notifier
	met      map[string]bool // metrics of --metric-type that a file had
	rejected bool            // --rejects-file has rejects of an earlier file of this command
}

func readSummary(name string) ([]runs.Verdict, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--summary: %w", err)
	}
	defer func() { _ = file.Close() }()
	verdicts, err := runs.ReadSummary(file)
	if err != nil {
		return nil, fmt.Errorf("--summary %s: %w", name, err)
	}
	return verdicts, nil
}

func (env Env) upload(ctx context.Context, flags *pflag.FlagSet, options uploadOptions, files []string) error {
	if err := errors.Join(options.check(files), env.checkTyped(files...)); err != nil {
		return err
	}
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	if cfg.RunID != "" {
		if err := runs.CheckID(cfg.RunID); err != nil {
			return usageError("%q cannot be a run id: %w", cfg.RunID, err)
		}
	}
	if options.summary != "" && len(files) > 1 {
		return usageError("one --summary for %d files: upload them one by one", len(files))
	}
	if cfg.RunID != "" && len(files) > 1 && !cfg.Append {
		return usageError("one --run-id for %d files: say --append to make them one run", len(files))
	}
	if env.Terminal && !options.stdout {
		env.Err = &aboveBar{w: env.Err}
	}
	notifier, err := notify.New(cfg.Notifications())
	if err != nil {
		return usageError("%w", err)
	}
	u := uploader{env: env, config: cfg, options: options, notifier: notifier, met: map[string]bool{}}
	if options.summary != "" {
		if u.verdicts, err = readSummary(options.summary); err != nil {
			return err
		}
	}
	if !options.stdout {
		if u.client, err = u.connect(ctx); err != nil {
			return err
		}
	}
	return u.all(ctx, files)
}

// connect reaches the server and makes sure of its templates before anything is read.
func (u *uploader) connect(ctx context.Context) (*elastic.Client, error) {
	client, _, err := connect(ctx, u.config)
	if err != nil {
		return nil, err
	}
	return client, mappings.Ensure(ctx, client, u.config.Mappings(), u.config.Setup == "auto")
}

// all loads the files, one after the other. A file that fails does not keep the next from being loaded,
// unless the server is gone or the user wants to stop.
func (u *uploader) all(ctx context.Context, files []string) error {
	var results []*result
	var errs []error
	for _, file := range files {
		r, err := u.one(ctx, file)
		if r != nil {
			results = append(results, r)
			u.tell(r)
		}
		if err == nil {
			continue
		}
		errs = append(errs, err)
		if endsAll(ctx, err) {
			break
		}
	}
	if len(results) > 0 {
		u.warnOfTypes()
	}
	if u.options.output == "json" {
		if err := writeJSON(u.env.Out, results); err != nil {
			return err
		}
	}
	return joinErrors(errs)
}

// endsAll tells whether after this error the next file, or run, is not tried: the server is gone, or the user
// wants to stop.
func endsAll(ctx context.Context, err error) bool {
	var gone *serverError
	return errors.As(err, &gone) || ctx.Err() != nil
}

// joinErrors makes one error of several, with the gravest of their exit codes: an error before
// something undelivered.
func joinErrors(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	code := ExitUndelivered
	for _, err := range errs {
		code = min(code, CodeOf(err))
	}
	return &CodedError{code, errors.Join(errs...)}
}

// serverError ends all uploads: the server does not take documents.
type serverError struct{ error }

func (e *serverError) Unwrap() error { return e.error }

// one loads a file. An interrupt does not end standard input: what k6 still writes could not be read
// again.
func (u *uploader) one(ctx context.Context, file string) (*result, error) {
	source, err := ingest.Open(file, u.env.In, u.env.Err)
	if err != nil {
		return nil, err
	}
	if file == "-" {
		defer context.AfterFunc(ctx, func() {
			u.env.warnf("interrupted: what still comes from standard input is loaded; interrupt again to stop at once")
		})()
		ctx = context.WithoutCancel(ctx)
	}
	l := u.newLoad(source)
	if err := l.start(ctx); err != nil {
		if ctx.Err() != nil {
			err = l.interrupted()
		}
		return nil, errors.Join(err, l.rejects.Discard(), source.Close())
	}
	defer func() { u.rejected = u.rejected || l.rejects.Count() > 0 }()
	late, cancel := graceful(ctx)
	defer cancel()
	defer l.newProgress().stop()
	if !l.read(ctx, late) {
		return nil, l.interrupted()
	}
	return l.finish(ctx, late)
}

// drainTime is how long documents that are under way may still arrive after an interrupt.
const drainTime = 3 * time.Second

// graceful returns a context that ends drainTime after ctx does.
func graceful(ctx context.Context) (late context.Context, cancel context.CancelFunc) {
	late, cancel = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(drainTime, cancel) })
	return late, cancel
}

// load is one file on its way.
type load struct {
	*uploader
	source   *ingest.Source
	registry *ingest.Registry
	reader   ingest.SampleReader
	rejects  *ingest.Rejects
	recorder *runs.Recorder
	bad      badLines
	started  time.Time

	sample   ingest.Sample // the next one
	run      ingest.Run
	taken    string         // the run id that was another's
	earlier  *runs.Part     // what an earlier upload of the file said, which may have grown since; nil if there was none
	given    []runs.Verdict // by k6
	writer   *ingest.Writer
	printer  *printer
	sink     counted // writer or printer
	pipeline *ingest.Pipeline
	ended    error // why reading stopped: io.EOF, damage, or what ended the writer
}

func (u *uploader) newLoad(source *ingest.Source) *load {
	registry := typedRegistry(u.options.types)
	l := &load{
		uploader: u, source: source, registry: registry, reader: source.Samples(registry),
		rejects: u.newRejects(source.Name), started: time.Now(),
	}
	l.bad = badLines{env: u.env, rejects: l.rejects}
	return l
}

// newRejects are those of a file. They are held until it is clear that something of it is written.
func (u *uploader) newRejects(name string) *ingest.Rejects {
	return &ingest.Rejects{Path: u.rejectsFile(name), Append: u.config.RejectsFile != "" && u.rejected, Held: true}
}

func (u *uploader) rejectsFile(name string) string {
	switch {
	case u.config.RejectsFile != "":
		return u.config.RejectsFile
	case name == "-":
		return "stdin.rejects"
	default:
		return name + ".rejects"
	}
}

// next reads the next sample, past lines that are none. It returns false at the end.
func (l *load) next() bool {
	for {
		err := l.reader.Read(&l.sample)
		if err == nil {
			return true
		}
		var bad *ingest.BadLine
		if !errors.As(err, &bad) {
			l.ended = err
			return false
		}
		if err := l.bad.add(bad, l.pipeline == nil); err != nil {
			l.ended = err
			return false
		}
	}
}

// start reads up to the first sample, finds out which run the file is, and gets ready to send.
func (l *load) start(ctx context.Context) error {
	if err := l.first(); err != nil {
		return err
	}
	if err := l.claim(ctx); err != nil {
		return err
	}
	if err := l.meet(ctx); err != nil {
		return fmt.Errorf("%s: %w", displayName(l.source.Name), err)
	}
	l.rejects.Keep()
	l.open()
	return nil
}

// first reads up to the first sample; a file without any is an error.
func (l *load) first() error {
	if l.next() {
		return nil
	}
	return l.withoutSamples()
}

// withoutSamples is the error for a file that has come to its end without a sample.
func (l *load) withoutSamples() error {
	var hopeless *notSamplesError
	if errors.As(l.ended, &hopeless) {
		return l.ended
	}
	if damage := ingest.Damage(l.ended); damage != nil {
		return fmt.Errorf("%s is damaged: %w; there is no sample before that", displayName(l.source.Name), damage)
	}
	return fmt.Errorf("%s holds no k6 sample", displayName(l.source.Name))
}

// open gets ready to send, or to print.
func (l *load) open() {
	if l.options.stdout {
		l.printer = newPrinter(l.env.Out)
		l.sink.Sink = l.printer
	} else {
		options := l.config.UploadWriter()
		options.Rejects, options.Log = l.rejects, l.env.logger()
		options.Prepare = func(ctx context.Context) error {
			return mappings.Ensure(ctx, l.client, l.config.Mappings(), l.config.Setup == "auto")
		}
		l.writer = ingest.NewWriter(l.client, options)
		l.sink.Sink = l.writer
	}
	l.recorder = runs.NewRecorder(l.runFacts(), l.run.Instance, l.givenThresholds())
	documents := l.config.Documents()
	documents.Known = l.known()
	l.pipeline = ingest.NewPipeline(l.run, l.registry, documents, &l.sink)
}

// runFacts are what is known of the run beside its samples. Git is not asked: the file is of the past.
func (l *load) runFacts() runs.Facts {
	return runs.Facts{
		ID: l.run.ID, Name: l.run.Name, Test: l.run.Test, Note: l.config.RunNote, Version: config.Version(),
		Service: l.config.Service, Environment: l.config.Environment, Labels: l.run.Labels, Origin: l.origin().Fields(),
	}
}

// givenThresholds are the thresholds that k6 judged, those on sub-metrics among them.
func (l *load) givenThresholds() []runs.ThresholdSource {
	var sources []runs.ThresholdSource
	for _, v := range l.given {
		sources = append(sources, runs.ThresholdSource{Metric: v.Metric, Expression: v.Expression})
	}
	return sources
}

func (l *load) origin() ci.Origin {
	return ci.Detect(context.Background(), l.env.Vars, "", nil, l.config.Origin())
}

// claim names the run.
func (l *load) claim(ctx context.Context) error {
	claim := runs.Claim{Append: l.config.Append, Run: ingest.Run{
		ID: l.config.RunID, Name: l.config.RunName, Test: l.config.TestName,
		Instance: l.source.Instance(), Labels: l.config.Labels,
	}}
	if claim.Run.ID == "" {
		claim.Run.ID, claim.Origin = l.taggedID(), runs.FromTag
	}
	if claim.Run.ID == "" {
		claim.Run.ID, claim.Origin = l.source.RunID(), runs.FromContent
	}
	l.run = claim.Run
	if l.client != nil {
		claimer := runs.Claimer{Client: l.client, Prefix: l.config.IndexPrefix}
		claimed, err := claimer.Claim(ctx, claim)
		if err != nil {
			return fmt.Errorf("%s: %w", displayName(l.source.Name), err)
		}
		l.run, l.taken = claimed.Run, claimed.Taken
		if l.earlier, err = l.store().Earlier(ctx, l.run); err != nil {
			return fmt.Errorf("%s: %w", displayName(l.source.Name), err)
		}
	}
	if l.run.Test == "" {
		l.run.Test = runs.TestOfFile(l.source.Name)
		if l.source.Name == "-" {
			l.env.warnf("k6's output does not name its script, so this run is one of test %q, like any other from standard input, "+
				"and compared with those. Name it: --test NAME, or K6_ELASTICSEARCH_TEST_NAME", l.run.Test)
		}
	}
	if l.run.Name == "" {
		l.run.Name = cmp.Or(l.origin().RunName(), runs.NameAt(time.Unix(0, l.sample.Time)))
	}
	if l.taken != "" {
		l.env.warnf("%s: run id %q (tag testid) already belongs to another source; this file is run %q", displayName(l.source.Name), l.taken, l.run.ID)
	}
	return nil
}

// taggedID is the run id that the tag testid asks for, "" if it asks for none that can be.
func (l *load) taggedID() string {
	id := l.sample.Tags.Get("testid")
	if id == "" {
		return ""
	}
	if err := runs.CheckID(id); err != nil {
		l.env.warnf("%s: the tag testid, %q, cannot be a run id: %v; the id is made from the content", displayName(l.source.Name), id, err)
		return ""
	}
	return id
}

// read takes the samples through the pipeline. It returns false when late ended before reading did: the
// source or the writer hangs, and the load belongs to the goroutine that waits for it.
func (l *load) read(ctx, late context.Context) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.pump(ctx)
	}()
	select {
	case <-done:
		return true
	case <-late.Done():
		return false
	}
}

// pump reads to the end. Nothing is closed when the user interrupts: half a second must not be written,
// since the file will be read again.
func (l *load) pump(ctx context.Context) {
	defer l.source.Close()
	for more := true; more; more = l.next() {
		l.recorder.Add(&l.sample)
		if l.ended = l.pipeline.Add(&l.sample); l.ended == nil {
			l.ended = ctx.Err()
		}
		if l.ended != nil {
			return
		}
	}
	if err := l.pipeline.Close(); err != nil {
		l.ended = err
	}
}

// finish waits for the documents to arrive, and says what came of the file.
func (l *load) finish(ctx, late context.Context) (*result, error) {
	closed := l.close(late)
	kept := l.rejects.Close()
	snapshot, err := l.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	r := l.result(snapshot.Part())
	switch {
	case ctx.Err() != nil:
		if closed == nil {
			l.recordInterrupted(snapshot)
		}
		return r, l.interrupted()
	case closed != nil:
		return r, &CodedError{ExitUndelivered, &serverError{l.stopped(closed)}}
	}
	if l.known() > l.pipeline.Samples() {
		return nil, l.shorter()
	}
	if err := l.record(late, snapshot); err != nil {
		return r, &CodedError{ExitUndelivered, l.stopped(err)}
	}
	l.notify(late, snapshot, r.Dashboard)
	if lacking := l.lacking(r, kept); len(lacking) > 0 {
		return r, &CodedError{ExitUndelivered, fmt.Errorf("%s: %s", displayName(l.source.Name), strings.Join(lacking, "; "))}
	}
	return r, nil
}

// snapshot is what the run comes to. Thresholds that the file names are evaluated here, unless a summary
// has k6's own verdicts.
func (l *load) snapshot(ctx context.Context) (*runs.Snapshot, error) {
	l.recorder.FileThresholds(l.registry)
	outcome := runs.Outcome{
		Status: runs.Passed, Verdicts: l.given, Evaluate: true, Content: l.source.Content(),
		Documents: int64(l.pipeline.Documents()), Stats: l.stats(), BadLines: l.bad.count, //nolint:gosec // a count
	}
	if ctx.Err() != nil {
		outcome.Status, outcome.Reason = runs.Interrupted, "its upload was interrupted"
	} else if damage := ingest.Damage(l.ended); damage != nil && !l.whole(outcome.Content) {
		outcome.Status, outcome.Reason = runs.Interrupted, "the file is damaged: "+damage.Error()
	} else if l.bad.torn {
		outcome.Status, outcome.Reason = runs.Interrupted, "the file's last line is cut off"
	}
	return l.recorder.Snapshot(outcome, true, time.Now())
}

// record stores the run's own document and its series.
func (l *load) record(ctx context.Context, snapshot *runs.Snapshot) error {
	if l.client == nil {
		return nil
	}
	if err := l.store().Record(ctx, snapshot); err != nil {
		return fmt.Errorf("the samples are delivered, but the run's own document is not: %w", err)
	}
	return nil
}

// recordInterrupted stores what an interrupted upload knows of the run, unless an earlier one knew more: so
// that it can be found. The next upload makes it right.
func (l *load) recordInterrupted(snapshot *runs.Snapshot) {
	if l.pipeline.Samples() <= l.known() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := l.record(ctx, snapshot); err != nil {
		l.env.warnf("%s: %v", displayName(l.source.Name), err)
	}
}

// notify tells of the run, unless an earlier upload of the same file did.
func (l *load) notify(ctx context.Context, snapshot *runs.Snapshot, dashboard string) {
	if l.client == nil || l.told(snapshot.Part()) && len(l.verdicts) == 0 {
		return
	}
	l.env.tellDeliveries(l.notifier.Run(ctx, l.store(), snapshot, dashboard))
}

func (l *load) store() *runs.Store {
	return &runs.Store{Client: l.client, Prefix: l.config.IndexPrefix}
}

// stats are the writer's counts; zero with --stdout.
func (l *load) stats() ingest.Stats {
	if l.writer == nil {
		return ingest.Stats{}
	}
	return l.writer.Stats()
}

func (l *load) close(late context.Context) error {
	if l.printer != nil {
		return l.printer.Flush()
	}
	return l.writer.Close(late)
}

func (l *load) interrupted() error {
	return &CodedError{ExitUndelivered, l.stopped(errors.New("interrupted"))}
}

// stopped says why the file is not loaded whole, and how to go on.
func (l *load) stopped(why error) error {
	if l.printer != nil {
		return fmt.Errorf("%s: %w", displayName(l.source.Name), why)
	}
	return fmt.Errorf("%s: %w. %s", displayName(l.source.Name), why, goOn(why))
}

// lacking lists what of the file is not in the index.
func (l *load) lacking(r *result, kept error) []string {
	var lacking []string
	if l.bad.count > 0 {
		lacking = append(lacking, l.bad.share(l.pipeline.Samples())+" left out")
	}
	if r.Rejected > 0 {
		lacking = append(lacking, plural(r.Rejected, "document")+" refused by the server")
	}
	if kept != nil {
		lacking = append(lacking, kept.Error())
	} else if len(lacking) > 0 {
		lacking = append(lacking, l.bad.see())
	}
	if damage := ingest.Damage(l.ended); damage != nil {
		lacking = append(lacking, fmt.Sprintf("the file is damaged (%v); what could be read of it is delivered", damage))
	}
	return lacking
}

// logger is how the writer speaks to the user.
func (env Env) logger() ingest.Logger { return plainLogger{env.Err} }

type plainLogger struct{ w io.Writer }

func (l plainLogger) Infof(format string, args ...any) {
	fmt.Fprintln(l.w, terminal.Escape(fmt.Sprintf(format, args...)))
}
func (l plainLogger) Warnf(format string, args ...any) { Env{Err: l.w}.warnf(format, args...) }
