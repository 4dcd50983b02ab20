package logs

import "time"

// Span is a part of time: From belongs to it, To does not.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Length is how long it lasts.
func (s Span) Length() time.Duration { return s.To.Sub(s.From) }

// Earlier is the same span that much earlier.
func (s Span) Earlier(by time.Duration) Span { return Span{s.From.Add(-by), s.To.Add(-by)} }

// Findings are what the logs said during a run, against the reference span. Its JSON is stable: members are
// added, and none is renamed or removed.
type Findings struct {
	Pattern   string `json:"pattern"` // the indices that were asked, such as "filebeat-*,logs-*"
	During    Span   `json:"during"`
	Reference Span   `json:"reference"`
	// Compared is false where the logs do not reach back to the reference span: then More lists what errors
	// and warnings said, with no claim that they came more often.
	Compared bool `json:"compared"`

	Lines        Count  `json:"lines"`
	Errors       *Count `json:"errors,omitempty"` // nil, as the next ones: the logs cannot tell
	Warnings     *Count `json:"warnings,omitempty"`
	ServerErrors *Count `json:"server_errors,omitempty"` // responses with a status of 500 and above
	// Latency is the service's own, as it logged it.
	Latency *Latencies `json:"latency,omitempty"`

	More    []Difference  `json:"more_frequent"` // messages first, what errors said before all else
	Servers []ServerEvent `json:"servers"`       // in the order of time
	Worst   *Moment       `json:"worst,omitempty"`
	Lacks   []string      `json:"lacks"` // sentences on what the shape of the logs cannot tell
	Notes   []string      `json:"notes"` // sentences on what must be known to trust the rest
}

// Count is how many there were during the run, and in the reference span.
type Count struct {
	During    int64 `json:"during"`
	Reference int64 `json:"reference"`
}

// Latencies are percentiles in both spans.
type Latencies struct {
	During    Percentiles `json:"during"`
	Reference Percentiles `json:"reference"`
}

// Percentiles of a latency, in milliseconds; nil where nothing was measured.
type Percentiles struct {
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

// Class is how grave lines are.
type Class string

// The classes. Lines are all of them, whatever their level; of a single line, or of messages, those that are
// neither errors nor warnings.
const (
	Errors   Class = "errors"
	Warnings Class = "warnings"
	Lines    Class = "lines"
)

// Difference is something that came significantly more often during the run.
type Difference struct {
	Role  Role  `json:"what"` // Message, Route, Host, Service or Status
	Class Class `json:"of"`   // which lines were counted
	// Value is a host, a service, a status, or the Pattern of messages or routes.
	Value   string `json:"value"`
	Example string `json:"example,omitempty"` // a message, as it was logged, at most 300 bytes of its first line
	Count   Count  `json:"count"`
	// Approximate tells that the count is an estimate from a sample of the lines.
	Approximate bool      `json:"approximate"`
	First       time.Time `json:"first"` // within the run
	Last        time.Time `json:"last"`

	members []string     // the values that Value stands for
	sampled Count        // lines of it among those that were read
	counted *occurrences // lines with its words; nil: they were not looked for
	score   float64
}

// Event is what happened to a server.
type Event string

// The events. Started, Stopped and Crashed are what a line said; Appeared and Silent are concluded from a
// host or process that logged nothing before, or nothing any more.
const (
	Started  Event = "started"
	Stopped  Event = "stopped"
	Crashed  Event = "crashed"
	Appeared Event = "appeared"
	Silent   Event = "silent"
)

// ServerEvent is when something happened to which server.
type ServerEvent struct {
	Time     time.Time `json:"time"` // Silent: of its last line
	Event    Event     `json:"event"`
	Host     string    `json:"host,omitempty"`
	Service  string    `json:"service,omitempty"`
	Instance string    `json:"instance,omitempty"` // its process
	Message  string    `json:"message,omitempty"`
}

// Moment is what the logs said within a few seconds.
type Moment struct {
	Span
	Count int64        `json:"lines_in_all"`
	Lines []LineOfKind `json:"lines"` // the gravest first
}

// LineOfKind is the first of several lines of one pattern.
type LineOfKind struct {
	Line
	Count int64 `json:"count"` // how many of its kind there are; at least, where Moment has very many lines
}

// Line is a line of the logs. What the shape has no field for is empty.
type Line struct {
	Time    time.Time `json:"time"`
	Class   Class     `json:"class"`
	Level   string    `json:"level,omitempty"`
	Host    string    `json:"host,omitempty"`
	Service string    `json:"service,omitempty"`
	Route   string    `json:"-"`
	Message string    `json:"message"` // its first line, at most 300 bytes

	pattern string // of the message, also of what was cut off
}
