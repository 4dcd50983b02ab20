package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

// Run is the spool of one instance of a run: a queue on disk. What was appended comes out of Next and
// NextJoined in that order, and is forgotten when it is settled.
//
// A record that is handed out, or that was appended as held, belongs to whoever has its Ref until it is
// settled or released. What is neither when the Run is closed stays. It is safe for concurrent use.
type Run struct {
	dir  Dir
	path string

	mu     sync.Mutex
	info   Info
	locked *flock.Flock // nil until there is a folder of ours
	known  []int        // the files of blocks, in order
	ours   int          // the first of them that was begun here; 0: none yet

	file    *os.File // that is appended to; nil: the next one is to be begun
	written int64    // its size
	used    int64    // bytes of all runs, as of counted, and what was written since
	counted time.Time

	reading *os.File
	scan    *scanner
	number  int // of the file that is read; 0: none yet

	cursor    place
	pointer   *os.File       // that holds the cursor; nil until there is one
	out       []outgoing     // between the cursor and what is read next, in order
	held      map[place]bool // appended as held and not read yet; true: settled
	back      []Ref          // released
	unread    map[int]int64  // by file that was not opened yet, the documents of records that Next has
	waiting   atomic.Int64   // records that Next has
	documents int64          // that were there when it was opened
	damaged   map[int]bool   // files in which something is damaged
}

// Ref is a record's place, or those of records that were joined.
type Ref struct {
	place
	size      int64
	documents int
	joined    []Ref // with the first, in order
}

// parts are the places of the single records.
func (ref Ref) parts() []Ref {
	joined := ref.joined
	ref.joined = nil
	return append([]Ref{ref}, joined...)
}

type outgoing struct {
	Ref
	settled bool
}

func newRun(dir Dir, path string, info Info) *Run {
	return &Run{dir: dir, path: path, info: info, unread: map[int]int64{}, held: map[place]bool{}, damaged: map[int]bool{}}
}

// Open takes what a run left behind. The error is ErrInUse while somebody else has it, and wraps
// fs.ErrNotExist when it is gone.
func Open(path string) (*Run, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening the spool: %w", err)
	}
	r := newRun(Dir{Root: filepath.Dir(path)}, path, unfold(filepath.Base(path)))
	if err := r.take(); err != nil {
		return nil, err
	}
	for _, number := range r.known {
		err := walk(path, number, r.cursor, func(h header, info *Info, damage *Damage) {
			if info != nil {
				r.info = *info
			}
			if r.waiting.Add(1); damage != nil {
				h.Documents = damage.Documents
			}
			r.documents += int64(h.Documents)
			r.unread[number] += int64(h.Documents)
		})
		if err != nil {
			return nil, errors.Join(err, r.locked.Close())
		}
	}
	if _, info, err := readRun(path); err == nil {
		r.info = info
	}
	return r, nil
}

// take locks the folder and looks what is there.
func (r *Run) take() error {
	locked, err := lock(r.path)
	if err != nil {
		return err
	}
	files, err := filesOf(r.path)
	if err != nil {
		return errors.Join(err, locked.Close())
	}
	r.locked = locked
	r.known, r.cursor = numbers(files), readCursor(r.path)
	return nil
}

// Info says which run this is.
func (r *Run) Info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info
}

// Root is the folder of all spools, Size how many bytes they may take.
func (r *Run) Root() string { return r.dir.Root }

// Size is how many bytes all spools together may take.
func (r *Run) Size() int64 { return r.dir.Size }

// Waiting is how many records Next has, as far as is known. It does not wait for the disk.
func (r *Run) Waiting() int64 { return r.waiting.Load() }

// Documents is how many documents were there when the run was opened, as far as that could be told.
func (r *Run) Documents() int64 { return r.documents }

// Close lets go of the folder. What was not settled stays on disk; an empty folder is removed.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.locked == nil {
		return nil
	}
	r.finish()
	empty := r.empty()
	r.stopReading()
	if r.pointer != nil {
		_ = r.pointer.Close()
		r.pointer = nil
	}
	if empty {
		for _, number := range r.known {
			r.remove(number)
		}
		r.known = nil
		_ = os.Remove(filepath.Join(r.path, cursorFile))
	}
	r.tidy()
	err := r.locked.Close()
	r.locked = nil
	if len(r.known) == 0 {
		r.removeFolder()
	}
	return err
}

// empty tells whether all blocks are settled, and nothing is there that nobody has read.
func (r *Run) empty() bool {
	for _, settled := range r.held {
		if !settled {
			return false
		}
	}
	if len(r.out) > 0 || r.waiting.Load() > 0 {
		return false
	}
	r.advance()
	found, err := r.locate()
	return !found && err == nil
}

// tidy removes what a process that was killed did not finish writing.
func (r *Run) tidy() {
	files, _ := filesOf(r.path)
	for _, file := range files {
		if strings.HasSuffix(file.name, newSuffix) {
			_ = os.Remove(filepath.Join(r.path, file.name))
		}
	}
}

// removeFolder removes the folder if nothing of worth is in it.
func (r *Run) removeFolder() {
	files, err := filesOf(r.path)
	if err != nil || slices.ContainsFunc(files, func(f sized) bool { return f.name != lockFile }) {
		return
	}
	_ = os.Remove(filepath.Join(r.path, lockFile))
	_ = os.Remove(r.path)
}
