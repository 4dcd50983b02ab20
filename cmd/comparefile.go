package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs"
)

// file is a file of samples that is compared, while it is read.
type file struct {
	*comparer
	source   *ingest.Source
	registry *ingest.Registry
	reader   ingest.SampleReader
	facts    runs.Facts
	recorder *runs.Recorder
	first    int64 // time of the first sample

	candidate runs.Candidate
	bad       int64
	examples  []string // the first bad lines
	torn      bool     // the last line is cut off, as when k6 is killed
	damage    error    // why it could not be read to its end
}

// readFiles reads those sides that are files, side by side, and tells what was wrong with them.
func (c *comparer) readFiles(ctx context.Context, contender *side, baseline []*side) error {
	group, ctx := errgroup.WithContext(ctx)
	all := append([]*side{contender}, baseline...)
	for _, s := range all {
		if !isFile(s.ref) {
			continue
		}
		group.Go(func() (err error) {
			s.file, err = c.open(ctx, s.ref, s == contender)
			if err == nil {
				err = s.file.compare(ctx, s)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, s := range all {
		if s.file != nil {
			s.file.warn()
		}
	}
	return nil
}

func (c *comparer) open(ctx context.Context, name string, contender bool) (*file, error) {
	source, err := ingest.Open(name, c.env.In, c.env.Err)
	if err != nil {
		return nil, err
	}
	registry := typedRegistry(c.options.types)
	f := &file{comparer: c, source: source, registry: registry, reader: source.Samples(registry)}
	f.facts = runs.Facts{ID: source.RunID(), Test: c.config.TestName, Environment: c.config.Environment, Version: config.Version()}
	if f.facts.Test == "" {
		f.facts.Test = runs.TestOfFile(name)
	}
	if contender {
		f.facts.Origin = c.origin(ctx).Fields()
	}
	return f, nil
}

// compare reads the file and makes of it what is compared.
func (f *file) compare(ctx context.Context, s *side) error {
	defer f.source.Close()
	if err := f.read(ctx); err != nil {
		return err
	}
	f.recorder.FileThresholds(f.registry)
	// Thresholds are about the whole run.
	outcome := runs.Outcome{Status: runs.Passed, Evaluate: f.window.All(), BadLines: f.bad}
	if f.torn || f.damage != nil {
		outcome.Status, outcome.Reason = runs.Interrupted, "the file does not reach the run's end"
	}
	snapshot, err := f.recorder.Snapshot(outcome, true, time.Now())
	if err != nil {
		return err
	}
	if snapshot == nil {
		return fmt.Errorf("%s has nothing in the window %s", displayName(f.source.Name), f.window)
	}
	if s.run, err = snapshot.Comparable(); err != nil {
		return err
	}
	document, err := snapshot.Document()
	if err != nil {
		return err
	}
	if s.verdicts, err = document.Verdicts(); err != nil {
		return err
	}
	f.candidate = document.Candidate()
	s.about = document.Compared()
	s.about.File = displayName(f.source.Name)
	s.run.Name = filepath.Base(s.about.File)
	return nil
}

// heedEvery is after how many samples reading looks whether it is to stop.
const heedEvery = 1 << 16

// read takes the samples in, past lines that are none.
func (f *file) read(ctx context.Context) error {
	var sample ingest.Sample
	for n := 0; ; n++ {
		if n%heedEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		err := f.reader.Read(&sample)
		var bad *ingest.BadLine
		switch {
		case err == nil:
			f.add(&sample)
		case !errors.As(err, &bad):
			return f.end(err)
		default:
			if err := f.skip(bad); err != nil {
				return err
			}
		}
	}
}

func (f *file) add(sample *ingest.Sample) {
	if f.recorder == nil {
		f.first = sample.Time
		f.facts.Name = runs.NameAt(time.Unix(0, f.first))
		f.recorder = runs.NewRecorder(f.facts, f.source.Instance(), nil)
	}
	if f.window.All() || f.window.Has(time.Duration(sample.Time-f.first)) {
		f.recorder.Add(sample)
	}
}

// skip counts a line that is no sample. A file that begins with many of them is none of k6's.
func (f *file) skip(bad *ingest.BadLine) error {
	if bad.Torn {
		f.torn = true
		return nil
	}
	if f.bad++; f.bad <= shownBadLines {
		f.examples = append(f.examples, bad.Error())
	}
	if f.recorder == nil && f.bad >= hopelessLines {
		return fmt.Errorf("%s holds no k6 samples; the first of %d lines that are none: %s", displayName(f.source.Name), f.bad, f.examples[0])
	}
	return nil
}

// end says why reading ended, if that is an error.
func (f *file) end(why error) error {
	f.damage = ingest.Damage(why)
	switch {
	case f.recorder != nil:
		return nil
	case f.damage != nil:
		return fmt.Errorf("%s is damaged: %w; there is no sample before that", displayName(f.source.Name), f.damage)
	default:
		return fmt.Errorf("%s holds no k6 sample", displayName(f.source.Name))
	}
}

// warn tells what was wrong with the file.
func (f *file) warn() {
	for _, example := range f.examples {
		f.env.warnf("%s", example)
	}
}

// shortcomings are what the reader of the comparison must know of the file.
func (f *file) shortcomings() []string {
	name := displayName(f.source.Name)
	var all []string
	if f.bad > 0 {
		all = append(all, fmt.Sprintf("%s of %s are no samples and were left out", plural(f.bad, "line"), name))
	}
	if f.torn {
		all = append(all, fmt.Sprintf("the last line of %s is cut off, as when k6 is killed", name))
	}
	if f.damage != nil {
		all = append(all, fmt.Sprintf("%s is damaged (%v): what could be read of it is compared", name, f.damage))
	}
	return all
}
