package ingest

import (
	"fmt"
	"math"
)

// Sink takes entries of a bulk request: an action line and a document, each with its newline. The
// entry is only lent: the sink may not keep it.
type Sink interface {
	Add(entry []byte) error
}

// Options say how samples become documents. The zero value of a field is not its default: use
// DefaultOptions.
type Options struct {
	Prefix    string // index prefix: k6 makes k6-metrics-2026.11
	Period    Period // what span of time one index holds
	MaxLabels int    // distinct label keys of a run; those beyond go to k6.tags
	URLs      URLPolicy
	MaxURLs   int // distinct URLs of a run under URLAuto; beyond, url.full is left out

	// Known is how many samples of the same stream an earlier reading found before it came to what was
	// then the end: a file may have grown since. A document that it wrote half-filled is written anew.
	// 0 for a stream that nobody read before.
	Known uint64
}

// DefaultOptions are what the design says.
func DefaultOptions() Options {
	return Options{Prefix: "k6", Period: Month, MaxLabels: 100, URLs: URLAuto, MaxURLs: 1000}
}

// Pipeline turns the samples of one run and instance, in the order in which k6 handed them over, into
// documents, and hands each to a sink. It is not safe for concurrent use.
//
// Samples of one moment and one thing become one event document. Outside of events, counters, rates and
// gauges are summed up by series and second, and the values of trends are listed.
type Pipeline struct {
	run    Run
	sink   Sink
	tags   tagEncoder
	clock  clock
	ids    idMaker
	group  group
	folder folder

	identity []byte // `,"run":{"id":…,"name":…},"test":…,"instance":…}`, the end of "k6"
	entry    []byte // the entry that is being written
	known    uint64 // Options.Known
	first    int64  // time of the run's first sample
	position uint64 // how many samples came so far
	docs     uint64
}

// NewPipeline makes a pipeline. The registry must be the one that the samples' metrics are from.
func NewPipeline(run Run, registry *Registry, options Options, sink Sink) *Pipeline {
	p := &Pipeline{
		run: run, sink: sink, tags: newTagEncoder(run, options),
		clock: newClock(options.Prefix, options.Period), folder: newFolder(registry), known: options.Known,
	}
	p.identity = append(appendString([]byte(`,"run":{"id":`), run.ID, nil), `,"name":`...)
	p.identity = append(appendString(p.identity, run.Name, nil), `},"test":`...)
	p.identity = append(appendString(p.identity, run.Test, nil), `,"instance":"`...)
	p.identity = fmt.Appendf(p.identity, `%016x"}`, run.Instance)
	return p
}

// NotFiniteError is a sample whose value is no number: JSON has no word for it. The sample is left out.
type NotFiniteError struct {
	Metric string
	Value  float64
}

// Error implements error.
func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("a sample of %s is %v, which is not a number that can be stored", e.Metric, e.Value)
}

// Add takes the next sample. It returns a *NotFiniteError for a sample that it leaves out, and
// otherwise what the sink returns.
func (p *Pipeline) Add(s *Sample) error {
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		return &NotFiniteError{s.Metric.Name, s.Value}
	}
	if p.position == 0 {
		p.first = s.Time
		p.ids = newIDMaker(p.run, s.Time)
	}
	position := p.position
	if position == p.known {
		p.folder.reopen(p.known)
	}
	p.position++
	if p.group.accepts(s) {
		p.group.add(s)
		return nil
	}
	if err := p.endGroup(); err != nil {
		return err
	}
	if err := p.closeSeconds(s.Time); err != nil {
		return err
	}
	if s.Metric.Builtin() {
		p.group.start(s, position)
		return nil
	}
	return p.single(s, position)
}

// Close writes what is still open at the end of the stream.
func (p *Pipeline) Close() error {
	if err := p.endGroup(); err != nil {
		return err
	}
	for s := p.folder.oldest(); s != nil; s = p.folder.oldest() {
		if err := p.writeSecond(s); err != nil {
			return err
		}
	}
	return nil
}

// Samples is how many samples were taken so far.
func (p *Pipeline) Samples() uint64 { return p.position }

// Documents is how many documents were made so far.
func (p *Pipeline) Documents() uint64 { return p.docs }

// LabelsCapped says whether the run had more label keys than the cap.
func (p *Pipeline) LabelsCapped() bool { return p.tags.capped }

// URLsCapped says whether the run had more distinct URLs than the cap.
func (p *Pipeline) URLsCapped() bool { return p.tags.urlsOff() }

// endGroup writes the group as an event, or folds its samples where it is none.
func (p *Pipeline) endGroup() error {
	g := &p.group
	if len(g.members) == 0 {
		return nil
	}
	defer func() { g.members = g.members[:0] }()
	if g.isEvent() {
		return p.writeEvent(g.trend.dataset, g.members, g.position)
	}
	for i, m := range g.members {
		position := g.position + uint64(i)
		if m.metric.folds(g.meta) {
			p.folder.add(m.metric, g.tags, m.value, g.time, position)
		} else if err := p.writeEvent(m.metric.dataset, g.members[i:i+1], position); err != nil {
			return err
		}
	}
	return nil
}

// single takes a sample of a custom metric.
func (p *Pipeline) single(s *Sample, position uint64) error {
	if s.Metric.folds(s.Meta) {
		p.folder.add(s.Metric, s.Tags, s.Value, s.Time, position)
		return nil
	}
	return p.writeValue(s, position)
}

func (p *Pipeline) closeSeconds(time int64) error {
	for s := p.folder.due(time); s != nil; s = p.folder.due(time) {
		if err := p.writeSecond(s); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pipeline) writeSecond(s *second) error {
	defer p.folder.done(s)
	for i := range s.folds {
		if err := p.writeFold(&s.folds[i]); err != nil {
			return err
		}
	}
	return nil
}
