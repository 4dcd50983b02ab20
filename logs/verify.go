package logs

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// wellKnown is how many lines of a sample are enough to go by; of what came less often all lines are
	// counted, where the server can find them by words.
	wellKnown = 200
	// incredible is how improbable it is that a sample has so few lines of a thing, or so many, where the words
	// that were counted are not those of another thing too.
	incredible = 1e-4
)

// occurrences are how often a thing came, and from when to when during the run.
type occurrences struct {
	count  Count
	during extent
}

// verify finds out how often and from when to when things came of which the sample has only some lines, and
// leaves out those that turn out to be no more frequent.
func (e *examination) verify(ctx context.Context) error {
	var inquiries []inquiry
	for i := range e.found.More {
		d := &e.found.More[i]
		if len(d.members) > 0 {
			inquiries = append(inquiries, e.extentOf(e.During, e.membersOf(d), func(_ int64, times extent) {
				d.First, d.Last = times.first, times.last
			}))
		} else if query := e.wordsOf(d); query != nil {
			o := &occurrences{}
			d.counted = o
			inquiries = append(inquiries,
				e.extentOf(e.During, query, func(n int64, times extent) { o.count.During, o.during = n, times }),
				e.extentOf(e.Reference, query, func(n int64, _ extent) { o.count.Reference = n }))
		}
	}
	if err := e.ask(ctx, inquiries...); err != nil {
		return err
	}
	e.believe()
	return nil
}

// extentOf asks for the number of lines, and the times of the first and the last one.
func (e *examination) extentOf(span Span, query object, take func(int64, extent)) inquiry {
	return inquiry{
		object{"size": 0, "track_total_hits": true, "query": e.within(span, query), "aggs": e.extentAggregations()},
		func(a answer) error {
			found, err := a.extent()
			take(a.Hits.Total.Value, found)
			return err
		},
	}
}

// membersOf is a query for the lines with one of a difference's values, the most frequent ones.
func (e *examination) membersOf(d *Difference) object {
	members := d.members[:min(mostMembers, len(d.members))]
	conditions := []object{{"terms": object{e.shape.Choice(d.Role).Field: members}}}
	if d.Class == Errors {
		conditions = append(conditions, e.shape.Errors.Query)
	}
	return object{"bool": object{"filter": conditions}}
}

// wordsOf is a query for the lines that have all words of a message's pattern; nil where that cannot be, or
// need not.
func (e *examination) wordsOf(d *Difference) object {
	words := phrases(d.Value)
	if d.Role != Message || !d.Approximate || d.sampled.During >= wellKnown || len(words) == 0 ||
		!e.shape.mapping.isText(e.shape.Choice(Message).Show) {
		return nil
	}
	var conditions []object
	for _, phrase := range words {
		var fields []any
		for _, field := range e.messageFields() {
			fields = append(fields, object{"match_phrase": object{field: phrase}})
		}
		conditions = append(conditions, should(fields))
	}
	return object{"bool": object{"filter": append(conditions, e.stratumOf(d).conditions...)}}
}

// stratumOf is the one that a difference was found in.
func (e *examination) stratumOf(d *Difference) *stratum {
	return e.strata[slices.IndexFunc(e.strata, func(s *stratum) bool { return s.class == d.Class })]
}

// believe replaces estimates by counts, and leaves out what they do not bear out. Counts that the sample does
// not bear out are of other lines: other messages have the words too, or the server knows them otherwise.
func (e *examination) believe() {
	kept := []Difference{}
	for _, d := range e.found.More {
		if o := d.counted; o != nil && e.credible(&d, o.count) {
			d.Count, d.First, d.Last, d.Approximate = o.count, o.during.first, o.during.last, false
			if _, still := e.exposure(d.Class != Lines).excess(d.Count.During, d.Count.Reference, 1); !still && e.found.Compared {
				continue
			}
		}
		kept = append(kept, d)
	}
	e.found.More = kept
}

// credible tells whether the samples of both spans may be of so many lines.
func (e *examination) credible(d *Difference, count Count) bool {
	s := e.stratumOf(d)
	return mayBeOf(d.sampled.During, count.During, s.during.share()) && mayBeOf(d.sampled.Reference, count.Reference, s.before.share())
}

// mayBeOf tells whether a share of so many lines may be a sample with so many of them.
func mayBeOf(sampled, all int64, share float64) bool {
	coin := distuv.Binomial{N: float64(all), P: share}
	return coin.CDF(float64(sampled)) > incredible && coin.Survival(float64(sampled)-1) > incredible
}
