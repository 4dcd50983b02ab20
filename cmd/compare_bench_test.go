package cmd_test

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/scripts/bench/yardstick"
)

func BenchmarkYardstick(b *testing.B) { yardstick.Benchmark(b) }

// BenchmarkCompareFiles compares two JSON files of about 200 MB, and for comparison only reads them: compare
// is to be as fast as the reader.
func BenchmarkCompareFiles(b *testing.B) {
	dir := b.TempDir()
	var files []string
	var size int64
	for i := range 2 {
		run := synthetic{seed: uint64(i), start: monday.AddDate(0, 0, i), requests: 330_000, duration: 10 * time.Minute}
		files = append(files, run.write(b, dir, []string{"base.json", "new.json"}[i]))
		info, err := os.Stat(files[i])
		require.NoError(b, err)
		size += info.Size()
	}
	b.Run("read", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			for _, file := range files {
				readAll(b, file)
			}
		}
	})
	b.Run("compare", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			got := execute(b, nowhere, "compare", "--baseline", files[0], "--contender", files[1])
			require.Equal(b, cmd.ExitOK, got.code, got.err)
		}
	})
}

func readAll(b *testing.B, file string) {
	b.Helper()
	source, err := ingest.Open(file, nil, io.Discard)
	require.NoError(b, err)
	defer source.Close()
	reader := source.Samples(ingest.NewRegistry())
	var sample ingest.Sample
	for err == nil {
		err = reader.Read(&sample)
	}
	require.ErrorIs(b, err, io.EOF)
}
