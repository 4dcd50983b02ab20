package logs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/k6es/k6es/terminal"
)

// Question is what is asked of the logs.
type Question struct {
	During    Span // of the run
	Reference Span // what it is held against, of the same length
	Worst     Span // whose lines are told; the zero value: none
	Now       time.Time
}

// Examine tells what the logs of a shape said during a run, against another span of time: how many lines
// and errors, what came significantly more often, which servers started and stopped, and the lines of the
// worst seconds. It only reads. Of many lines it reads a sample, and estimates. An error says that the
// server did not answer.
func Examine(ctx context.Context, client Client, shape Shape, question Question) (*Findings, error) {
	e := &examination{
		searcher: searcher{client: client, shape: shape, time: shape.Choice(Time).Field},
		Question: question, loggers: shape.loggers(),
		found: &Findings{
			Pattern: shape.Pattern, During: question.During, Reference: question.Reference,
			More: []Difference{}, Servers: []ServerEvent{}, Lacks: lacks(shape), Notes: []string{},
		},
	}
	for _, step := range []func(context.Context) error{e.count, e.read, e.readBursts, e.compare, e.verify, e.servers} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("reading %s: %w", shape.Pattern, err)
		}
	}
	e.found.Notes = append(e.found.Notes, e.notes...)
	return e.found, nil
}

// examination is an answer in the making.
type examination struct {
	searcher
	Question
	found   *Findings
	loggers map[Role]string // fields by which servers are told apart

	all    extent // of the logs as a whole
	strata []*stratum
	during survey
	before survey
	tail   map[Role]values // who logged at the end of the run
	worst  []LineOfKind
}

// survey is what was counted in a span.
type survey struct {
	values  map[Role]values // by all lines
	errors  map[Role]values // by errors only
	latency Percentiles
}

// classes are those that the logs can tell from each other, the gravest first.
func (e *examination) classes() []*stratum {
	errors, warnings := e.shape.Errors.Query, e.shape.Warnings.Query
	if errors == nil {
		errors = e.shape.ServerErrors.Query
	}
	var all []*stratum
	var others []object
	for _, grave := range []struct {
		class Class
		query object
	}{{Errors, errors}, {Warnings, warnings}} {
		if grave.query == nil {
			continue
		}
		conditions := []object{grave.query}
		if len(others) > 0 {
			conditions = append(conditions, none(others...))
		}
		all = append(all, &stratum{class: grave.class, conditions: conditions})
		others = append(others, grave.query)
	}
	rest := &stratum{class: Lines}
	if len(others) > 0 {
		rest.conditions = []object{none(others...)}
	}
	return append(all, rest)
}

// count asks how many lines there are of each class, and how far the logs reach.
func (e *examination) count(ctx context.Context) error {
	e.strata, e.tail = e.classes(), map[Role]values{}
	inquiries := []inquiry{{
		object{"size": 0, "track_total_hits": false, "aggs": e.extentAggregations()},
		func(a answer) (err error) { e.all, err = a.extent(); return err },
	}}
	for _, s := range e.strata {
		inquiries = append(inquiries, e.total(e.During, &s.during.total, s.conditions...), e.total(e.Reference, &s.before.total, s.conditions...))
	}
	if errors := e.shape.ServerErrors.Query; errors != nil {
		e.found.ServerErrors = &Count{}
		inquiries = append(inquiries, e.total(e.During, &e.found.ServerErrors.During, errors),
			e.total(e.Reference, &e.found.ServerErrors.Reference, errors))
	}
	if err := e.ask(ctx, inquiries...); err != nil {
		return err
	}
	for _, s := range e.strata {
		e.found.Lines.During += s.during.total
		e.found.Lines.Reference += s.before.total
	}
	return nil
}

// read asks what there is in the lines, and for some of them.
func (e *examination) read(ctx context.Context) error {
	inquiries := e.surveys(e.During, e.found.Lines.During, &e.during)
	inquiries = append(inquiries, e.surveys(e.Reference, e.found.Lines.Reference, &e.before)...)
	inquiries = append(inquiries, e.samples()...)
	inquiries = append(inquiries, e.lastLoggers()...)
	if e.Worst != (Span{}) {
		e.found.Worst = &Moment{Span: e.Worst}
		inquiries = append(inquiries, e.worstLines()...)
	}
	if err := e.ask(ctx, inquiries...); err != nil {
		return err
	}
	e.conclude()
	return nil
}

// readBursts reads lines where read could not.
func (e *examination) readBursts(ctx context.Context) error {
	if !e.reads() {
		return nil
	}
	return e.ask(ctx, e.samplesOfBursts()...)
}

// total asks for how many lines of a span the conditions hold.
func (e *examination) total(span Span, into *int64, conditions ...object) inquiry {
	return inquiry{
		object{"size": 0, "track_total_hits": true, "query": e.within(span, conditions...)},
		func(a answer) error { *into = a.Hits.Total.Value; return nil },
	}
}

// counted are the roles by whose values lines are counted.
var counted = []Role{Route, Host, Service, Status}

// surveys ask how often each value occurs in a span of so many lines, and for the service's latency.
func (e *examination) surveys(span Span, lines int64, into *survey) []inquiry {
	into.values, into.errors = map[Role]values{}, map[Role]values{}
	aggs, byErrors := object{}, object{}
	for _, role := range counted {
		if field := e.shape.Choice(role).Field; field != "" {
			aggs[string(role)] = terms(field)
			if role != Status {
				byErrors[string(role)] = terms(field)
			}
		}
	}
	if field := e.loggers[instance]; field != "" {
		aggs[string(instance)] = terms(field)
	}
	inquiries := e.latency(span, lines, &into.latency)
	if len(aggs) > 0 {
		inquiries = append(inquiries, inquiry{
			e.aggregate(span, aggs),
			func(a answer) error { return a.byRole(into.values) },
		})
	}
	if errors := e.shape.Errors.Query; errors != nil && len(byErrors) > 0 {
		inquiries = append(inquiries, inquiry{
			e.aggregate(span, byErrors, errors),
			func(a answer) error { return a.byRole(into.errors) },
		})
	}
	return inquiries
}

// latency asks for the service's latency. HDR histograms are exact to a thousandth, and several times as fast
// as the server's default; they do not take what is below zero. Of very many lines some are enough.
func (e *examination) latency(span Span, lines int64, into *Percentiles) []inquiry {
	field := e.shape.Choice(Latency).Field
	if field == "" {
		return nil
	}
	percentiles := object{"latency": object{"percentiles": object{
		"field": field, "percents": []float64{50, 95, 99}, "keyed": false,
		"hdr": object{"number_of_significant_value_digits": 3},
	}}}
	some := append(e.slices(span, lines, latencyLines), object{"range": object{field: object{"gte": 0}}})
	return []inquiry{{
		e.aggregate(span, percentiles, some...),
		func(a answer) (err error) {
			*into, err = a.percentiles(e.shape.Unit.Factor())
			return err
		},
	}}
}

// byRole decodes the terms aggregations that are called like roles.
func (a answer) byRole(into map[Role]values) error {
	for _, role := range append(counted, instance) {
		if a.Aggregations[string(role)] == nil {
			continue
		}
		var found values
		if err := a.aggregation(string(role), &found); err != nil {
			return err
		}
		into[role] = found
	}
	return nil
}

func (a answer) percentiles(factor float64) (p Percentiles, err error) {
	var found struct {
		Values []struct{ Value *float64 } `json:"values"`
	}
	if err := a.aggregation("latency", &found); err != nil || len(found.Values) != 3 {
		return p, err
	}
	for i, into := range []**float64{&p.P50, &p.P95, &p.P99} {
		if v := found.Values[i].Value; v != nil {
			ms := *v * factor
			*into = &ms
		}
	}
	return p, nil
}

// conclude puts the counts together, and says what must be known of them.
func (e *examination) conclude() {
	f := e.found
	for _, s := range e.strata {
		count := &Count{s.during.total, s.before.total}
		switch {
		case s.class == Errors && e.shape.Errors.Query != nil:
			f.Errors = count
		case s.class == Warnings:
			f.Warnings = count
		}
	}
	if e.shape.Choice(Latency).Field != "" {
		f.Latency = &Latencies{e.during.latency, e.before.latency}
	}
	if f.Worst != nil {
		f.Worst.Lines = e.kinds()
	}
	f.Compared = f.Lines.During > 0 && !e.all.first.After(e.Reference.From.Add(e.Reference.Length()/10))
	f.Notes = append(f.Notes, e.caveats()...)
}

// How far ahead of now the newest line may be, and at least how long before the end of a run the last one,
// without anything being wrong.
const (
	farFuture = time.Minute
	lateLines = 10 * time.Second
)

// caveats say why there is nothing, or not all.
func (e *examination) caveats() []string {
	var notes []string
	say := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	first, last := stamp(e.all.first), stamp(e.all.last)
	switch {
	case e.all.first.IsZero():
		say("%s has no line at all", e.shape.Pattern)
		return notes
	case e.found.Lines.During > 0:
	case e.all.first.After(e.During.To):
		say("the logs begin at %s, after the run: what was logged meanwhile is not kept any more", first)
	case e.all.last.Before(e.During.From):
		say("the logs end at %s, before the run: nothing has been shipped since, or the clock of whoever writes them is behind", last)
	default:
		say("no line is from the time of the run; the logs go from %s to %s", first, last)
	}
	if ahead := e.all.last.Sub(e.Now); ahead > farFuture {
		say("the newest line is from %s, %s ahead of now: a clock or time zone is wrong where the logs are written or shipped, "+
			"so lines may belong to another time", last, ahead.Round(time.Second))
	}
	if e.found.Lines.During == 0 {
		return notes
	}
	if missing := e.During.To.Sub(e.all.last); missing > max(e.During.Length()/10, lateLines) {
		say("the logs end at %s, %s before the run does: they come late, or not any more", last, missing.Round(time.Second))
	}
	switch {
	case !e.found.Compared:
		say("the logs begin at %s: there is nothing to compare with from %s on", first, stamp(e.Reference.From))
	case e.quiet():
		say("next to nothing was logged in the reference span (lines: %d), so of ordinary lines nobody can say what came more often",
			e.found.Lines.Reference)
	}
	return notes
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// lacks says what logs of a shape cannot tell.
func lacks(shape Shape) []string {
	all := []string{}
	say := func(missing bool, what string) {
		if missing {
			all = append(all, what)
		}
	}
	without := func(role Role) bool { return shape.Choice(role).Field == "" }
	say(shape.Errors.Query == nil, "no level: errors and warnings cannot be told from other lines")
	say(!shape.Choice(Message).Found(), "no message: what lines said cannot be told")
	say(shape.Choice(Message).Found() && !shape.mapping.isText(shape.Choice(Message).Show),
		"no words can be looked for in messages: what servers say when they start or stop cannot be told")
	say(without(Host), "no host that lines can be counted by: which servers logged cannot be told")
	say(without(Service), "no service that lines can be counted by: which one logged more cannot be told")
	say(without(Route), "no route that lines can be counted by: which requests failed cannot be told")
	say(without(Status), "no status of responses that lines can be counted by: how many requests failed cannot be told")
	say(without(Latency), "no latency: how long the service took cannot be told")
	for i, text := range all {
		all[i] = terminal.Line(text)
	}
	return slices.Clip(all)
}
