package ingest

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Content says how much of a source was read, decompressed, and what that was: up to the end of the last
// line that counts, which a line that is cut off does not. The zero value is nothing.
//
// A CRC, as gzip has it, tells copies that were cut or changed from whole ones; nobody gains from forging one. It
// is the fastest sum there is: 30 GB/s where the processor helps, and a file is read at 2 GB/s at most.
type Content struct {
	Bytes int64  `json:"bytes"`
	CRC   uint32 `json:"crc32"` // IEEE
}

func (c *Content) add(p []byte) {
	c.Bytes += int64(len(p))
	c.CRC = crc32.Update(c.CRC, crc32.IEEETable, p)
}

// Content is what the reader that Samples returned has taken so far.
func (s *Source) Content() Content { return s.lines.content() }

// Begins says whether the source begins with a content that is known, and how many bytes of the same length it
// has. It is asked between two samples, and leaves the reader where it is: a file is opened once more; what
// can be read only once is kept in a temporary file meanwhile. A damaged source ends at its damage. Errors
// are those of the files and of the context.
func (s *Source) Begins(ctx context.Context, known Content) (has int64, begins bool, err error) {
	if !s.regular {
		return s.lines.begins(ctx, known, s.keep())
	}
	twin, err := Open(s.Name, nil, nil)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = twin.Close() }()
	return Content{}.become(ctx, known, twin.content)
}

// become reads on until there is as much as of the known content, and compares.
func (c Content) become(ctx context.Context, known Content, r io.Reader) (has int64, same bool, err error) {
	buf := make([]byte, 256<<10)
	ended := true // the last line, by a newline
	for c.Bytes < known.Bytes && err == nil {
		var n int
		n, err = r.Read(buf[:min(int64(len(buf)), known.Bytes-c.Bytes)])
		if c.add(buf[:n]); n > 0 {
			ended = bytes.HasSuffix(buf[:n], []byte{'\n'})
		}
		if ctx.Err() != nil {
			return c.Bytes, false, ctx.Err()
		}
	}
	if same = c == known; same && !ended { // then the last line may go on here, as another one
		n, _ := io.ReadFull(r, buf[:1])
		same = n == 0 || buf[0] == '\n' || buf[0] == '\r'
	}
	return c.Bytes, same, nil
}

// add adds the lines that were taken to what was taken. It comes before they leave the buffer: a block at once is
// what makes it cheap.
func (l *lines) add() {
	l.taken.add(l.buf[l.summed:l.start])
	l.summed = l.start
}

// leaveOut keeps the last line out of what was taken, since it is cut off.
func (l *lines) leaveOut() { l.summed = l.start }

func (l *lines) content() Content {
	l.add()
	return l.taken
}

// begins is Source.Begins for a stream.
func (l *lines) begins(ctx context.Context, known Content, kept *kept) (int64, bool, error) {
	rest := l.r
	if l.err != nil {
		rest = bytes.NewReader(nil)
	}
	content := io.MultiReader(bytes.NewReader(l.ahead()), io.TeeReader(rest, kept))
	has, same, err := l.content().become(ctx, known, content)
	if err = errors.Join(err, kept.err); err != nil {
		return has, false, err
	}
	again, err := kept.reader()
	l.r = io.MultiReader(again, l.r)
	return has, same, err
}

// kept is a temporary file of what was read of a stream and will be read again, compressed. It is made when there
// is something to keep.
type kept struct {
	file    *os.File
	encoder *zstd.Encoder
	err     error // why it could not be kept
}

// keep makes a place that is gone when the source is closed.
func (s *Source) keep() *kept {
	k := &kept{}
	s.closers = append(s.closers, k.close)
	return k
}

// Write implements io.Writer.
func (k *kept) Write(p []byte) (int, error) {
	if k.file == nil {
		if k.err = k.open(); k.err != nil {
			return 0, k.err
		}
	}
	n, err := k.encoder.Write(p)
	k.err = err
	return n, err
}

func (k *kept) open() (err error) {
	if k.file, err = os.CreateTemp("", "k6es-*.zst"); err != nil {
		return err
	}
	_ = os.Remove(k.file.Name()) // where a file that is open may be removed, none is left even when k6es is killed
	k.encoder, err = zstd.NewWriter(k.file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return err
}

// reader reads what was kept, once.
func (k *kept) reader() (io.Reader, error) {
	if k.file == nil {
		return bytes.NewReader(nil), nil
	}
	if err := k.encoder.Close(); err != nil {
		return nil, err
	}
	if _, err := k.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return zstd.NewReader(k.file, zstd.WithDecoderConcurrency(1))
}

func (k *kept) close() {
	if k.file != nil {
		_ = k.file.Close()
		_ = os.Remove(k.file.Name())
	}
}
