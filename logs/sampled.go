package logs

import (
	"cmp"
	"slices"
	"time"
)

// sampleLines is how many lines are read of each class and span. Of more than that, a sample is.
const sampleLines = 1000

// stratum are the lines of one class.
type stratum struct {
	class          Class
	conditions     []object
	during, before sample
}

// sample are lines of a stratum within a span.
type sample struct {
	total int64 // in the index
	lines []Line
}

// share is which share of the lines was read; all, where more came after they were counted.
func (s sample) share() float64 {
	if s.total == 0 {
		return 1
	}
	return min(1, float64(len(s.lines))/float64(s.total))
}

// complete tells whether all lines were read.
func (s *stratum) complete() bool {
	return int64(len(s.during.lines)) == s.during.total && int64(len(s.before.lines)) == s.before.total
}

// Of how many lines some are chosen, or the latency is measured: where there are more, slices of the span
// stand for all of it.
const (
	chosenFrom   = 50 * sampleLines
	latencyLines = 1_000_000
	sliceCount   = 100
)

// slices leave of a span with so many lines as much as has about enough of them; nothing where all are. They
// are of equal length, and at equal distances.
func (e *examination) slices(span Span, lines, enough int64) []object {
	if lines <= 2*enough {
		return nil
	}
	step := span.Length() / sliceCount
	length := time.Duration(float64(step) * float64(enough) / float64(lines))
	ranges := make([]any, sliceCount)
	for i := range ranges {
		from := span.From.Add(time.Duration(i) * step)
		ranges[i] = e.within(Span{from, from.Add(max(length, time.Millisecond))})
	}
	return []object{should(ranges)}
}

// sample reads lines, each about as likely as any other, and the same ones each time: by a hash of the
// sequence number that the server gave them. They are chosen from some slices of the span, if any.
func (e *examination) sample(span Span, s *stratum, into *sample, only ...object) inquiry {
	body := e.linesOf(sampleLines, object{"function_score": object{
		"query": e.within(span, append(only, s.conditions...)...), "boost_mode": "replace",
		"random_score": object{"seed": 1, "field": "_seq_no"},
	}})
	return inquiry{body, func(a answer) error {
		into.lines = e.lines(a.Hits.Hits, s.class)
		return nil
	}}
}

// reads tells whether lines have anything to go by.
func (e *examination) reads() bool {
	return e.shape.Choice(Message).Found() || e.shape.Choice(Route).Found()
}

// samples ask for lines of each class and span.
func (e *examination) samples() []inquiry {
	if !e.reads() {
		return nil
	}
	var inquiries []inquiry
	for _, s := range e.strata {
		inquiries = append(inquiries, e.sample(e.During, s, &s.during, e.slices(e.During, s.during.total, chosenFrom)...),
			e.sample(e.Reference, s, &s.before, e.slices(e.Reference, s.before.total, chosenFrom)...))
	}
	return inquiries
}

// samplesOfBursts ask again, without slices, where those have too few lines: what came all at once may have
// come between them.
func (e *examination) samplesOfBursts() []inquiry {
	var inquiries []inquiry
	again := func(span Span, s *stratum, into *sample) {
		if into.total > 2*chosenFrom && len(into.lines) < sampleLines {
			inquiries = append(inquiries, e.sample(span, s, into))
		}
	}
	for _, s := range e.strata {
		again(e.During, s, &s.during)
		again(e.Reference, s, &s.before)
	}
	return inquiries
}

// worstLimit is how many lines of each class are read of the worst seconds.
const worstLimit = 500

// worstLines ask for the lines of the worst seconds.
func (e *examination) worstLines() []inquiry {
	var inquiries []inquiry
	for _, s := range e.strata {
		body := e.linesOf(worstLimit, e.within(e.Worst, s.conditions...))
		body["sort"] = oldestFirst(e.time)
		inquiries = append(inquiries, inquiry{body, func(a answer) error {
			e.found.Worst.Count += a.Hits.Total.Value
			for _, line := range e.lines(a.Hits.Hits, s.class) {
				e.worst = append(e.worst, LineOfKind{line, 1})
			}
			return nil
		}})
	}
	return inquiries
}

// shownKinds is how many kinds of lines of the worst seconds are told.
const shownKinds = 20

// kinds gathers lines of one pattern, the gravest first.
func (e *examination) kinds() []LineOfKind {
	type key struct {
		class   Class
		pattern string
	}
	at := map[key]int{}
	all := []LineOfKind{}
	slices.SortStableFunc(e.worst, func(a, b LineOfKind) int { return a.Time.Compare(b.Time) })
	for _, line := range e.worst {
		k := key{line.Class, line.pattern}
		if i, known := at[k]; known {
			all[i].Count++
			continue
		}
		at[k] = len(all)
		all = append(all, line)
	}
	slices.SortStableFunc(all, func(a, b LineOfKind) int {
		return cmp.Or(cmp.Compare(rank(a.Class), rank(b.Class)), cmp.Compare(b.Count, a.Count))
	})
	return all[:min(shownKinds, len(all))]
}

// rank sorts the gravest class first.
func rank(class Class) int { return slices.Index([]Class{Errors, Warnings, Lines}, class) }
