package spool

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// NextJoined is Next, but what comes behind the oldest record goes with it, up to so many bytes before
// compression: a server that takes its time for each request gets many small blocks in one. The Ref
// is that of all of them.
func (r *Run) NextJoined(most int) (Record, Ref, error) {
	record, ref, err := r.Next()
	if err != nil {
		return record, ref, err
	}
	records, refs := r.neighbours(record, most)
	if len(records) == 0 {
		return record, ref, nil
	}
	joined, err := join(append([]Record{record}, records...))
	if err != nil { // whoever sends them one by one will find out which it is
		for _, other := range refs {
			r.Release(other)
		}
		return record, ref, nil
	}
	ref.joined = refs
	return joined, ref, nil
}

// neighbours hands out what is next as long as it can be joined with a record.
func (r *Run) neighbours(first Record, most int) (records []Record, refs []Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for room := most - first.Raw; room > 0; {
		record, ref, ok := r.neighbour(&first, room)
		if !ok {
			break
		}
		records, refs = append(records, record), append(refs, ref)
		room -= record.Raw
	}
	return records, refs
}

// neighbour hands out the next record if nothing is wrong with it and it is like another, and no larger than
// there is room for; else it stays next, and Next tells of it.
func (r *Run) neighbour(like *Record, room int) (Record, Ref, bool) {
	fits := func(other *Record) bool {
		return other.Kind == Bulk && other.Compressed == like.Compressed && other.Raw <= room
	}
	if len(r.back) > 0 {
		ref := r.back[0]
		record, err := r.reread(ref)
		if err != nil || !fits(&record) {
			return Record{}, Ref{}, false
		}
		r.back = r.back[1:]
		r.took()
		return record, ref, true
	}
	h, ref, ok := r.peek()
	if !ok || !fits(&h.Record) {
		return Record{}, Ref{}, false
	}
	record, err := r.scan.read(h, ref.offset)
	if err != nil {
		return Record{}, Ref{}, false
	}
	r.scan.at += ref.size
	r.took()
	r.pass(ref, false)
	return record, ref, true
}

// peek looks at the header of what Next would return, if nothing is wrong with it. As Next does, it passes over what
// others hold.
func (r *Run) peek() (header, Ref, bool) {
	if found, err := r.locateFree(); err != nil || !found || !r.scan.past {
		return header{}, Ref{}, false
	}
	at := r.here()
	h, ok, err := r.scan.header(at.offset)
	if err != nil || !ok || at.offset+h.total() > r.scan.size {
		return header{}, Ref{}, false
	}
	return h, Ref{place: at, size: h.total(), documents: h.Documents}, true
}

// joinLevel is how well joined records are compressed: they are sent at once.
const joinLevel = gzip.BestSpeed

// join makes one record of several. Bodies of bulk requests are lines, and make one body behind each other;
// compressed, they have to be unpacked, since not every server reads on behind the end of the first.
func join(records []Record) (Record, error) {
	joined := records[0]
	joined.Documents, joined.Raw = 0, 0
	var body bytes.Buffer
	var to io.Writer = &body
	var zip *gzip.Writer
	if joined.Compressed {
		var err error
		if zip, err = gzip.NewWriterLevel(&body, joinLevel); err != nil {
			return Record{}, err
		}
		to = zip
	}
	for i := range records {
		if err := unpack(to, &records[i]); err != nil {
			return Record{}, err
		}
		joined.Documents += records[i].Documents
		joined.Raw += records[i].Raw
	}
	if zip != nil {
		if err := zip.Close(); err != nil {
			return Record{}, err
		}
	}
	joined.Body = body.Bytes()
	return joined, nil
}

// unpack writes a record's body as it was before compression.
func unpack(to io.Writer, record *Record) error {
	var from io.Reader = bytes.NewReader(record.Body)
	if record.Compressed {
		zip, err := gzip.NewReader(from)
		if err != nil {
			return err
		}
		from = zip
	}
	n, err := io.Copy(to, io.LimitReader(from, int64(record.Raw)+1))
	if err == nil && n != int64(record.Raw) {
		err = fmt.Errorf("a body of %d bytes has %d", record.Raw, n)
	}
	return err
}
