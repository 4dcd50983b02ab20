package logs

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"
)

const (
	shownMessages = 10  // differences of messages that are told
	shownValues   = 10  // of all other roles
	mostMembers   = 200 // values of which the first and the last line are looked for
	quietLines    = 20
	quietShare    = 0.01
)

// quiet tells whether the reference span has next to no lines: shares of those would say nothing.
func (e *examination) quiet() bool {
	lines := e.found.Lines
	return float64(lines.Reference) < max(quietLines, quietShare*float64(lines.During))
}

// exposure is what a count is expected in proportion to. Errors and warnings are held against time: more
// of them are bad news, even if all else grew too. Of other lines there is more of everything under load,
// so it is their share that counts; where next to nothing was logged before, none is known.
func (e *examination) exposure(grave bool) exposure {
	switch {
	case grave:
		return exposure{1, 1}
	case e.quiet():
		return exposure{}
	default:
		return exposure{float64(e.found.Lines.During), float64(e.found.Lines.Reference)}
	}
}

// compare finds what came more often.
func (e *examination) compare(context.Context) error {
	var messages, others []Difference
	for _, s := range e.strata {
		messages = append(messages, e.ofSample(s, Message, func(l Line) string { return l.pattern })...)
		if e.cutOff(Route) {
			others = append(others, e.ofSample(s, Route, func(l Line) string { return routePattern(l.Route) })...)
		}
	}
	if e.found.Compared {
		for _, role := range counted {
			if role == Route && e.cutOff(Route) {
				continue
			}
			others = append(others, e.ofValues(role, Lines, e.during.values[role], e.before.values[role])...)
			others = append(others, e.ofValues(role, Errors, e.during.errors[role], e.before.errors[role])...)
		}
	}
	e.found.More = append(strongest(messages, shownMessages), strongest(others, shownValues)...)
	return nil
}

// cutOff tells whether a field has more values than were counted: then the sample knows better.
func (e *examination) cutOff(role Role) bool {
	return e.during.values[role].Other > 0 || e.before.values[role].Other > 0
}

// strongest keeps the first of them, the gravest and most surprising first.
func strongest(all []Difference, n int) []Difference {
	slices.SortStableFunc(all, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(rank(a.Class), rank(b.Class)), cmp.Compare(b.score, a.score), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(n, len(all))]
}

// ofSample compares the sampled lines of a stratum by a key.
func (e *examination) ofSample(s *stratum, role Role, key func(Line) string) []Difference {
	type tally struct {
		count       Count
		example     string
		first, last time.Time
	}
	tallies := map[string]*tally{}
	for _, line := range s.during.lines {
		k := key(line)
		if k == "" {
			continue
		}
		t := tallies[k]
		if t == nil {
			t = &tally{example: line.Message, first: line.Time}
			tallies[k] = t
		}
		t.count.During++
		if line.Time.Before(t.first) {
			t.first, t.example = line.Time, line.Message
		}
		if line.Time.After(t.last) {
			t.last = line.Time
		}
	}
	for _, line := range s.before.lines {
		if t := tallies[key(line)]; t != nil {
			t.count.Reference++
		}
	}
	grave := s.class != Lines
	x := e.exposure(grave)
	x.during *= s.during.share()
	x.before *= s.before.share()
	var found []Difference
	for _, k := range sortedKeys(tallies) {
		t := tallies[k]
		score, significant := x.excess(t.count.During, t.count.Reference, len(tallies))
		if !e.found.Compared {
			score, significant = float64(t.count.During), grave
		}
		if !significant {
			continue
		}
		d := Difference{
			Role: role, Class: s.class, Value: k, First: t.first, Last: t.last, Approximate: !s.complete(),
			sampled: t.count, score: score,
			Count: Count{estimate(t.count.During, s.during), estimate(t.count.Reference, s.before)},
		}
		if role == Message {
			d.Example = t.example
		}
		found = append(found, d)
	}
	return found
}

// estimate is how many lines there are of which so many were in the sample.
func estimate(n int64, s sample) int64 { return int64(math.Round(float64(n) / s.share())) }

// ofValues compares how often each value of a field occurs in lines of a class.
func (e *examination) ofValues(role Role, class Class, during, before values) []Difference {
	now, then := fold(role, during), fold(role, before)
	if len(now) < 2 && class != Lines {
		return nil // that it is the only one says nothing but how many errors there are
	}
	var found []Difference
	for _, name := range sortedKeys(now) {
		d := now[name]
		d.Class = class
		d.Count.Reference = before.floor()
		if other, known := then[name]; known {
			d.Count.Reference = other.Count.During
		}
		status, err := strconv.Atoi(name)
		grave := class == Errors || role == Status && err == nil && status >= 400
		var significant bool
		if d.score, significant = e.exposure(grave).excess(d.Count.During, d.Count.Reference, len(now)); significant {
			found = append(found, *d)
		}
	}
	return found
}

// floor is how often a value may occur that was not counted.
func (v values) floor() int64 {
	if v.Other == 0 || len(v.Buckets) == 0 {
		return 0
	}
	return v.Buckets[len(v.Buckets)-1].Count
}

// fold adds up values of one pattern, where the role is one whose values are not names.
func fold(role Role, all values) map[string]*Difference {
	folded := map[string]*Difference{}
	for _, v := range all.Buckets {
		name := v.text()
		if role == Route {
			name = routePattern(name)
		}
		if name == "" {
			continue
		}
		if folded[name] == nil {
			folded[name] = &Difference{Role: role, Value: name}
		}
		d := folded[name]
		d.Count.During += v.Count
		d.members = append(d.members, v.text())
	}
	return folded
}
