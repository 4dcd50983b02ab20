package logs_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

const patience = 2 * time.Minute // for what takes seconds on an idle machine

// TestRealLogs lets the sample service log into Elasticsearch itself and into a file, which a real
// Filebeat ships, once with the line's keys at the top and once below json.
func TestRealLogs(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	client, prefix, dir := connect(t, url), servertest.Prefix(t, url), t.TempDir()
	logFile := filepath.Join(dir, "shop.log")

	address := startService(t, dir, "-log", logFile, "-log-elasticsearch", url, "-log-index", prefix+"-direct-YYYY.MM.DD", "-error-rate", "0")
	requests := 0
	for range 10 {
		for _, path := range []string{"/api/items/1", "/api/items", "/fast", "/status/503", "/status/404"} {
			response, err := http.Get(address + path)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			requests++
		}
	}
	startFilebeat(t, dir, url, prefix, logFile)

	const start = 1 // line of the service's start
	for _, shape := range []struct {
		index, level, host string
	}{
		{"direct", "level", "hostname"},
		{"flat", "level", "host.name"},
		{"json", "json.level", "host.name"},
	} {
		pattern := prefix + "-" + shape.index + "-*"
		waitForLines(t, client, pattern, requests+start)
		found, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{})
		require.NoError(t, err, shape.index)
		below := strings.TrimSuffix(shape.level, "level")
		for role, want := range map[logs.Role]string{
			logs.Time: "@timestamp", logs.Level: shape.level + ".keyword", logs.Message: below + "message.keyword",
			logs.Host: shape.host + ".keyword", logs.Service: "", logs.Route: below + "route.keyword",
			logs.Status: below + "status", logs.Latency: below + "IntervalTime", logs.Address: below + "ip.keyword",
		} {
			assert.Equal(t, want, found.Choice(role).Field, "%s: %s", shape.index, role)
		}
		assert.Equal(t, logs.Milliseconds, found.Unit, shape.index)
		assert.Empty(t, found.Notes, shape.index)
		assert.Equal(t, requests/5, count(t, client, pattern, found.Errors.Query), shape.index)
		assert.Equal(t, requests/5, count(t, client, pattern, found.Warnings.Query), shape.index)
		assert.Equal(t, requests/5, count(t, client, pattern, found.Failures.Query), shape.index)
		assert.Equal(t, requests, count(t, client, pattern, found.FailuresOf.Query), shape.index)
	}
}

// build compiles a main package of the repository; Go's own cache makes the second time quick.
func build(t *testing.T, module, dir string) string {
	t.Helper()
	program := filepath.Join(dir, filepath.Base(module))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Dir = filepath.Join("..", "scripts", module)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
	return program
}

// start runs a program until the test ends.
func start(t *testing.T, program string, args ...string) {
	t.Helper()
	output, err := os.Create(program + ".out")
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = output, output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = output.Close()
		if t.Failed() {
			text, _ := os.ReadFile(program + ".out")
			t.Logf("%s said:\n%.8000s", filepath.Base(program), text)
		}
	})
}

func startService(t *testing.T, dir string, args ...string) (address string) {
	t.Helper()
	file := filepath.Join(dir, "address")
	start(t, build(t, "service", dir), append(args, "-addr-file", file)...)
	require.Eventually(t, func() bool {
		content, err := os.ReadFile(file)
		first, _, _ := strings.Cut(string(content), "\n")
		address = "http://" + strings.TrimPrefix(first, "http=")
		return err == nil
	}, patience, 20*time.Millisecond)
	return address
}

func startFilebeat(t *testing.T, dir, url, prefix, logFile string) {
	t.Helper()
	config := fmt.Sprintf(`
filebeat.inputs:
  - {type: log, paths: [%[1]q], json: {keys_under_root: true, add_error_key: true}, scan_frequency: 1s}
  - {type: log, paths: [%[2]q], json: {keys_under_root: false}, scan_frequency: 1s}
processors:
  - timestamp: {field: timestamp, layouts: ["2006-01-02T15:04:05.000Z"], ignore_missing: true, ignore_failure: true}
output.elasticsearch:
  hosts: [%[3]q]
  index: "%[4]s-flat-%%{+yyyy.MM.dd}"
  indices: [{index: "%[4]s-json-%%{+yyyy.MM.dd}", when.has_fields: [json.level]}]
setup: {ilm.enabled: false, template: {enabled: false, name: %[4]s, pattern: "%[4]s-*"}}
seccomp.enabled: false
`, logFile, logFile+".2", url, prefix)
	lines, err := os.ReadFile(logFile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(logFile+".2", lines, 0o600)) // Filebeat reads a file once
	file := filepath.Join(dir, "filebeat.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	program := build(t, "filebeat", dir)
	start(t, program, "-c", file, "--path.home", filepath.Join(dir, "home"), "-e")
	testExample(t, program, dir)
}

// testExample lets Filebeat read its configuration of examples/elk.
func testExample(t *testing.T, program, dir string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	server.Close()
	authority := filepath.Join(dir, "cert.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(authority, block, 0o600))
	example, err := filepath.Abs(filepath.Join("..", "examples", "elk", "filebeat.yml"))
	require.NoError(t, err)
	output, err := exec.CommandContext(t.Context(), program, "test", "config", "-c", example, "--strict.perms=false",
		"--path.home", filepath.Join(dir, "test"), "-E", fmt.Sprintf("output.logstash.ssl.certificate_authorities=[%q]", authority)).CombinedOutput()
	require.NoError(t, err, string(output))
}

func waitForLines(t *testing.T, client *elastic.Client, pattern string, lines int) {
	t.Helper()
	ctx := t.Context()
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		var answer struct{ Count int }
		require.NoError(t, client.JSON(ctx, "POST", "/"+pattern+"/_refresh", nil, nil))
		require.NoError(t, client.JSON(ctx, "GET", "/"+pattern+"/_count", nil, &answer))
		assert.Equal(t, lines, answer.Count)
	}, patience, 200*time.Millisecond, pattern)
}
