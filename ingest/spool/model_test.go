package spool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
)

// numbered is a record that says which it is.
func numbered(n int) spool.Record {
	body := fmt.Appendln(nil, n)
	return spool.Record{Kind: spool.Bulk, Documents: n, Raw: len(body), Time: time.UnixMilli(int64(n)), Body: body}
}

// numbersOf says which records were joined.
func numbersOf(t *testing.T, record spool.Record) (numbers []int) {
	t.Helper()
	for line := range strings.Lines(string(record.Body)) {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		require.NoError(t, err)
		numbers = append(numbers, n)
	}
	return numbers
}

// A spool under random use, ended and opened again at random moments, as by kill -9: no record that was not
// settled is ever missing, and while it is open none is handed out to two.
func TestSpoolUnderRandomUse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 7))
			root := filepath.Join(t.TempDir(), "spool")
			r := spool.Dir{Root: root, Size: 40_000}.Create(info) // files of 5,000 bytes
			open := map[int]bool{}                                // appended and not settled
			out := map[int][]int{}                                // in our hands: the numbers of what was joined, by each
			refs := map[int]spool.Ref{}                           // of those, by the first
			take := func(numbers []int, ref spool.Ref) {
				for _, n := range numbers {
					assert.NotContains(t, out, n, "handed out twice")
					out[n] = numbers
				}
				refs[numbers[0]] = ref
			}
			pick := func() (spool.Ref, []int) {
				for first, ref := range refs {
					numbers := out[first]
					delete(refs, first)
					for _, n := range numbers {
						delete(out, n)
					}
					return ref, numbers
				}
				return spool.Ref{}, nil
			}
			joined := 0
			next := func() bool {
				most := random.IntN(40)
				record, ref, err := r.NextJoined(most)
				if errors.Is(err, spool.ErrEmpty) {
					return false
				}
				require.NoError(t, err)
				numbers, sum := numbersOf(t, record), 0
				for _, n := range numbers {
					sum += n
				}
				assert.Equal(t, sum, record.Documents)
				assert.Len(t, record.Body, record.Raw)
				assert.True(t, len(numbers) == 1 || record.Raw <= most)
				joined = max(joined, len(numbers))
				take(numbers, ref)
				return true
			}
			for n := 1; n < 400; n++ {
				switch random.IntN(8 + int(seed)%4*4) {
				case 0, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
					held := random.IntN(3) == 0
					ref, err := r.Append(numbered(n), held)
					require.NoError(t, err)
					open[n] = true
					if held {
						take([]int{n}, ref)
					}
				case 3, 4:
					next()
				case 5, 6:
					if ref, numbers := pick(); numbers != nil {
						r.Settle(ref)
						for _, n := range numbers {
							delete(open, n)
						}
					}
				case 7:
					if ref, numbers := pick(); numbers != nil {
						r.Release(ref)
					}
				}
			}
			if seed%2 == 0 {
				for next() { //nolint:revive // until it is empty
				}
				for n := range open {
					assert.Contains(t, out, n, "lost while the spool was open")
				}
			}
			assert.Greater(t, joined, 1, "some were joined")
			require.NoError(t, r.Close())
			entries, err := spool.List(root)
			require.NoError(t, err)
			if len(entries) == 0 {
				require.Empty(t, open)
				return
			}
			r, err = spool.Open(entries[0].Path)
			require.NoError(t, err)
			clear(out)
			clear(refs)
			for next() { //nolint:revive // until it is empty
			}
			for n := range open {
				assert.Contains(t, out, n, "lost")
			}
			for _, ref := range refs {
				r.Settle(ref)
			}
			require.NoError(t, r.Close())
			assert.NoDirExists(t, entries[0].Path)
		})
	}
}

func TestSpoolIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	r := spool.Dir{Root: filepath.Join(t.TempDir(), "spool"), Size: 1 << 20}.Create(info)
	const records = 500
	var users sync.WaitGroup
	for range 2 {
		users.Go(func() {
			for n := range records {
				ref, err := r.Append(numbered(n), n%3 == 0)
				assert.NoError(t, err)
				if n%3 == 0 {
					r.Settle(ref)
				}
			}
		})
	}
	var mu sync.Mutex
	taken := map[int]int{}
	for range 2 {
		users.Go(func() {
			for {
				record, ref, err := r.Next()
				mu.Lock()
				sum := 0
				if err == nil {
					taken[record.Documents]++
				}
				for _, n := range taken {
					sum += n
				}
				mu.Unlock()
				if err == nil {
					r.Settle(ref)
				} else if sum == 2*(records-(records+2)/3) {
					return
				}
			}
		})
	}
	users.Add(1)
	go func() {
		defer users.Done()
		for range 20 {
			_, err := spool.List(r.Root())
			assert.NoError(t, err)
		}
	}()
	users.Wait()
	for n, times := range taken {
		assert.Equal(t, 2, times, "record %d", n)
	}
	require.NoError(t, r.Close())
	assert.NoDirExists(t, filepath.Join(r.Root(), "nightly_7-0123456789abcdef"))
}
