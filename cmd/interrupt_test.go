package cmd_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest/spool"
)

// fakeServer is a server without documents. It says when a request for a path comes in.
type fakeServer struct {
	*httptest.Server
	came  map[string]chan struct{} // holds an element when a request came whose path ends so
	mu    sync.Mutex
	taken int           // documents
	runs  []string      // what was stored of runs
	hangs bool          // bulk requests are not answered
	free  chan struct{} // closed when the test ends
}

func newFakeServer(t *testing.T, hangs bool) *fakeServer {
	f := &fakeServer{
		came:  map[string]chan struct{}{"/_bulk": make(chan struct{}, 1), "/_search": make(chan struct{}, 1)},
		hangs: hangs, free: make(chan struct{}),
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	t.Cleanup(func() { close(f.free) })
	return f
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for path, came := range f.came {
		if strings.HasSuffix(r.URL.Path, path) {
			select {
			case came <- struct{}{}:
			default:
			}
		}
	}
	switch {
	case r.URL.Path == "/":
		_, _ = io.WriteString(w, `{"version":{"number":"7.10.2","build_flavor":"oss"},"tagline":"You Know, for Search"}`)
	case strings.HasSuffix(r.URL.Path, "/_search"):
		_, _ = io.WriteString(w, `{"hits":{"hits":[]}}`)
	case r.URL.Path == "/_bulk" && f.hangs:
		<-f.free
	case r.URL.Path == "/_bulk":
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.taken += bytes.Count(body, []byte(`{"create"`))
		f.mu.Unlock()
		_, _ = io.WriteString(w, `{"errors":false}`)
	case strings.HasSuffix(r.URL.Path, "/_bulk"): // of series
		body, _ := io.ReadAll(r.Body)
		items := strings.Repeat(`,{"create":{"status":201}}`, bytes.Count(body, []byte("\n"))/2)
		_, _ = io.WriteString(w, `{"errors":false,"items":[`+strings.TrimPrefix(items, ",")+`]}`)
	case strings.Contains(r.URL.Path, "/_doc/") && r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
	case strings.Contains(r.URL.Path, "-runs/_doc/"):
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.runs = append(f.runs, string(body))
		f.mu.Unlock()
		_, _ = io.WriteString(w, `{}`)
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusForbidden) // who may not look at templates is trusted to have them
	default:
		_, _ = io.WriteString(w, `{}`)
	}
}

// program is a k6es that runs beside the test.
type program struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// startUpload uploads a file in requests so small that a few documents are all that the memory holds.
func startUpload(t *testing.T, server *fakeServer, file string) (p *program, stdin io.WriteCloser) {
	t.Helper()
	p = newProgram(t, "upload", "--url", server.URL, "--setup", "off", "--compression", "0", "--bulk-size", "1KiB", file)
	p.Env = append(p.Env, "K6_ELASTICSEARCH_MEMORY=1KiB", "K6_ELASTICSEARCH_TEST_NAME=points")
	stdin, err := p.StdinPipe()
	require.NoError(t, err)
	p.start(t)
	return p, stdin
}

func newProgram(t *testing.T, args ...string) *program {
	t.Helper()
	path, err := exec.LookPath("k6es")
	require.NoError(t, err)
	p := &program{Cmd: exec.Command(path, args...)} //nolint:gosec,noctx // the test's own program
	p.Env = append(os.Environ(), "HOME="+t.TempDir())
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	return p
}

func (p *program) start(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() })
}

// await waits for a request whose path ends so.
func (f *fakeServer) await(t *testing.T, path string) {
	t.Helper()
	select {
	case <-f.came[path]:
	case <-time.After(20 * time.Second):
		require.Fail(t, "there was no request for "+path)
	}
}

func (p *program) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(os.Interrupt))
}

// point is the line of a sample that makes a document of its own.
func point(i int) string {
	return fmt.Sprintf(`{"metric":"http_req_duration","type":"Point","data":{"time":"2026-11-20T02:00:07.%03dZ","value":1,"tags":{}}}`+"\n", i)
}

func pointsFile(t *testing.T, n int) string {
	t.Helper()
	var text strings.Builder
	for i := range n {
		text.WriteString(point(i))
	}
	file := filepath.Join(t.TempDir(), "points.json")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	return file
}

func TestInterruptWhileTheServerHangs(t *testing.T) {
	t.Parallel()
	for name, samples := range map[string]int{
		"all is read":          3,
		"reading waits for it": 100,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newFakeServer(t, true)
			p, _ := startUpload(t, server, pointsFile(t, samples))
			server.await(t, "/_bulk")
			begun := time.Now()
			p.interrupt(t)
			_ = p.Wait()
			assert.Equal(t, 4, p.ProcessState.ExitCode())
			assert.Less(t, time.Since(begun), 5*time.Second)
			assert.Regexp(t, `^k6es: .*points.json: interrupted. Run the same command again, and it goes on where it stopped\n$`, p.stderr.String())
		})
	}
}

func TestSecondInterruptKills(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, true)
	p, _ := startUpload(t, server, pointsFile(t, 3))
	server.await(t, "/_bulk")
	begun := time.Now()
	p.interrupt(t)
	time.Sleep(200 * time.Millisecond) // two signals at once would be one
	p.interrupt(t)
	_ = p.Wait()
	assert.Less(t, time.Since(begun), 2*time.Second)
	status, ok := p.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	assert.Equal(t, os.Interrupt, status.Signal())
}

func TestInterruptLetsStandardInputEnd(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, false)
	p, k6 := startUpload(t, server, "-")
	const early, late = 900, 5 // it begins when it has 64 KiB to look at
	for i := range early {
		_, err := io.WriteString(k6, point(i))
		require.NoError(t, err)
	}
	server.await(t, "/_search")
	p.interrupt(t)
	time.Sleep(200 * time.Millisecond)
	for i := range late {
		_, err := io.WriteString(k6, point(early+i))
		require.NoError(t, err)
	}
	require.NoError(t, k6.Close())
	require.NoError(t, p.Wait(), p.stderr.String())
	assert.Equal(t, "warning: interrupted: what still comes from standard input is loaded; interrupt again to stop at once\n", p.stderr.String())
	server.mu.Lock()
	defer server.mu.Unlock()
	assert.Equal(t, early+late, server.taken)
}

// A replay that is interrupted or killed forgets nothing that the server has not acknowledged, and leaves the
// spool to the next.
func TestInterruptedReplay(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]os.Signal{"interrupted": os.Interrupt, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const documents = 40
			root, body := filepath.Join(t.TempDir(), "spool"), []byte(`{"create":{"_index":"k6-metrics-2026.11"}}`+"\n{}\n")
			left := spool.Dir{Root: root, Size: 1 << 20}.Create(spool.Info{RunID: "0193", Instance: "0123456789abcdef", Prefix: "k6"})
			for range documents {
				_, err := left.Append(spool.Record{Kind: spool.Bulk, Documents: 1, Raw: len(body), Time: time.Now(), Body: body}, false)
				require.NoError(t, err)
			}
			require.NoError(t, left.Close())
			replay := func(server *fakeServer) *program {
				p := newProgram(t, "replay", "--url", server.URL, "--setup", "off", "--spool-dir", root)
				p.start(t)
				return p
			}
			hanging := newFakeServer(t, true)
			p := replay(hanging)
			hanging.await(t, "/_bulk")
			require.NoError(t, p.Process.Signal(signal))
			_ = p.Wait()
			if signal == os.Interrupt {
				assert.Equal(t, 4, p.ProcessState.ExitCode())
				assert.Contains(t, p.stderr.String(), "k6es: run 0193: 40 documents are still in the spool (interrupted)")
			}
			taking := newFakeServer(t, false)
			p = replay(taking)
			require.NoError(t, p.Wait(), &p.stderr)
			assert.Contains(t, p.stdout.String(), "run 0193  40 documents sent")
			assert.Equal(t, documents, taking.taken)
			assert.NoDirExists(t, filepath.Join(root, "0193-0123456789abcdef"))
		})
	}
}
