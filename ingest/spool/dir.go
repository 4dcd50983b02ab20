package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Dir is where spools are: a folder for each run and instance.
type Dir struct {
	Root string
	Size int64 // bytes that all runs together may take
}

// Names within a run's folder.
const (
	blocksSuffix  = ".blocks"
	damagedSuffix = ".damaged"
	runFile       = "run.document"
	cursorFile    = "cursor"
	lockFile      = "lock"
	newSuffix     = ".new" // of a file that is still being written
)

// longestName is how much of a run id a folder's name holds, in bytes.
const longestName = 100

// folder is the name of the run's folder.
func (i Info) folder() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '_'
		}
	}, i.RunID)
	name = strings.TrimLeft(name, ".")
	return name[:min(len(name), longestName)] + "-" + i.Instance
}

// runFolder is what the names of runs' folders look like.
var runFolder = regexp.MustCompile(`-[0-9a-f]{16}$`)

// unfold is what a folder's name tells of its run, for want of better.
func unfold(folder string) Info {
	cut := max(strings.LastIndex(folder, "-"), 0)
	return Info{RunID: folder[:cut], Instance: strings.TrimPrefix(folder[cut:], "-")}
}

// Create returns the spool of a new run. Nothing is touched until something is to be kept.
func (d Dir) Create(info Info) *Run {
	return newRun(d, filepath.Join(d.Root, info.folder()), info)
}

// Entry is what the spool has of one instance of a run.
type Entry struct {
	Info
	Path        string
	Documents   int64 // as many as can be told where something is damaged
	Blocks      int64
	Bytes       int64     // of all files
	Oldest      time.Time // of the oldest block; zero if there is none
	Damaged     int       // places that hold no whole block
	RunDocument bool      // the run's own document waits too
	Left        bool      // there is something to send, or damage that nobody was told of
	InUse       bool      // a live run or a replay has it
	Err         error     // why it could not be looked into; the counts are short then
}

// List returns what is in a spool, the oldest first; nothing if the folder is not there. It reads no
// bodies, so checksums are not looked at. A run's folder that cannot be read is listed with its error; any
// other is not ours.
func List(root string) ([]Entry, error) {
	folders, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking into the spool: %w", err)
	}
	var entries []Entry
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		entry, err := look(filepath.Join(root, folder.Name()))
		if entry.Err = err; entry.Bytes > 0 || err != nil && runFolder.MatchString(folder.Name()) {
			entries = append(entries, entry)
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Oldest.Compare(b.Oldest) })
	return entries, nil
}

// look finds out what a run's folder holds.
func look(path string) (Entry, error) {
	entry := Entry{Path: path, Info: unfold(filepath.Base(path)), InUse: inUse(path)}
	files, err := filesOf(path)
	if err != nil {
		return entry, err
	}
	cursor := readCursor(path)
	for _, file := range files {
		entry.Bytes += file.size
		switch {
		case file.name == runFile:
			entry.RunDocument, entry.Left = true, true
			if _, info, err := readRun(path); err == nil {
				entry.Info = info
			}
		case strings.HasSuffix(file.name, damagedSuffix):
			entry.Damaged++
		}
	}
	for _, number := range numbers(files) {
		err := walk(path, number, cursor, func(h header, info *Info, damage *Damage) {
			if info != nil {
				entry.Info = *info
			}
			entry.Left = true
			switch {
			case damage == nil:
				entry.Blocks++
				entry.Documents += int64(h.Documents)
				if entry.Oldest.IsZero() {
					entry.Oldest = h.Time
				}
			case !entry.InUse || damage.Reason != cutOff: // what is being written is not damaged
				entry.Damaged++
				entry.Documents += int64(damage.Documents)
			}
		})
		if err != nil {
			return entry, err
		}
	}
	return entry, nil
}

// walk calls each for every record of a file of blocks that was not delivered yet.
func walk(path string, number int, cursor place, each func(h header, info *Info, damage *Damage)) error {
	file, s, err := openBlocks(path, number)
	if errors.Is(err, fs.ErrNotExist) { // delivered meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		h, at, err := s.next()
		var damage *Damage
		switch {
		case errors.Is(err, errNothing):
			return nil
		case err != nil && !errors.As(err, &damage):
			return err
		case place{number, at}.before(cursor):
			continue
		}
		each(h, s.info, damage)
	}
}

// openBlocks opens a file of blocks to be read.
func openBlocks(path string, number int) (*os.File, *scanner, error) {
	name := filepath.Join(path, blocksName(number))
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the spool: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the spool: %w", err), file.Close())
	}
	return file, &scanner{file: file, name: name, size: info.Size()}, nil
}

// sized is a file of a run's folder.
type sized struct {
	name string
	size int64
}

// filesOf lists the files of a run's folder; none if it is not there.
func filesOf(path string) ([]sized, error) {
	entries, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking into the spool: %w", err)
	}
	var files []sized
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, sized{entry.Name(), info.Size()})
		}
	}
	return files, nil
}

// usage is how many bytes all runs take. What cannot be looked into counts nothing: it may be no run's.
func (d Dir) usage() (int64, error) {
	folders, err := os.ReadDir(d.Root)
	if err != nil {
		return 0, fmt.Errorf("looking into the spool: %w", err)
	}
	var used int64
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		files, _ := filesOf(filepath.Join(d.Root, folder.Name()))
		for _, file := range files {
			used += file.size
		}
	}
	return used, nil
}

// ErrInUse says that a live run or another replay has the folder.
var ErrInUse = errors.New("it is in use by a live run or another replay")

// How long a lock is waited for: somebody may have it for a moment to list what is there.
const (
	lockPatience = 500 * time.Millisecond
	lockPause    = 20 * time.Millisecond
)

// lock takes a run's folder. The kernel frees the lock of a process that ends, however it does.
func lock(path string) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	l := flock.New(filepath.Join(path, lockFile), flock.SetPermissions(0o600))
	ok, err := l.TryLockContext(ctx, lockPause)
	switch {
	case errors.Is(err, context.DeadlineExceeded), err == nil && !ok:
		return nil, ErrInUse
	case err != nil:
		return nil, fmt.Errorf("locking the spool %s: %w", path, err)
	}
	if !sameFile(l) { // its owner removed the folder meanwhile
		return nil, errors.Join(fmt.Errorf("locking the spool %s: %w", path, fs.ErrNotExist), l.Close())
	}
	return l, nil
}

func sameFile(l *flock.Flock) bool {
	mine, err := l.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.Path())
	return err == nil && os.SameFile(mine, there)
}

// inUse tells whether somebody has the folder locked.
func inUse(path string) bool {
	name := filepath.Join(path, lockFile)
	if _, err := os.Stat(name); err != nil {
		return false
	}
	l := flock.New(name, flock.SetFlag(os.O_RDONLY))
	defer func() { _ = l.Close() }()
	free, err := l.TryRLock()
	return err == nil && !free
}
