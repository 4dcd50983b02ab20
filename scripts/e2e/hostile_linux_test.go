package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile is a file that nobody means well with.
type hostile struct {
	few, many int // of what there are, in the short form and in the long one
	write     func(p pen, n int)
	code      int
	told      string // a part of what standard error says
}

const hostileTime = `"time":"2026-11-20T02:00:07Z"`

// hostileSample is a line of k6's JSON.
func hostileSample(metric, tags string) string {
	return fmt.Sprintf(`{"metric":%q,"type":"Point","data":{%s,"value":1,"tags":%s}}`+"\n", metric, hostileTime, tags)
}

var hostiles = map[string]hostile{
	"a line of 1 GB": {1000, 1000, func(p pen, n int) {
		p.text(hostileSample("http_reqs", "{}") + `{"metric":"`)
		repeat(p, n, func(int) string { return megabyte })
		p.text("\"}\n" + hostileSample("http_reqs", "{}"))
	}, 4, "the line is longer than 16 MiB"},
	"nested 100,000 deep": {100_000, 100_000, func(p pen, n int) {
		p.text(hostileSample("http_reqs", "{}"))
		p.text(`{"type":"Point","data":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}\n")
		p.text(hostileSample("http_reqs", strings.Repeat(`{"a":`, n)+"1"+strings.Repeat("}", n)))
	}, 4, "values nest more than 64 deep"},
	"a million label keys": {100_000, 1_000_000, func(p pen, n int) {
		repeat(p, n, func(i int) string { return hostileSample("vus", fmt.Sprintf(`{"key%d":"v"}`, i)) })
	}, 0, "more than 100 label keys"},
	"a million labels at once": {500_000, 1_000_000, func(p pen, n int) { // as many as a line holds
		p.text(strings.TrimSuffix(hostileSample("http_reqs", "{"), "}}\n"))
		repeat(p, min(n, 1_000_000), func(i int) string { return fmt.Sprintf(`"%x":"v",`, i) })
		p.text("\"z\":\"v\"}}}\n")
	}, 0, "more than 100 label keys"},
	"a million URLs": {40_000, 1_000_000, func(p pen, n int) {
		repeat(p, n, func(i int) string {
			return hostileSample("http_req_duration", fmt.Sprintf(`{"method":"GET","name":"http://x/%d","url":"http://x/%d?a","status":"200"}`, i, i))
		})
	}, 0, "smallest are summed up"},
	"a million metrics": {50_000, 1_000_000, func(p pen, n int) {
		repeat(p, n, func(i int) string { return hostileSample(fmt.Sprintf("m%d", i), "{}") })
	}, 4, "the file names more than 10000 metrics"},
	"a metric defined a million times": {30_000, 1_000_000, func(p pen, n int) {
		p.text(hostileSample("m", "{}"))
		repeat(p, n, func(i int) string {
			return fmt.Sprintf(`{"type":"Metric","data":{"name":"m","type":%q,"thresholds":["count<%d"]},"metric":"m"}`+"\n", []string{"counter", "gauge"}[i%2], i)
		})
	}, 4, "the file names more than 5000 thresholds"},
	"a million series in a second": {120_000, 1_000_000, func(p pen, n int) {
		repeat(p, n, func(i int) string { return hostileSample("vus", fmt.Sprintf(`{"a":"%d"}`, i)) })
	}, 0, "run "},
	"tags of a megabyte": {40, 1000, func(p pen, n int) {
		for i := range n {
			for _, key := range []string{"a", "name", "url", "scenario", "check"} {
				p.text(hostileSample("http_req_duration", fmt.Sprintf(`{%q:"%d%s"}`, key, i, megabyte)))
			}
		}
	}, 0, "run "},
	"metric names of a megabyte": {50, 1000, func(p pen, n int) {
		p.text(hostileSample("http_reqs", "{}"))
		repeat(p, n, func(i int) string { return hostileSample(fmt.Sprintf("m%d%s", i, megabyte), "{}") })
	}, 4, "a metric's name has at most 512 bytes"},
	"a record of a million lines": {300_000, 1_000_000, func(p pen, n int) {
		p.text("metric_name,timestamp,metric_value,a\nvus,1795140007,1,\n" + `vus,1795140007,1,"`)
		repeat(p, n, func(int) string { return `""` + "\n" })
	}, 4, "a quoted cell does not end"},
	"time that runs backwards": {50_000, 500_000, func(p pen, n int) {
		at := time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)
		repeat(p, n, func(i int) string {
			return strings.Replace(hostileSample("vus", "{}"), "2026-11-20T02:00:07Z", at.Add(-time.Duration(i)*time.Second).Format(time.RFC3339), 1)
		})
	}, 0, "run "},
	"10 GB of zeros, compressed": {10, 100, func(p pen, n int) { writeBomb(p, "", n) }, 1, "is neither k6's JSON"},
	"a line of 10 GB, compressed": {10, 100, func(p pen, n int) {
		writeBomb(p, hostileSample("http_reqs", "{}"), n)
	}, 4, "left out"},
	"a billion empty lines, compressed": {1, 100, func(p pen, n int) {
		p.text(compressed(hostileSample("http_reqs", "{}")))
		lines := compressed(strings.Repeat("\n", bombPart/10))
		repeat(p, n, func(int) string { return lines })
	}, 0, "run "},
}

var megabyte = strings.Repeat("x", 1_000_000)

// pen writes for a program that may not want to read all of it: then writing fails, and nobody minds.
type pen struct{ *bufio.Writer }

func (p pen) text(text string) { _, _ = p.WriteString(text) }

func repeat(p pen, n int, text func(int) string) {
	for i := range n {
		p.text(text(i))
	}
}

// flow is what is written, while it is read.
func flow(write func(p pen)) io.ReadCloser {
	content, end := io.Pipe()
	go func() {
		p := pen{bufio.NewWriterSize(end, 1<<20)}
		write(p)
		_ = end.CloseWithError(p.Flush())
	}()
	return content
}

const bombPart = 100_000_000

// writeBomb writes a text and parts of 100 MB of zeros, as members of one gzip file.
func writeBomb(p pen, text string, parts int) {
	p.text(compressed(text))
	zeros := compressed(strings.Repeat("\x00", bombPart))
	repeat(p, parts, func(int) string { return zeros })
}

func compressed(content string) string {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = io.WriteString(zip, content) // into memory
	_ = zip.Close()
	return b.String()
}

// What nobody means well with is refused, or read in bounded memory, and never brings the program down.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	const bound = 320 << 20
	for name, h := range hostiles {
		t.Run(name, func(t *testing.T) {
			n := h.few
			if long {
				n = h.many
			}
			told, code, peak := pour(t, flow(func(p pen) { h.write(p, n) }))
			assert.Equal(t, h.code, code, told)
			assert.Contains(t, told, h.told)
			assert.Less(t, len(told), 64<<10)
			assert.Less(t, peak, int64(bound), "%d MiB", peak>>20)
		})
	}
}

// pour uploads what comes from a reader to nowhere. It returns what was told, the exit code, and the most
// memory that it took.
func pour(t *testing.T, content io.ReadCloser, args ...string) (told string, code int, peak int64) {
	t.Helper()
	defer content.Close()
	started := time.Now()
	dir := t.TempDir()
	p := &process{Cmd: exec.CommandContext(t.Context(), program(t, k6esPlain), append([]string{"upload", "--stdout", "-"}, args...)...), t: t, started: started}
	p.Dir, p.Stdin, p.Stderr = dir, content, &p.stderr
	p.Env = []string{"HOME=" + dir}
	require.NoError(t, p.Start())
	most := watchPeak(p)
	o := p.wait()
	peak = <-most
	t.Logf("%d MiB of memory at most, %s", peak>>20, o.took.Round(10*time.Millisecond))
	return o.stderr, o.code, peak
}

// Lines that are no samples do not fill the disk: enough of them are kept.
func TestRejectedLinesDoNotFillTheDisk(t *testing.T) {
	t.Parallel()
	rejects := filepath.Join(t.TempDir(), "rejects")
	told, code, peak := pour(t, flow(func(p pen) {
		p.text(hostileSample("http_reqs", "{}"))
		repeat(p, 20, func(int) string { return `{"x":"` + strings.Repeat(megabyte, 15) + "\"}\n" })
	}), "--rejects-file", rejects)
	assert.Equal(t, 4, code)
	assert.Contains(t, told, "20 lines of 21 were left out; see "+rejects+", which was full before the last 2 lines")
	assert.Less(t, peak, int64(320<<20))
	info, err := os.Stat(rejects)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(280<<20))
}

// A named pipe is read like a file.
func TestNamedPipe(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	p := command{program: k6esPlain, args: []string{"upload", "--stdout", name}}.start(t)
	require.NoError(t, os.WriteFile(name, []byte(hostileSample("http_reqs", "{}")+"half a li"), 0o600))
	o := p.wait()
	assert.Zero(t, o.code)
	assert.Contains(t, o.stderr, "the last line is cut off")
	assert.Contains(t, o.stdout, `"http_reqs":1`)
}
