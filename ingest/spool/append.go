package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// FullError is a spool that has reached its size.
type FullError struct{ Dir Dir }

// Error says so.
func (e *FullError) Error() string {
	return fmt.Sprintf("the spool %s is full (%d bytes, option spool-size)", e.Dir.Root, e.Dir.Size)
}

// Append keeps a record. A held one is the caller's, as if Next had returned it; others wait for Next.
// The error is a *FullError, or that of the disk; then nothing was kept, and a later attempt may succeed.
func (r *Run) Append(record Record, held bool) (Ref, error) {
	if err := record.check(); err != nil {
		return Ref{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin(); err != nil {
		return Ref{}, err
	}
	size := headerSize + int64(len(record.Body))
	if err := r.room(size); err != nil {
		return Ref{}, err
	}
	if err := r.write(&record); err != nil {
		return Ref{}, err
	}
	ref := Ref{place: place{r.known[len(r.known)-1], r.written}, size: size, documents: record.Documents}
	r.written += size
	r.used += size
	if held {
		r.held[ref.place] = false
	} else {
		r.wait(ref)
	}
	return ref, nil
}

// begin makes sure of the folder.
func (r *Run) begin() error {
	if r.locked != nil {
		return nil
	}
	if err := os.MkdirAll(r.path, 0o700); err != nil {
		return fmt.Errorf("making the spool: %w", err)
	}
	return r.take()
}

// wait counts a record in.
func (r *Run) wait(ref Ref) {
	r.waiting.Add(1)
	if ref.file > r.number {
		r.unread[ref.file] += int64(ref.documents)
	}
}

// How often the size of all runs is looked up anew: others write too.
const countPeriod = time.Second

// room says whether so many bytes may still be written. What was opened to be sent may be rewritten
// whatever its size.
func (r *Run) room(size int64) error {
	if r.dir.Size == 0 {
		return nil
	}
	if time.Since(r.counted) >= countPeriod {
		used, err := r.dir.usage()
		if err != nil {
			return err
		}
		r.used, r.counted = used, time.Now()
	}
	if r.used+size > r.dir.Size {
		return &FullError{r.dir}
	}
	return nil
}

// maxFile is how large a file of blocks becomes at most, in bytes.
const maxFile = 16 << 20

// fileSize is how large a file of blocks becomes: what is freed at a time.
func (d Dir) fileSize() int64 {
	if d.Size == 0 {
		return maxFile
	}
	return min(maxFile, d.Size/8)
}

// write appends a record to the current file, or to the next one. What was written in part is taken
// back.
func (r *Run) write(record *Record) error {
	if r.file != nil && r.written >= r.dir.fileSize() {
		r.finish()
	}
	if r.file == nil {
		if err := r.next(); err != nil {
			return err
		}
	}
	var head [headerSize]byte
	_, err := r.file.Write(appendHeader(head[:0], record))
	if err == nil {
		_, err = r.file.Write(record.Body)
	}
	if err == nil {
		return nil
	}
	if r.file.Truncate(r.written) != nil {
		r.finish()
	}
	return fmt.Errorf("writing to the spool: %w", err)
}

// finish ends the current file. It is handed to the disk, so that a power failure costs no more than
// what came after it.
func (r *Run) finish() {
	if r.file != nil {
		if r.scan != nil && r.writing(r.number) {
			r.scan.size = r.written
		}
		_ = r.file.Sync()
		_ = r.file.Close()
		r.file = nil
	}
}

// next begins the next file.
func (r *Run) next() error {
	head, err := r.info.head()
	if err != nil {
		return err
	}
	number := max(r.cursor.file, 0) + 1
	if len(r.known) > 0 {
		number = r.known[len(r.known)-1] + 1
	}
	name := filepath.Join(r.path, blocksName(number))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("writing to the spool: %w", err)
	}
	if _, err := file.Write(head); err != nil {
		return errors.Join(fmt.Errorf("writing to the spool: %w", err), file.Close(), os.Remove(name))
	}
	syncFolder(r.path)
	r.file, r.written = file, int64(len(head))
	r.used += r.written
	r.known = append(r.known, number)
	if r.ours == 0 {
		r.ours = number
	}
	return nil
}
