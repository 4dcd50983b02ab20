package compare

import (
	"cmp"
	"slices"
	"time"
)

// Verdict is what a comparison says of the contender.
type Verdict string

// The verdicts.
const (
	Worse     Verdict = "worse"
	Better    Verdict = "better"
	Unsure    Verdict = "?" // differs enough to matter, but runs differ as much by themselves: repeat the run
	Same      Verdict = "~"
	NotJudged Verdict = "not judged"
)

// rank orders verdicts, worst first.
func (v Verdict) rank() int {
	return slices.Index([]Verdict{Worse, Unsure, Same, Better, NotJudged}, v)
}

// Row is one value of the contender beside the baseline's. No field is ever NaN or infinite.
type Row struct {
	Key        Key
	Percentile float64 // of a trend; 0 for rates and counters
	Unit       Unit

	Baseline  float64 // geometric mean over runs for trends and counters, else arithmetic mean
	Contender float64
	// Diff and Noise, the half width of the band in which equal runs fall, are relative for trends and
	// counters (0.1 is +10 %), and differences of shares for rates and dropped iterations. Noise is 0
	// where noise plays no part: dropped iterations where the baseline had none.
	Diff, Noise float64
	// P is the two-sided p-value of the difference; 1 where there is no test.
	P    float64
	Runs int // baseline runs that had this value

	Verdict  Verdict
	Reason   string // why the verdict is not what the numbers alone suggest; mostly empty
	Decisive bool   // bears on the report's verdict

	severity float64 // towards worse, in multiples of the least difference that matters
	tested   bool
}

// Unjudged is a value that could not be compared.
type Unjudged struct {
	Key        Key
	Percentile float64
	Reason     string
}

// Load is what a side's latencies were measured under. Rates are per second; a baseline's load is the
// mean over its runs.
type Load struct {
	Requests   float64 // per second
	Iterations float64
	Failed     float64 // share of requests, 0 to 1
	Dropped    float64 // iterations, in all
	Duration   time.Duration
}

// Report is a comparison's outcome.
type Report struct {
	Verdict   Verdict    // of the decisive rows
	Rows      []Row      // worst first
	NotJudged []Unjudged // by key
	Warnings  []string   // what the reader must know to trust the rows

	BaselineRuns                []string // ids of the runs used, latest first
	BaselineLoad, ContenderLoad Load
}

// responses are k6's own trends that say how long answers took.
var responses = []string{"http_req_duration", "grpc_req_duration", "browser_http_req_duration", "ws_connecting"}

// Untimed is what hindered a verdict on response times, by the percentile that takes the fewest samples. ok
// is false when there is one, when none was measured, and when there is no baseline.
func (r Report) Untimed() (u Unjudged, ok bool) {
	if len(r.BaselineRuns) == 0 || slices.ContainsFunc(r.Rows, func(row Row) bool { return slices.Contains(responses, row.Key.Metric) && row.Percentile > 0 }) {
		return u, false
	}
	for _, one := range r.NotJudged {
		if one.Key.Scope == WholeRun && one.Percentile > 0 && slices.Contains(responses, one.Key.Metric) &&
			(!ok || samplesFor(one.Percentile) < samplesFor(u.Percentile)) {
			u, ok = one, true
		}
	}
	return u, ok
}

// Regression says whether a pipeline should fail.
func (r Report) Regression() bool { return r.Verdict == Worse }

// sort puts the worst rows first, and everything into an order that depends on nothing but content.
func (r *Report) sort() {
	slices.SortFunc(r.Rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Verdict.rank(), b.Verdict.rank()), cmp.Compare(a.Key.Scope, b.Key.Scope),
			cmp.Compare(b.severity, a.severity), a.Key.compare(b.Key), cmp.Compare(a.Percentile, b.Percentile))
	})
	slices.SortFunc(r.NotJudged, func(a, b Unjudged) int {
		return cmp.Or(a.Key.compare(b.Key), cmp.Compare(a.Percentile, b.Percentile))
	})
}

// conclude derives the verdict from the decisive rows. Doubt counts only towards worse.
func (r *Report) conclude() {
	r.Verdict = NotJudged
	verdicts := map[Verdict]bool{}
	for _, row := range r.Rows {
		if row.Decisive && (row.Verdict != Unsure || row.severity > 0) {
			verdicts[row.Verdict] = true
		} else if row.Decisive {
			verdicts[Same] = true
		}
	}
	for _, verdict := range []Verdict{Worse, Unsure, Better, Same} {
		if verdicts[verdict] {
			r.Verdict = verdict
			return
		}
	}
}
