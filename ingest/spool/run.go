package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/klauspost/compress/gzip"
)

// Run is the spool of one instance of a run: a queue on disk. What was appended comes out of Next in
// that order, and is forgotten when it is settled.
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

// Ref is a record's place.
type Ref struct {
	place
	size      int64
	documents int
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
	ref := Ref{place{r.known[len(r.known)-1], r.written}, size, record.Documents}
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

// ErrEmpty says that Next has nothing now.
var ErrEmpty = errors.New("the spool is empty")

// Next returns the oldest record that nobody has. The error is a *Damage for a place that it passed
// over, ErrEmpty, or that of the disk: then nothing was passed over, and a later attempt may succeed.
func (r *Run) Next() (Record, Ref, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.back); n > 0 {
		return r.again(r.back[0])
	}
	for {
		if found, err := r.locate(); err != nil || !found {
			return Record{}, Ref{}, r.none(err)
		}
		at := r.here()
		settled, held := r.held[at]
		record, ref, err := r.read(!held)
		var damage *Damage
		switch {
		case err != nil && !errors.As(err, &damage):
			return Record{}, Ref{}, err
		case held:
			delete(r.held, at)
			r.damaged[ref.file] = r.damaged[ref.file] || damage != nil
			r.pass(ref, settled)
			continue
		}
		if !r.head(ref) {
			r.took()
		}
		if damage != nil {
			r.damage(ref)
			return Record{}, ref, damage
		}
		r.pass(ref, false)
		return record, ref, nil
	}
}

// none is the error where Next has no record: err, or that there is none.
func (r *Run) none(err error) error {
	if err != nil {
		return err
	}
	r.waiting.Store(0)
	return ErrEmpty
}

// read reads what is next, with its body if that is wanted. The error is a *Damage, which was passed over, or
// that of the disk; then it is still next.
func (r *Run) read(body bool) (Record, Ref, error) {
	h, at, err := r.scan.next()
	if err != nil {
		err = r.ended(err, at)
	}
	ref := Ref{place{r.number, at}, r.scan.at - at, h.Documents}
	if err != nil {
		return Record{}, ref, err
	}
	if !body {
		return h.Record, ref, nil
	}
	record, err := r.scan.read(h, at)
	switch {
	case err == nil && record.Kind != Bulk:
		err = &Damage{r.scan.name, at, ref.size, h.Documents, fmt.Sprintf("nobody knows a record of kind %d", record.Kind)}
	case errors.Is(err, io.EOF):
		err = &Damage{r.scan.name, at, ref.size, h.Documents, cutOff}
	}
	var damage *Damage
	if err != nil && !errors.As(err, &damage) {
		r.scan.at = at
	}
	return record, ref, err
}

// ended makes damage of a file that is shorter than it was.
func (r *Run) ended(err error, at int64) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	damage := &Damage{r.scan.name, at, r.scan.size - at, 0, "the file is cut off"}
	if r.reading == nil {
		damage.Bytes, damage.Documents, damage.Reason = 0, int(r.unread[r.number]), noFile
		delete(r.unread, r.number)
	}
	r.scan.past, r.scan.at = true, r.scan.size
	return damage
}

// head tells whether a place is the head of a file that was begun here, which was never counted in.
func (r *Run) head(ref Ref) bool { return ref.offset == 0 && r.ours > 0 && ref.file >= r.ours }

// took counts a record out. Where something is damaged there may be fewer than were counted in.
func (r *Run) took() {
	if r.waiting.Load() > 0 {
		r.waiting.Add(-1)
	}
}

// here is the place of what is read next.
func (r *Run) here() place { return place{r.number, r.scan.at} }

// pass puts a record behind the place of what is read next.
func (r *Run) pass(ref Ref, settled bool) {
	r.out = append(r.out, outgoing{ref, settled})
	if settled {
		r.forget()
	}
}

// damage passes over what cannot be read.
func (r *Run) damage(ref Ref) {
	r.damaged[ref.file] = true
	r.pass(ref, true)
}

// again reads a record that was released. One that is not what was written is given up.
func (r *Run) again(ref Ref) (Record, Ref, error) {
	record, err := r.reread(ref)
	var damage *Damage
	if err != nil && !errors.As(err, &damage) {
		return Record{}, Ref{}, err
	}
	r.back = r.back[1:]
	r.took()
	if damage != nil {
		r.damaged[ref.file] = true
		r.settle(ref)
		return Record{}, ref, damage
	}
	return record, ref, nil
}

// reread reads a record from its place.
func (r *Run) reread(ref Ref) (Record, error) {
	name := filepath.Join(r.path, blocksName(ref.file))
	damage := func(reason string) *Damage { return &Damage{name, ref.offset, ref.size, ref.documents, reason} }
	file, s, err := openBlocks(r.path, ref.file)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, damage(noFile)
	}
	if err != nil {
		return Record{}, err
	}
	defer file.Close()
	h, ok, err := s.header(ref.offset)
	if err == nil && !ok {
		return Record{}, damage("no record begins here")
	}
	var record Record
	if err == nil {
		record, err = s.read(h, ref.offset)
	}
	if errors.Is(err, io.EOF) {
		return Record{}, damage(cutOff)
	}
	return record, err
}

// locate goes to the next record, into the next file if need be; false: there is none. The error is that
// of a file that cannot be opened now.
func (r *Run) locate() (found bool, err error) {
	for {
		if r.scan != nil {
			if r.writing(r.number) {
				r.scan.size = r.written
			}
			if r.scan.more() {
				return true, nil
			}
		}
		i := slices.IndexFunc(r.known, func(number int) bool { return number > r.number })
		if i < 0 {
			return false, nil
		}
		if err := r.open(r.known[i]); err != nil {
			return false, err
		}
	}
}

// writing tells whether a file is the one that is appended to.
func (r *Run) writing(number int) bool {
	return r.file != nil && number == r.known[len(r.known)-1]
}

// open begins to read a file, at the cursor if that is in it. An error leaves all as it is.
func (r *Run) open(number int) error {
	file, s, err := openBlocks(r.path, number)
	switch {
	case errors.Is(err, fs.ErrNotExist): // somebody removed it: to Next it is one that ends before its head
		s = &scanner{file: bytes.NewReader(nil), name: filepath.Join(r.path, blocksName(number)), size: 1}
	case err != nil:
		return err
	case r.cursor.file == number && r.cursor.offset <= s.size:
		s.at, s.past = r.cursor.offset, true
	default:
		if err := s.begin(); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	r.stopReading()
	r.reading, r.scan, r.number = file, s, number
	if file != nil {
		delete(r.unread, number)
	}
	r.clear()
	return nil
}

func (r *Run) stopReading() {
	if r.reading != nil {
		_ = r.reading.Close()
	}
	r.reading, r.scan = nil, nil
}

// noFile is what is said of a file that somebody removed.
const noFile = "the file is gone"

// Settle forgets a record: it was delivered.
func (r *Run) Settle(ref Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle(ref)
}

func (r *Run) settle(ref Ref) {
	if i, ok := r.find(ref); ok {
		r.out[i].settled = true
		r.forget()
		return
	}
	r.held[ref.place] = true
	r.advance()
}

// advance passes over what was held and is settled.
func (r *Run) advance() {
	for { // nobody reads while all that is kept is held
		found, err := r.locate()
		if err != nil || !found || !r.held[r.here()] {
			return
		}
		at := r.here()
		_, ref, err := r.read(false)
		var damage *Damage
		switch {
		case err == nil:
			r.pass(ref, true)
		case errors.As(err, &damage):
			r.damage(ref)
		default:
			return
		}
		delete(r.held, at)
	}
}

func (r *Run) find(ref Ref) (int, bool) {
	return slices.BinarySearchFunc(r.out, ref, func(o outgoing, ref Ref) int { return o.compare(ref.place) })
}

// Release gives a record back, to be returned by Next again.
func (r *Run) Release(ref Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait(ref)
	if _, ok := r.find(ref); ok {
		r.back = append(r.back, ref)
		return
	}
	delete(r.held, ref.place)
}

// forget moves the cursor past what is settled. That the cursor cannot be written is no error: what was
// delivered would only be sent again.
func (r *Run) forget() {
	done := 0
	for done < len(r.out) && r.out[done].settled {
		r.cursor = place{r.out[done].file, r.out[done].offset + r.out[done].size}
		done++
	}
	if done == 0 {
		return
	}
	r.out = append(r.out[:0], r.out[done:]...)
	r.point()
	r.clear()
}

func (r *Run) point() {
	if r.pointer == nil {
		file, err := os.OpenFile(filepath.Join(r.path, cursorFile), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		r.pointer = file
	}
	_ = writeCursor(r.pointer, r.cursor)
}

// clear removes the files of which everything is settled.
func (r *Run) clear() {
	first := r.number
	if len(r.out) > 0 {
		first = r.out[0].file
	}
	for len(r.known) > 0 && r.known[0] < first && !r.writing(r.known[0]) {
		r.remove(r.known[0])
		r.known = r.known[1:]
	}
}

// remove removes a file. One with damage is kept under another name, for whoever wants to look into it.
func (r *Run) remove(number int) {
	name := filepath.Join(r.path, blocksName(number))
	if r.damaged[number] {
		_ = os.Rename(name, name+damagedSuffix)
		return
	}
	info, err := os.Stat(name)
	if err == nil && os.Remove(name) == nil {
		r.used -= info.Size()
	}
}

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
