package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// CSVReader reads what k6 writes with --out csv. The header names the columns: metric_name, timestamp
// and metric_value must be there, extra_tags and metadata may be, and any other is a tag. An empty cell
// is no tag, since CSV cannot tell the two apart.
//
// CSV does not say of which type a metric is: built-in ones are known, others are Unknown unless the
// registry has them. It is not safe for concurrent use.
type CSVReader struct {
	lines    *lines
	registry *Registry
	tags     *TagTable[string]
	name     string

	columns csvColumns
	record  []byte   // a record that spans lines
	cells   [][]byte // of the last record
	quoted  []byte   // cells that had quotes inside
	key     []byte
	lastKey []byte
	tagSet  *TagSet
	metaKey []byte
	meta    *Meta
	times   timeParser
}

// csvColumns is where things stand in a record; -1 for what a file lacks.
type csvColumns struct {
	count, metric, time, value, extra, meta int
	tags                                    []csvTag
}

type csvTag struct {
	name   string
	column int
}

// NewCSVReader makes a reader of a stream; name is what bad lines are reported under.
func NewCSVReader(r io.Reader, name string, registry *Registry) *CSVReader {
	return &CSVReader{lines: newLines(r), name: name, registry: registry, tags: NewTagTable[string]()}
}

// Read reads the next sample into s, with the errors of JSONReader.Read.
func (r *CSVReader) Read(s *Sample) error {
	for {
		first, err := r.next()
		if errors.Is(err, errLongLine) {
			return r.bad(first, &scanError{maxLine, err.Error()})
		}
		if err != nil {
			return err
		}
		switch {
		case len(r.record) == 0: // an empty line
		case r.columns.count == 0:
			if err := r.header(); err != nil {
				return r.bad(first, err)
			}
		default:
			if err := r.sample(s); err != nil {
				return r.bad(first, err)
			}
			return nil
		}
	}
}

// next reads a record, which spans lines where a cell has a newline in quotes. It returns the number of
// the record's first line.
func (r *CSVReader) next() (first int64, err error) {
	line, err := r.lines.next()
	first = r.lines.number
	if err != nil {
		r.record = nil
		return first, err
	}
	r.record = bytes.TrimSuffix(line, []byte{'\r'})
	if bytes.IndexByte(line, '"') < 0 || !endsOpen(line, false) {
		return first, nil
	}
	r.record = append([]byte(nil), line...)
	for open := true; open; open = endsOpen(line, true) {
		if line, err = r.lines.next(); err != nil {
			return first, nil // the cell never ends: the cells that there are will be judged
		}
		if r.record = append(append(r.record, '\n'), line...); len(r.record) > maxLine {
			return first, errLongLine
		}
	}
	r.record = bytes.TrimSuffix(r.record, []byte{'\r'})
	return first, nil
}

// endsOpen says whether a line ends within a cell in quotes; open says whether it begins within one. Each
// line of a record is looked at once, since a record may have very many.
func endsOpen(line []byte, open bool) bool {
	for {
		if !open {
			if open = bytes.HasPrefix(line, []byte{'"'}); open {
				line = line[1:]
			}
		}
		if open {
			quote := bytes.IndexByte(line, '"')
			if quote < 0 {
				return true
			}
			line = line[quote+1:]
			if bytes.HasPrefix(line, []byte{'"'}) { // two are one, within the cell
				line = line[1:]
				continue
			}
			open = false
			if !bytes.HasPrefix(line, []byte{','}) {
				return false // the record ends, or is wrong
			}
		}
		comma := bytes.IndexByte(line, ',')
		if comma < 0 {
			return false
		}
		line = line[comma+1:]
	}
}

func (r *CSVReader) bad(first int64, err error) error {
	bad := &BadLine{File: r.name, Line: first, Byte: 1, Reason: err.Error(), Text: r.record, Torn: r.lines.torn}
	if bad.Torn {
		r.lines.leaveOut()
	}
	var at *scanError
	if errors.As(err, &at) {
		bad.Byte = at.at + 1
	}
	return bad
}

var errOpenCell = errors.New("not a k6 sample: a quoted cell does not end")

// split cuts the record into cells. It returns errOpenCell when a quoted cell does not end.
func (r *CSVReader) split() error {
	r.cells, r.quoted = r.cells[:0], r.quoted[:0]
	for rest := r.record; ; rest = rest[1:] { // the comma
		cell, after, err := r.cell(rest)
		if err != nil {
			return err
		}
		r.cells, rest = append(r.cells, cell), after
		if len(rest) == 0 {
			return nil
		}
	}
}

// cell takes a cell off the front; what follows is empty or begins with a comma.
func (r *CSVReader) cell(rest []byte) (cell, after []byte, err error) {
	if len(rest) > 0 && rest[0] == '"' {
		return r.quotedCell(rest[1:])
	}
	end := bytes.IndexByte(rest, ',')
	if end < 0 {
		end = len(rest)
	}
	return rest[:end], rest[end:], nil
}

// quotedCell takes a cell off that began with a quote; two quotes inside stand for one. A cell that
// goes on behind its last quote is refused: it may be two, and all the lines between them.
func (r *CSVReader) quotedCell(rest []byte) (cell, after []byte, err error) {
	start := len(r.quoted)
	for {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return nil, nil, errOpenCell
		}
		r.quoted = append(r.quoted, rest[:end]...)
		rest = rest[end+1:]
		if len(rest) == 0 || rest[0] != '"' {
			break
		}
		r.quoted, rest = append(r.quoted, '"'), rest[1:]
	}
	if len(rest) > 0 && rest[0] != ',' && string(rest) != "\r" {
		return nil, nil, &scanError{len(r.record) - len(rest), "not a k6 sample: a quoted cell goes on behind its quote"}
	}
	return r.quoted[start:len(r.quoted):len(r.quoted)], rest, nil
}

// header takes the first record, which names the columns.
func (r *CSVReader) header() error {
	if err := r.split(); err != nil {
		return err
	}
	c := csvColumns{metric: -1, time: -1, value: -1, extra: -1, meta: -1}
	for i, cell := range r.cells {
		switch name := strings.TrimPrefix(string(cell), "\ufeff"); name {
		case "metric_name":
			c.metric = i
		case "timestamp":
			c.time = i
		case "metric_value":
			c.value = i
		case "extra_tags":
			c.extra = i
		case "metadata":
			c.meta = i
		default:
			c.tags = append(c.tags, csvTag{name, i})
		}
	}
	if c.metric < 0 || c.time < 0 || c.value < 0 {
		return &scanError{0, "not a header of k6's CSV: metric_name, timestamp and metric_value must be among its columns"}
	}
	c.count = len(r.cells)
	r.columns = c
	return nil
}

// sample reads the record as a sample.
func (r *CSVReader) sample(s *Sample) error {
	if err := r.split(); err != nil {
		return err
	}
	if len(r.cells) != r.columns.count {
		return &scanError{0, fmt.Sprintf("not a k6 sample: %d cells where the header has %d", len(r.cells), r.columns.count)}
	}
	name := r.cells[r.columns.metric]
	if len(name) == 0 {
		return r.wrong("metric_name", r.columns.metric)
	}
	var ok bool
	if s.Time, ok = r.parseTime(r.cells[r.columns.time]); !ok {
		return r.wrong("timestamp", r.columns.time)
	}
	if s.Value, ok = parseCell(r.cells[r.columns.value]); !ok {
		return r.wrong("metric_value", r.columns.value)
	}
	var err error
	if s.Metric, err = r.registry.lookupRead(name); err != nil {
		wrong := r.wrong("metric_name", r.columns.metric)
		return &scanError{wrong.at, wrong.reason + "; " + err.Error()}
	}
	s.Tags = r.parseTags()
	s.Meta = r.parseMeta()
	return nil
}

func (r *CSVReader) wrong(column string, cell int) *scanError {
	rest := r.record
	for range cell {
		_, rest, _ = r.cell(rest)
		rest = rest[1:]
	}
	return &scanError{len(r.record) - len(rest), fmt.Sprintf("not a k6 sample: %s is %q", column, shorten(r.cells[cell]))}
}

func parseCell(cell []byte) (float64, bool) {
	v, n := parseFloat(cell)
	return v, n > 0 && n == len(cell)
}

// parseTime reads any of k6's time formats: rfc3339, rfc3339_nano, and unix, unix_milli, unix_micro,
// unix_nano, which are told by their number of digits.
func (r *CSVReader) parseTime(cell []byte) (ns int64, ok bool) {
	if len(cell) > 4 && cell[4] == '-' {
		return r.times.parse(cell)
	}
	n, err := strconv.ParseInt(string(cell), 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	unit := nanos
	for digits := 11; len(cell) > digits && unit > 1; digits += 3 {
		unit /= 1000
	}
	return n * unit, n <= math.MaxInt64/unit
}

// parseTags makes the tag set of a record: from the columns and from extra_tags.
func (r *CSVReader) parseTags() *TagSet {
	r.key = r.key[:0]
	for _, tag := range r.columns.tags {
		cell := r.cells[tag.column]
		r.key = append(binary.AppendUvarint(r.key, uint64(len(cell))), cell...)
	}
	if r.columns.extra >= 0 {
		r.key = append(r.key, r.cells[r.columns.extra]...)
	}
	if r.tagSet != nil && bytes.Equal(r.key, r.lastKey) {
		return r.tagSet
	}
	set, ok := r.tags.Get(string(r.key))
	if !ok {
		set = r.tags.Put(string(r.key), r.listTags())
	}
	r.tagSet, r.lastKey = set, append(r.lastKey[:0], r.key...)
	return set
}

func (r *CSVReader) listTags() []Tag {
	var tags []Tag
	for _, tag := range r.columns.tags {
		if cell := r.cells[tag.column]; len(cell) > 0 {
			tags = append(tags, Tag{tag.name, string(bytes.ToValidUTF8(cell, []byte("\ufffd")))})
		}
	}
	if r.columns.extra >= 0 {
		tags = append(tags, parseExtra(r.cells[r.columns.extra])...)
	}
	return tags
}

func (r *CSVReader) parseMeta() *Meta {
	if r.columns.meta < 0 {
		return nil
	}
	cell := r.cells[r.columns.meta]
	if r.metaKey == nil || !bytes.Equal(cell, r.metaKey) {
		r.meta = NewMeta(parseExtra(cell))
		r.metaKey = append(r.metaKey[:0], cell...)
	}
	return r.meta
}

// parseExtra reads "a=b&c=d", the form of extra_tags and metadata. k6 escapes nothing there, so a part
// without "=" is taken for the rest of the value before it, which had a "&" inside.
func parseExtra(cell []byte) []Tag {
	if len(cell) == 0 {
		return nil
	}
	var tags []Tag
	for part := range strings.SplitSeq(string(bytes.ToValidUTF8(cell, []byte("\ufffd"))), "&") {
		key, value, ok := strings.Cut(part, "=")
		switch {
		case ok:
			tags = append(tags, Tag{key, value})
		case len(tags) > 0:
			tags[len(tags)-1].Value += "&" + part
		default:
			tags = append(tags, Tag{part, ""})
		}
	}
	return tags
}
