package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// command is a program to run, in a folder and an environment of its own.
type command struct {
	program string
	args    []string
	env     []string // KEY=value
	stdin   io.Reader
	dir     string // empty: a new one
	shell   string // a script that ends by running "$0" "$@", the program; empty: none
}

// outcome is how a program ended.
type outcome struct {
	code           int // -1: by a signal
	stdout, stderr string
	took           time.Duration
	dir            string
}

// process is a running command.
type process struct {
	*exec.Cmd
	t              testing.TB
	stdout, stderr bytes.Buffer
	started        time.Time
}

// start starts the command. The test must wait for it; whatever still runs at its end is killed.
func (c command) start(t testing.TB) *process {
	t.Helper()
	if c.dir == "" {
		c.dir = t.TempDir()
	}
	line := append([]string{program(t, c.program)}, c.args...)
	if c.shell != "" {
		line = append([]string{"/bin/sh", "-c", c.shell}, line...)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), line[0], line[1:]...), t: t, started: time.Now()}
	p.Dir, p.Stdin, p.Stdout, p.Stderr = c.dir, c.stdin, &p.stdout, &p.stderr
	p.WaitDelay = 10 * time.Second
	p.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false",
	}, c.env...)
	require.NoError(t, p.Start())
	return p
}

// wait waits for the end of the process.
func (p *process) wait() outcome {
	p.t.Helper()
	if err := p.Wait(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(p.t, err, &exit)
	}
	o := outcome{p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String(), time.Since(p.started), p.Dir}
	assert.NotContains(p.t, o.stderr, "DATA RACE")
	return o
}

// run runs the command and demands its exit code.
func (c command) run(t testing.TB, code int) outcome {
	t.Helper()
	o := c.start(t).wait()
	require.Equal(t, code, o.code, "%s %s\n%s\n%s", c.program, strings.Join(c.args, " "), o.stdout, o.stderr)
	return o
}

// uploaded is what `k6es upload --output json` says of a file.
type uploaded struct {
	File        string
	RunID       string `json:"run_id"`
	RunName     string `json:"run_name"`
	Test        string
	Samples     int
	Requests    float64
	Documents   int
	Created     int
	Existing    int
	Rejected    int
	Undelivered int
	BadLines    int  `json:"bad_lines"`
	TornLine    bool `json:"torn_line"`
}

// results reads the output of `k6es upload --output json`.
func (o outcome) results(t testing.TB) []uploaded {
	t.Helper()
	var results []uploaded
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &results), o.stdout)
	return results
}

// upload makes a command that loads files into the store.
func (s store) upload(args ...string) command {
	return command{program: k6es, args: slices.Concat([]string{"upload", "--url", s.url, "--index-prefix", s.prefix}, args)}
}

// load loads one file and returns what became of it.
func (s store) load(t testing.TB, args ...string) uploaded {
	t.Helper()
	results := s.upload(append(args, "--output", "json")...).run(t, 0).results(t)
	require.Len(t, results, 1)
	return results[0]
}

// k6Run makes a command that runs a script of this repository with the given flags, against the sample service.
func k6Run(t testing.TB, script string, flags ...string) command {
	t.Helper()
	return k6With(t, script, slices.Concat(flags, shopFlags(t))...)
}

// k6With is k6Run with nothing but the given flags.
func k6With(t testing.TB, script string, flags ...string) command {
	t.Helper()
	return command{program: k6, args: slices.Concat([]string{"run", "--address="}, flags, []string{absolute(t, script)})}
}

// out is the --out flag that sends a live run into the store.
func (s store) out(options ...string) string {
	return "--out=elasticsearch=" + strings.Join(append([]string{s.url, "index-prefix=" + s.prefix}, options...), ",")
}
