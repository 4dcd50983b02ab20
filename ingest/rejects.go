package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Rejects keeps what could not be taken or was refused, with the reason: a file of JSON lines, made
// when the first one comes, readable by its owner only. The zero value with a path is ready; it is
// safe for concurrent use.
type Rejects struct {
	Path   string
	Append bool // to a file that is there, which others may have open; otherwise it is replaced
	Held   bool // in a temporary file, until Keep or Discard says what is to become of it

	mu     sync.Mutex
	file   *os.File
	err    error
	count  int64
	lines  int64 // bytes of lines that were no samples
	passed int64 // lines that came when there were enough of them
}

// maxRejectedLines is how many bytes of lines that are no samples are kept. A small compressed file can hold
// any number of them; unlike refused documents, they are still where they came from.
const maxRejectedLines = 256 << 20

// reject is one line of the file.
type reject struct {
	Where    string          `json:"where,omitempty"` // file:line:byte
	Reason   string          `json:"reason"`
	Line     string          `json:"line,omitempty"`
	Action   json.RawMessage `json:"action,omitempty"`
	Document json.RawMessage `json:"document,omitempty"`
}

// Line keeps a line that is no sample.
func (r *Rejects) Line(bad *BadLine) {
	where := fmt.Sprintf("%s:%d:%d", bad.File, bad.Line, bad.Byte)
	if r.enough(len(where) + len(bad.Reason) + len(bad.Text)) {
		return
	}
	_ = r.write(reject{Where: where, Reason: bad.Reason, Line: string(bad.Text)}) // Close tells of it
}

// enough says whether a line of that size is one too many, and counts it.
func (r *Rejects) enough(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lines >= maxRejectedLines {
		r.passed++
		return true
	}
	r.lines += int64(size)
	return false
}

// Passed is how many lines were not kept because there were too many.
func (r *Rejects) Passed() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed
}

// entry keeps a document that the server refused. The error says that it is kept nowhere.
func (r *Rejects) entry(entry []byte, reason string) error {
	action, doc, _ := bytes.Cut(entry, []byte{'\n'})
	return r.write(reject{Reason: reason, Action: bytes.Clone(action), Document: bytes.TrimSpace(bytes.Clone(doc))})
}

// write appends a line, in one piece: others may append to the same file.
func (r *Rejects) write(line reject) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if r.err != nil {
		return r.err
	}
	if r.file == nil {
		if r.file, r.err = r.open(); r.err != nil {
			return r.err
		}
	}
	r.err = json.NewEncoder(r.file).Encode(line)
	return r.err
}

func (r *Rejects) open() (*os.File, error) {
	if r.Held {
		return os.CreateTemp("", "k6es-*.rejects")
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if !r.Append {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(r.Path, flags, 0o600)
}

// Keep puts what was held into the file, and holds no more. Close tells of errors.
func (r *Rejects) Keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.file
	r.Held, r.file = false, nil
	if held == nil {
		return
	}
	defer func() { _ = removeTemporary(held) }()
	if r.err != nil {
		return
	}
	if r.file, r.err = r.open(); r.err != nil {
		return
	}
	if _, r.err = held.Seek(0, io.SeekStart); r.err == nil {
		_, r.err = io.Copy(r.file, held)
	}
}

func removeTemporary(file *os.File) error { return errors.Join(file.Close(), os.Remove(file.Name())) }

// Count is how many were kept, or would have been had the file not failed.
func (r *Rejects) Count() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// Discard forgets what was held: nothing of its source is written, such as of a file that has nothing of k6's.
func (r *Rejects) Discard() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.file
	r.file, r.err, r.count = nil, nil, 0
	if held == nil {
		return nil
	}
	return removeTemporary(held)
}

// Close closes the file, and returns what went wrong with it.
func (r *Rejects) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		if err := r.file.Close(); r.err == nil {
			r.err = err
		}
		r.file = nil
	}
	if r.err != nil {
		return fmt.Errorf("%d rejects could not be kept: %w", r.count, r.err)
	}
	return nil
}
