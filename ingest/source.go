package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/readahead"

	"github.com/k6es/k6es/terminal"
)

// Format is how a file writes samples.
type Format string

// The formats.
const (
	FormatJSON Format = "json"
	FormatCSV  Format = "csv"
)

// fingerprinted is how much of a file's decompressed content tells it from others, in bytes.
const fingerprinted = 64 << 10

// Source is a file of samples, opened: plain, gzip or zstd, recognised by content.
type Source struct {
	Name        string // as given; "-" is standard input
	Size        int64  // on disk, in bytes; 0 where nobody knows
	Format      Format
	fingerprint [sha256.Size]byte

	file     io.ReadCloser
	aside    io.Writer // for what is no sample on standard input; nil where such lines are bad ones
	consumed atomic.Int64
	content  io.Reader
	closers  []func()
	regular  bool   // it can be opened once more
	lines    *lines // of the reader of samples
}

// SampleReader reads samples one by one: JSONReader or CSVReader.
type SampleReader interface {
	Read(*Sample) error
}

// Open opens a file of samples and finds out what it is. "-" is stdin: what k6 writes there beside its
// JSON samples goes to aside. It returns an error that says what is wrong with a file that cannot be one.
func Open(name string, stdin io.Reader, aside io.Writer) (*Source, error) {
	s := &Source{Name: name, file: io.NopCloser(stdin)}
	if name != "-" {
		if err := s.openFile(); err != nil {
			return nil, err
		}
	}
	if err := s.recognise(aside); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Source) openFile() error {
	info, err := os.Stat(s.Name)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", s.label(), reason(err))
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory; name the files in it, for example %s/*.json.gz", s.label(), strings.TrimSuffix(s.label(), "/"))
	}
	file, err := os.Open(s.Name)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", s.label(), reason(err))
	}
	s.file = file
	if info.Mode().IsRegular() {
		s.Size, s.regular = info.Size(), true
	}
	return nil
}

// reason leaves out the operation and path that an error of the file system repeats.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Read counts what is read of the file; it is Source's view of the bytes on disk.
func (s *Source) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	s.consumed.Add(int64(n))
	return n, err
}

// Consumed is how much of the file was read so far, in bytes on disk. It may be called at any time.
func (s *Source) Consumed() int64 { return s.consumed.Load() }

// Close closes the file.
func (s *Source) Close() error {
	for _, closeIt := range s.closers {
		closeIt()
	}
	return s.file.Close()
}

// Samples returns a reader of the samples; it can be asked for once.
func (s *Source) Samples(registry *Registry) SampleReader {
	if s.Format == FormatCSV {
		reader := NewCSVReader(s.content, s.label(), registry)
		s.lines = reader.lines
		return reader
	}
	reader := NewJSONReader(s.content, s.label(), registry)
	reader.aside, s.lines = s.aside, reader.lines
	return reader
}

// label is how messages call the file.
func (s *Source) label() string {
	if s.Name == "-" {
		return "stdin"
	}
	return terminal.Escape(s.Name)
}

// Instance is the k6.instance of the file's samples: the beginning of the fingerprint.
func (s *Source) Instance() uint64 { return binary.BigEndian.Uint64(s.fingerprint[:]) }

// RunID is the run id that the file has when nobody gives one: a UUID (version 8) of the fingerprint.
func (s *Source) RunID() string {
	id := uuid.UUID(s.fingerprint[8:24])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// recognise looks at the first bytes and puts a decompressor in between where they ask for one.
func (s *Source) recognise(aside io.Writer) error {
	magic, content, err := peek(s, 4)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", s.label(), reason(err))
	}
	plain := content
	if content, err = s.decompress(magic, content); err != nil {
		return fmt.Errorf("%s is damaged: %w", s.label(), err)
	}
	uncompressed := content == plain
	head, content, err := peek(content, fingerprinted)
	if err != nil && len(head) == 0 {
		return fmt.Errorf("%s is damaged: %w", s.label(), describeDamage(err))
	}
	s.fingerprint = sha256.Sum256(head)
	s.content = content
	if uncompressed && s.Name == "-" && mixed(head) {
		s.aside = aside
	}
	return s.judge(head, content)
}

// peek reads up to n bytes, and returns a reader that begins with them. An error behind the first
// byte is left for that reader to meet again.
func peek(r io.Reader, n int) (head []byte, whole io.Reader, err error) {
	head = make([]byte, n)
	read, err := io.ReadFull(r, head)
	head = head[:read]
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return head, io.MultiReader(bytes.NewReader(head), r), nil
	case errors.Is(err, io.ErrUnexpectedEOF) && read > 0:
		return head, io.MultiReader(bytes.NewReader(head), r), nil
	}
	return head, io.MultiReader(bytes.NewReader(head), &failing{err}), err
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

const (
	readAheadBuffers = 4
	readAheadSize    = 512 << 10
	maxZstdWindow    = 128 << 20
)

func (s *Source) decompress(magic []byte, content io.Reader) (io.Reader, error) {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(content)
		switch {
		case errors.Is(err, gzip.ErrHeader):
			return nil, errors.New("it begins like gzip, but its header makes no sense")
		case err != nil:
			return nil, describeDamage(err)
		}
		return s.ahead(unzipped)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}), isSkippable(magic):
		decoder, err := zstd.NewReader(content, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, decoder.Close)
		return s.ahead(decoder)
	}
	return content, nil
}

// isSkippable recognises the frame with which parallel zstd compressors begin (RFC 8878, section 3.1.2).
func isSkippable(magic []byte) bool {
	return len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18})
}

// ahead decompresses beside parsing, in a goroutine that ends with the source.
func (s *Source) ahead(r io.Reader) (io.Reader, error) {
	reader, err := readahead.NewReaderSize(r, readAheadBuffers, readAheadSize)
	if err != nil {
		return nil, err
	}
	s.closers = append([]func(){func() { _ = reader.Close() }}, s.closers...)
	return reader, nil
}

// describeDamage puts a decompressor's error into words.
func describeDamage(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("its compressed data end too early")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		return errors.New("its checksum does not fit its content")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, zstd.ErrMagicMismatch):
		return errors.New("what follows its compressed data is neither gzip nor zstd")
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("it takes more than %d MiB of memory to decompress: compress it anew, without --ultra and --long", maxZstdWindow>>20)
	case errors.As(err, new(flate.CorruptInputError)):
		return errors.New("its compressed data make no sense")
	}
	return err
}

// judge tells k6's JSON from its CSV, and explains files that are neither.
func (s *Source) judge(head []byte, content io.Reader) error {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(text) == 0:
		return fmt.Errorf("%s is empty: there is no k6 sample in it", s.label())
	case text[0] == '{':
		s.Format = FormatJSON
		s.content = skipMark(head, content)
		return s.notSummary(text)
	case bytes.HasPrefix(text, []byte("metric_name,")), isHeader(text):
		s.Format = FormatCSV
		return nil
	case s.aside != nil:
		s.Format = FormatJSON
		return nil
	}
	for _, other := range strangers {
		if bytes.HasPrefix(head, []byte(other.magic)) {
			return fmt.Errorf("%s is %s", s.label(), other.is)
		}
	}
	return fmt.Errorf("%s is neither k6's JSON (k6 run --out json=FILE) nor its CSV (k6 run --out csv=FILE): it begins with %q",
		s.label(), shorten(text[:min(len(text), 40)]))
}

// strangers are files that people have where they think of k6's: by their first bytes, what they are and what
// to do about it.
var strangers = []struct{ magic, is string }{
	{"\xff\xfe", utf16},
	{"\xfe\xff", utf16},
	{"PK\x03\x04", "a zip archive; unpack it, and upload the files in it"},
	{"BZh", "compressed by bzip2; unpack it first (bunzip2), or use gzip or zstd"},
	{"\xfd7zXZ\x00", "compressed by xz; unpack it first (unxz), or use gzip or zstd"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it, and upload the files in it"},
	{"\x04\x22\x4d\x18", "compressed by lz4; unpack it first (unlz4), or use gzip or zstd"},
}

// utf16 is what becomes of k6's output behind the > of Windows PowerShell 5.
const utf16 = "text in UTF-16, as Windows PowerShell makes of what it redirects; k6 itself writes UTF-8 " +
	"(k6 run --out json=FILE), and iconv -f UTF-16 -t UTF-8 turns it back"

// skipMark passes over a byte order mark.
func skipMark(head []byte, content io.Reader) io.Reader {
	if mark := "\ufeff"; bytes.HasPrefix(head, []byte(mark)) {
		_, _ = io.CopyN(io.Discard, content, int64(len(mark)))
	}
	return content
}

func isHeader(text []byte) bool {
	first, _, _ := bytes.Cut(text, []byte{'\n'})
	return bytes.Contains(first, []byte("metric_name")) && bytes.Contains(first, []byte("metric_value"))
}

// notSummary recognises k6's end-of-test summaries, which hold totals and no samples.
func (s *Source) notSummary(text []byte) error {
	kind := ""
	for _, key := range topKeys(text) {
		switch key {
		case "metric", "type", "data":
			return nil
		case "results":
			kind = "k6's machine-readable summary"
		case "root_group", "metrics":
			kind = "k6's end-of-test summary (--summary-export or handleSummary)"
		}
	}
	if kind == "" {
		return nil
	}
	return fmt.Errorf("%s is %s: it has totals, but no samples to load. "+
		"Record samples with k6 run --out json=FILE.json.gz, and upload that file", s.label(), kind)
}

// topKeys lists the keys of a JSON object as far as the text goes.
func topKeys(text []byte) []string {
	var keys []string
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		return nil
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			break
		}
		name, ok := key.(string)
		if !ok {
			break
		}
		keys = append(keys, name)
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			break
		}
	}
	return keys
}

// Damage says why a stream of samples ended before its end; it returns nil for io.EOF.
func Damage(err error) error {
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return describeDamage(err)
}
