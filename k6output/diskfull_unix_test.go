//go:build unix

package k6output

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"
)

// fullDisk is the environment variable that makes this test's process one on a disk that takes no file of
// more than 64 KiB.
const fullDisk = "K6ES_TEST_FULL_DISK"

// A disk that takes nothing more does not disturb the test: what was written stays good, and all else is
// counted and told. The limit holds for a process as a whole, so it gets one of its own.
func TestDiskIsFull(t *testing.T) {
	t.Parallel()
	if os.Getenv(fullDisk) == "" {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiskIsFull$", "-test.v") //nolint:gosec // this program
		command.Env = append(os.Environ(), fullDisk+"=1")
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	samples := newRunSamples()
	o, hook := newOutput(t, "http://127.0.0.1:1,stop-timeout=1s,memory=256KiB,bulk-size=16KiB,compression=0,flush-period=20ms")
	require.NoError(t, o.Start())
	signal.Ignore(syscall.SIGXFSZ) // then writing fails, as on a full disk
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}))
	for i := range 5000 {
		o.AddMetricSamples([]metrics.SampleContainer{samples.request(time.Duration(i) * time.Millisecond)})
		if i%100 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	require.NoError(t, o.Stop())
	stats := o.writer.Stats()
	said := strings.Join(lines(hook), "\n")
	assert.Positive(t, stats.Spooled, said)
	assert.Positive(t, stats.Undelivered, said)
	assert.Equal(t, int64(o.pipeline.Documents()), stats.Spooled+stats.Undelivered) //nolint:gosec // a count
	assert.Equal(t, 1, strings.Count(said, "file too large; documents wait in memory, and those that find no room there are not delivered"), said)

	entry := o.spooled(t)
	assert.Equal(t, stats.Spooled, entry.Documents)
	assert.Zero(t, entry.Damaged, "what was written in part was taken back")
}
