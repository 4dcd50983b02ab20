package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A file many times as large as the memory that an upload may have, with one line near the longest that
// is read.
func TestMemoryOfAnUploadIsBounded(t *testing.T) {
	t.Parallel()
	const (
		bound   = 200 << 20
		content = 300_000_000
	)
	s := firstClass(t)
	file := filepath.Join(t.TempDir(), "large.json.gz")
	size := writeLarge(t, file, load{requests: 28_000, seed: 7, padding: 800, longLine: 15 << 20})
	require.Greater(t, size, int64(content))
	c := s.upload("--output", "json", file)
	c.program = k6esPlain
	p := c.start(t)
	peak := watchPeak(p)
	o := p.wait()
	require.Zero(t, o.code, o.stderr)
	most := <-peak
	t.Logf("%d MiB of samples, at most %d MiB of memory, %s", size>>20, most>>20, o.took.Round(time.Millisecond))
	assert.Less(t, most, int64(bound))
	assert.Equal(t, o.results(t)[0].Documents, s.count(t))
}

// writeLarge writes a load into a gzip file and returns its size before compression.
func writeLarge(t testing.TB, name string, l load) int64 {
	t.Helper()
	file, err := os.Create(name)
	require.NoError(t, err)
	defer file.Close()
	zip, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	require.NoError(t, err)
	counted := &counter{zip, 0}
	require.NoError(t, l.write(counted))
	require.NoError(t, zip.Close())
	return counted.bytes
}

type counter struct {
	*gzip.Writer
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return c.Writer.Write(p)
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// watchPeak looks at the most memory that a process ever had, in bytes, until the process is gone. What
// wait4 tells would not do: it counts the memory of the test, from which the process was forked.
func watchPeak(p *process) <-chan int64 {
	peak := make(chan int64, 1)
	file := fmt.Sprintf("/proc/%d/status", p.Process.Pid)
	go func() {
		most := int64(0)
		for range time.Tick(20 * time.Millisecond) {
			status, err := os.ReadFile(file)
			found := peakLine.FindSubmatch(status)
			if err != nil || found == nil {
				break
			}
			if kB, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
				most = kB << 10
			}
		}
		peak <- most
	}()
	return peak
}
