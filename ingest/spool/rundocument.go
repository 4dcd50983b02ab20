package spool

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// SaveRun keeps the run's own document, in place of an earlier one: JSON lines that the server is to
// have when all else is delivered. It may pass the size of the spool.
func (r *Run) SaveRun(lines []byte) error {
	var body bytes.Buffer
	zip := gzip.NewWriter(&body)
	if _, err := zip.Write(lines); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	record := Record{
		Kind: RunDocument, Compressed: true, Documents: bytes.Count(lines, []byte{'\n'}), Raw: len(lines), Time: time.Now(), Body: body.Bytes(),
	}
	if err := record.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.begin(); err != nil {
		return err
	}
	content, err := r.info.head()
	if err != nil {
		return err
	}
	return replace(filepath.Join(r.path, runFile), append(appendHeader(content, &record), record.Body...))
}

// LoadRun returns what SaveRun kept; nil if there is nothing. The error is a *Damage where it is not
// what was written; then it is kept under another name, for whoever wants to look into it.
func (r *Run) LoadRun() ([]byte, error) {
	lines, _, err := readRun(r.path)
	var damage *Damage
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.As(err, &damage):
		_ = os.Rename(damage.File, damage.File+damagedSuffix)
	}
	return lines, err
}

func readRun(path string) ([]byte, Info, error) {
	name := filepath.Join(path, runFile)
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, Info{}, fmt.Errorf("reading the spool: %w", err)
	}
	s := &scanner{file: bytes.NewReader(content), name: name, size: int64(len(content))}
	h, at, err := s.next()
	if errors.Is(err, errNothing) {
		err = &Damage{name, 0, s.size, 0, "the file is empty"}
	}
	if err != nil {
		return nil, Info{}, err
	}
	record, err := s.read(h, at)
	if err != nil {
		return nil, Info{}, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(record.Body))
	if err != nil {
		return nil, Info{}, &Damage{name, at, h.total(), h.Documents, err.Error()}
	}
	lines, err := io.ReadAll(io.LimitReader(zip, int64(record.Raw)))
	if err != nil || record.Kind != RunDocument {
		return nil, Info{}, &Damage{name, at, h.total(), h.Documents, "it does not hold a run's document"}
	}
	return lines, *s.info, nil
}

// DropRun forgets what SaveRun kept: the server has it, or a newer one.
func (r *Run) DropRun() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.locked != nil {
		_ = os.Remove(filepath.Join(r.path, runFile))
	}
}
