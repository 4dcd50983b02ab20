package logs

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// instance is a role of its own: which process of a service a line is from. It is not shown, so nobody
// is asked about it.
const instance Role = "instance"

// instanceNames are what such fields are called.
var instanceNames = []string{"process.pid", "pid", "process.id", "processid", "instanceid", "service.node.name"}

// instanceField is the one to aggregate by; empty if there is none.
func (s Shape) instanceField() string {
	for _, name := range instanceNames {
		for _, field := range sortedKeys(s.mapping.Fields) {
			if s.mapping.parent(field) != "" || s.mapping.isObject(field) || s.mapping.clash(field) || !isCalled(field, name) {
				continue
			}
			if s.mapping.aggregatableEverywhere(field) {
				return field
			}
			if below := s.mapping.subfields(field); len(below) > 0 {
				return below[0]
			}
		}
	}
	return ""
}

// isCalled tells whether a field has a name, perhaps within an object that shippers make.
func isCalled(field, name string) bool {
	for {
		if normal(field) == name {
			return true
		}
		head, rest, found := strings.Cut(field, ".")
		if !found || !slices.Contains(wrappers, normal(head)) {
			return false
		}
		field = rest
	}
}

// The end of a run, in which whoever logged before should log again: so much of it, and where so many lines
// are expected that chance does not leave all of them out.
const (
	tailShare    = 0.1
	leastTail    = 5 * time.Second
	expectedTail = 7
)

// loggers are the fields by which servers are told apart, by role.
func (s Shape) loggers() map[Role]string {
	fields := map[Role]string{}
	for role, field := range map[Role]string{Host: s.Choice(Host).Field, instance: s.instanceField()} {
		if field != "" {
			fields[role] = field
		}
	}
	return fields
}

func (e *examination) tailSpan() Span {
	length := max(time.Duration(tailShare*float64(e.During.Length())), leastTail)
	return Span{e.During.To.Add(-min(length, e.During.Length())), e.During.To}
}

// lastLoggers ask who logged at the end of the run.
func (e *examination) lastLoggers() []inquiry {
	if len(e.loggers) == 0 {
		return nil
	}
	aggs := object{}
	for role, field := range e.loggers {
		aggs[string(role)] = terms(field)
	}
	return []inquiry{{
		e.aggregate(e.tailSpan(), aggs),
		func(a answer) error { return a.byRole(e.tail) },
	}}
}

// servers finds out which of them started and stopped.
func (e *examination) servers(ctx context.Context) error {
	if e.found.Lines.During == 0 {
		return nil
	}
	inquiries := e.lifecycle()
	for role, field := range e.loggers {
		inquiries = append(inquiries, e.comings(role, field)...)
	}
	if err := e.ask(ctx, inquiries...); err != nil {
		return err
	}
	e.found.Servers = ordered(e.found.Servers)
	return nil
}

// mostServers is how many hosts and processes are looked at that come or go.
const mostServers = 20

// comings ask about those who log no more at the run's end, or did not log before it.
func (e *examination) comings(role Role, field string) []inquiry {
	during, before, tail := e.during.values[role], e.before.values[role], e.tail[role]
	if during.Other+before.Other+tail.Other > 0 {
		return nil // too many to tell who is missing
	}
	length, tailLength := e.During.Length(), e.tailSpan().Length()
	rest := length - tailLength
	var inquiries []inquiry
	add := func(event Event, name string) {
		if len(inquiries) < mostServers {
			inquiries = append(inquiries, e.coming(role, field, event, name))
		}
	}
	then, now, last := before.counts(), during.counts(), tail.counts()
	for _, name := range union(during, before) {
		was, is := then[name], now[name]
		usual := max(perTail(was, length, tailLength), perTail(is, rest, tailLength))
		if last[name] == 0 && usual >= expectedTail {
			add(Silent, name)
		}
		if was == 0 && is >= expectedTail && e.found.Compared && !e.quiet() {
			add(Appeared, name)
		}
	}
	return inquiries
}

// perTail is how many lines are expected in the tail of one who logs so many in a span.
func perTail(n int64, span, tail time.Duration) float64 {
	if span <= 0 {
		return 0
	}
	return float64(n) * float64(tail) / float64(span)
}

// union lists the values of both, each once.
func union(a, b values) []string {
	var names []string
	seen := map[string]bool{}
	for _, v := range slices.Concat(a.Buckets, b.Buckets) {
		if name := v.text(); !seen[name] {
			names, seen[name] = append(names, name), true
		}
	}
	return names
}

// counts are the counts by value.
func (v values) counts() map[string]int64 {
	counts := map[string]int64{}
	for _, b := range v.Buckets {
		counts[b.text()] = b.Count
	}
	return counts
}

// coming asks since when, or until when, a host or process logged, and who that is.
func (e *examination) coming(role Role, field string, event Event, name string) inquiry {
	order := map[Event]any{Silent: newestFirst(e.time), Appeared: oldestFirst(e.time)}[event]
	both := Span{e.Reference.From, e.During.To}
	if gap := e.During.From.Sub(e.Reference.To); gap > 0 {
		both.From = e.During.From.Add(-min(e.Reference.Length(), gap))
	}
	body := e.linesOf(1, e.within(both, object{"term": object{field: name}}))
	body["track_total_hits"] = false
	body["sort"] = order
	return inquiry{body, func(a answer) error {
		for _, line := range e.lines(a.Hits.Hits, Lines) {
			if event == Appeared && line.Time.Before(e.During.From.Add(e.During.Length()/20)) {
				return nil // with the load, which says nothing about when it started
			}
			found := ServerEvent{Time: line.Time, Event: event, Host: line.Host, Service: line.Service, Message: line.Message}
			if role == instance {
				found.Instance = name
			}
			e.found.Servers = append(e.found.Servers, found)
		}
		return nil
	}}
}

// sayings are what servers and those who run them say when they start, stop and crash:
// Node.js, Go, Java, Python and web servers, systemd, container runtimes and the Linux kernel.
var sayings = []struct {
	event   Event
	phrases []string
}{
	{Crashed, []string{
		"uncaught exception", "uncaughtException", "unhandled rejection", "unhandledRejection", "out of memory",
		"OutOfMemoryError", "OOMKilled", "segmentation fault", "core dumped", "SIGKILL", "killed process",
		"server crashed", "process crashed", "exited unexpectedly",
	}},
	{Stopped, []string{
		"server stopped", "service stopped", "server stopping", "stopping server", "shutting down", "shutdown complete",
		"graceful shutdown", "server closed", "SIGTERM", "SIGINT", "process exited", "exited with", "worker exiting",
	}},
	{Started, []string{
		"server started", "service started", "application started", "started server", "server listening", "listening on",
		"listening at", "started on port", "running on port", "ready to accept connections", "ready for connections",
		"booting worker",
	}},
}

// abnormally stands for what finds the end of a process, be it by its level, exit code or words: that can be
// nothing else, however often it comes.
const abnormally = "ended abnormally"

const (
	oftenSaid  = 50 // what is said more often is not about a server's life
	saidShown  = 5  // lines of each saying
	mostEvents = 30
)

// lifecycle asks for lines in which a server says that it starts, stops or crashes.
func (e *examination) lifecycle() []inquiry {
	filters, events := object{}, map[string]Event{}
	if message := e.shape.Choice(Message).Show; message != "" && e.shape.mapping.isText(message) {
		for _, of := range sayings {
			for _, phrase := range of.phrases {
				filters[phrase], events[phrase] = object{"match_phrase": object{message: phrase}}, of.event
			}
		}
	}
	if ended := e.shape.Ended.Query; ended != nil {
		filters[abnormally], events[abnormally] = ended, Crashed
	}
	if len(filters) == 0 {
		return nil
	}
	lines := e.linesOf(saidShown, nil)
	delete(lines, "query")
	delete(lines, "track_total_hits")
	lines["sort"] = oldestFirst(e.time)
	var either []any
	for _, name := range sortedKeys(filters) {
		either = append(either, filters[name])
	}
	said := object{"filters": object{"filters": filters}, "aggs": object{"lines": object{"top_hits": lines}}}
	return []inquiry{{e.aggregate(e.During, object{"said": said}, should(either)), func(a answer) error { return e.said(a, events) }}}
}

// said takes the lines of each saying.
func (e *examination) said(a answer, events map[string]Event) error {
	var found struct {
		Buckets map[string]struct {
			Count int64 `json:"doc_count"`
			Lines struct {
				Hits struct{ Hits []hit } `json:"hits"`
			} `json:"lines"`
		} `json:"buckets"`
	}
	if err := a.aggregation("said", &found); err != nil {
		return err
	}
	for _, phrase := range sortedKeys(found.Buckets) {
		bucket := found.Buckets[phrase]
		if bucket.Count > oftenSaid && phrase != abnormally {
			continue
		}
		for _, line := range e.lines(bucket.Lines.Hits.Hits, Lines) {
			e.found.Servers = append(e.found.Servers, ServerEvent{
				Time: line.Time, Event: events[phrase], Host: line.Host, Service: line.Service, Message: line.Message,
			})
		}
	}
	return nil
}

// ordered sorts events by time, and keeps one of those that tell the same: what a line said in several
// ways, and the silence of a process beside that of its host.
func ordered(all []ServerEvent) []ServerEvent {
	gravity := []Event{Crashed, Stopped, Started, Silent, Appeared}
	slices.SortStableFunc(all, func(a, b ServerEvent) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(slices.Index(gravity, a.Event), slices.Index(gravity, b.Event)),
			cmp.Compare(a.Host, b.Host), cmp.Compare(a.Message, b.Message), cmp.Compare(b.Instance, a.Instance))
	})
	kept := []ServerEvent{}
	for _, one := range all {
		concluded := one.Event == Silent || one.Event == Appeared
		same := func(other ServerEvent) bool {
			return other.Host == one.Host && other.Time.Equal(one.Time) && (concluded || other.Message == one.Message)
		}
		if !slices.ContainsFunc(kept, same) {
			kept = append(kept, one)
		}
	}
	return kept[:min(mostEvents, len(kept))]
}
