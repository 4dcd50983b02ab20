package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs"
)

// known is how many samples of the file an earlier upload found.
func (l *load) known() uint64 {
	if l.earlier == nil {
		return 0
	}
	return uint64(l.earlier.Samples) //nolint:gosec // a count
}

// meet looks at what an earlier upload of the file left, before anything is sent: this one must be the same
// file, which may have grown. What that upload knew, and this one is not told, holds.
func (l *load) meet(ctx context.Context) error {
	l.given = l.verdicts
	if l.earlier == nil {
		return l.join(ctx)
	}
	l.given = l.earlier.Given(l.verdicts)
	if err := l.compare(ctx); err != nil {
		return err
	}
	return l.takeTypes(ctx)
}

// compare makes sure that the file begins with what was loaded. Runs of versions that did not note what that was
// are believed.
func (l *load) compare(ctx context.Context) error {
	was := l.earlier.Content
	if was == (ingest.Content{}) {
		return nil
	}
	has, begins, err := l.source.Begins(ctx, was)
	switch {
	case err != nil:
		return fmt.Errorf("comparing it with what is there of run %s: %w", l.run.ID, err)
	case has < was.Bytes:
		return &runs.ShorterError{RunID: l.run.ID, Has: plural(has, "byte"), Was: plural(was.Bytes, "byte")}
	case !begins:
		return &runs.OtherError{RunID: l.run.ID}
	}
	return nil
}

// shorter is what becomes of a file that ended before a known one did, of which only the number of samples was
// noted. All documents were there already.
func (l *load) shorter() error {
	has, was := humanize.Comma(int64(l.pipeline.Samples())), humanize.Comma(int64(l.known())) //nolint:gosec // counts
	return fmt.Errorf("%s: %w", displayName(l.source.Name), &runs.ShorterError{RunID: l.run.ID, Has: has + " samples", Was: was + " samples"})
}

// join takes over the types of metrics of a run that the file is made a part of: with two of them, a metric would
// have none.
func (l *load) join(ctx context.Context) error {
	if l.client == nil || !l.config.Append {
		return nil
	}
	return l.takeTypes(ctx)
}

// takeTypes takes over the types that the metrics of a CSV file have in the run. Others are refused: the documents
// that are there would have to be others.
func (l *load) takeTypes(ctx context.Context) error {
	if l.source.Format != ingest.FormatCSV {
		return nil
	}
	types, err := l.store().MetricTypes(ctx, l.run.ID)
	if err != nil {
		return err
	}
	for name, typ := range types {
		word, told := l.options.types[name]
		if told && word != typ.String() {
			return l.retyped(name, typ.String(), word)
		}
		l.registry.Define(name, typ)
	}
	l.sample.Metric = l.registry.Lookup([]byte(l.sample.Metric.Name))
	return nil
}

// retyped is a metric that --metric-type says is another than it is in the run.
func (l *load) retyped(name, was, wanted string) error {
	if l.earlier != nil {
		return &runs.RenamedError{RunID: l.run.ID, What: "type of metric " + name, Was: was, Wanted: wanted}
	}
	return fmt.Errorf("run %s has metric %s with type %q, not %q. Leave out --metric-type %s=%s: the type of the run holds",
		l.run.ID, name, was, wanted, name, wanted)
}

// whole says whether an earlier upload found the same in a file that was not damaged.
func (l *load) whole(content ingest.Content) bool {
	return l.earlier != nil && l.earlier.Content == content && l.earlier.Status != runs.Interrupted
}

// told says whether an earlier upload told receivers of notifications the same.
func (l *load) told(part runs.Part) bool {
	return l.earlier != nil && l.earlier.Samples >= part.Samples && l.earlier.Status == part.Status
}

// warnOfTypes names what --metric-type says of metrics that no file had.
func (u *uploader) warnOfTypes() {
	for _, name := range slices.Sorted(maps.Keys(u.options.types)) {
		if !u.met[name] {
			u.env.warnf("--metric-type %s=%s: there is no metric %s", name, u.options.types[name], name)
		}
	}
}
