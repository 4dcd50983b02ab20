package runs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Encode writes the snapshot as the spool keeps it: JSON lines, the run's document with this instance's
// part alone, and behind it the documents of its series where withSeries says so. Documents that are in
// the spool do not count as undelivered there: whoever reads this has delivered them first.
func (s *Snapshot) Encode(withSeries bool) ([]byte, error) {
	part := s.part
	part.Undelivered, part.Spooled = part.Undelivered-part.Spooled, 0
	d, err := newDocument(s.facts, []Part{part}, part.Heartbeat)
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	if err := encoder.Encode(d); err != nil {
		return nil, fmt.Errorf("encoding run %s: %w", s.facts.ID, err)
	}
	if !withSeries {
		return lines.Bytes(), nil
	}
	for _, w := range s.writes {
		alone := *w.doc
		if err := alone.fill([]SeriesPart{w.part}); err != nil {
			return nil, err
		}
		if err := encoder.Encode(alone); err != nil {
			return nil, fmt.Errorf("encoding the series %s: %w", w.doc.K6.Series.Key, err)
		}
	}
	return lines.Bytes(), nil
}

// DecodeSnapshot reads what Encode wrote.
func DecodeSnapshot(lines []byte) (*Snapshot, error) {
	decoder := json.NewDecoder(bytes.NewReader(lines))
	var d Document
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("reading a run's document: %w", err)
	}
	parts, err := d.parts()
	if err != nil {
		return nil, err
	}
	if len(parts) != 1 || CheckID(d.K6.Run.ID) != nil {
		return nil, errors.New("reading a run's document: it is not that of one instance of a run")
	}
	s := &Snapshot{facts: d.facts(), part: parts[0]}
	for {
		doc := new(SeriesDocument)
		err := decoder.Decode(doc)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a series of run %s: %w", s.facts.ID, err)
		}
		parts, err := doc.parts()
		if err != nil {
			return nil, err
		}
		if len(parts) != 1 {
			return nil, fmt.Errorf("reading the series %s of run %s: it is not that of one instance", doc.K6.Series.Key, s.facts.ID)
		}
		s.writes = append(s.writes, &seriesWrite{id: doc.K6.Series.ID, doc: doc, part: parts[0]})
	}
}

// Replayed adds to the snapshot what became of documents that were in the spool.
func (s *Snapshot) Replayed(rejected, undelivered int64) {
	s.part.Rejected += rejected
	s.part.Undelivered += undelivered
}

// Spooled is how many documents were in the spool when the snapshot was made.
func (s *Snapshot) Spooled() int64 { return s.part.Spooled }
