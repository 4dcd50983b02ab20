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

// long says whether tests are to take their time: as many as the names of a test say, instead of some.
var long = os.Getenv("K6ES_LONG") != ""

// hostile is a file that nobody means well with.
type hostile struct {
	few, many int // of what there are, in the short form and in the long one
	write     func(w *bufio.Writer, n int)
	code      int
	told      string // a part of what standard error says
}

const hostileTime = `"time":"2026-11-20T02:00:07Z"`

// hostileSample is a line of k6's JSON.
func hostileSample(metric, tags string) string {
	return fmt.Sprintf(`{"metric":%q,"type":"Point","data":{%s,"value":1,"tags":%s}}`+"\n", metric, hostileTime, tags)
}

var hostiles = map[string]hostile{
	"a line of 1 GB": {1000, 1000, func(w *bufio.Writer, n int) {
		w.WriteString(hostileSample("http_reqs", "{}") + `{"metric":"`)
		repeat(w, n, func(int) string { return megabyte })
		w.WriteString("\"}\n" + hostileSample("http_reqs", "{}"))
	}, 4, "the line is longer than 16 MiB"},
	"nested 100,000 deep": {100_000, 100_000, func(w *bufio.Writer, n int) {
		w.WriteString(hostileSample("http_reqs", "{}"))
		w.WriteString(`{"type":"Point","data":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}\n")
		w.WriteString(hostileSample("http_reqs", strings.Repeat(`{"a":`, n)+"1"+strings.Repeat("}", n)))
	}, 4, "values nest more than 64 deep"},
	"a million label keys": {100_000, 1_000_000, func(w *bufio.Writer, n int) {
		repeat(w, n, func(i int) string { return hostileSample("vus", fmt.Sprintf(`{"key%d":"v"}`, i)) })
	}, 0, "more than 100 label keys"},
	"a million labels at once": {500_000, 1_000_000, func(w *bufio.Writer, n int) { // as many as a line holds
		w.WriteString(strings.TrimSuffix(hostileSample("http_reqs", "{"), "}}\n"))
		repeat(w, min(n, 1_000_000), func(i int) string { return fmt.Sprintf(`"%x":"v",`, i) })
		w.WriteString("\"z\":\"v\"}}}\n")
	}, 0, "more than 100 label keys"},
	"a million URLs": {40_000, 1_000_000, func(w *bufio.Writer, n int) {
		repeat(w, n, func(i int) string {
			return hostileSample("http_req_duration", fmt.Sprintf(`{"method":"GET","name":"http://x/%d","url":"http://x/%d?a","status":"200"}`, i, i))
		})
	}, 0, "smallest are summed up"},
	"a million metrics": {50_000, 1_000_000, func(w *bufio.Writer, n int) {
		repeat(w, n, func(i int) string { return hostileSample(fmt.Sprintf("m%d", i), "{}") })
	}, 4, "the file names more than 10000 metrics"},
	"a metric defined a million times": {30_000, 1_000_000, func(w *bufio.Writer, n int) {
		w.WriteString(hostileSample("m", "{}"))
		repeat(w, n, func(i int) string {
			return fmt.Sprintf(`{"type":"Metric","data":{"name":"m","type":%q,"thresholds":["count<%d"]},"metric":"m"}`+"\n", []string{"counter", "gauge"}[i%2], i)
		})
	}, 4, "the file names more than 5000 thresholds"},
	"a million series in a second": {120_000, 1_000_000, func(w *bufio.Writer, n int) {
		repeat(w, n, func(i int) string { return hostileSample("vus", fmt.Sprintf(`{"a":"%d"}`, i)) })
	}, 0, "run "},
	"tags of a megabyte": {40, 1000, func(w *bufio.Writer, n int) {
		for i := range n {
			for _, key := range []string{"a", "name", "url", "scenario", "check"} {
				w.WriteString(hostileSample("http_req_duration", fmt.Sprintf(`{%q:"%d%s"}`, key, i, megabyte)))
			}
		}
	}, 0, "run "},
	"metric names of a megabyte": {50, 1000, func(w *bufio.Writer, n int) {
		w.WriteString(hostileSample("http_reqs", "{}"))
		repeat(w, n, func(i int) string { return hostileSample(fmt.Sprintf("m%d%s", i, megabyte), "{}") })
	}, 4, "a metric's name has at most 512 bytes"},
	"a record of a million lines": {300_000, 1_000_000, func(w *bufio.Writer, n int) {
		w.WriteString("metric_name,timestamp,metric_value,a\nvus,1795140007,1,\n" + `vus,1795140007,1,"`)
		repeat(w, n, func(int) string { return `""` + "\n" })
	}, 4, "a quoted cell does not end"},
	"time that runs backwards": {50_000, 500_000, func(w *bufio.Writer, n int) {
		at := time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)
		repeat(w, n, func(i int) string {
			return strings.Replace(hostileSample("vus", "{}"), "2026-11-20T02:00:07Z", at.Add(-time.Duration(i)*time.Second).Format(time.RFC3339), 1)
		})
	}, 0, "run "},
	"10 GB of zeros, compressed": {10, 100, func(w *bufio.Writer, n int) { writeBomb(w, "", n) }, 1, "is neither k6's JSON"},
	"a line of 10 GB, compressed": {10, 100, func(w *bufio.Writer, n int) {
		writeBomb(w, hostileSample("http_reqs", "{}"), n)
	}, 4, "left out"},
	"a billion empty lines, compressed": {1, 100, func(w *bufio.Writer, n int) {
		zip := gzip.NewWriter(w)
		io.WriteString(zip, hostileSample("http_reqs", "{}"))
		zip.Close()
		w.Write(bytes.Repeat(compressed(bytes.Repeat([]byte("\n"), bombPart/10)), n))
	}, 0, "run "},
}

var megabyte = strings.Repeat("x", 1_000_000)

func repeat(w *bufio.Writer, n int, text func(int) string) {
	for i := range n {
		w.WriteString(text(i))
	}
}

const bombPart = 100_000_000

// writeBomb writes a text and parts of 100 MB of zeros, as members of one gzip file.
func writeBomb(w *bufio.Writer, text string, parts int) {
	w.Write(compressed([]byte(text)))
	zeros := compressed(make([]byte, bombPart))
	for range parts {
		w.Write(zeros)
	}
}

func compressed(content []byte) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	zip.Write(content)
	zip.Close()
	return b.Bytes()
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
			content, pipe := io.Pipe()
			go func() {
				w := bufio.NewWriterSize(pipe, 1<<20)
				h.write(w, n)
				w.Flush() // fails where the program does not want all of it
				pipe.Close()
			}()
			told, code, peak := pour(t, content)
			content.Close()
			assert.Equal(t, h.code, code, told)
			assert.Contains(t, told, h.told)
			assert.Less(t, len(told), 64<<10)
			assert.Less(t, peak, int64(bound), "%d MiB", peak>>20)
		})
	}
}

// pour uploads what comes from a reader to nowhere. It returns what was told, the exit code, and the most
// memory that it took.
func pour(t *testing.T, content io.Reader, args ...string) (told string, code int, peak int64) {
	t.Helper()
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
	content, pipe := io.Pipe()
	go func() {
		io.WriteString(pipe, hostileSample("http_reqs", "{}"))
		line := `{"x":"` + strings.Repeat(megabyte, 15) + "\"}\n"
		for range 20 {
			io.WriteString(pipe, line)
		}
		pipe.Close()
	}()
	rejects := filepath.Join(t.TempDir(), "rejects")
	told, code, peak := pour(t, content, "--rejects-file", rejects)
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
