package spool

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place is where a record begins.
type place struct {
	file   int
	offset int64
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.file, other.file), cmp.Compare(p.offset, other.offset))
}

func (p place) before(other place) bool { return p.compare(other) < 0 }

func blocksName(number int) string { return fmt.Sprintf("%06d%s", number, blocksSuffix) }

// numbers are those of the files of blocks, in order.
func numbers(files []sized) []int {
	var all []int
	for _, file := range files {
		text, ok := strings.CutSuffix(file.name, blocksSuffix)
		if number, err := strconv.Atoi(text); ok && err == nil && number > 0 {
			all = append(all, number)
		}
	}
	slices.Sort(all)
	return all
}

// The cursor is the place before which everything was delivered: one line of text with a checksum.
const (
	cursorFormat = "k6spool-cursor 1 %08d %012d"
	cursorSum    = " %08x\n"
)

// writeCursor writes the cursor over the old one. One that is lost, or written in part, costs only that
// what was delivered is sent again.
func writeCursor(file *os.File, p place) error {
	line := fmt.Appendf(nil, cursorFormat, p.file, p.offset)
	_, err := file.WriteAt(fmt.Appendf(line, cursorSum, crc32.Checksum(line, castagnoli)), 0)
	return err
}

// readCursor reads the cursor; the beginning where there is none.
func readCursor(path string) place {
	var p place
	var sum uint32
	text, err := os.ReadFile(filepath.Join(path, cursorFile))
	if err != nil {
		return place{}
	}
	if _, err := fmt.Sscanf(string(text), "k6spool-cursor 1 %d %d %x\n", &p.file, &p.offset, &sum); err != nil {
		return place{}
	}
	if crc32.Checksum(fmt.Appendf(nil, cursorFormat, p.file, p.offset), castagnoli) != sum {
		return place{}
	}
	return p
}

// replace writes a file as a whole: whoever reads it sees the old one or the new one, also after a power
// failure.
func replace(name string, content []byte) error {
	file, err := os.OpenFile(name+newSuffix, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing to the spool: %w", err)
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(name+newSuffix, name)
		syncFolder(filepath.Dir(name))
	}
	if err != nil {
		_ = os.Remove(name + newSuffix)
		return fmt.Errorf("writing to the spool: %w", err)
	}
	return nil
}

// syncFolder hands a folder's names to the disk. Where that cannot be done, a power failure may cost them.
// No test sees it: what it does shows only after a power failure, and it has no error of its own.
func syncFolder(path string) {
	if folder, err := os.Open(path); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}
