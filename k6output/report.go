package k6output

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/runs/series"
)

// report says what became of the run, and where to look at it: closed is why the writer ended early, recorded why
// the run's own document was not written, kept what became of the rejects file; nil where all is well.
func (o *Output) report(closed, recorded, kept error) {
	stats := o.writer.Stats()
	lost := o.queue.lost()
	counts := fmt.Sprintf("%s samples in %s documents",
		humanize.Comma(int64(o.pipeline.Samples())), humanize.Comma(int64(o.pipeline.Documents())))
	var troubles []string
	if stats.Rejected > 0 {
		troubles = append(troubles, fmt.Sprintf("%s documents rejected (kept in %s)", humanize.Comma(stats.Rejected), o.rejects.Path))
	}
	if stats.Undelivered > 0 {
		trouble := humanize.Comma(stats.Undelivered) + " documents not delivered"
		if closed != nil {
			trouble += fmt.Sprintf(" (%v)", closed)
		}
		troubles = append(troubles, trouble)
	}
	if lost > 0 {
		troubles = append(troubles, humanize.Comma(lost)+" samples given up because the memory for them was full")
	}
	if o.unusable > 0 {
		troubles = append(troubles, humanize.Comma(o.unusable)+" samples without a finite value left out")
	}
	var elsewhere *spooledError
	runSpooled := errors.As(recorded, &elsewhere)
	if runSpooled {
		recorded = nil
	}
	for _, err := range []error{recorded, kept, o.closeSpool()} {
		if err != nil {
			troubles = append(troubles, strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	o.reportCaps()
	sent := humanize.Bytes(uint64(stats.Bytes))
	if len(troubles) == 0 && stats.Spooled == 0 && !runSpooled {
		o.log.Infof("%s, all delivered (%s sent)", counts, sent)
		o.reportDashboard()
		return
	}
	text := fmt.Sprintf("%s, %s delivered (%s sent)", counts, humanize.Comma(stats.Delivered()), sent)
	o.log.Warn(strings.Join(append([]string{text}, troubles...), "; "))
	o.reportDashboard()
	o.reportSpool(stats.Spooled, runSpooled) // last: it is what is to be done
}

func (o *Output) closeSpool() error {
	if o.spool == nil {
		return nil
	}
	return o.spool.Close()
}

// reportSpool says what is in the spool, and how to send it.
func (o *Output) reportSpool(documents int64, run bool) {
	share := fmt.Sprintf("%s of %s documents", humanize.Comma(documents), humanize.Comma(int64(o.pipeline.Documents())))
	var what string
	switch {
	case documents > 0 && run:
		what = share + ", and the run's own, could not be delivered and are"
	case documents > 0:
		what = share + " could not be delivered and are"
	case run:
		what = "the run's own document could not be delivered and is"
	default:
		return
	}
	o.log.Warnf("%s in the spool. Send them with: %s", what, o.replayCommand())
}

// replayCommand is what sends this run's part of the spool. It finds by itself what the environment and the config
// file say, but not what only k6 was told.
func (o *Output) replayCommand() string {
	words := []string{"k6es", "replay"}
	for _, word := range append(o.config.OnlyK6("url", "cloud-id", "spool-dir"), o.run.ID) {
		words = append(words, shellWord(word))
	}
	return strings.Join(words, " ")
}

// shellWord writes a text so that a shell takes it for one word.
func shellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.,:/@%+=", r)
	}
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// reportDashboard links to the run in Kibana, where that is known.
func (o *Output) reportDashboard() {
	if o.dashboard != "" {
		o.log.Info(o.dashboard)
	}
}

func (o *Output) reportCaps() {
	if merged := o.recorder.Merged(); merged > 0 {
		o.log.Warnf("the run has more than %s series; the %s smallest are summed up as \"other\"",
			humanize.Comma(series.MaxSeries), humanize.Comma(merged))
	}
	if o.pipeline.LabelsCapped() {
		o.log.Warnf("the run has more than %d label keys; those beyond are in k6.tags (option max-labels)", o.config.MaxLabels)
	}
	if o.pipeline.URLsCapped() {
		o.log.Warnf("the run has more than %d URLs; url.full was left out (option max-urls, or group requests by their name tag)", o.config.MaxURLs)
	}
}
