package workload

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// metric is one of k6's, with the texts that its lines begin with.
type metric struct {
	declaration string // the line before its first sample
	head        string // of a sample, up to the time
}

func newMetric(name, kind, contains, thresholds, submetrics string) *metric {
	return &metric{
		declaration: fmt.Sprintf(`{"type":"Metric","data":{"name":"%s","type":"%s","contains":"%s","thresholds":[%s],"submetrics":%s},"metric":"%[1]s"}`+"\n",
			name, kind, contains, thresholds, submetrics),
		head: `{"metric":"` + name + `","type":"Point","data":{"time":"`,
	}
}

func trend(name string) *metric   { return newMetric(name, "trend", "time", "", "null") }
func counter(name string) *metric { return newMetric(name, "counter", "default", "", "null") }
func gauge(name string) *metric   { return newMetric(name, "gauge", "default", "", "null") }

func submetric(metric, key, value string) string {
	return fmt.Sprintf(`{"name":"%s{%s:%s}","suffix":"%[2]s:%[3]s","tags":{"%[2]s":"%[3]s"}}`, metric, key, value)
}

var (
	httpReqs        = counter("http_reqs")
	httpReqDuration = newMetric("http_req_duration", "trend", "time", `"p(95)<2000"`, "["+
		submetric("http_req_duration", "journey", "browse")+","+submetric("http_req_duration", "name", "slow")+","+
		submetric("http_req_duration", "expected_response", "true")+"]")
	httpReqBlocked    = trend("http_req_blocked")
	httpReqConnecting = trend("http_req_connecting")
	httpReqTLS        = trend("http_req_tls_handshaking")
	httpReqSending    = trend("http_req_sending")
	httpReqWaiting    = trend("http_req_waiting")
	httpReqReceiving  = trend("http_req_receiving")
	httpReqFailed     = newMetric("http_req_failed", "rate", "default", `"rate<0.05"`, "null")
	checks            = newMetric("checks", "rate", "default", "", "null")
	groupDuration     = trend("group_duration")
	dataSent          = newMetric("data_sent", "counter", "data", "", "null")
	dataReceived      = newMetric("data_received", "counter", "data", "", "null")
	iterationDuration = trend("iteration_duration")
	iterations        = counter("iterations")
	vus               = gauge("vus")
	vusMax            = gauge("vus_max")
	itemLatency       = trend("item_latency")
	basketSize        = gauge("basket_size")
	ordersTotal       = counter("orders_total")
	orderSuccess      = newMetric("order_success", "rate", "default", `"rate>0.9"`, "null")
)

const noTags = `,"tags":{}}}` + "\n"

// request writes the samples of an HTTP request.
func (r *run) request(s *step, at int64, t timings, failed bool) {
	tails := &s.tails[0]
	if len(s.tails) > 1 {
		tails = &s.tails[r.random.IntN(len(s.tails))]
	}
	tags, verdict := tails.good, 0.0
	if failed {
		tags, verdict = tails.bad, 1
	}
	r.sample(httpReqs, at, 1, tags)
	r.sampleTime(httpReqDuration, at, t.duration(), tags)
	r.sampleTime(httpReqBlocked, at, t.blocked, tags)
	r.sampleTime(httpReqConnecting, at, t.connecting, tags)
	r.sampleTime(httpReqTLS, at, 0, tags)
	r.sampleTime(httpReqSending, at, t.sending, tags)
	r.sampleTime(httpReqWaiting, at, t.waiting, tags)
	r.sampleTime(httpReqReceiving, at, t.receiving, tags)
	r.sample(httpReqFailed, at, verdict, tags)
	r.written.Requests++
}

// sample writes a sample; tags is the rest of its line.
func (r *run) sample(m *metric, at int64, value float64, tags string) {
	r.begin(m, at)
	if whole := int64(value); float64(whole) == value {
		r.buf = strconv.AppendInt(r.buf, whole, 10)
	} else if nanos := math.Round(value * 1e6); nanos/1e6 == value {
		r.buf = appendMillis(r.buf, int64(nanos))
	} else {
		r.buf = strconv.AppendFloat(r.buf, value, 'f', -1, 64)
	}
	r.buf = append(r.buf, tags...)
}

// sampleTime writes a sample whose value is in nanoseconds.
func (r *run) sampleTime(m *metric, at, value int64, tags string) {
	r.begin(m, at)
	r.buf = append(appendMillis(r.buf, value), tags...)
}

// begin writes a line up to the value.
func (r *run) begin(m *metric, at int64) {
	if !r.known[m] {
		r.known[m] = true
		r.buf = append(r.buf, m.declaration...)
	}
	r.written.Samples++
	r.buf = r.clock.append(append(r.buf, m.head...), at)
	r.buf = append(r.buf, `","value":`...)
}

// appendMillis writes nanoseconds as milliseconds, in the shortest form.
func appendMillis(dst []byte, ns int64) []byte {
	dst = strconv.AppendInt(dst, ns/1e6, 10)
	return appendFraction(dst, ns%1e6, 1e5)
}

// appendFraction writes the digits of n behind a point, without zeros at the end; unit is what the first
// digit counts.
func appendFraction(dst []byte, n, unit int64) []byte {
	if n == 0 {
		return dst
	}
	for dst = append(dst, '.'); n > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit))
		n %= unit
	}
	return dst
}

// clock writes times. Neighbours mostly share the text of the time, or of the second.
type clock struct {
	at, second int64
	text       []byte
	whole      int // length of the text of the second
}

func (c *clock) append(dst []byte, at int64) []byte {
	if at != c.at || c.text == nil {
		if second := at / 1e9; second != c.second || c.text == nil {
			c.second = second
			c.text = time.Unix(second, 0).UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05")
			c.whole = len(c.text)
		}
		c.at = at
		c.text = append(appendFraction(c.text[:c.whole], at%1e9, 1e8), 'Z')
	}
	return append(dst, c.text...)
}
