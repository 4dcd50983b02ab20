package compare

import (
	"cmp"
	"fmt"
	"time"
)

// Sections is how many equal parts of a run a trend carries for its standard error.
const Sections = 10

// Metrics of k6 that bear on more than their own row.
const (
	requests   = "http_reqs"
	failed     = "http_req_failed"
	checks     = "checks"
	iterations = "iterations"
	dropped    = "dropped_iterations"
)

// Scope is what part of a run a series covers.
type Scope int

// The scopes.
const (
	WholeRun Scope = iota
	Scenario
	Request // one request name
)

func (s Scope) String() string {
	return [...]string{"run", "scenario", "name"}[s]
}

// Key identifies a series in every run compared.
type Key struct {
	Scope  Scope
	Name   string // of the scenario or request; empty for the whole run
	Metric string // k6's name: "http_req_duration"
}

// String is the key as k6 writes sub-metrics: http_req_duration, http_req_duration{scenario:browse},
// http_req_duration{name:GET /items}.
func (k Key) String() string {
	if k.Scope == WholeRun {
		return k.Metric
	}
	return fmt.Sprintf("%s{%s:%s}", k.Metric, k.Scope, k.Name)
}

func (k Key) compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Scope, other.Scope), cmp.Compare(k.Name, other.Name),
		cmp.Compare(k.Metric, other.Metric))
}

// in is the key of another metric in the same scope.
func (k Key) in(metric string) Key {
	k.Metric = metric
	return k
}

// Unit is what the values of a row are counted in.
type Unit string

// The units.
const (
	Number       Unit = ""
	Milliseconds Unit = "ms"
	Bytes        Unit = "B"
	Share        Unit = "share" // 0 to 1
	PerSecond    Unit = "1/s"   // of a counter
)

// Quantiles is a distribution of values. Compare calls it from one goroutine.
type Quantiles interface {
	// Count is how many values there are.
	Count() int64
	// Quantile is the value of nearest rank ⌈p·n⌉, for p between 0 and 1. ok is false when there is none.
	Quantile(p float64) (value float64, ok bool)
}

// Trend is a metric's distribution over a run, and over each tenth of the run's time. A nil tenth is
// an empty one; where all are nil, tenths are not kept, as of a run that did not end by itself.
type Trend struct {
	Unit   Unit
	Whole  Quantiles
	Tenths [Sections]Quantiles
}

// undivided says whether there are values, but no tenths.
func (t Trend) undivided() bool {
	return t.Whole != nil && t.Whole.Count() > 0 && t.Tenths == [Sections]Quantiles{}
}

// Rate counts how often something was so: failed requests of all requests, passed checks of all checks.
type Rate struct {
	Hits, Total int64
}

// Run is what is compared of a run. Its maps may be nil. Counters that k6 did not emit are zero: k6 emits
// none that never counted.
type Run struct {
	ID, Name    string
	Start       time.Time
	Duration    time.Duration
	Instances   int  // k6 processes; 0: unknown
	Closed      bool // the load model is closed: it sends less when answers come later
	Interrupted bool // the run did not reach its end
	Partial     bool // data of some of its k6 processes is missing

	Trends     map[Key]Trend
	Rates      map[Key]Rate
	Counters   map[Key]float64   // the sum over the run
	Uncompared map[string]string // metrics of the run that are never compared, whatever the run, and why not
}

// label is how messages call the run.
func (r *Run) label() string { return cmp.Or(r.Name, r.ID, "unnamed run") }
