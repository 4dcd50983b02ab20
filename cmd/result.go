package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/series"
	"github.com/k6es/k6es/terminal"
)

// result is what came of a file, as --output json shows it.
type result struct {
	File        string   `json:"file"`
	RunID       string   `json:"run_id"`
	RunName     string   `json:"run_name"`
	Test        string   `json:"test"`
	Instance    string   `json:"instance"`
	Start       string   `json:"start"` // of the first and last sample
	End         string   `json:"end"`
	Samples     uint64   `json:"samples"`
	Requests    float64  `json:"requests"`
	Failed      float64  `json:"failed"`
	P95         *float64 `json:"p95_ms"` // null without requests
	Documents   uint64   `json:"documents"`
	Created     int64    `json:"created"`
	Existing    int64    `json:"existing"` // were there already
	Rejected    int64    `json:"rejected"`
	Undelivered int64    `json:"undelivered"`
	BadLines    int64    `json:"bad_lines"`
	TornLine    bool     `json:"torn_line"`
	Bytes       int64    `json:"bytes_sent"`
	RawBytes    int64    `json:"bytes_before_compression"`
	Seconds     float64  `json:"seconds"`
	Dashboard   string   `json:"dashboard,omitempty"` // link to the run in Kibana, where that is known

	failedShare string // for people; empty if k6 judged no request
	verdicts    int    // on thresholds, of the summary
}

func (l *load) result(part runs.Part) *result {
	r := &result{
		File: l.source.Name, RunID: l.run.ID, RunName: l.run.Name, Test: l.run.Test,
		Instance: fmt.Sprintf("%016x", l.run.Instance), Start: utc(part.Start), End: utc(part.End),
		Samples: l.pipeline.Samples(), Requests: part.Requests, Failed: part.Failures,
		Documents: l.pipeline.Documents(), BadLines: l.bad.count, TornLine: l.bad.torn,
		Seconds: time.Since(l.started).Seconds(), verdicts: len(l.verdicts),
	}
	if part.Judged > 0 {
		failed := part.Failures / part.Judged
		r.failedShare = share(&failed) + " failed"
	}
	if p95, ok := part.Durations.Quantile(0.95); ok {
		r.P95 = &p95
	}
	if l.client != nil {
		r.Dashboard = l.config.Links().Dashboard(kibana.RunDashboard, runs.DashboardState(l.run.ID, part.Start, part.End))
	}
	stats := l.stats()
	r.Created, r.Existing, r.Rejected, r.Undelivered = stats.Created, stats.Existing, stats.Rejected, stats.Undelivered
	r.Bytes, r.RawBytes = stats.Bytes, stats.RawBytes
	if merged := l.recorder.Merged(); merged > 0 {
		l.env.warnf("%s has more than %s series; the %s smallest are summed up as \"other\"",
			r.File, humanize.Comma(series.MaxSeries), humanize.Comma(merged))
	}
	if l.pipeline.LabelsCapped() {
		l.env.warnf("%s has more than %d label keys; those beyond are in k6.tags (--max-labels)", r.File, l.config.MaxLabels)
	}
	if l.pipeline.URLsCapped() {
		l.env.warnf("%s has more than %d URLs; url.full was left out (--max-urls)", r.File, l.config.MaxURLs)
	}
	for name := range l.options.types {
		l.met[name] = l.met[name] || l.recorder.Has(name)
	}
	if untyped := l.untyped(); len(untyped) > 0 {
		l.env.warnf("%s does not say what type of metric %s is: delete the run, and upload it with --metric-type %s=counter "+
			"(or gauge, rate, trend)", r.File, firstOf(untyped), untyped[0])
	}
	return r
}

// untyped lists the custom metrics whose type neither the file nor the user told.
func (l *load) untyped() []string {
	var names []string
	for _, metric := range l.registry.Metrics() {
		if metric.Type == ingest.Unknown {
			names = append(names, metric.Name)
		}
	}
	return names
}

// shownNames is how many of a list of names are shown.
const shownNames = 10

// firstOf lists names, if they are many only the first ones.
func firstOf(names []string) string {
	text := strings.Join(names[:min(len(names), shownNames)], ", ")
	if more := len(names) - shownNames; more > 0 {
		text += fmt.Sprintf(" (and %s more)", humanize.Comma(int64(more)))
	}
	return text
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// tell shows the result of a file.
func (u *uploader) tell(r *result) {
	switch {
	case u.options.output == "json":
	case u.options.stdout:
		fmt.Fprintln(u.env.Err, r)
	default:
		fmt.Fprintln(u.env.Out, r)
	}
}

// String is the result on lines of up to 80 columns: which run the file is, and what is in it.
func (r *result) String() string {
	lines := []string{terminal.Escape(fmt.Sprintf("%s  run %s · test %s", displayName(r.File), r.RunID, r.Test))}
	all := r.Existing > 0 && r.Created == 0 && r.Undelivered+r.Rejected == 0
	switch {
	case all && r.verdicts > 0:
		lines = append(lines, "already there; "+plural(int64(r.verdicts), "verdict")+" on thresholds taken over from the summary")
	case all:
		lines = append(lines, "already there: nothing to add")
	case r.Existing > 0:
		lines = append(lines, r.facts(), plural(r.Existing, "document")+" of it already there")
	default:
		lines = append(lines, r.facts())
	}
	if r.Dashboard != "" {
		lines = append(lines, r.Dashboard)
	}
	return strings.Join(lines, "\n  ")
}

func (r *result) facts() string {
	facts := []string{plural(int64(r.Requests), "request")}
	if r.failedShare != "" {
		facts = append(facts, r.failedShare)
	}
	if r.P95 != nil {
		facts = append(facts, "p95 "+milliseconds(*r.P95))
	}
	documents := plural(int64(r.Documents), "document") //nolint:gosec // fits
	if lacking := r.Undelivered + r.Rejected; lacking > 0 {
		documents = humanize.Comma(int64(r.Documents)-lacking) + " of " + documents //nolint:gosec // fits
	}
	return strings.Join(append(facts, documents, fmt.Sprintf("%.1f s", r.Seconds)), " · ")
}

// milliseconds writes a duration with three digits or so.
func milliseconds(ms float64) string {
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.3g ms", ms)
	}
}

func writeJSON(w io.Writer, results []*result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(append([]*result{}, results...))
}
