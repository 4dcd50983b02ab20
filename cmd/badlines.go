package cmd

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest"
)

const (
	shownBadLines = 5   // how many are shown; all are kept
	hopelessLines = 100 // a file that begins with that many is none of k6's
)

// badLines counts, shows and keeps the lines of a file that are no samples.
type badLines struct {
	env     Env
	rejects *ingest.Rejects
	count   int64
	torn    bool
	example string
}

// notSamplesError is a file whose lines are no samples.
type notSamplesError struct{ text string }

func (e *notSamplesError) Error() string { return e.text }

// add takes a bad line. A torn last line, which k6 leaves when it is killed, is only warned of. It
// returns an error when there is no hope: many bad lines and not one sample.
func (b *badLines) add(bad *ingest.BadLine, noSample bool) error {
	if bad.Torn {
		b.torn = true
		b.env.warnf("%s:%d: the last line is cut off, as when k6 is killed; it is left out", bad.File, bad.Line)
		return nil
	}
	if b.count++; b.count == 1 {
		b.example = bad.Error()
	}
	if noSample && b.count >= hopelessLines {
		return &notSamplesError{fmt.Sprintf("%s holds no k6 samples; the first of %d lines that are none: %s", bad.File, b.count, b.example)}
	}
	if b.count <= shownBadLines {
		b.env.warnf("%v", bad)
	} else if b.count == shownBadLines+1 {
		kept := " and kept in " + b.rejects.Path
		if noSample { // and if there will be none, they are not
			kept = ""
		}
		b.env.warnf("more lines of %s are no samples; they are counted%s", bad.File, kept)
	}
	b.rejects.Line(bad)
	return nil
}

// share says how many lines of how many are bad.
func (b *badLines) share(samples uint64) string {
	verb := "were"
	if b.count == 1 {
		verb = "was"
	}
	return fmt.Sprintf("%s of %s %s", plural(b.count, "line"), humanize.Comma(b.count+int64(samples)), verb)
}

// see says where what is not in the index is kept, and how much of it is not.
func (b *badLines) see() string {
	text := "see " + b.rejects.Path
	if passed := b.rejects.Passed(); passed > 0 {
		text += fmt.Sprintf(", which was full before the last %s", plural(passed, "line"))
	}
	return text
}

func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(n) + " " + noun
}
