package k6output

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/runs/series"
)

// report says, in one line, what became of the run: closed is why the writer ended early, recorded why
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
	for _, err := range []error{recorded, kept} {
		if err != nil {
			troubles = append(troubles, err.Error())
		}
	}
	o.reportCaps()
	sent := humanize.Bytes(uint64(stats.Bytes))
	if len(troubles) == 0 {
		o.log.Infof("%s, all delivered (%s sent)", counts, sent)
		return
	}
	o.log.Warnf("%s, %s delivered (%s sent); %s", counts, humanize.Comma(stats.Delivered()), sent, strings.Join(troubles, "; "))
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
