package spool_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/scripts/bench/yardstick"
)

// blockSize is about what a block of 1 MiB of documents is on disk, in bytes. It holds 1,200 requests.
const blockSize = 100 << 10

func block(b *testing.B) spool.Record {
	body := make([]byte, blockSize)
	_, err := rand.Read(body)
	require.NoError(b, err)
	return spool.Record{Kind: spool.Bulk, Compressed: true, Documents: 1200, Raw: 1 << 20, Time: time.UnixMilli(1), Body: body}
}

func BenchmarkYardstick(b *testing.B) { yardstick.Benchmark(b) }

// Budget: 1 ms a block, so that a run of 20,000 samples a second takes less than 1 % of a processor to
// spool. What is written is forgotten in between, so that the disk does not fill up.
func BenchmarkAppend(b *testing.B) {
	record := block(b)
	r := spool.Dir{Root: b.TempDir(), Size: 1 << 30}.Create(info)
	b.SetBytes(blockSize)
	b.ReportAllocs()
	for b.Loop() {
		ref, err := r.Append(record, true)
		if err != nil {
			b.Fatal(err)
		}
		r.Settle(ref)
	}
	require.NoError(b, r.Close())
}

// Budget: 1 ms a block: reading, checking and forgetting it costs no more than sending it.
func BenchmarkNext(b *testing.B) {
	record := block(b)
	r := spool.Dir{Root: b.TempDir(), Size: 4 << 30}.Create(info)
	const batch = 200
	b.SetBytes(blockSize)
	b.ReportAllocs()
	left := 0
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			for ; left < batch; left++ {
				_, err := r.Append(record, false)
				require.NoError(b, err)
			}
			b.StartTimer()
		}
		_, ref, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		r.Settle(ref)
		left--
	}
	_, _ = rest(b, r)
	require.NoError(b, r.Close())
}
