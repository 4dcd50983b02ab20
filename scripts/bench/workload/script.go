package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// ownNames is how many names of requests the scripts have by themselves.
const ownNames = 6

// script is what the iterations of one scenario do.
type script struct {
	share float64 // of all requests
	steps []step
}

// step is a request and what follows it.
type step struct {
	opens   int // depth of the group that begins with this request; 0: none
	median  float64
	spread  float64 // sigma of the logarithm
	atLeast float64 // milliseconds that the service sleeps
	failing float64 // share of the requests that fail
	tails   []tails // one for each name that the request may have
	then    []follow
}

// tails are the ends of the lines of a request's samples: its tags.
type tails struct{ good, bad string }

// follow is a sample that comes after a request.
type follow struct {
	metric *metric
	same   bool // at the time of the one before
	tags   string
	value  func(it *iteration, random *rand.Rand, failed bool) float64
}

// newScripts makes the two scenarios: browse, five requests, and order, three.
func newScripts(names int) []*script {
	variants := max(1, (names+ownNames-1)/ownNames)
	b := builder{"browse", variants}
	o := builder{"order", variants}
	home, catalogue, checkout, pay := "::home", "::catalogue", "::checkout", "::checkout::pay"
	return []*script{
		{share: 0.7, steps: []step{
			{opens: 1, median: 0.9, spread: 0.4, tails: b.get(home, "home", ""), then: []follow{
				b.check(home, "home is 200", false), b.check(home, "home has body", true),
			}},
			{median: 0.3, spread: 0.6, tails: b.get(home, "fast", "asset")},
			{median: 1.5, spread: 0.9, atLeast: 15, tails: b.get(home, "slow", "asset"), then: []follow{b.group(home, 1)}},
			{opens: 1, median: 2.1, spread: 0.5, tails: b.get(catalogue, "items", ""), then: []follow{
				b.check(catalogue, "items is 200", false), b.check(catalogue, "items is json", true),
			}},
			{median: 1.2, spread: 0.5, tails: b.get(catalogue, "item", ""), then: append([]follow{
				{itemLatency, false, b.tags(catalogue, `"kind":"detail",`), duration},
				b.check(catalogue, "item is 200", false), b.group(catalogue, 1),
			}, b.end(384, 2485)...)},
		}},
		{share: 0.3, steps: []step{
			{opens: 1, median: 2.1, spread: 0.5, tails: o.get(checkout, "items", ""), then: []follow{
				o.check(checkout, "items is 200", false), {basketSize, false, o.tags(checkout, ""), basket},
			}},
			{opens: 2, median: 4, spread: 0.7, failing: 0.015, tails: o.post(pay, "order"), then: []follow{
				o.check(pay, "order is 201", false), {ordersTotal, false, o.tags(pay, ""), one},
				{orderSuccess, false, o.tags(pay, ""), success}, o.group(pay, 2),
			}},
			{median: 0.3, spread: 0.6, tails: o.get(checkout, "fast", ""), then: append([]follow{o.group(checkout, 1)}, o.end(492, 1890)...)},
		}},
	}
}

// builder makes the parts of a scenario.
type builder struct {
	scenario string
	variants int // of the name of each request
}

// tags are the tags of a sample that is not of a request; extra comes where the alphabet puts it, between
// journey and scenario.
func (b builder) tags(group, extra string) string {
	return fmt.Sprintf(`,"tags":{"group":"%s","journey":"%[2]s",%[3]s"scenario":"%[2]s"}}}`+"\n", group, b.scenario, extra)
}

func (b builder) check(group, name string, same bool) follow {
	tags := strings.Replace(b.tags(group, ""), `{"group"`, `{"check":"`+name+`","group"`, 1)
	return follow{checks, same, tags, success}
}

func (b builder) group(group string, depth int) follow {
	return follow{groupDuration, false, b.tags(group, ""), func(it *iteration, _ *rand.Rand, _ bool) float64 {
		return millis(it.at - it.grouped[depth-1])
	}}
}

// end are the samples at the end of an iteration.
func (b builder) end(sent, received float64) []follow {
	tags := b.tags("", "")
	constant := func(value float64) func(*iteration, *rand.Rand, bool) float64 {
		return func(*iteration, *rand.Rand, bool) float64 { return value }
	}
	return []follow{
		{dataSent, false, tags, constant(sent)},
		{dataReceived, true, tags, constant(received)},
		{iterationDuration, true, tags, func(it *iteration, _ *rand.Rand, _ bool) float64 { return millis(it.at - it.begun) }},
		{iterations, true, tags, one},
	}
}

func (b builder) get(group, name, kind string) []tails {
	if kind != "" {
		kind = `"kind":"` + kind + `",`
	}
	return b.request(group, name, kind, "GET", "200")
}

func (b builder) post(group, name string) []tails { return b.request(group, name, "", "POST", "201") }

// request makes the tags of a request, for each of its names.
func (b builder) request(group, name, kind, method, status string) []tails {
	const format = `,"tags":{%s"group":"%s","journey":"%s",%s"method":"%s","name":"%s","proto":"HTTP/1.1",` +
		`"scenario":"%[3]s","status":"%[7]s","url":"%[6]s"}}}` + "\n"
	all := make([]tails, b.variants)
	for i := range all {
		if i > 0 {
			name = fmt.Sprintf("%s %d", strings.Fields(name)[0], i)
		}
		all[i].good = fmt.Sprintf(format, `"expected_response":"true",`, group, b.scenario, kind, method, name, status)
		all[i].bad = fmt.Sprintf(format, `"error_code":"1500","expected_response":"false",`, group, b.scenario, kind, method, name, "500")
	}
	return all
}

func one(*iteration, *rand.Rand, bool) float64 { return 1 }

func success(_ *iteration, _ *rand.Rand, failed bool) float64 {
	if failed {
		return 0
	}
	return 1
}

func basket(_ *iteration, random *rand.Rand, _ bool) float64 { return float64(1 + random.IntN(5)) }

func duration(it *iteration, _ *rand.Rand, _ bool) float64 { return millis(it.timings.duration()) }

// millis turns nanoseconds into milliseconds, as k6 does.
func millis(ns int64) float64 { return float64(ns) / 1e6 }

// timings are the phases of a request, in nanoseconds.
type timings struct {
	blocked, connecting, sending, waiting, receiving int64
}

func (t timings) duration() int64 { return t.sending + t.waiting + t.receiving }
func (t timings) total() int64    { return t.blocked + t.duration() }

// connects is the share of the requests that make a new connection.
const connects = 0.02

// draw makes up the timings of one request: log-normal, as those of services are.
func (s *step) draw(random *rand.Rand) timings {
	t := timings{
		blocked:   logNormal(random, 1.5e3, 0.4),
		sending:   logNormal(random, 6e3, 0.5),
		waiting:   int64(s.atLeast*1e6) + logNormal(random, s.median*1e6, s.spread),
		receiving: logNormal(random, 2e4, 0.8),
	}
	if random.Float64() < connects {
		t.connecting = logNormal(random, 4e5, 0.5)
		t.blocked += t.connecting + logNormal(random, 3e4, 0.5)
	}
	return t
}

func logNormal(random *rand.Rand, median, sigma float64) int64 {
	return int64(median * math.Exp(sigma*random.NormFloat64()))
}
