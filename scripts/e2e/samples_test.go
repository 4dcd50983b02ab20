package e2e

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
)

// sample is one sample of k6's.
type sample struct {
	metric string
	time   time.Time
	value  float64
	tags   map[string]string
}

// samples are those of one k6 process, in the order in which k6 handed them over.
type samples []sample

// readSamples reads what k6 wrote with --out json, and the type of each metric. A last line that is cut
// off is left out.
func readSamples(t testing.TB, file string) (all samples, types map[string]string) {
	t.Helper()
	var text string
	if strings.HasSuffix(file, ".gz") {
		text = gunzip(t, file)
	} else {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		text = string(content)
	}
	types = map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(text[:strings.LastIndexByte(text, '\n')+1]))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Type, Metric string
			Data         struct {
				Type  string
				Time  time.Time
				Value float64
				Tags  map[string]string
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		if line.Type == "Metric" {
			types[line.Metric] = line.Data.Type
			continue
		}
		all = append(all, sample{line.Metric, line.Data.Time, line.Data.Value, line.Data.Tags})
	}
	require.NoError(t, lines.Err())
	return all, types
}

// seconds are between the first sample and the latest.
func (all samples) seconds() float64 {
	var latest time.Time
	for _, s := range all {
		if s.time.After(latest) {
			latest = s.time
		}
	}
	return latest.Sub(all[0].time).Seconds()
}

// numbers are what samples of one metric add up to.
type numbers struct {
	sum, size float64 // size is the sum of the values' amounts
	last      float64
	lastTime  time.Time
	passes    int
	values    []float64
}

func (n *numbers) add(s sample) {
	n.sum += s.value
	n.size += math.Abs(s.value)
	if !s.time.Before(n.lastTime) {
		n.last, n.lastTime = s.value, s.time
	}
	if s.value != 0 {
		n.passes++
	}
	n.values = append(n.values, s.value)
}

// rank is a percentile by nearest rank.
func (n *numbers) rank(p float64) float64 {
	sorted := slices.Sorted(slices.Values(n.values))
	at := int(math.Ceil(p*float64(len(sorted)) - 1e-9))
	return sorted[min(max(at, 1), len(sorted))-1]
}

// of adds up the samples of a metric, or of that part of them which a sub-metric is about:
// metric{tag:value,tag:value}.
func (all samples) of(metric string) *numbers {
	base, selector, _ := strings.Cut(strings.TrimSuffix(metric, "}"), "{")
	n := &numbers{}
	for _, s := range all {
		if s.metric == base && s.selected(selector) {
			n.add(s)
		}
	}
	return n
}

// selected says whether a sample has all tags of a sub-metric's selector.
func (s sample) selected(selector string) bool {
	if selector == "" {
		return true
	}
	for tag := range strings.SplitSeq(selector, ",") {
		key, value, _ := strings.Cut(tag, ":")
		if s.tags[key] != value {
			return false
		}
	}
	return true
}

// totals are the numbers of a run that add up.
type totals struct {
	requests, failed, judged, passes, misses, iterations, dropped, sent, received, vus float64
}

func (t totals) plus(o totals) totals {
	return totals{
		t.requests + o.requests, t.failed + o.failed, t.judged + o.judged, t.passes + o.passes, t.misses + o.misses, t.iterations + o.iterations,
		t.dropped + o.dropped, t.sent + o.sent, t.received + o.received, t.vus + o.vus,
	}
}

// totals are what k6 itself says.
func (s summary) totals() totals {
	value := func(metric, value string) float64 { return s.Metrics[metric].Values[value] }
	return totals{
		value("http_reqs", "count"), value("http_req_failed", "passes"), value("http_req_failed", "passes") + value("http_req_failed", "fails"), value("checks", "passes"), value("checks", "fails"),
		value("iterations", "count"), value("dropped_iterations", "count"), value("data_sent", "count"), value("data_received", "count"),
		value("vus", "max"),
	}
}

// totals are what the samples add up to.
func (all samples) totals() totals {
	failed, checks, vus := all.of("http_req_failed"), all.of("checks"), all.of("vus")
	return totals{
		all.of("http_reqs").sum, float64(failed.passes), float64(len(failed.values)), float64(checks.passes), float64(len(checks.values) - checks.passes),
		all.of("iterations").sum, all.of("dropped_iterations").sum, all.of("data_sent").sum, all.of("data_received").sum,
		slices.Max(append(vus.values, 0)),
	}
}

// onePercent is what a percentile may be off.
const onePercent = 0.01

// requireTotals demands that a run's document have those totals, and the percentiles of those durations.
func requireTotals(t testing.TB, want totals, durations *numbers, got runs.Summary) {
	t.Helper()
	assert.InDelta(t, want.requests, got.Requests, 0, "requests")
	assert.InDelta(t, want.failed, got.Failed, 0, "failed requests")
	assert.InDelta(t, want.misses, got.ChecksFailed, 0, "failed checks")
	if all := want.passes + want.misses; all > 0 {
		require.NotNil(t, got.ChecksRate)
		assert.InDelta(t, want.passes/all, *got.ChecksRate, rounding, "share of checks that passed")
	}
	if want.judged > 0 {
		require.NotNil(t, got.FailedRate)
		assert.InDelta(t, want.failed/want.judged, *got.FailedRate, rounding, "share of judged requests that failed")
	}
	assert.InDelta(t, want.iterations, got.Iterations, 0, "iterations")
	assert.InDelta(t, want.dropped, got.Dropped, 0, "dropped iterations")
	assert.InDelta(t, want.sent, got.DataSent, 0, "bytes sent")
	assert.InDelta(t, want.received, got.DataReceived, 0, "bytes received")
	assert.InDelta(t, want.vus, got.VUsMax, 0, "virtual users")
	if len(durations.values) == 0 {
		assert.Nil(t, got.P95)
		return
	}
	for p, value := range map[float64]*float64{.5: got.P50, .9: got.P90, .95: got.P95, .99: got.P99, 1: got.Max} {
		if assert.NotNil(t, value) {
			assert.InEpsilon(t, durations.rank(p), *value, onePercent, "p%g", p*100)
		}
	}
}
