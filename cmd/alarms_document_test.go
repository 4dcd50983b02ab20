package cmd_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/alerts/alertingtest"
	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// The commands of docs/alarms.md that come after the first alarm work as they stand there, with logs as Filebeat
// leaves them. The server is a real one, with a stand-in of an alerting plugin before it.
func TestCommandsOfAlarms(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/alarms.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n## With production logs\n")
	require.True(t, found)
	after = strings.ReplaceAll(after, "\\\n", "")

	url := servertest.URL(t, servertest.FirstClass)
	prefix := servertest.Prefix(t, url)
	client, err := elastic.New(elastic.Config{URLs: []string{url}})
	require.NoError(t, err)
	logstest.Fill(t, client, prefix+"-filebeat-1", logstest.Shapes[0].Mappings, logstest.Shapes[0].Lines)
	plugin := alertingtest.New(t, alerts.OpenDistro, url)
	env := cmd.Env{Out: io.Discard, Name: "k6es", Vars: map[string]string{
		"K6_ELASTICSEARCH_URL": plugin.URL, "K6_ELASTICSEARCH_INDEX_PREFIX": prefix,
	}}
	run := func(args ...string) {
		var said strings.Builder
		env.Err = &said
		assert.Zero(t, cmd.Main(t.Context(), env, args), "%v: %s", args, &said)
	}
	run("setup", "--index-management")
	commands := 0
	for line := range strings.Lines(after) {
		args := strings.Fields(strings.ReplaceAll(line, "'filebeat-*'", prefix+"-filebeat-*"))
		if len(args) < 2 || args[0] != "k6es" {
			continue
		}
		for i := range args {
			if args[i] == "--dir" {
				args[i+1] = t.TempDir()
			}
		}
		run(args[1:]...)
		commands++
	}
	assert.GreaterOrEqual(t, commands, 4)
	assert.Contains(t, plugin.Names(), prefix+"-host-silent", "the logs have hosts")
}
