package runs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/runs/series"
)

// Facts are what is known of a run beside its numbers.
type Facts struct {
	ID, Name, Test string
	Note           string
	Pinned         bool
	K6Version      string
	Version        string // of k6es
	Script         string
	ScriptHash     string
	Scenarios      []string // name: executor
	OptionsHash    string   // of the scenarios' options
	Service        string
	Environment    string
	Labels         map[string]string
	Origin         ci.Fields
}

// Document is a run as it is stored in <prefix>-runs, under its id.
type Document struct {
	Timestamp time.Time         `json:"@timestamp"` // the run's start
	Event     eventFields       `json:"event"`
	K6        k6Fields          `json:"k6"`
	Agent     agentFields       `json:"agent"`
	Service   *serviceFields    `json:"service,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Links     linkFields        `json:"links"`
	ci.Fields
}

type eventFields struct {
	Dataset string     `json:"dataset"`
	Outcome string     `json:"outcome,omitempty"`
	Start   *time.Time `json:"start,omitempty"`
	End     *time.Time `json:"end,omitempty"`
}

type agentFields struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type serviceFields struct {
	Name        string `json:"name,omitempty"`
	Environment string `json:"environment,omitempty"`
}

type linkFields struct {
	Dashboard string `json:"dashboard"`
}

type k6Fields struct {
	Run       runFields     `json:"run"`
	Test      string        `json:"test"`
	Version   string        `json:"version,omitempty"`
	Script    *scriptFields `json:"script,omitempty"`
	Scenarios []string      `json:"scenarios,omitempty"`
	Summary   Summary       `json:"summary"`
	Crossed   []string      `json:"thresholds_crossed,omitempty"`
}

type scriptFields struct {
	Name        string `json:"name,omitempty"`
	Hash        string `json:"hash,omitempty"`
	OptionsHash string `json:"options_hash,omitempty"`
}

type runFields struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Status    Status          `json:"status"`
	Reason    string          `json:"reason,omitempty"`
	Partial   bool            `json:"partial"`
	Pinned    bool            `json:"pinned"`
	Note      string          `json:"note,omitempty"`
	Duration  float64         `json:"duration"` // s
	Heartbeat time.Time       `json:"heartbeat"`
	Instances []string        `json:"instances"`
	Parts     json.RawMessage `json:"parts,omitempty"` // base64 of the JSON of []Part; nil only where it was not asked for
}

// Summary are a run's headline numbers.
type Summary struct {
	Samples           int64    `json:"samples"`
	Documents         int64    `json:"documents"`
	Rejected          int64    `json:"rejected"`
	Undelivered       int64    `json:"undelivered"`
	BadLines          int64    `json:"bad_lines"`
	Requests          float64  `json:"http_reqs"`
	RPS               float64  `json:"rps"`
	Failed            float64  `json:"failed"`
	FailedRate        *float64 `json:"failed_rate,omitempty"` // 0 to 1; absent when k6 judged no request
	P50               *float64 `json:"p50,omitempty"`         // http_req_duration in ms; absent without requests
	P90               *float64 `json:"p90,omitempty"`
	P95               *float64 `json:"p95,omitempty"`
	P99               *float64 `json:"p99,omitempty"`
	Max               *float64 `json:"max,omitempty"`
	ChecksRate        *float64 `json:"checks_rate,omitempty"` // 0 to 1; absent without checks
	ChecksFailed      float64  `json:"checks_failed"`
	Iterations        float64  `json:"iterations"`
	Dropped           float64  `json:"dropped_iterations"`
	VUsMax            float64  `json:"vus_max"`
	DataSent          float64  `json:"data_sent"`
	DataReceived      float64  `json:"data_received"`
	Thresholds        int      `json:"thresholds"`
	ThresholdsCrossed int      `json:"thresholds_crossed"`
}

// newDocument makes a run's document from what is known and from its parts, as of a moment.
func newDocument(facts Facts, parts []Part, now time.Time) (*Document, error) {
	m, err := merge(parts, now)
	if err != nil {
		return nil, fmt.Errorf("merging the parts of run %s: %w", facts.ID, err)
	}
	encoded, err := encodeParts(parts)
	if err != nil {
		return nil, err
	}
	d := &Document{
		Timestamp: m.Start, Event: m.event(), Labels: storedLabels(facts.Labels), Fields: facts.Origin,
		Agent: agentFields{"k6es", facts.Version}, Links: linkFields{DashboardState(facts.ID, m.Start, m.End)},
		K6: k6Fields{
			Test: facts.Test, Version: facts.K6Version, Scenarios: facts.Scenarios, Summary: m.summary(), Crossed: m.crossed(),
			Run: runFields{
				ID: facts.ID, Name: facts.Name, Status: m.Status, Reason: storedText(m.Reason), Partial: m.partial,
				Pinned: facts.Pinned, Note: storedText(facts.Note), Duration: m.End.Sub(m.Start).Seconds(),
				Heartbeat: m.Heartbeat, Instances: m.instances, Parts: encoded,
			},
		},
	}
	if script := (scriptFields{facts.Script, facts.ScriptHash, facts.OptionsHash}); script != (scriptFields{}) {
		d.K6.Script = &script
	}
	if facts.Service != "" || facts.Environment != "" {
		d.Service = &serviceFields{facts.Service, facts.Environment}
	}
	return d, nil
}

// storedLabels are labels under the keys that documents have them under. Without a key or a value there
// is no label.
func storedLabels(labels map[string]string) map[string]string {
	stored := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if strings.TrimSpace(key) != "" && labels[key] != "" {
			stored[labelKey(key)] = storedText(labels[key])
		}
	}
	return stored
}

// longestText is how much of a text a document keeps, in bytes. Servers refuse keywords of 32 KiB.
const longestText = 8 << 10

func storedText(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}

// facts takes out of a document what newDocument put into it.
func (d *Document) facts() Facts {
	f := Facts{
		ID: d.K6.Run.ID, Name: d.K6.Run.Name, Test: d.K6.Test, Note: d.K6.Run.Note, Pinned: d.K6.Run.Pinned,
		K6Version: d.K6.Version, Version: d.Agent.Version, Scenarios: d.K6.Scenarios, Labels: d.Labels, Origin: d.Fields,
	}
	if d.K6.Script != nil {
		f.Script, f.ScriptHash, f.OptionsHash = d.K6.Script.Name, d.K6.Script.Hash, d.K6.Script.OptionsHash
	}
	if d.Service != nil {
		f.Service, f.Environment = d.Service.Name, d.Service.Environment
	}
	return f
}

func (m *merged) event() eventFields {
	e := eventFields{Dataset: "k6.run", Start: &m.Start}
	switch m.Status {
	case Running:
		return e
	case Passed:
		e.Outcome = "success"
	default:
		e.Outcome = "failure"
	}
	e.End = &m.End
	return e
}

// crossed lists the thresholds that were crossed.
func (m *merged) crossed() []string {
	var crossed []string
	for _, v := range m.Thresholds {
		if v.Crossed {
			crossed = append(crossed, v.Metric+" "+v.Expression)
		}
	}
	return crossed
}

func (m *merged) summary() Summary {
	s := Summary{
		Samples: m.Samples, Documents: m.Documents, Rejected: m.Rejected, Undelivered: m.Undelivered, BadLines: m.BadLines,
		Requests: m.Requests, Failed: m.Failures, ChecksFailed: m.Misses, Iterations: m.Iterations, Dropped: m.Dropped,
		VUsMax: m.VUs, DataSent: m.Sent, DataReceived: m.Received, Thresholds: len(m.Thresholds),
		FailedRate: share(m.Failures, m.Judged), ChecksRate: share(m.Checks, m.Checks+m.Misses),
	}
	if seconds := m.End.Sub(m.Start).Seconds(); seconds > 0 {
		s.RPS = series.Finite(m.Requests / seconds)
	}
	s.ThresholdsCrossed = len(m.crossed())
	s.P50, s.P90, s.P95, s.P99 = m.percentile(.5), m.percentile(.9), m.percentile(.95), m.percentile(.99)
	if s.P50 != nil {
		s.Max = &m.Slowest
	}
	return s
}

func (m *merged) percentile(p float64) *float64 {
	value, ok := m.Durations.Quantile(p)
	if !ok {
		return nil
	}
	value = min(value, m.Slowest)
	return &value
}

// share is a part of a whole, nil where there is no whole.
func share(part, whole float64) *float64 {
	if whole == 0 {
		return nil
	}
	rate := part / whole
	return &rate
}

// encodeParts makes base64 of the parts' JSON: a binary field, which the server keeps as it is.
func encodeParts(parts []Part) (json.RawMessage, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return nil, fmt.Errorf("encoding the parts of a run: %w", err)
	}
	return json.Marshal(text)
}

// ended is the part of an instance that ended; nil if it is not part of the run, or goes on.
func (d *Document) ended(instance uint64) (*Part, error) {
	parts, err := d.parts()
	for _, p := range parts {
		if p.Instance == fmt.Sprintf("%016x", instance) && p.Status != Running {
			return &p, err
		}
	}
	return nil, err
}

func (d *Document) parts() ([]Part, error) {
	var text []byte
	var parts []Part
	if err := json.Unmarshal(d.K6.Run.Parts, &text); err != nil {
		return nil, fmt.Errorf("reading the parts of run %s: %w", d.K6.Run.ID, err)
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, fmt.Errorf("reading the parts of run %s: %w", d.K6.Run.ID, err)
	}
	return parts, nil
}

// margin is how much of the time around a run its dashboard shows.
const margin = 5 * time.Second

// DashboardState is the part of a link into Kibana behind the dashboard's id: the run's own time, and a
// query that leaves log panels, whose documents have no run, alive.
func DashboardState(id string, start, end time.Time) string {
	const layout = "2006-01-02T15:04:05.000Z"
	from, to := start.Add(-margin).UTC().Format(layout), end.Add(margin).UTC().Format(layout)
	return fmt.Sprintf(`?_g=(filters:!(),refreshInterval:(pause:!t,value:0),time:(from:'%s',to:'%s'))`+
		`&_a=(query:(language:kuery,query:'k6.run.id:"%s" or not k6.run.id:*'))`, from, to, risonText(id))
}

// risonText escapes a text for a quoted rison string within a URL.
func risonText(text string) string {
	var escaped []byte
	for _, c := range []byte(text) {
		switch {
		case c == '!' || c == '\'':
			escaped = append(escaped, '!', c)
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
			escaped = append(escaped, c)
		case c == '"' || c == '\\':
			escaped = fmt.Appendf(escaped, "%%5C%%%02X", c)
		default:
			escaped = fmt.Appendf(escaped, "%%%02X", c)
		}
	}
	return string(escaped)
}
