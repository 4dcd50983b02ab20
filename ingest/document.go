package ingest

import "strconv"

// This file writes the three kinds of documents: an event, a folded second, a single value. All have
//
//	{"@timestamp":…,"k6":{"elapsed":…,<numbers>,<what tags say>,<run, test, instance>},<what tags say>,"event":{…}}
//
// The parts that a run or a set of tags decides are encoded once and copied. What differs from document to
// document stands first, and all the rest in one row, so that it compresses to next to nothing: see package
// deflate.

// writeEvent writes the samples of a group as one document.
func (p *Pipeline) writeEvent(dataset Dataset, members []member, position uint64) error {
	g := &p.group
	parts := p.tags.parts(g.tags, dataset.protocol())
	last := position + uint64(len(members)) - 1
	doc := p.begin(g.time, position, last)
	for _, m := range members {
		doc = append(doc, m.metric.key...)
		switch {
		case m.metric.dataset == datasetChecks:
			doc = appendVerdict(doc, m.value)
		case m.metric.Type == Rate:
			doc = appendTruth(doc, m.value)
		default:
			doc = appendValue(doc, m.metric, m.value)
		}
	}
	return p.end(doc, dataset, eventOutcome(parts, members), parts, g.meta)
}

// eventOutcome is what k6 said of the request: by the tag expected_response, or else by the sample of
// http_req_failed.
func eventOutcome(parts *tagParts, members []member) outcome {
	if parts.outcome != outcomeUnknown {
		return parts.outcome
	}
	for _, m := range members {
		if m.metric.Type == Rate && m.metric.dataset != datasetChecks {
			if m.value != 0 {
				return outcomeFailure
			}
			return outcomeSuccess
		}
	}
	return outcomeUnknown
}

// appendTruth appends what a rate counts of a value: whether it is not 0.
func appendTruth(dst []byte, value float64) []byte {
	if value != 0 {
		return append(dst, '1')
	}
	return append(dst, '0')
}

func appendVerdict(dst []byte, value float64) []byte {
	if value != 0 {
		return append(dst, `{"passes":1,"fails":0}`...)
	}
	return append(dst, `{"passes":0,"fails":1}`...)
}

// writeFold writes a second of a series.
func (p *Pipeline) writeFold(f *fold) error {
	dataset := f.metric.dataset
	parts := p.tags.parts(f.tags, dataset.protocol())
	doc := p.begin(f.time, f.position, f.lastPosition)
	switch {
	case dataset == datasetChecks:
		doc = append(append(doc, f.metric.key...), '{')
		doc = append(appendRate(doc, f), '}')
	case f.metric.Type == Trend && f.metric.Builtin():
		doc = appendValues(append(doc, f.metric.key...), f)
	case f.metric.Builtin():
		doc = appendPair(doc, f)
	default:
		doc = append(append(append(doc, `,"metric":{`...), f.metric.name...), ',')
		doc = append(appendCustom(doc, f), '}')
	}
	return p.end(doc, dataset, parts.outcome, parts, nil)
}

func appendPair(dst []byte, f *fold) []byte {
	for _, h := range f.pair {
		if h.metric != nil {
			dst = appendNumber(append(dst, h.metric.key...), h.value)
		}
	}
	return dst
}

func appendRate(dst []byte, f *fold) []byte {
	dst = strconv.AppendInt(append(dst, `"passes":`...), f.passes, 10)
	return strconv.AppendInt(append(dst, `,"fails":`...), f.fails, 10)
}

// appendValues appends the values of a trend: one as it is, several as an array.
func appendValues(dst []byte, f *fold) []byte {
	if len(f.values) == 1 {
		return appendValue(dst, f.metric, f.values[0])
	}
	for i, value := range f.values {
		if i == 0 {
			dst = append(dst, '[')
		} else {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, f.metric, value)
	}
	return append(dst, ']')
}

func appendValue(dst []byte, m *Metric, value float64) []byte {
	if m.millis {
		return appendMillis(dst, value)
	}
	return appendNumber(dst, value)
}

func appendCustom(dst []byte, f *fold) []byte {
	switch f.metric.Type {
	case Counter:
		dst = appendNumber(append(dst, `"sum":`...), f.sum)
	case Rate:
		dst = appendRate(dst, f)
	case Trend:
		dst = appendValues(append(dst, `"value":`...), f)
	default:
		dst = appendNumber(append(dst, `"last":`...), f.last)
		dst = appendNumber(append(dst, `,"min":`...), f.min)
		dst = appendNumber(append(dst, `,"max":`...), f.max)
	}
	return strconv.AppendInt(append(dst, `,"count":`...), f.count, 10)
}

// writeValue writes a single sample: of a custom trend with metadata, or of a metric whose type nobody knows.
func (p *Pipeline) writeValue(s *Sample, position uint64) error {
	parts := p.tags.parts(s.Tags, otherProtocol)
	doc := p.begin(s.Time, position, position)
	doc = append(append(append(doc, `,"metric":{`...), s.Metric.name...), `,"value":`...)
	doc = append(appendNumber(doc, s.Value), `,"count":1}`...)
	return p.end(doc, datasetCustom, parts.outcome, parts, s.Meta)
}

// action is what the server is to do with a document that holds the samples from first to last: make it
// unless it is there, or write it anew where an earlier reading had only a part of it.
func (p *Pipeline) action(first, last uint64) string {
	if first < p.known && last >= p.known {
		return `{"index":{"_index":"`
	}
	return `{"create":{"_index":"`
}

// begin writes an entry up to the fields of its metrics. first and last are the positions of its samples.
func (p *Pipeline) begin(time int64, first, last uint64) []byte {
	b := append(p.entry[:0], p.action(first, last)...)
	b = append(p.clock.appendIndex(b, time), `","_id":"`...)
	b = append(p.ids.append(b, first), "\"}}\n{\"@timestamp\":\""...)
	b = append(p.clock.appendTime(b, time), `","k6":{"elapsed":`...)
	return strconv.AppendInt(b, elapsed(p.first, time), 10)
}

// end writes the rest of an entry and hands it to the sink.
func (p *Pipeline) end(b []byte, dataset Dataset, o outcome, parts *tagParts, meta *Meta) error {
	var none metaParts
	m := &none
	if meta != nil {
		m = &meta.metaParts
	}
	spare := m.spare
	if !parts.counts {
		b, spare = append(b, m.inner...), nil
	}
	b = append(b, parts.inner...)
	b = appendList(b, `,"tags":[`, parts.tags, spare, m.tags)
	b = appendList(b, `,"truncated":[`, parts.cut, m.cut)
	b = append(append(b, p.identity...), parts.outer...)
	if !p.tags.urlsOff() {
		b = append(b, parts.url...)
	}
	b = append(append(append(b, m.outer...), `,"event":{"dataset":"`...), dataset.String()...)
	switch o {
	case outcomeSuccess:
		b = append(b, `","outcome":"success"}}`...)
	case outcomeFailure:
		b = append(b, `","outcome":"failure"}}`...)
	default:
		b = append(b, `"}}`...)
	}
	b = append(b, '\n')
	p.entry = b
	p.docs++
	return p.sink.Add(b)
}

// appendList appends an array whose elements come from several places, each element with a comma
// before it. No elements, no array.
func appendList(dst []byte, head string, places ...[]byte) []byte {
	start := len(dst)
	for _, elements := range places {
		if len(elements) == 0 {
			continue
		}
		if len(dst) == start {
			dst, elements = append(dst, head...), elements[1:] // the first comma goes
		}
		dst = append(dst, elements...)
	}
	if len(dst) == start {
		return dst
	}
	return append(dst, ']')
}
