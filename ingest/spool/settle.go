package spool

import (
	"os"
	"path/filepath"
	"slices"
)

// Settle forgets a record: it was delivered.
func (r *Run) Settle(ref Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, part := range ref.parts() {
		r.settle(part)
	}
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
		if found, err := r.locate(); err != nil || !found || !r.held[r.here()] {
			return
		}
		if _, err := r.passHeld(); err != nil {
			return
		}
	}
}

func (r *Run) find(ref Ref) (int, bool) {
	return slices.BinarySearchFunc(r.out, ref, func(o outgoing, ref Ref) int { return o.compare(ref.place) })
}

// Release gives a record back, to be returned by Next again.
func (r *Run) Release(ref Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, part := range ref.parts() {
		r.release(part)
	}
}

func (r *Run) release(ref Ref) {
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
