package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// JSONReader reads what k6 writes with --out json: a line for each metric at its first sample, and a
// line for each sample. Members may stand in any order, and unknown ones are passed over; lines in the
// order in which k6 itself writes them take a short way, and those that repeat the last line but for metric and
// value a shorter one. It is not safe for concurrent use.
type JSONReader struct {
	lines    *lines
	registry *Registry
	tags     *TagTable[string]
	name     string
	aside    io.Writer // for lines that are no samples and do not begin as one; nil: they are bad lines

	names    map[string]*metricName
	last     *metricName // of the last line
	tagsText []byte      // of the last line: the next one mostly has the same
	tagSet   *TagSet
	metaText []byte // likewise
	meta     *Meta
	times    timeParser
	parts    jsonLine
	tail     []byte // of the line that is being read: what stands behind the value
	again    lastLine
}

// metricName is the name of a metric as it stands in a line, for names that need no unquoting.
type metricName struct {
	text   string
	head   string // a line of it up to the time, in k6's layout
	metric *Metric
	next   *metricName // what came in the line behind it the last time: most likely it does so again
}

// lastLine is a line in k6's layout, as far as the next one is like it if that is of the same moment and thing.
type lastLine struct {
	time []byte // from the time up to the value; empty while there was no such line
	tail []byte // what stood behind the value, with its newline
	at   int64
	tags *TagSet
	meta *Meta
}

// NewJSONReader makes a reader of a stream; name is what bad lines are reported under.
func NewJSONReader(r io.Reader, name string, registry *Registry) *JSONReader {
	return &JSONReader{
		lines: newLines(r), name: name, registry: registry, tags: NewTagTable[string](),
		names: map[string]*metricName{}, last: new(metricName),
	}
}

// Read reads the next sample into s. It returns a *BadLine for a line that is no k6 sample, after
// which reading goes on, io.EOF at the end, and what the stream returned when it broke.
func (r *JSONReader) Read(s *Sample) error {
	if r.repeated(s) {
		return nil
	}
	for {
		line, err := r.lines.next()
		if errors.Is(err, errLongLine) {
			return r.bad(nil, &scanError{maxLine, err.Error()})
		}
		if err != nil {
			return err
		}
		if r.fast(line, s) {
			return nil
		}
		isSample, wrong := r.slow(line, s)
		if isSample && wrong == nil {
			return nil
		}
		passed, err := r.passAside(line)
		if err != nil {
			return err
		}
		if wrong != nil && !passed {
			return r.bad(line, wrong)
		}
	}
}

func (r *JSONReader) bad(line []byte, err error) error {
	bad := &BadLine{File: r.name, Line: r.lines.number, Byte: 1, Reason: err.Error(), Text: line, Torn: r.lines.torn}
	if bad.Torn {
		r.lines.leaveOut()
	}
	var at *scanError
	if errors.As(err, &at) {
		bad.Byte = at.at + 1
	}
	return bad
}

// repeated reads a line that has the last one's time, tags and metadata, and the metric that is expected. It
// need not look for the line's end: a line that begins so, and goes on as the last one, ends as that does. It
// returns false for any other line, of which it took nothing.
func (r *JSONReader) repeated(s *Sample) bool {
	const longest = 32 // bytes of a number
	last, n := &r.again, r.last.next
	if n == nil || len(last.time) == 0 {
		return false
	}
	line := r.lines.ahead()
	rest, ok := cut(line, n.head)
	if !ok || len(rest) < len(last.time) || string(rest[:len(last.time)]) != string(last.time) {
		return false
	}
	rest = rest[len(last.time):]
	value, length := parseFloat(rest)
	if rest = rest[length:]; length == 0 || length > longest ||
		len(rest) < len(last.tail) || string(rest[:len(last.tail)]) != string(last.tail) {
		return false
	}
	r.lines.pass(len(line) - len(rest) + len(last.tail))
	r.last = n
	s.Time, s.Value, s.Metric, s.Tags, s.Meta = last.at, value, n.metric, last.tags, last.meta
	return true
}

// The fixed parts of a sample's line: in the order of k6 since v0.45, and of k6 before.
const (
	metricHead = `{"metric":"`
	pointHead  = `{"type":"Point","data":{"time":"`
	timeHead   = `","type":"Point","data":{"time":"`
	valueHead  = `","value":`
	tagsHead   = `,"tags":`
	metaHead   = `,"metadata":`
	metricTail = `},"metric":"`
)

// fast reads a line in k6's own layout. It returns false for any other line, which slow then judges.
func (r *JSONReader) fast(line []byte, s *Sample) bool {
	var name []byte
	rest, ok := cut(line, metricHead)
	newLayout := ok
	if newLayout {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return false
		}
		name = rest[:end]
		rest, ok = cut(rest[end:], timeHead)
	} else {
		rest, ok = cut(line, pointHead)
	}
	if !ok {
		return false
	}
	if rest, ok = r.point(rest, s); !ok {
		return false
	}
	if newLayout {
		if string(rest) != "}}" {
			return false
		}
		r.again.time = append(append(r.again.time[:0], r.times.text...), valueHead...)
		r.again.tail = append(append(r.again.tail[:0], r.tail...), '\n')
		r.again.at, r.again.tags, r.again.meta = s.Time, s.Tags, s.Meta
	} else {
		if rest, ok = cut(rest, metricTail); !ok || len(rest) < 2 || string(rest[len(rest)-2:]) != `"}` {
			return false
		}
		name = rest[:len(rest)-2]
	}
	return r.named(name, s)
}

// point reads from the time to the end of the tags and metadata, and returns what follows.
func (r *JSONReader) point(rest []byte, s *Sample) ([]byte, bool) {
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil, false
	}
	at, ok := r.times.parse(rest[:end])
	if !ok {
		return nil, false
	}
	if rest, ok = cut(rest[end:], valueHead); !ok {
		return nil, false
	}
	value, n := parseFloat(rest)
	if n == 0 {
		return nil, false
	}
	r.tail = rest[n:]
	if rest, ok = cut(r.tail, tagsHead); !ok {
		return nil, false
	}
	if rest, ok = r.fastTags(rest); !ok {
		return nil, false
	}
	s.Time, s.Value, s.Tags, s.Meta = at, value, r.tagSet, nil
	if text, has := cut(rest, metaHead); has {
		return r.fastMeta(text, s)
	}
	return rest, true
}

// fastTags takes the tags off the front. Text that is known to be an object of tags is one here too,
// since no JSON value begins with another.
func (r *JSONReader) fastTags(rest []byte) ([]byte, bool) {
	if n := len(r.tagsText); n > 0 && len(rest) >= n && string(rest[:n]) == string(r.tagsText) {
		return rest[n:], true
	}
	end := bytes.IndexByte(rest, '}') + 1
	if set, ok := r.tags.Get(string(rest[:end])); ok {
		r.tagSet, r.tagsText = set, append(r.tagsText[:0], rest[:end]...)
		return rest[end:], true
	}
	object, ok := firstObject(rest)
	if !ok || r.readTags(object) != nil {
		return nil, false
	}
	return rest[len(object):], true
}

// firstObject returns the object that stands at the very front.
func firstObject(rest []byte) (object []byte, ok bool) {
	if len(rest) == 0 || rest[0] != '{' {
		return nil, false
	}
	s := scanner{b: rest}
	object, err := s.value(0)
	return object, err == nil
}

func (r *JSONReader) fastMeta(rest []byte, sample *Sample) ([]byte, bool) {
	if n := len(r.metaText); n > 0 && len(rest) >= n && string(rest[:n]) == string(r.metaText) {
		sample.Meta = r.meta
		return rest[n:], true
	}
	object, ok := firstObject(rest)
	if !ok || r.readMeta(object) != nil {
		return nil, false
	}
	sample.Meta = r.meta
	return rest[len(object):], true
}

// named sets the sample's metric. It returns false for a name that has to be unquoted, or is refused.
func (r *JSONReader) named(name []byte, s *Sample) bool {
	n := r.last.next
	if n == nil || n.text != string(name) {
		var known bool
		if n, known = r.names[string(name)]; !known {
			if !isPlain(name) {
				return false
			}
			metric, err := r.registry.lookupRead(name)
			if err != nil {
				return false
			}
			n = &metricName{text: string(name), head: metricHead + string(name) + timeHead, metric: metric}
			r.names[n.text] = n
		}
		r.last.next = n
	}
	r.last = n
	s.Metric = n.metric
	return true
}

// isPlain says whether the text between the quotes of a string is what the string stands for.
func isPlain(inside []byte) bool {
	for _, c := range inside {
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(inside) > 0 && utf8.Valid(inside)
}

func cut(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return nil, false
	}
	return b[len(prefix):], true
}

// readTags sets the tag set to what an object says.
func (r *JSONReader) readTags(object []byte) error {
	if bytes.Equal(object, r.tagsText) {
		return nil
	}
	set, ok := r.tags.Get(string(object))
	if !ok {
		tags, err := parsePairs(object)
		if err != nil {
			return err
		}
		set = r.tags.Put(string(object), tags)
	}
	r.tagSet, r.tagsText = set, append(r.tagsText[:0], object...)
	return nil
}

// readMeta sets the metadata to what an object says.
func (r *JSONReader) readMeta(object []byte) error {
	if bytes.Equal(object, r.metaText) {
		return nil
	}
	pairs, err := parsePairs(object)
	if err != nil {
		return err
	}
	r.meta, r.metaText = NewMeta(pairs), append(r.metaText[:0], object...)
	return nil
}

// jsonLine is where the parts of a line stand.
type jsonLine struct {
	scanner                 scanner
	kind, metric, data      []byte
	time, value, tags, meta []byte // of data
	at                      struct{ kind, metric, data, time, value, tags, meta int }
}

// slow reads a line in any layout. It returns false for a line that defines a metric, or is empty.
func (r *JSONReader) slow(line []byte, s *Sample) (isSample bool, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return false, nil
	}
	parts := &r.parts
	if err := parts.scan(line); err != nil {
		return false, err
	}
	switch string(parts.kind) {
	case `"Point"`:
		return true, r.slowPoint(parts, s)
	case `"Metric"`:
		return false, r.define(parts)
	case "":
		return false, &scanError{0, `not a k6 sample: "type" is missing`}
	default:
		return false, &scanError{parts.at.kind, `not a k6 sample: "type" is ` + shorten(parts.kind)}
	}
}

func (p *jsonLine) scan(line []byte) error {
	*p = jsonLine{scanner: scanner{b: line}}
	s := &p.scanner
	err := s.object(func(key []byte) (err error) {
		open := s.peek()
		at := s.i
		switch string(key) {
		case `"type"`:
			p.at.kind = at
			p.kind, err = s.value(0)
		case `"metric"`:
			p.at.metric = at
			p.metric, err = s.value(0)
		case `"data"`:
			if open == '{' {
				err = p.scanData(s)
			} else {
				_, err = s.value(0)
			}
			p.data, p.at.data = s.b[at:s.i], at
		default:
			_, err = s.value(0)
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return notJSON(err)
	}
	return nil
}

func notJSON(err error) error {
	var at *scanError
	if errors.As(err, &at) {
		at.reason = "not a JSON object: " + at.reason
	}
	return err
}

func (p *jsonLine) scanData(s *scanner) error {
	return s.object(func(key []byte) (err error) {
		s.peek()
		at := s.i
		value, err := s.value(1)
		switch string(key) {
		case `"time"`:
			p.time, p.at.time = value, at
		case `"value"`:
			p.value, p.at.value = value, at
		case `"tags"`:
			p.tags, p.at.tags = value, at
		case `"metadata"`:
			p.meta, p.at.meta = value, at
		}
		return err
	})
}

func (r *JSONReader) slowPoint(p *jsonLine, s *Sample) error {
	if len(p.metric) < 3 || p.metric[0] != '"' {
		return p.wrong("metric", p.metric, p.at.metric)
	}
	if len(p.data) == 0 || p.data[0] != '{' {
		return p.wrong("data", p.data, p.at.data)
	}
	var ok bool
	if s.Time, ok = r.times.parse(bytes.Trim(p.time, `"`)); !ok || p.time[0] != '"' {
		return p.wrong("time", p.time, p.at.time)
	}
	value, n := parseFloat(p.value)
	if n == 0 || n != len(p.value) {
		return p.wrong("value", p.value, p.at.value)
	}
	s.Value = value
	if !r.named(p.metric[1:len(p.metric)-1], s) {
		var err error
		if s.Metric, err = r.registry.lookupRead([]byte(unquote(p.metric))); err != nil {
			return p.excess("metric", p.metric, p.at.metric, err)
		}
	}
	return r.slowTags(p, s)
}

func (r *JSONReader) slowTags(p *jsonLine, s *Sample) error {
	tags := p.tags
	if len(tags) == 0 {
		tags = []byte("{}")
	}
	if r.readTags(tags) != nil {
		return p.wrong("tags", tags, p.at.tags)
	}
	s.Tags, s.Meta = r.tagSet, nil
	if len(p.meta) > 0 {
		if r.readMeta(p.meta) != nil {
			return p.wrong("metadata", p.meta, p.at.meta)
		}
		s.Meta = r.meta
	}
	return nil
}

func (p *jsonLine) wrong(key string, value []byte, at int) error {
	if len(value) == 0 {
		return &scanError{p.at.data, `not a k6 sample: "` + key + `" is missing`}
	}
	return &scanError{at, `not a k6 sample: "` + key + `" is ` + shorten(value)}
}

// excess is a value that would be well if there were less of it.
func (p *jsonLine) excess(key string, value []byte, at int, err error) error {
	return &scanError{at, `not a k6 sample: "` + key + `" is ` + shorten(value) + "; " + err.Error()}
}

// shorten makes a value fit for a message.
func shorten(value []byte) string {
	const most = 60
	if len(value) > most {
		return string(bytes.ToValidUTF8(value[:most], nil)) + "…"
	}
	return string(value)
}

// define takes a line that defines a metric.
func (r *JSONReader) define(p *jsonLine) error {
	var metric struct {
		Name, Type string
		Thresholds []threshold
	}
	if len(p.data) == 0 || json.Unmarshal(p.data, &metric) != nil || metric.Name == "" {
		return p.wrong("data", p.data, p.at.data)
	}
	typ, ok := ParseMetricType(metric.Type)
	if !ok {
		return p.wrong("data", p.data, p.at.data)
	}
	defined, err := r.registry.defineRead(metric.Name, typ)
	if err != nil {
		return p.excess("data", p.data, p.at.data, err)
	}
	if n, known := r.names[metric.Name]; known {
		n.metric = defined
	}
	for _, t := range metric.Thresholds {
		if err := r.registry.threshold(defined, string(t)); err != nil {
			return p.excess("data", p.data, p.at.data, err)
		}
	}
	return nil
}

// threshold is an expression as k6 writes it: a string, or an object when it may abort the test.
type threshold string

// UnmarshalJSON takes both forms.
func (t *threshold) UnmarshalJSON(text []byte) error {
	var object struct{ Threshold string }
	if len(text) > 0 && text[0] == '{' {
		err := json.Unmarshal(text, &object)
		*t = threshold(object.Threshold)
		return err
	}
	return json.Unmarshal(text, (*string)(t))
}

// timeParser reads RFC 3339 times. It remembers the last one: neighbours share it, or its second.
type timeParser struct {
	text   []byte
	second int64 // what the text up to the second stands for, were it UTC
	ns     int64 // what all of it stands for
}

// parse returns nanoseconds since 1970. ok is false for what is not RFC 3339, or out of the range of
// years 1678 to 2261 that nanoseconds can count.
func (t *timeParser) parse(text []byte) (ns int64, ok bool) {
	const upToSecond = len("2006-01-02T15:04:05")
	if len(text) <= upToSecond {
		return 0, false
	}
	if string(text) == string(t.text) {
		return t.ns, true
	}
	second := t.second
	if len(t.text) == 0 || string(text[:upToSecond]) != string(t.text[:upToSecond]) {
		at, err := time.Parse("2006-01-02T15:04:05", string(text[:upToSecond]))
		if err != nil || at.Year() < 1678 || at.Year() > 2261 {
			return 0, false
		}
		second = at.Unix()
	}
	fraction, rest := parseFraction(text[upToSecond:])
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	t.text, t.second, t.ns = append(t.text[:0], text...), second, (second-offset)*nanos+fraction
	return t.ns, true
}

// parseFraction reads a point and up to nine digits, as nanoseconds; digits beyond are passed over.
func parseFraction(text []byte) (ns int64, rest []byte) {
	if text[0] != '.' {
		return 0, text
	}
	i := 1
	for unit := int64(100_000_000); i < len(text) && isDigit(text[i]); i++ {
		ns += int64(text[i]-'0') * unit
		unit /= 10
	}
	if i == 1 {
		return 0, text
	}
	return ns, text[i:]
}

// parseOffset reads Z or an offset like +02:00, as seconds.
func parseOffset(text []byte) (seconds int64, ok bool) {
	if len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	if len(text) != 6 || text[3] != ':' || (text[0] != '+' && text[0] != '-') {
		return 0, false
	}
	for _, i := range []int{1, 2, 4, 5} {
		if !isDigit(text[i]) {
			return 0, false
		}
	}
	hours := int64(text[1]-'0')*10 + int64(text[2]-'0')
	minutes := int64(text[4]-'0')*10 + int64(text[5]-'0')
	seconds = hours*3600 + minutes*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, hours < 24 && minutes < 60
}

var powersOfTen = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseFloat reads a JSON number off the front and returns how many bytes it had: 0 if there is none,
// or if it is too large for a float64. A number of up to 53 bits and a power of ten that a float64
// holds exactly need one rounding only (Clinger 1990); others go to strconv.
func parseFloat(b []byte) (v float64, n int) {
	i := 0
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		i++
	}
	var mantissa uint64
	whole := i
	for ; i < len(b) && isDigit(b[i]); i++ {
		mantissa = mantissa*10 + uint64(b[i]-'0')
	}
	digits := i - whole
	if digits == 0 || digits > 1 && b[whole] == '0' {
		return 0, 0
	}
	places := 0
	if i < len(b) && b[i] == '.' {
		point := i
		for i++; i < len(b) && isDigit(b[i]); i++ {
			mantissa = mantissa*10 + uint64(b[i]-'0')
		}
		if places = i - point - 1; places == 0 {
			return 0, 0
		}
	}
	exponent := i < len(b) && (b[i] == 'e' || b[i] == 'E')
	if exponent || digits+places > 19 || mantissa >= 1<<53 || places >= len(powersOfTen) {
		return longFloat(b)
	}
	v = float64(mantissa) / powersOfTen[places]
	if negative {
		v = -v
	}
	return v, i
}

func longFloat(b []byte) (v float64, n int) {
	s := scanner{b: b}
	if s.number() != nil {
		return 0, 0
	}
	v, err := strconv.ParseFloat(string(b[:s.i]), 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, 0
	}
	return v, s.i
}
