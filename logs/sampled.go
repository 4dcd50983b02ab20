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

// share is which share of the lines was read.
func (s sample) share() float64 {
	if s.total == 0 {
		return 1
	}
	return float64(len(s.lines)) / float64(s.total)
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
// sequence number that the server gave them.
func (e *examination) sample(span Span, s *stratum, into *sample) inquiry {
	body := e.linesOf(sampleLines, object{"function_score": object{
		"query": e.within(span, append(e.slices(span, into.total, chosenFrom), s.conditions...)...), "boost_mode": "replace",
		"random_score": object{"seed": 1, "field": "_seq_no"},
	}})
	if !e.shape.Choice(Message).Found() {
		body["size"] = 0
	}
	return inquiry{body, func(a answer) error {
		into.lines = e.lines(a.Hits.Hits, s.class)
		return nil
	}}
}

// worstLimit is how many lines of each class are read of the worst seconds.
const worstLimit = 500

// worstLines ask for the lines of the worst seconds.
func (e *examination) worstLines() []inquiry {
	var inquiries []inquiry
	for _, s := range e.strata {
		body := e.linesOf(worstLimit, e.within(e.Worst, s.conditions...))
		body["sort"] = []any{object{e.time: object{"order": "asc", "unmapped_type": "date"}}}
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
		k := key{line.Class, Pattern(line.Message)}
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
