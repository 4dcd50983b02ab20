package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
)

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
	if found, err := r.locateFree(); err != nil || !found {
		return Record{}, Ref{}, r.none(err)
	}
	record, ref, err := r.read(true)
	var damage *Damage
	if err != nil && !errors.As(err, &damage) {
		return Record{}, Ref{}, err
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

// locateFree goes to the next record that nobody holds; false: there is none.
func (r *Run) locateFree() (found bool, err error) {
	for {
		if found, err = r.locate(); err != nil || !found {
			return false, err
		}
		if passed, err := r.passHeld(); err != nil || !passed {
			return err == nil, err
		}
	}
}

// passHeld passes over what is next if somebody holds it, and tells whether it did. The error is that of the disk;
// then nothing was passed over.
func (r *Run) passHeld() (bool, error) {
	at := r.here()
	settled, held := r.held[at]
	if !held {
		return false, nil
	}
	_, ref, err := r.read(false)
	var damage *Damage
	switch {
	case errors.As(err, &damage):
		r.damaged[ref.file] = true
	case err != nil:
		return false, err
	}
	delete(r.held, at)
	r.pass(ref, settled)
	return true, nil
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
	ref := Ref{place: place{r.number, at}, size: r.scan.at - at, documents: h.Documents}
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
