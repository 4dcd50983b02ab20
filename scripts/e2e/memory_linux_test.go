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

// While the server is down for the whole of a run of 1,000 requests a second, k6 has no more memory than the
// option allows beyond what it has without the output; and afterwards nothing is missing.
func TestMemoryOfALiveRunIsBounded(t *testing.T) {
	t.Parallel()
	const (
		option = 16 << 20
		slack  = 64 << 20 // what documents, series and the collector of garbage take, and what runs differ by
	)
	s := ready(t)
	r := newRoad(t, s)
	r.close(t)
	flood := func(flags ...string) (outcome, int64) {
		flags = append(flags, "-e", "SUMMARY=summary.json", "-e", "DURATION="+either("12s", "2m"))
		c := k6Run(t, "testdata/flood.js", flags...)
		c.program = k6Plain
		p := c.start(t)
		peak := watchPeak(p)
		o := p.wait()
		require.Zero(t, o.code, o.stderr)
		return o, <-peak
	}
	_, without := flood()
	o, with := flood(r.out("run-id="+runID, "memory=16MiB", "stop-timeout=3s"))
	want := readSummary(t, filepath.Join(o.dir, "summary.json"))
	t.Logf("%.0f requests, at most %d MiB of memory with the server down, %d MiB without the output",
		want.Metrics["http_reqs"].Values["count"], with>>20, without>>20)
	assert.Less(t, with, without+option+slack)
	s.requireSpooled(t, o)
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
