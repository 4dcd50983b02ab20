package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/ingest"
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

	failedShare float64
}

func (l *load) result() *result {
	r := &result{
		File: l.source.Name, RunID: l.run.ID, RunName: l.run.Name, Test: l.run.Test,
		Instance: fmt.Sprintf("%016x", l.run.Instance), Start: utc(l.totals.First), End: utc(l.totals.Last),
		Samples: l.pipeline.Samples(), Requests: l.totals.Requests, Failed: l.totals.Failed,
		Documents: l.pipeline.Documents(), BadLines: l.bad.count, TornLine: l.bad.torn,
		Seconds: time.Since(l.started).Seconds(), failedShare: l.totals.FailedShare(),
	}
	if p95, ok := l.totals.Duration(0.95); ok {
		r.P95 = &p95
	}
	var stats ingest.Stats
	if l.writer != nil {
		stats = l.writer.Stats()
	}
	r.Created, r.Existing, r.Rejected, r.Undelivered = stats.Created, stats.Existing, stats.Rejected, stats.Undelivered
	r.Bytes, r.RawBytes = stats.Bytes, stats.RawBytes
	if l.pipeline.LabelsCapped() {
		l.env.warnf("%s has more than %d label keys; those beyond are in k6.tags (--max-labels)", r.File, l.config.MaxLabels)
	}
	if l.pipeline.URLsCapped() {
		l.env.warnf("%s has more than %d URLs; url.full was left out (--max-urls)", r.File, l.config.MaxURLs)
	}
	return r
}

func utc(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// tell shows the result of a file on a line of its own.
func (u *uploader) tell(r *result) {
	switch {
	case u.options.output == "json":
	case u.options.stdout:
		fmt.Fprintln(u.env.Err, r)
	default:
		fmt.Fprintln(u.env.Out, r)
	}
}

// String is the result on one line.
func (r *result) String() string {
	if r.Created == 0 && r.Existing > 0 && r.Undelivered+r.Rejected == 0 {
		return fmt.Sprintf("%s  run %s (test %s, %s) is already there: nothing to add", r.File, r.RunID, r.Test, r.RunName)
	}
	facts := []string{humanize.Comma(int64(r.Requests)) + " requests"}
	if r.Requests > 0 {
		facts = append(facts, fmt.Sprintf("%.2f %% failed", 100*r.failedShare))
	}
	if r.P95 != nil {
		facts = append(facts, "p95 "+milliseconds(*r.P95))
	}
	facts = append(facts, humanize.Comma(int64(r.Documents))+" documents")
	if r.Existing > 0 {
		facts = append(facts, humanize.Comma(r.Existing)+" of them already there")
	}
	if r.Undelivered > 0 {
		facts = append(facts, humanize.Comma(r.Undelivered)+" not delivered")
	}
	facts = append(facts, fmt.Sprintf("%.1f s", r.Seconds), fmt.Sprintf("run %s (test %s)", r.RunID, r.Test))
	return r.File + "  " + strings.Join(facts, " · ")
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
