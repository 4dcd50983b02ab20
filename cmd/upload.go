package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
)

type uploadOptions struct {
	stdout, join bool
	output       string
	types        map[string]string
}

// newUpload makes the command that loads files.
func newUpload(env Env) *cobra.Command {
	var options uploadOptions
	cmd := &cobra.Command{
		Use:   "upload FILE… | -",
		Short: "Load files that k6 wrote with --out json or --out csv",
		Long: "Loads what k6 wrote with --out json or --out csv, plain, gzip or zstd; \"-\" is standard input.\n" +
			"The same file loaded twice adds nothing, and an upload that was interrupted goes on where it stopped.\n" +
			"A line that is no k6 sample is reported and kept in FILE.rejects, and the rest goes on (exit code 4).",
		Example: "  k6es upload nightly-*.json.gz\n" +
			"  k6es upload --test checkout --label branch=main result.json\n" +
			"  k6 run --out json=- script.js | k6es upload -",
		Args: atLeast(1, "a file, or - for standard input"),
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.stdout, "stdout", false, "write the bulk requests to standard output instead of sending them")
	flags.BoolVar(&options.join, "append", false, "with --run-id: the files become one run together with what has that id already")
	flags.StringVar(&options.output, "output", "text", "how to tell the result: text or json")
	flags.StringToStringVar(&options.types, "metric-type", nil, "type of a custom metric in a CSV file, name=counter, gauge, rate or trend (repeatable)")
	config.AddFlags(flags, config.CLI)
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
	for name, word := range o.types {
		if _, ok := ingest.ParseMetricType(word); !ok {
			return usageError("--metric-type %s=%s: the type must be counter, gauge, rate or trend", name, word)
		}
	}
	stdin := 0
	for _, file := range files {
		if file == "-" {
			stdin++
		}
	}
	if stdin > 1 {
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
}

func (env Env) upload(ctx context.Context, flags *pflag.FlagSet, options uploadOptions, files []string) error {
	if err := options.check(files); err != nil {
		return err
	}
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	if cfg.RunID != "" && len(files) > 1 && !options.join {
		return usageError("one --run-id for %d files: say --append to make them one run", len(files))
	}
	u := uploader{env: env, config: cfg, options: options}
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
		var gone *serverError
		if errors.As(err, &gone) || ctx.Err() != nil {
			break
		}
	}
	if u.options.output == "json" {
		if err := writeJSON(u.env.Out, results); err != nil {
			return err
		}
	}
	return joinErrors(errs)
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

// one loads a file.
func (u *uploader) one(ctx context.Context, file string) (*result, error) {
	source, err := ingest.Open(file, u.env.In)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	l, err := u.newLoad(source)
	if err != nil {
		return nil, err
	}
	if err := l.first(); err != nil {
		return nil, errors.Join(err, l.rejects.Close())
	}
	if err := l.open(ctx); err != nil {
		return nil, errors.Join(err, l.rejects.Close())
	}
	l.read(ctx)
	return l.finish(ctx)
}

// load is one file on its way.
type load struct {
	*uploader
	source   *ingest.Source
	registry *ingest.Registry
	reader   ingest.SampleReader
	rejects  *ingest.Rejects
	totals   *runs.Totals
	bad      badLines
	started  time.Time

	sample   ingest.Sample // the next one
	run      ingest.Run
	taken    string // the run id that was another's
	writer   *ingest.Writer
	printer  *printer
	pipeline *ingest.Pipeline
	progress progress
	ended    error // why reading stopped: io.EOF, damage, or what ended the writer
}

func (u *uploader) newLoad(source *ingest.Source) (*load, error) {
	registry := ingest.NewRegistry()
	for name, word := range u.options.types {
		typ, _ := ingest.ParseMetricType(word)
		registry.Define(name, typ)
	}
	totals, err := runs.NewTotals(registry)
	if err != nil {
		return nil, err
	}
	l := &load{
		uploader: u, source: source, registry: registry, reader: source.Samples(registry), totals: totals,
		rejects: &ingest.Rejects{Path: u.rejectsFile(source.Name)}, started: time.Now(),
	}
	l.bad = badLines{env: u.env, rejects: l.rejects}
	return l, nil
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

// first reads up to the first sample; a file without any is an error.
func (l *load) first() error {
	if l.next() {
		return nil
	}
	var hopeless *notSamplesError
	if errors.As(l.ended, &hopeless) {
		return l.ended
	}
	if damage := ingest.Damage(l.ended); damage != nil {
		return fmt.Errorf("%s is damaged: %w; there is no sample before that", l.source.Name, damage)
	}
	return fmt.Errorf("%s holds no k6 sample", l.source.Name)
}

// open finds out which run the file is, and gets ready to send.
func (l *load) open(ctx context.Context) error {
	if err := l.claim(ctx); err != nil {
		return err
	}
	var sink ingest.Sink
	if l.options.stdout {
		l.printer = newPrinter(l.env.Out)
		sink = l.printer
	} else {
		options := l.config.UploadWriter()
		options.Rejects, options.Log = l.rejects, l.env.logger()
		options.Prepare = func(ctx context.Context) error {
			return mappings.Ensure(ctx, l.client, l.config.Mappings(), l.config.Setup == "auto")
		}
		l.writer = ingest.NewWriter(l.client, options)
		sink = l.writer
	}
	l.pipeline = ingest.NewPipeline(l.run, l.registry, l.config.Documents(), sink)
	l.progress = l.env.newProgress(l)
	return nil
}

// claim names the run.
func (l *load) claim(ctx context.Context) error {
	claim := runs.Claim{Append: l.options.join, Run: ingest.Run{
		ID: l.config.RunID, Name: l.config.RunName, Test: l.config.TestName,
		Instance: l.source.Instance(), Labels: l.config.Labels,
	}}
	if claim.Run.ID == "" {
		claim.Run.ID, claim.Origin = l.sample.Tags.Get("testid"), runs.FromTag
	}
	if claim.Run.ID == "" {
		claim.Run.ID, claim.Origin = l.source.RunID(), runs.FromContent
	}
	l.run = claim.Run
	if l.client != nil {
		claimer := runs.Claimer{Client: l.client, Prefix: l.config.IndexPrefix, URL: l.client.URL()}
		claimed, err := claimer.Claim(ctx, claim)
		if err != nil {
			return fmt.Errorf("%s: %w", l.source.Name, err)
		}
		l.run, l.taken = claimed.Run, claimed.Taken
	}
	if l.run.Test == "" {
		l.run.Test = runs.TestOfFile(l.source.Name)
	}
	if l.run.Name == "" {
		l.run.Name = runs.NameAt(time.Unix(0, l.sample.Time))
	}
	if l.taken != "" {
		l.env.warnf("%s: run id %q (tag testid) already belongs to another source; this file is run %q", l.source.Name, l.taken, l.run.ID)
	}
	return nil
}

// read takes the samples through the pipeline. Nothing is closed when the user interrupts: half a
// second must not be written, since the file will be read again.
func (l *load) read(ctx context.Context) {
	defer l.progress.stop()
	for {
		if err := errors.Join(l.totals.Add(&l.sample), l.pipeline.Add(&l.sample)); err != nil {
			l.ended = err
			return
		}
		if ctx.Err() != nil {
			l.ended = ctx.Err()
			return
		}
		if !l.next() {
			break
		}
	}
	if errors.Is(l.ended, io.EOF) || ingest.Damage(l.ended) != nil {
		if err := l.pipeline.Close(); err != nil {
			l.ended = err
		}
	}
}

// drainTime is how long documents that are under way may still arrive after an interrupt.
const drainTime = 3 * time.Second

// finish waits for the documents to arrive, and says what came of the file.
func (l *load) finish(ctx context.Context) (*result, error) {
	closed := l.close(ctx)
	kept := l.rejects.Close()
	r := l.result()
	name := l.source.Name
	switch {
	case ctx.Err() != nil:
		return r, &CodedError{ExitUndelivered, fmt.Errorf("%s: interrupted; run the same command again, and it goes on where it stopped", name)}
	case closed != nil:
		return r, &CodedError{ExitUndelivered, &serverError{fmt.Errorf(
			"%s: %w. Run the same command again when that is mended, and it goes on where it stopped", name, closed)}}
	case kept != nil:
		return r, &CodedError{ExitUndelivered, kept}
	}
	if lacking := l.lacking(r); len(lacking) > 0 {
		return r, &CodedError{ExitUndelivered, fmt.Errorf("%s: %s", name, strings.Join(lacking, "; "))}
	}
	return r, nil
}

func (l *load) close(ctx context.Context) error {
	if l.printer != nil {
		return l.printer.Flush()
	}
	if ctx.Err() == nil {
		return l.writer.Close(ctx)
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return l.writer.Close(ctx)
}

// lacking lists what of the file is not in the index.
func (l *load) lacking(r *result) []string {
	var lacking []string
	if l.bad.count > 0 {
		lacking = append(lacking, fmt.Sprintf("%s left out; see %s", l.bad.share(l.pipeline.Samples()), l.rejects.Path))
	}
	if r.Rejected > 0 {
		lacking = append(lacking, fmt.Sprintf("%s refused by the server; see %s", plural(r.Rejected, "document"), l.rejects.Path))
	}
	if damage := ingest.Damage(l.ended); damage != nil {
		lacking = append(lacking, fmt.Sprintf("the file is damaged (%v); what could be read of it is delivered", damage))
	}
	return lacking
}

// logger is how the writer speaks to the user.
func (env Env) logger() ingest.Logger { return plainLogger{env.Err} }

type plainLogger struct{ w io.Writer }

func (l plainLogger) Infof(format string, args ...any) { fmt.Fprintf(l.w, format+"\n", args...) }
func (l plainLogger) Warnf(format string, args ...any) {
	fmt.Fprintf(l.w, "warning: "+format+"\n", args...)
}

// writeBuffer is what standard output gets at a time.
const writeBuffer = 256 << 10
