package ingest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MetricType is k6's type of a metric. Unknown is what a CSV file leaves of a custom metric's type.
type MetricType uint8

// The metric types.
const (
	Unknown MetricType = iota
	Counter
	Gauge
	Rate
	Trend
)

var typeNames = [...]string{Unknown: "unknown", Counter: "counter", Gauge: "gauge", Rate: "rate", Trend: "trend"}

// String gives k6's word for the type: counter, gauge, rate, trend, or unknown.
func (t MetricType) String() string { return typeNames[t] }

// ParseMetricType turns k6's word for a type back into the type; ok is false for any other word.
func ParseMetricType(word string) (t MetricType, ok bool) {
	for i, name := range typeNames {
		if name == word {
			return MetricType(i), true
		}
	}
	return Unknown, false
}

// Dataset says what kind of thing a document tells of; it is the value of event.dataset.
type Dataset uint8

// The datasets.
const (
	datasetCustom Dataset = iota
	datasetHTTP
	datasetIteration
	datasetGroup
	datasetChecks
	datasetVUs
	datasetWS
	datasetGRPC
	datasetBrowser
)

var datasetNames = [...]string{
	datasetCustom: "k6.custom", datasetHTTP: "k6.http", datasetIteration: "k6.iteration", datasetGroup: "k6.group",
	datasetChecks: "k6.checks", datasetVUs: "k6.vus", datasetWS: "k6.ws", datasetGRPC: "k6.grpc", datasetBrowser: "k6.browser",
}

// String gives the value of event.dataset.
func (d Dataset) String() string { return datasetNames[d] }

// Metric is what samples measure: one of k6's built-in metrics or one of the script's own.
// Metrics are compared by pointer; a Registry hands out one for each name and type.
type Metric struct {
	Name       string
	Type       MetricType
	Thresholds []string // the expressions that a file names for the metric; nil in a live run

	builtin builtinID // notBuiltin for a custom metric
	dataset Dataset
	millis  bool   // a time in milliseconds, written at microsecond precision
	key     []byte // a built-in metric's field in a document: `,"http_reqs":`
	name    []byte // a custom metric's name and type in a document: `"name":"orders","type":"counter"`
}

// Millis says whether the metric is one of k6's own times, in milliseconds.
func (m *Metric) Millis() bool { return m.millis }

// Builtin says whether the metric is k6's own, with a field of its own in a document.
func (m *Metric) Builtin() bool { return m.builtin != notBuiltin }

// folds says whether samples of the metric outside an event share a document by series and second. Of a
// trend all values are kept there; one with metadata is a document of its own, and so are the trends that
// tell of one event, and the built-in rates, which are facts about one request.
func (m *Metric) folds(meta *Meta) bool {
	switch m.Type {
	case Counter, Gauge:
		return true
	case Trend:
		return meta == nil && (!m.Builtin() || m.dataset == datasetGroup)
	case Rate:
		return !m.Builtin() || m.dataset == datasetChecks
	default:
		return false
	}
}

// builtinID numbers the built-in metrics from 1, so that a set of them fits the bits of a word.
type builtinID uint8

const notBuiltin builtinID = 0

// builtins are the metrics that k6 itself emits, in all versions since v0.40
// (metrics/builtin.go and the grpc and browser modules of the k6 repository).
var builtins = []struct {
	name    string
	typ     MetricType
	dataset Dataset
	millis  bool
}{
	{"http_reqs", Counter, datasetHTTP, false},
	{"http_req_failed", Rate, datasetHTTP, false},
	{"http_req_duration", Trend, datasetHTTP, true},
	{"http_req_blocked", Trend, datasetHTTP, true},
	{"http_req_connecting", Trend, datasetHTTP, true},
	{"http_req_tls_handshaking", Trend, datasetHTTP, true},
	{"http_req_sending", Trend, datasetHTTP, true},
	{"http_req_waiting", Trend, datasetHTTP, true},
	{"http_req_receiving", Trend, datasetHTTP, true},
	{"iterations", Counter, datasetIteration, false},
	{"iteration_duration", Trend, datasetIteration, true},
	{"dropped_iterations", Counter, datasetIteration, false},
	{"data_sent", Counter, datasetIteration, false},
	{"data_received", Counter, datasetIteration, false},
	{"group_duration", Trend, datasetGroup, true},
	{"checks", Rate, datasetChecks, false},
	{"vus", Gauge, datasetVUs, false},
	{"vus_max", Gauge, datasetVUs, false},
	{"ws_sessions", Counter, datasetWS, false},
	{"ws_msgs_sent", Counter, datasetWS, false},
	{"ws_msgs_received", Counter, datasetWS, false},
	{"ws_ping", Trend, datasetWS, true},
	{"ws_session_duration", Trend, datasetWS, true},
	{"ws_connecting", Trend, datasetWS, true},
	{"grpc_req_duration", Trend, datasetGRPC, true},
	{"grpc_streams", Counter, datasetGRPC, false},
	{"grpc_streams_msgs_sent", Counter, datasetGRPC, false},
	{"grpc_streams_msgs_received", Counter, datasetGRPC, false},
	{"browser_data_sent", Counter, datasetBrowser, false},
	{"browser_data_received", Counter, datasetBrowser, false},
	{"browser_http_req_duration", Trend, datasetBrowser, true},
	{"browser_http_req_failed", Rate, datasetBrowser, false},
	{"browser_web_vital_cls", Trend, datasetBrowser, false},
	{"browser_web_vital_fcp", Trend, datasetBrowser, true},
	{"browser_web_vital_fid", Trend, datasetBrowser, true},
	{"browser_web_vital_inp", Trend, datasetBrowser, true},
	{"browser_web_vital_lcp", Trend, datasetBrowser, true},
	{"browser_web_vital_ttfb", Trend, datasetBrowser, true},
}

// Bounds of what a file may name. k6 takes names of 128 characters, and a script that names hundreds of
// metrics or thresholds is a large one.
const (
	maxMetricName = 512 // bytes
	maxMetrics    = 10_000
	maxExpression = 1024 // bytes
	maxThresholds = 5_000
)

// Registry hands out the metrics of one stream of samples: always the same pointer for the same
// name and type. It is not safe for concurrent use.
type Registry struct {
	metrics    map[string]*Metric
	custom     int // how many custom metrics were made
	thresholds int
}

// NewRegistry makes a registry that knows the built-in metrics.
func NewRegistry() *Registry {
	r := &Registry{metrics: make(map[string]*Metric, 2*len(builtins))}
	for i, b := range builtins {
		r.metrics[b.name] = &Metric{
			Name: b.name, Type: b.typ, builtin: builtinID(i + 1), dataset: b.dataset, millis: b.millis,
			key: []byte(`,"` + b.name + `":`),
		}
	}
	return r
}

// Define returns the metric of that name and type. A name that is k6's own but has another type is
// a custom metric.
func (r *Registry) Define(name string, typ MetricType) *Metric {
	if m, ok := r.metrics[name]; ok && m.Type == typ {
		return m
	}
	r.custom++
	m := &Metric{Name: strings.Clone(name), Type: typ}
	m.name = append(appendString([]byte(`"name":`), name, nil), `,"type":"`+typ.String()+`"`...)
	r.metrics[m.Name] = m
	return m
}

// defineRead is Define for what a file says, which may be anything.
func (r *Registry) defineRead(name string, typ MetricType) (*Metric, error) {
	if m, ok := r.metrics[name]; ok && m.Type == typ {
		return m, nil
	}
	if err := r.room(len(name)); err != nil {
		return nil, err
	}
	return r.Define(name, typ), nil
}

// lookupRead is Lookup for what a file says, which may be anything.
func (r *Registry) lookupRead(name []byte) (*Metric, error) {
	if m, ok := r.metrics[string(name)]; ok {
		return m, nil
	}
	if err := r.room(len(name)); err != nil {
		return nil, err
	}
	return r.Define(string(name), Unknown), nil
}

var (
	errMetricName = fmt.Errorf("a metric's name has at most %d bytes", maxMetricName)
	errMetrics    = fmt.Errorf("the file names more than %d metrics", maxMetrics)
	errExpression = fmt.Errorf("a threshold has at most %d bytes", maxExpression)
	errThresholds = fmt.Errorf("the file names more than %d thresholds", maxThresholds)
)

func (r *Registry) room(nameLength int) error {
	switch {
	case nameLength > maxMetricName:
		return errMetricName
	case r.custom >= maxMetrics:
		return errMetrics
	default:
		return nil
	}
}

// threshold adds a threshold that a file names for the metric, once.
func (r *Registry) threshold(m *Metric, expression string) error {
	switch {
	case expression == "" || slices.Contains(m.Thresholds, expression):
		return nil
	case len(expression) > maxExpression:
		return errExpression
	case r.thresholds >= maxThresholds:
		return errThresholds
	}
	r.thresholds++
	m.Thresholds = append(m.Thresholds, expression)
	return nil
}

// Metrics lists the metrics that are defined, by name.
func (r *Registry) Metrics() []*Metric {
	all := slices.Collect(maps.Values(r.metrics))
	slices.SortFunc(all, func(a, b *Metric) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the metric that was last defined under the name: a custom one of unknown type if
// none was.
func (r *Registry) Lookup(name []byte) *Metric {
	if m, ok := r.metrics[string(name)]; ok {
		return m
	}
	return r.Define(string(name), Unknown)
}
