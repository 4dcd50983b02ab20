package ingest

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/k6es/k6es/ingest/deflate"
	"github.com/k6es/k6es/ingest/spool"
)

// block is the unit that is sent, retried and kept: the body of one bulk request, compressed once.
type block struct {
	body       []byte
	compressed bool
	raw        int // bytes before compression
	docs       int

	sealed time.Time
	// Of the spool, under the writer's lock: kept is where the block is on disk, nil if it is not; drained
	// says that it came from there, saving that it is being written there.
	kept            *spool.Ref
	drained, saving bool
	// Under the same lock: answered says that the sender is done with the block, left what was not
	// delivered of it.
	answered bool
	left     []*block
}

// record is the block as the spool keeps it.
func (b *block) record() spool.Record {
	return spool.Record{Kind: spool.Bulk, Compressed: b.compressed, Documents: b.docs, Raw: b.raw, Time: b.sealed, Body: b.body}
}

// blockOf is the block that a record was made of.
func blockOf(record spool.Record, ref spool.Ref) *block {
	return &block{
		body: record.Body, compressed: record.Compressed, raw: record.Raw, docs: record.Documents, sealed: record.Time,
		kept: &ref, drained: true,
	}
}

// blockBuilder fills blocks. Its buffer and compressor are used again for every block.
type blockBuilder struct {
	level int // gzip level, 0 for none
	buf   []byte
	docs  int
	fast  *deflate.Encoder // level 1
	zip   *gzip.Writer     // the others
}

func (b *blockBuilder) add(entry []byte) {
	b.buf = append(b.buf, entry...)
	b.docs++
}

// seal returns what was added as a block, and starts anew.
func (b *blockBuilder) seal() (*block, error) {
	sealed := &block{raw: len(b.buf), docs: b.docs, compressed: b.level > 0, sealed: time.Now()}
	var err error
	if sealed.body, err = b.compress(); err != nil {
		return nil, err
	}
	b.buf, b.docs = b.buf[:0], 0
	return sealed, nil
}

func (b *blockBuilder) compress() ([]byte, error) {
	switch b.level {
	case 0:
		return bytes.Clone(b.buf), nil
	case gzip.BestSpeed:
		if b.fast == nil {
			b.fast = new(deflate.Encoder)
		}
		return b.fast.AppendGzip(make([]byte, 0, len(b.buf)/16+512), b.buf), nil
	}
	out := bytes.NewBuffer(make([]byte, 0, len(b.buf)/12+512))
	if b.zip == nil {
		zip, err := gzip.NewWriterLevel(out, b.level)
		if err != nil {
			return nil, fmt.Errorf("compressing with gzip level %d: %w", b.level, err)
		}
		b.zip = zip
	} else {
		b.zip.Reset(out)
	}
	if _, err := b.zip.Write(b.buf); err != nil {
		return nil, err
	}
	err := b.zip.Close()
	return out.Bytes(), err
}

// builders are for taking blocks apart, which happens only when documents fail.
var builders = sync.Pool{New: func() any { return new(blockBuilder) }}

// entries calls each for every entry of the block: its action line and document, each with a newline.
func (b *block) entries(each func(i int, entry []byte)) error {
	rest := b.body
	if b.compressed {
		zip, err := gzip.NewReader(bytes.NewReader(b.body))
		if err != nil {
			return err
		}
		if rest, err = io.ReadAll(io.LimitReader(zip, int64(b.raw))); err != nil {
			return err
		}
	}
	for i := 0; len(rest) > 0; i++ {
		action := bytes.IndexByte(rest, '\n') + 1
		end := action + bytes.IndexByte(rest[action:], '\n') + 1
		if action == 0 || end == action {
			return fmt.Errorf("entry %d of a block of %d has no end", i+1, b.docs)
		}
		each(i, rest[:end])
		rest = rest[end:]
	}
	return nil
}

// pick makes a block of some entries: choose returns the entry to take, or nil. An entry may be
// rewritten.
func (b *block) pick(level int, choose func(i int, entry []byte) []byte) (*block, error) {
	builder := builders.Get().(*blockBuilder)
	defer builders.Put(builder)
	if builder.level != level {
		*builder = blockBuilder{level: level}
	}
	if err := b.entries(func(i int, entry []byte) {
		if chosen := choose(i, entry); chosen != nil {
			builder.add(chosen)
		}
	}); err != nil {
		return nil, err
	}
	return builder.seal()
}
