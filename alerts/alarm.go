package alerts

import "time"

// Alarm is a rule for one cluster: names have become indices, fields and numbers. A renderer needs nothing
// else. Queries are Query DSL, as JSON.
type Alarm struct {
	// Name is unique among all alarms, and begins with the index prefix: k6-run-failed.
	Name string
	// Rule is what it was made from; its condition is as written, with parameters by name.
	Rule *Rule
	// Values are the parameters that it was made with, as text.
	Values map[string]string
	// Condition is when it fires.
	Condition Condition
	// While, unless nil, is a second condition of the kind Documents, which must hold at the same time.
	While *Condition
	// Facts are fields of a document that an alarm of kind Documents shows.
	Facts []Fact
	// LatencyUnit is what values of a log's latency are in: ns, us, ms or s; else empty. Limits have been converted.
	LatencyUnit string
}

// Kind is what a condition asks of the documents that its filter finds.
type Kind string

// The kinds. "Now" is the time at which a condition is looked at; a window ends now.
const (
	// Documents: every document is an alarm of its own, once. It is new by its Time. Of a While, one document
	// that the filter finds is enough.
	Documents Kind = "documents"
	// Above: the metric of the documents in the window is above the limit, if there are at least Least
	// documents; with Group, for each value of that field.
	Above Kind = "above"
	// Silent: a value of Group had at least Least documents within the horizon, and none in the window. The
	// horizon includes the window.
	Silent Kind = "silent"
	// Unusual: the number of documents in the window is above Times × usual + Limit, where usual is the mean
	// number in the same window of each of the Days days before.
	Unusual Kind = "unusual"
)

// Condition is when an alarm fires. Fields that its kind does not name above are zero.
type Condition struct {
	Kind Kind `yaml:"kind"`
	// Index is the indices to ask, with wildcards, separated by commas. In a rule: runs, metrics,
	// comparisons or logs.
	Index string `yaml:"index"`
	// Time is the date field that windows go by.
	Time string `yaml:"time"`
	// Filter is clauses that must all hold. It says nothing of the window.
	Filter []any `yaml:"filter"`
	// Group is the field whose values are judged by themselves, and an alarm is about; empty: all documents
	// together. Of kind Documents it only says what the alarm is about.
	Group string `yaml:"group"`
	// Window is how far back the condition looks.
	Window Span `yaml:"window"`
	// Metric is what is measured of kind Above.
	Metric Metric `yaml:"metric"`
	// Limit is the number that must be exceeded, in the unit of the metric.
	Limit float64 `yaml:"limit"`
	// Least is how many documents there must be to judge.
	Least float64 `yaml:"least"`
	// Horizon is how far back a value must have been seen to be missed.
	Horizon Span `yaml:"horizon"`
	// Times and Days are those of kind Unusual.
	Times float64 `yaml:"times"`
	Days  int     `yaml:"days"`
}

// Metric is a number made of documents. Field is empty for a count.
type Metric struct {
	Of      string  `yaml:"of"` // count, mean or percentile
	Field   string  `yaml:"field"`
	Percent float64 `yaml:"percent"` // of a percentile, such as 95
	// Unit is how values are shown: ms, "share" (0 to 1), "requests", …
	Unit string `yaml:"unit"`
}

// What a metric may be made of.
const (
	Count      = "count"
	Mean       = "mean"
	Percentile = "percentile"
)

// linked tells whether each document that the alarm tells of has a link into the dashboard: all but log lines.
func (a Alarm) linked() bool {
	return a.Condition.Kind == Documents && a.Rule.Look.Dashboard != "logs"
}

// before is how far back a dashboard is to look from the moment of the alarm, in seconds: an hour further than the
// condition does.
func (a Alarm) before() int { return int((time.Duration(a.Condition.Window) + time.Hour).Seconds()) }

// Realert is how long an alarm is quiet about the same thing, or about everything if it has no Group: five
// minutes for documents, of which a crash may bring many; else at least an hour, and no less than its window.
func (a Alarm) Realert() time.Duration {
	if a.Condition.Kind == Documents {
		return 5 * time.Minute
	}
	return max(time.Hour, time.Duration(a.Condition.Window))
}
