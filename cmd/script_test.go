package cmd_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/alerts/alertingtest"
	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/kibana/kibanatest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// What differs from run to run: how long something took; and percentiles, which are nearly right.
var (
	durations   = regexp.MustCompile(`[0-9]+\.[0-9] s\n`)
	percentiles = regexp.MustCompile(`p95 [0-9.]+ ms`)
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// TestMain makes the program runnable from scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"k6es": func() {
		ctx, stop := cmd.Interruptible()
		code := cmd.Main(ctx, cmd.OSEnv(), os.Args[1:])
		stop()
		os.Exit(int(code))
	}})
}

// TestScripts runs the scripts that need no server.
func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/script", map[string]string{
		"K6_ELASTICSEARCH_URL": "http://127.0.0.1:1", // where nobody listens
	})
}

// TestServerScripts runs the scripts that talk to a real server. PREFIX is an index prefix of the
// script's own.
func TestServerScripts(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	prefix := servertest.Prefix(t, url)
	runScripts(t, "testdata/server", map[string]string{
		"ES_URL": url, "PREFIX": prefix, "K6_ELASTICSEARCH_URL": url, "K6_ELASTICSEARCH_INDEX_PREFIX": prefix,
	})
}

func runScripts(t *testing.T, dir string, vars map[string]string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			for name, value := range vars {
				if strings.HasSuffix(name, "PREFIX") {
					value += "-" + filepath.Base(env.WorkDir)
				}
				env.Setenv(name, value)
			}
			env.Setenv("KIBANA_URL", kibanatest.New(t, "").URL)
			if url := vars["ES_URL"]; url != "" {
				env.Setenv("ALERTING_URL", alertingtest.New(t, alerts.OpenDistro, url).URL)
			}
			return os.CopyFS(env.WorkDir, os.DirFS("testdata/data"))
		},
		Condition: func(condition string) (bool, error) {
			if condition == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("no such condition: " + condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "gzip": zip, "cut": cut, "zero": zero, "serve": serve, "http": request, "alter": alter, "plain": plain,
			"leave": leave, "harm": harm, "hold": hold, "receive": receive,
		},
	})
}

// exits runs a program that must end with the exit code: exits CODE PROGRAM ARGS…
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d instead of %d", code, want)
	}
}

// zip compresses files to FILE.gz: gzip FILE…
func zip(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		_, err := io.WriteString(zip, ts.ReadFile(name))
		ts.Check(errors.Join(err, zip.Close()))
		ts.Check(os.WriteFile(ts.MkAbs(name+".gz"), out.Bytes(), 0o600))
	}
}

// cut takes bytes off the end of a file: cut BYTES FILE
func cut(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := ts.ReadFile(args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text[:len(text)-n]), 0o600))
}

// zero makes an empty file: zero FILE
func zero(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o600))
}

// plain replaces what differs from run to run in the output of the last command, and writes it to a
// file: plain stdout|stderr FILE
func plain(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for _, name := range []string{"FAKE_URL", "KIBANA_URL", "ES_URL", "K6_ELASTICSEARCH_INDEX_PREFIX", "WORK"} {
		if value := ts.Getenv(name); value != "" {
			text = strings.ReplaceAll(text, value, "$"+name)
		}
	}
	text = percentiles.ReplaceAllString(durations.ReplaceAllString(text, "N s\n"), "p95 N ms")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// serve starts a server that answers every request with a status, at FAKE_URL: serve STATUS
func serve(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
	}))
	ts.Defer(server.Close)
	ts.Setenv("FAKE_URL", server.URL)
	ts.Setenv("FAKE_HOST", strings.TrimPrefix(server.URL, "http://"))
}

// request asks the real server, and prints the answer: http METHOD PATH [BODYFILE]
func request(ts *testscript.TestScript, _ bool, args []string) {
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(ts.ReadFile(args[2]))
	}
	request, err := http.NewRequest(args[0], ts.Getenv("ES_URL")+args[1], body) //nolint:noctx // a script has none
	ts.Check(err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
	if response.StatusCode >= http.StatusMultipleChoices {
		ts.Fatalf("%s %s: %s", args[0], args[1], response.Status)
	}
}

// alter takes the template out of a server's answer and changes a setting: alter ANSWER FILE
func alter(ts *testscript.TestScript, _ bool, args []string) {
	var answer struct {
		Templates []struct {
			Template json.RawMessage `json:"index_template"`
		} `json:"index_templates"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &answer))
	altered := strings.Replace(string(answer.Templates[0].Template), `"5s"`, `"30s"`, 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(altered), 0o600))
}
