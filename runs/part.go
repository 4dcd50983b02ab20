package runs

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// Status says how a run is, or how it ended.
type Status string

// The statuses, the gravest last: of several k6 processes of one run, the gravest counts.
const (
	Passed      Status = "passed"
	Failed      Status = "failed" // thresholds crossed, or the script called it failed
	Aborted     Status = "aborted"
	Interrupted Status = "interrupted" // by a signal, or it was killed
	Running     Status = "running"
)

var gravity = []Status{Passed, Failed, Aborted, Interrupted, Running}

// Heartbeat is how often a running k6 says that it is alive; a run that missed three beats is taken for
// interrupted.
const (
	Heartbeat = 10 * time.Second
	stale     = 3 * Heartbeat
)

// Verdict is what became of one threshold.
type Verdict struct {
	Metric     string   `json:"metric"`     // with the selector of a sub-metric: http_req_duration{name:home}
	Expression string   `json:"expression"` // p(95)<200
	Value      *float64 `json:"value"`      // what was measured; nil if no sample came
	Crossed    bool     `json:"crossed"`
	Evaluated  bool     `json:"evaluated"` // false with --no-thresholds, and while the run lasts
	By         string   `json:"by"`        // k6, or k6es where the file has no verdicts
}

// Part is what one k6 process, or one file, has to say of the run that it belongs to. The run's
// document is made from the parts of all.
type Part struct {
	Instance  string    `json:"instance"` // 16 hexadecimal digits
	Status    Status    `json:"status"`
	Reason    string    `json:"reason,omitempty"` // why it ended early, or failed
	Start     time.Time `json:"start"`            // of the first and the last sample
	End       time.Time `json:"end"`
	Heartbeat time.Time `json:"heartbeat"` // when this was written

	Samples     int64     `json:"samples"`
	Documents   int64     `json:"documents"`
	Rejected    int64     `json:"rejected"`
	Undelivered int64     `json:"undelivered"`
	Spooled     int64     `json:"spooled,omitempty"` // of those that are undelivered: in the spool, and may come yet
	BadLines    int64     `json:"bad_lines,omitempty"`
	Thresholds  []Verdict `json:"thresholds,omitempty"`

	Content ingest.Content `json:"content,omitzero"` // of a file: what was read of it

	Requests   float64       `json:"requests"`
	Failures   float64       `json:"failures"`  // requests that k6 called failed
	Judged     float64       `json:"judged"`    // requests that k6 called failed or not
	Durations  series.Sketch `json:"durations"` // of http_req_duration
	Checks     float64       `json:"checks"`    // passed
	Misses     float64       `json:"misses"`    // failed checks
	Iterations float64       `json:"iterations"`
	Dropped    float64       `json:"dropped"`
	Sent       float64       `json:"sent"` // bytes
	Received   float64       `json:"received"`
	VUs        float64       `json:"vus"` // the most at a time
	Slowest    float64       `json:"slowest"`

	// Of a k6 that was killed: whether the numbers are those of its documents instead of its heartbeat, and how many
	// documents there were when that was tried last. Both are zero while it is alive.
	Counted bool  `json:"counted,omitempty"`
	Read    int64 `json:"read,omitempty"`
}

// merged is what the parts of a run add up to.
type merged struct {
	Part
	instances []string
	partial   bool // a part ended by itself before it could tell all
	uncounted bool // of such a part the numbers are those of its heartbeat
}

// silent says whether the part's k6 does not go on, though it said so.
func (p Part) silent(now time.Time) bool { return p.Status == Running && now.Sub(p.Heartbeat) > stale }

// lost says since when a silent k6 is.
func (p Part) lost() string {
	return "its heartbeat stopped at " + p.Heartbeat.UTC().Format(time.RFC3339)
}

// merge adds parts up, as of a moment: a part that says it is running but has been silent for too long
// is interrupted.
func merge(parts []Part, now time.Time) (merged, error) {
	var m merged
	for i, p := range parts {
		if p.silent(now) {
			p.Status, p.Reason = Interrupted, p.lost()
			m.partial, m.uncounted = true, m.uncounted || !p.Counted
		}
		if i == 0 || p.Start.Before(m.Start) {
			m.Start = p.Start
		}
		if p.End.After(m.End) {
			m.End = p.End
		}
		if p.Heartbeat.After(m.Heartbeat) {
			m.Heartbeat = p.Heartbeat
		}
		if i == 0 || slices.Index(gravity, p.Status) > slices.Index(gravity, m.Status) {
			m.Status, m.Reason = p.Status, p.Reason
		}
		m.instances = append(m.instances, p.Instance)
		m.Thresholds = mergeVerdicts(m.Thresholds, p.Thresholds)
		m.sum(p)
		if err := m.Durations.Merge(&p.Durations); err != nil {
			return m, err
		}
	}
	if m.Status == Interrupted && m.partial && !m.uncounted {
		m.Reason += counted
	}
	return m, nil
}

// counted ends the reason of a run whose killed k6 processes were all counted from their documents.
const counted = "; counted from its documents"

func (m *merged) sum(p Part) {
	m.Samples += p.Samples
	m.Documents += p.Documents
	m.Rejected += p.Rejected
	m.Undelivered += p.Undelivered
	m.BadLines += p.BadLines
	more := p.counts()
	for i, sum := range m.counts() {
		*sum = series.Finite(*sum + *more[i])
	}
	m.VUs = series.Finite(m.VUs + p.VUs)
	m.Slowest = max(m.Slowest, p.Slowest)
}

// counts are the numbers that only grow while a run lasts.
func (p *Part) counts() []*float64 {
	return []*float64{
		&p.Requests, &p.Failures, &p.Judged, &p.Checks, &p.Misses, &p.Iterations, &p.Dropped, &p.Sent, &p.Received,
	}
}

// covers says whether the part tells of all that an earlier one told of.
func (p *Part) covers(earlier Part) bool {
	now := p.counts()
	for i, told := range earlier.counts() {
		if less(*now[i], *told) {
			return false
		}
	}
	return p.Durations.Count() >= earlier.Durations.Count()
}

// less says whether a sum is smaller than another by more than the order of adding up makes.
func less(sum, than float64) bool { return sum < than-1e-9*math.Abs(than) }

// Given are the verdicts that k6 gave: those that are given now, and those of the part on other thresholds.
func (p Part) Given(now []Verdict) []Verdict {
	given := slices.Clone(now)
	for _, v := range p.Thresholds {
		if v.By == "k6" && !slices.ContainsFunc(now, v.sameThreshold) {
			given = append(given, v)
		}
	}
	return given
}

func (v Verdict) sameThreshold(o Verdict) bool {
	return o.Metric == v.Metric && o.Expression == v.Expression
}

// weight says which of several verdicts on a threshold counts.
func (v Verdict) weight() int {
	switch {
	case v.Crossed:
		return 3
	case v.Evaluated && v.Value != nil:
		return 2
	case v.Evaluated:
		return 1
	default:
		return 0
	}
}

// mergeVerdicts keeps one verdict a threshold: a crossed one before one that was met, and that before one
// without a value.
func mergeVerdicts(into, more []Verdict) []Verdict {
	for _, v := range more {
		i := slices.IndexFunc(into, v.sameThreshold)
		switch {
		case i < 0:
			into = append(into, v)
		case v.weight() > into[i].weight():
			into[i] = v
		}
	}
	slices.SortStableFunc(into, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Expression, b.Expression))
	})
	return into
}
