package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// elastAlert2 is a real ElastAlert2, in a Python environment of its own in the user's cache.
type elastAlert2 struct {
	bin     string // folder of its programs
	version string
}

// hasTeams tells whether it can tell Teams: versions that need a Python before 3.12 cannot.
func (e elastAlert2) hasTeams() bool { return e.version != "2.19.0" }

// newElastAlert2 returns ElastAlert2, which it fetches from PyPI the first time. Where it cannot be had, the
// test fails in CI and is skipped elsewhere.
func newElastAlert2(t *testing.T) elastAlert2 {
	t.Helper()
	found, err := fetchElastAlert2()
	if err == nil {
		return found
	}
	const message = "NOT TESTED: there is no ElastAlert2 to test alarms with: %v. It needs Python 3.11 or later with venv " +
		"(Debian: apt-get install -y python3-venv) and, the first time, PyPI"
	if os.Getenv("CI") != "" {
		t.Fatalf(message, err)
	}
	t.Skipf(message, err)
	return found
}

var fetchElastAlert2 = sync.OnceValues(func() (elastAlert2, error) {
	python, version, err := findPython()
	if err != nil {
		return elastAlert2{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return elastAlert2{}, err
	}
	dir := filepath.Join(cache, "k6es", "elastalert2-"+version)
	found := elastAlert2{filepath.Join(dir, "bin"), version}
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return found, nil
	}
	list, err := filepath.Abs(filepath.Join("testdata", "elastalert2-"+version+".txt"))
	if err != nil {
		return elastAlert2{}, err
	}
	for _, args := range [][]string{
		{python, "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check", "--requirement", list},
	} {
		if output, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return elastAlert2{}, fmt.Errorf("%s: %w: %.2000s", strings.Join(args, " "), err, output)
		}
	}
	return found, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o600)
})

var pythonVersion = regexp.MustCompile(`^Python 3\.(\d+)\.`)

// findPython finds the best Python, and the ElastAlert2 that it can run.
func findPython() (python, version string, err error) {
	for _, name := range []string{"python3.13", "python3.12", "python3"} {
		output, err := exec.Command(name, "--version").Output()
		match := pythonVersion.FindSubmatch(output)
		switch {
		case err != nil || match == nil:
		case len(match[1]) == 2 && string(match[1]) >= "12":
			return name, "2.26.0", nil
		case string(match[1]) == "11":
			return name, "2.19.0", nil
		}
	}
	return "", "", errors.New("there is no Python 3.11 or later")
}

// run runs a program of it to its end.
func (e elastAlert2) run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(e.bin, name), args...)
	c.Dir = dir
	output, err := c.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// start starts ElastAlert2 with a configuration, until the test ends.
func (e elastAlert2) start(t *testing.T, dir string, env ...string) {
	t.Helper()
	c := exec.Command(filepath.Join(e.bin, "elastalert"), "--verbose", "--config", "config.yaml")
	c.Dir = dir
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	background(t, c)
}

// background starts a program that has nothing to save. It runs, with those that it starts, until the test ends;
// if that failed, what they said is shown.
func background(t *testing.T, c *exec.Cmd) {
	t.Helper()
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	require.NoError(t, err)
	c.Stdout, c.Stderr = output, output
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		_ = output.Close()
		if text, _ := os.ReadFile(output.Name()); t.Failed() {
			t.Logf("%s said:\n%s", c.Path, text)
		}
	})
}

// told is what a receiver was told of an alarm.
type told struct {
	Alarm, Severity, Title, About, Text, Link string
}

// receivers are stand-ins for all that an alarm may be told to.
type receivers struct {
	url, smtp string

	mu    sync.Mutex // guards what follows
	posts map[string][]told
	texts map[string][]string // slack, teams, email: whole messages
}

func newReceivers(t *testing.T) *receivers {
	t.Helper()
	r := &receivers{posts: map[string][]told{}, texts: map[string][]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	r.smtp = listener.Addr().String()
	go r.serveMail(listener) // ends with its listener
	return r
}

func (r *receivers) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kind := strings.TrimPrefix(request.URL.Path, "/")
	if kind != "webhook" {
		r.texts[kind] = append(r.texts[kind], string(text))
		return
	}
	var message told
	if err := json.Unmarshal(text, &message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.posts[message.Alarm] = append(r.posts[message.Alarm], message)
}

func (r *receivers) serveMail(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go r.takeMail(connection)
	}
}

// takeMail speaks as much SMTP (RFC 5321) as a client without extensions needs.
func (r *receivers) takeMail(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	say := func(text string) { fmt.Fprint(connection, text+"\r\n") }
	say("220 stand-in")
	var mail strings.Builder
	inMail := false
	for lines := bufio.NewScanner(connection); lines.Scan(); {
		line := lines.Text()
		switch {
		case inMail && line == ".":
			inMail = false
			r.mu.Lock()
			r.texts["email"] = append(r.texts["email"], mail.String())
			r.mu.Unlock()
			say("250 taken")
		case inMail:
			mail.WriteString(line + "\n")
		case strings.HasPrefix(strings.ToUpper(line), "DATA"):
			inMail = true
			say("354 go on")
		case strings.HasPrefix(strings.ToUpper(line), "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// of are the messages about an alarm.
func (r *receivers) of(alarm string) []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts[alarm]
}

// messages are what came another way.
func (r *receivers) messages(kind string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.texts[kind]
}

// startFilebeat ships the lines of a log file, until the test ends.
func startFilebeat(t *testing.T, s store, logFile, index string) {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf(`
filebeat.inputs:
  - {type: log, paths: [%q], json: {keys_under_root: true, add_error_key: true}, scan_frequency: 1s}
processors:
  - timestamp: {field: timestamp, layouts: ["2006-01-02T15:04:05.000Z"], ignore_missing: true, ignore_failure: true}
output.elasticsearch: {hosts: [%q], index: %q}
setup: {ilm.enabled: false, template: {enabled: false, name: %[4]q, pattern: %[4]q}}
seccomp.enabled: false
`, logFile, s.url, index, s.prefix)
	file := filepath.Join(dir, "filebeat.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	require.NoError(t, goBuild("-C", filepath.Join("scripts", "filebeat"), "-ldflags", "-s -w", "-o", filepath.Join(dir, "filebeat"), "."))
	background(t, exec.Command(filepath.Join(dir, "filebeat"), "-c", file, "--path.home", filepath.Join(dir, "home")))
}

// soon is how long to wait for what takes seconds on an idle machine.
const soon = 2 * time.Minute
