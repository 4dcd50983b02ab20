package logs

import (
	"context"
	"slices"
)

// wellKnown is how many lines of a sample are enough to go by; of what came less often all lines are
// counted, where the server can find them by words.
const wellKnown = 200

// verify finds out how often and from when to when things came of which the sample has only some lines, and
// leaves out those that turn out to be no more frequent.
func (e *examination) verify(ctx context.Context) error {
	var inquiries []inquiry
	counted := map[int]Count{}
	for i := range e.found.More {
		d := &e.found.More[i]
		query, exact := e.finds(d)
		if query == nil {
			continue
		}
		inquiries = append(inquiries, e.extentOf(e.During, query, func(n int64, found extent) {
			if found.first.IsZero() {
				return
			}
			d.First, d.Last = found.first, found.last
			c := counted[i]
			c.During = n
			counted[i] = c
		}))
		if exact {
			inquiries = append(inquiries, e.extentOf(e.Reference, query, func(n int64, _ extent) {
				c := counted[i]
				c.Reference = n
				counted[i] = c
			}))
		}
	}
	if err := e.ask(ctx, inquiries...); err != nil {
		return err
	}
	e.believe(counted)
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

// finds is a query for the lines of a difference, nil where there is none, or no need. Exact tells whether
// its count is to replace the estimate.
func (e *examination) finds(d *Difference) (query object, exact bool) {
	switch {
	case d.Role != Message && len(d.members) > 0:
		members := d.members[:min(mostMembers, len(d.members))]
		conditions := []any{object{"terms": object{e.shape.Choice(d.Role).Field: members}}}
		if d.Class == Errors {
			conditions = append(conditions, e.shape.Errors.Query)
		}
		return object{"bool": object{"filter": conditions}}, false
	case d.Role == Message && d.Approximate && e.shape.mapping.isText(e.shape.Choice(Message).Show):
		s := e.strata[slices.IndexFunc(e.strata, func(s *stratum) bool { return s.class == d.Class })]
		words := phrases(d.Value)
		if len(words) == 0 || float64(d.Count.During)*s.during.share() >= wellKnown {
			return nil, false
		}
		conditions := make([]any, 0, len(words)+len(s.conditions))
		for _, phrase := range words {
			var fields []any
			for _, field := range e.messageFields() {
				fields = append(fields, object{"match_phrase": object{field: phrase}})
			}
			conditions = append(conditions, should(fields))
		}
		for _, condition := range s.conditions {
			conditions = append(conditions, condition)
		}
		return object{"bool": object{"filter": conditions}}, true
	default:
		return nil, false
	}
}

// isText tells whether words of the field can be looked for, everywhere.
func (m mapping) isText(field string) bool {
	for esType := range m.Fields[field] {
		if kindOf(esType) != kindText {
			return false
		}
	}
	return len(m.Fields[field]) > 0
}

// believe replaces estimates by counts, and leaves out what they do not bear out.
func (e *examination) believe(counted map[int]Count) {
	kept := []Difference{}
	for i, d := range e.found.More {
		if exact, known := counted[i]; known && d.Approximate {
			d.Count, d.Approximate = exact, false
			if _, still := e.exposure(d.Class != Lines).excess(exact.During, exact.Reference, 1); !still && e.found.Compared {
				continue
			}
		}
		kept = append(kept, d)
	}
	e.found.More = kept
}
