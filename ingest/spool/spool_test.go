package spool_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/ingest/spool/spooltest"
)

var info = spool.Info{RunID: "nightly/7", Instance: "0123456789abcdef", Prefix: "k6", Test: "checkout", Name: "nightly main"}

// record is the n-th of a run's records.
func record(n int) spool.Record {
	return spool.Record{
		Kind: spool.Bulk, Compressed: n%2 == 1, Documents: n + 1, Raw: 1000 + n, Time: time.UnixMilli(1_800_000_000_000 + int64(n)),
		Body: bytes.Repeat([]byte(fmt.Sprintf("body %d\n", n)), n+1),
	}
}

func create(t testing.TB, size int64) *spool.Run {
	return spool.Dir{Root: filepath.Join(t.TempDir(), "spool"), Size: size}.Create(info)
}

func add(t testing.TB, r *spool.Run, from, n int) {
	t.Helper()
	for i := range n {
		_, err := r.Append(record(from+i), false)
		require.NoError(t, err)
	}
}

// list returns the one entry of a spool.
func list(t testing.TB, r *spool.Run) spool.Entry {
	t.Helper()
	entries, err := spool.List(r.Root())
	require.NoError(t, err)
	require.Len(t, entries, 1)
	return entries[0]
}

// rest takes everything out of a spool, and settles it.
func rest(t testing.TB, r *spool.Run) (records []spool.Record, damages []*spool.Damage) {
	t.Helper()
	for {
		one, ref, err := r.Next()
		var damage *spool.Damage
		switch {
		case errors.Is(err, spool.ErrEmpty):
			return records, damages
		case errors.As(err, &damage):
			damages = append(damages, damage)
			continue
		}
		require.NoError(t, err)
		records = append(records, one)
		r.Settle(ref)
	}
}

func TestNothingIsTouchedBeforeThereIsSomethingToKeep(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	_, _, err := r.Next()
	require.ErrorIs(t, err, spool.ErrEmpty)
	require.NoError(t, r.Close())
	assert.NoDirExists(t, r.Root())
	entries, err := spool.List(r.Root())
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestRecordsComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 3)
	one, ref, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, record(0), one)
	add(t, r, 3, 2)
	r.Release(ref)
	records, damages := rest(t, r)
	assert.Empty(t, damages)
	assert.Equal(t, []spool.Record{record(0), record(1), record(2), record(3), record(4)}, records, "also what came meanwhile")
	require.NoError(t, r.Close())
	entries, err := os.ReadDir(r.Root())
	require.NoError(t, err)
	assert.Empty(t, entries, "an empty folder is removed")
}

func TestWhatIsNotSettledStays(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 5)
	var refs []spool.Ref
	for range 4 {
		_, ref, err := r.Next()
		require.NoError(t, err)
		refs = append(refs, ref)
	}
	r.Settle(refs[1]) // 0 is still out: the cursor cannot pass it
	r.Settle(refs[0])
	r.Settle(refs[3])
	entry := list(t, r)
	assert.True(t, entry.InUse)
	_, err := spool.Open(entry.Path)
	require.ErrorIs(t, err, spool.ErrInUse)
	require.NoError(t, r.Close())

	entry = list(t, r)
	assert.False(t, entry.InUse)
	assert.Equal(t, info, entry.Info)
	assert.EqualValues(t, 3, entry.Blocks)
	assert.EqualValues(t, 3+4+5, entry.Documents)
	assert.Equal(t, record(2).Time, entry.Oldest)
	assert.Zero(t, entry.Damaged)
	assert.Equal(t, "nightly_7-0123456789abcdef", filepath.Base(entry.Path))

	again, err := spool.Open(entry.Path)
	require.NoError(t, err)
	assert.Equal(t, info, again.Info())
	assert.EqualValues(t, 3, again.Waiting())
	assert.EqualValues(t, 12, again.Documents())
	records, damages := rest(t, again)
	assert.Empty(t, damages)
	assert.Equal(t, []spool.Record{record(2), record(3), record(4)}, records)
	require.NoError(t, again.Close())
	assert.NoDirExists(t, entry.Path)
}

// What is in the air is held: nobody else gets it, unless it is released.
func TestHeldRecords(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	first, err := r.Append(record(0), true)
	require.NoError(t, err)
	add(t, r, 1, 1)
	second, err := r.Append(record(2), true)
	require.NoError(t, err)
	assert.EqualValues(t, 1, r.Waiting())
	one, ref, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, record(1), one)
	r.Settle(ref)
	_, _, err = r.Next()
	require.ErrorIs(t, err, spool.ErrEmpty)
	r.Release(first)
	r.Settle(second)
	one, ref, err = r.Next()
	require.NoError(t, err)
	assert.Equal(t, record(0), one)
	assert.EqualValues(t, 3, list(t, r).Blocks, "from the first that was not settled on")
	r.Settle(ref)
	assert.Zero(t, list(t, r).Blocks)
	require.NoError(t, r.Close())
	assert.NoDirExists(t, filepath.Join(r.Root(), "nightly_7-0123456789abcdef"))
}

// While all that is kept is in the air and arrives, nobody calls Next; the disk is freed all the same.
func TestHeldRecordsThatArriveFreeTheDisk(t *testing.T) {
	t.Parallel()
	r := create(t, 64<<10)
	for i := range 1000 {
		ref, err := r.Append(spool.Record{Kind: spool.Bulk, Documents: 1, Time: time.UnixMilli(int64(i)), Body: make([]byte, 1000)}, true)
		require.NoError(t, err, "%d: a megabyte went through 64 KiB", i)
		r.Settle(ref)
	}
	assert.Less(t, list(t, r).Bytes, int64(20<<10))
	require.NoError(t, r.Close())
}

func TestFilesAreRemovedAsTheyAreDelivered(t *testing.T) {
	t.Parallel()
	r := create(t, 64<<10) // files of 8 KiB
	for i := range 40 {
		_, err := r.Append(spool.Record{Kind: spool.Bulk, Documents: 1, Time: time.UnixMilli(int64(i)), Body: make([]byte, 1000)}, false)
		require.NoError(t, err)
	}
	files := func() int {
		blocks, err := filepath.Glob(filepath.Join(r.Root(), "*", "*.blocks"))
		require.NoError(t, err)
		return len(blocks)
	}
	assert.Equal(t, 5, files())
	for range 20 {
		_, ref, err := r.Next()
		require.NoError(t, err)
		r.Settle(ref)
	}
	assert.Equal(t, 3, files())
	assert.EqualValues(t, 20, list(t, r).Documents)
	require.NoError(t, r.Close())
}

func TestSizeIsThatOfAllRuns(t *testing.T) {
	t.Parallel()
	dir := spool.Dir{Root: filepath.Join(t.TempDir(), "spool"), Size: 10_000}
	big := spool.Record{Kind: spool.Bulk, Documents: 1, Time: time.UnixMilli(1), Body: make([]byte, 4000)}
	one, other := dir.Create(info), dir.Create(spool.Info{RunID: "other", Instance: "1", Prefix: "k6"})
	_, err := one.Append(big, false)
	require.NoError(t, err)
	_, err = other.Append(big, false)
	require.NoError(t, err)
	_, err = other.Append(big, false)
	var full *spool.FullError
	require.ErrorAs(t, err, &full)
	assert.Equal(t, dir, full.Dir)
	require.NoError(t, other.SaveRun(make([]byte, 20_000)), "the run's own document always finds room")

	_, ref, err := one.Next()
	require.NoError(t, err)
	one.Settle(ref)
	require.NoError(t, one.Close())
	require.Eventually(t, func() bool {
		_, err := other.Append(big, false)
		return err == nil
	}, 10*time.Second, 50*time.Millisecond, "there is room again")
	require.NoError(t, other.Close())
}

func TestOnlyTheUserMayRead(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 2)
	require.NoError(t, r.SaveRun([]byte("{}\n")))
	_, ref, err := r.Next()
	require.NoError(t, err)
	r.Settle(ref)
	require.NoError(t, r.Close())
	files := 0
	require.NoError(t, filepath.WalkDir(r.Root(), func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		stat, err := entry.Info()
		require.NoError(t, err)
		if entry.IsDir() {
			assert.Equal(t, os.FileMode(0o700), stat.Mode().Perm(), path)
		} else {
			files++
			assert.Equal(t, os.FileMode(0o600), stat.Mode().Perm(), path)
		}
		return nil
	}))
	assert.Equal(t, 4, files, "blocks, cursor, lock, and the run's document")
}

func TestRunDocument(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	lines, err := r.LoadRun()
	require.NoError(t, err)
	assert.Nil(t, lines)
	require.NoError(t, r.SaveRun([]byte("{\"early\":1}\n")))
	require.NoError(t, r.SaveRun([]byte("{\"late\":1}\n{}\n")))
	require.NoError(t, r.Close())
	entry := list(t, r)
	assert.True(t, entry.RunDocument)
	assert.Equal(t, info, entry.Info)
	assert.Zero(t, entry.Documents)

	again, err := spool.Open(entry.Path)
	require.NoError(t, err)
	assert.Equal(t, info, again.Info())
	lines, err = again.LoadRun()
	require.NoError(t, err)
	assert.Equal(t, "{\"late\":1}\n{}\n", string(lines))
	again.DropRun()
	require.NoError(t, again.Close())
	assert.NoDirExists(t, entry.Path)
}

func TestDamagedRunDocument(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	require.NoError(t, r.SaveRun([]byte("{\"late\":1}\n")))
	require.NoError(t, r.Close())
	entry := list(t, r)
	name := filepath.Join(entry.Path, "run.document")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	for i := range content {
		broken := bytes.Clone(content)
		broken[i] ^= 0x10
		require.NoError(t, os.WriteFile(name, broken, 0o600))
		again, err := spool.Open(entry.Path)
		require.NoError(t, err)
		lines, err := again.LoadRun()
		var damage *spool.Damage
		if err == nil {
			t.Fatalf("byte %d: %q", i, lines)
		}
		require.ErrorAs(t, err, &damage, "byte %d", i)
		require.FileExists(t, name+".damaged")
		require.NoError(t, again.Close())
	}
}

// Whichever byte is wrong: all records but that one come out as they went in, and the place is named.
func TestEveryDamagedByteIsNoticed(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 4)
	require.NoError(t, r.Close())
	entry := list(t, r)
	name := filepath.Join(entry.Path, "000001.blocks")
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	originals := []spool.Record{record(0), record(1), record(2), record(3)}
	for i := range content {
		broken := bytes.Clone(content)
		broken[i] ^= 0xff
		missing := 1
		if i < bytes.Index(content, []byte("\x89k6r")) {
			missing = 0 // the head of the file
		}
		records, damages := openBroken(t, broken)
		require.Len(t, damages, 1, "byte %d", i)
		require.Len(t, records, 4-missing, "byte %d", i)
		for _, one := range records {
			require.Contains(t, originals, one, "byte %d", i)
		}
		require.LessOrEqual(t, damages[0].Offset, int64(i))
		require.Greater(t, damages[0].Offset+damages[0].Bytes, int64(i), "the place holds byte %d", i)
		require.NotEmpty(t, damages[0].Reason)
	}
}

// openBroken reads a file of blocks with that content.
func openBroken(t testing.TB, content []byte) ([]spool.Record, []*spool.Damage) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run-1")
	require.NoError(t, os.Mkdir(path, 0o700))
	name := filepath.Join(path, "000001.blocks")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	r, err := spool.Open(path)
	require.NoError(t, err)
	records, damages := rest(t, r)
	require.NoError(t, r.Close())
	if len(damages) > 0 {
		require.FileExists(t, name+".damaged")
	} else {
		require.NoDirExists(t, path)
	}
	return records, damages
}

// A process that is killed while it writes leaves a record without its end.
func TestTornTails(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 3)
	require.NoError(t, r.Close())
	content, err := os.ReadFile(filepath.Join(list(t, r).Path, "000001.blocks"))
	require.NoError(t, err)
	last := bytes.LastIndex(content, []byte("\x89k6r"))
	for length := range len(content) {
		records, damages := openBroken(t, content[:length])
		if length >= last {
			require.Equal(t, []spool.Record{record(0), record(1)}, records)
		}
		if length == last || length == 0 {
			require.Empty(t, damages)
			continue
		}
		if length > last {
			require.Len(t, damages, 1)
			assert.EqualValues(t, last, damages[0].Offset)
			assert.EqualValues(t, length-last, damages[0].Bytes)
		}
		if length >= last+36 {
			assert.Equal(t, 3, damages[0].Documents, "its header tells")
		}
	}
}

func TestAFolderTellsItsRunWithoutAHead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "my-run-00ff")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path, "000001.blocks"), []byte("garbage"), 0o600))
	r, err := spool.Open(path)
	require.NoError(t, err)
	assert.Equal(t, spool.Info{RunID: "my-run", Instance: "00ff"}, r.Info())
	_, damages := rest(t, r)
	require.Len(t, damages, 1)
	assert.EqualError(t, damages[0], filepath.Join(path, "000001.blocks")+":0: this is no spool file (7 bytes)")
	require.NoError(t, r.Close())
	entries, err := spool.List(filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, 1, entries[0].Damaged)
}

func TestAVersionThatIsNotKnown(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 1)
	require.NoError(t, r.Close())
	content, err := os.ReadFile(filepath.Join(list(t, r).Path, "000001.blocks"))
	require.NoError(t, err)
	content[8] = 2
	end := 20 + int(binary.LittleEndian.Uint32(content[12:]))
	sum := crc32.Checksum(slices.Concat(content[:16], content[20:end]), crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(content[16:], sum)
	records, damages := openBroken(t, content)
	assert.Empty(t, records)
	require.Len(t, damages, 1)
	assert.Equal(t, "the file has version 2, and this k6es knows 1", damages[0].Reason)
}

// A cursor that is lost or damaged costs only that records are sent again.
func TestDamagedCursor(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "k6spool-cursor 1 1 99999 00000000\n", "k6spool-cursor 1 -5 7 9b7d4e2a\n", "\x00\xff"} {
		r := create(t, 1<<20)
		add(t, r, 0, 3)
		_, ref, err := r.Next()
		require.NoError(t, err)
		r.Settle(ref)
		require.NoError(t, r.Close())
		entry := list(t, r)
		assert.EqualValues(t, 2, entry.Blocks)
		require.NoError(t, os.WriteFile(filepath.Join(entry.Path, "cursor"), []byte(content), 0o600))
		again, err := spool.Open(entry.Path)
		require.NoError(t, err)
		records, damages := rest(t, again)
		assert.Len(t, records, 3)
		assert.Empty(t, damages)
		require.NoError(t, again.Close())
	}
}

func TestAFolderThatIsTakenAway(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 3)
	_, ref, err := r.Next()
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(r.Root()))
	r.Release(ref)
	_, damages := rest(t, r)
	assert.NotEmpty(t, damages, "what cannot be read is told")
	_ = r.Close()
}

func TestAFolderThatMayNotBeMade(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(root, nil, 0o600))
	r := spool.Dir{Root: root, Size: 1 << 20}.Create(info)
	_, err := r.Append(record(0), false)
	require.ErrorContains(t, err, "making the spool: mkdir "+root+": not a directory")
	assert.Zero(t, r.Waiting())
	require.NoError(t, os.Remove(root))
	add(t, r, 0, 1)
	assert.EqualValues(t, 1, r.Waiting(), "it is tried again")
	require.NoError(t, r.Close())
}

func TestUnlikelyRunIDs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, id := range []string{"../../etc", ".hidden", "ünï · 負荷", "", string(bytes.Repeat([]byte("x"), 500)), "a\nb\x1b[31m"} {
		r := spool.Dir{Root: root, Size: 1 << 20}.Create(spool.Info{RunID: id, Instance: "7"})
		add(t, r, 0, 1)
		require.NoError(t, r.Close())
	}
	entries, err := spool.List(root)
	require.NoError(t, err)
	assert.Len(t, entries, 6)
	assert.True(t, slices.ContainsFunc(entries, func(e spool.Entry) bool { return e.RunID == "../../etc" }))
	above, err := os.ReadDir(filepath.Dir(root))
	require.NoError(t, err)
	assert.Len(t, above, 1, "nothing was written outside")
}

// aside keeps the first file of blocks from being read; back undoes that.
func aside(t *testing.T, r *spool.Run) (back func()) {
	t.Helper()
	return spooltest.Aside(t, filepath.Join(list(t, r).Path, "000001.blocks"))
}

// An error of the disk is no damage: nothing is passed over.
func TestAFileThatCannotBeReadNow(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 5)
	fails := func() {
		t.Helper()
		defer aside(t, r)()
		_, _, err := r.Next()
		var damage *spool.Damage
		require.Error(t, err)
		require.NotErrorIs(t, err, spool.ErrEmpty)
		require.NotErrorAs(t, err, &damage)
		assert.EqualValues(t, 5, r.Waiting())
	}
	fails()
	one, ref, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, record(0), one)
	r.Release(ref)
	fails() // also what was handed out before
	records, damages := rest(t, r)
	assert.Len(t, records, 5)
	assert.Empty(t, damages)
	require.NoError(t, r.Close())
	assert.NoDirExists(t, filepath.Join(r.Root(), "nightly_7-0123456789abcdef"))
}

// What is in a file that cannot be read now is not known to be delivered: it stays, though all that was held is.
func TestAFileThatCannotBeReadAtTheEndStays(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	var refs []spool.Ref
	for n := range 2 {
		ref, err := r.Append(record(n), true)
		require.NoError(t, err)
		refs = append(refs, ref)
	}
	back := aside(t, r)
	for _, ref := range refs {
		r.Settle(ref)
	}
	require.NoError(t, r.Close())
	back()
	assert.EqualValues(t, 2, list(t, r).Blocks)
}

func TestAFileThatIsRemoved(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 5)
	ref, err := r.Append(record(5), true)
	require.NoError(t, err)
	r.Release(ref)
	require.NoError(t, os.Remove(filepath.Join(list(t, r).Path, "000001.blocks")))
	records, damages := rest(t, r)
	assert.Empty(t, records)
	require.Len(t, damages, 1)
	assert.Equal(t, 1+2+3+4+5+6, damages[0].Documents)
	assert.Zero(t, r.Waiting())
	require.NoError(t, r.Close())
}

// The damaged head of a file of a live run costs none of its records, nor those of other files.
func TestDamagedHeadOfALiveRun(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	big := spool.Record{Kind: spool.Bulk, Documents: 1, Time: time.UnixMilli(1), Body: make([]byte, 60<<10)}
	for range 7 { // three to a file
		_, err := r.Append(big, false)
		require.NoError(t, err)
	}
	file, err := os.OpenFile(filepath.Join(list(t, r).Path, "000001.blocks"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte{'K'}, 0)
	require.NoError(t, errors.Join(err, file.Close()))
	handed := 0
	for r.Waiting() > 0 {
		if _, ref, err := r.Next(); err == nil {
			handed++
			r.Settle(ref)
		}
	}
	assert.Equal(t, 7, handed)
	require.NoError(t, r.Close())
	assert.False(t, list(t, r).Left)
	assert.Equal(t, 1, list(t, r).Damaged)
}

// What others write counts too, though our own estimate has room.
func TestSizeIsThatOfAllRunsAtAllTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := spool.Dir{Root: filepath.Join(t.TempDir(), "spool"), Size: 10_000}
		big := spool.Record{Kind: spool.Bulk, Documents: 1, Time: time.UnixMilli(1), Body: make([]byte, 2500)}
		one, other := dir.Create(info), dir.Create(spool.Info{RunID: "other", Instance: "1", Prefix: "k6"})
		for _, r := range []*spool.Run{one, other} {
			_, err := r.Append(big, false)
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Second)
		_, err := one.Append(big, false)
		require.NoError(t, err)
		_, err = other.Append(big, false)
		var full *spool.FullError
		require.ErrorAs(t, err, &full)
		require.NoError(t, errors.Join(one.Close(), other.Close()))
	})
}

// A process that was killed when all was delivered leaves files; whoever opens the folder removes them.
func TestKilledWhenAllWasDelivered(t *testing.T) {
	t.Parallel()
	r := create(t, 1<<20)
	add(t, r, 0, 5)
	_, _ = rest(t, r)
	killed := filepath.Join(t.TempDir(), "killed") // the disk as it is now
	require.NoError(t, os.CopyFS(killed, os.DirFS(r.Root())))
	require.NoError(t, r.Close())
	entries, err := spool.List(killed)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.False(t, entries[0].Left)
	require.NoError(t, os.WriteFile(filepath.Join(entries[0].Path, "run.document.new"), []byte("k6sp"), 0o600))
	left, err := spool.Open(entries[0].Path)
	require.NoError(t, err)
	require.NoError(t, left.Close())
	assert.NoDirExists(t, entries[0].Path)
}
