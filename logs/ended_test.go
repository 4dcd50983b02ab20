package logs_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// Lines of a process that ended abnormally are told from those of one that ended well, by level, by exit code
// and by text.
func TestEnded(t *testing.T) {
	t.Parallel()
	lines := map[string][]m{
		"words": {
			{"level": "info", "message": "server stopped"}, {"level": "error", "message": "no stock"},
			{"level": "fatal", "message": "server stopped: address in use"},
		},
		"upper case": {{"level": "INFO", "message": "bye"}, {"level": "ERROR", "message": "no stock"}, {"level": "FATAL", "message": "out of memory"}},
		"pino":       {{"level": 30, "msg": "bye"}, {"level": 50, "msg": "no stock"}, {"level": 60, "msg": "out of memory"}},
		"exit code": {
			{"level": "info", "message": "worker", "process": m{"exit_code": 0}}, {"level": "info", "message": "worker"},
			{"level": "info", "message": "worker", "process": m{"exit_code": 137}},
		},
		"text": {
			{"message": "App [shop:0] exited with code [0]"}, {"message": "the code is 1"},
			{"message": "App [shop:0] exited with code [1] via signal [SIGINT]"},
		},
		"systemd": {
			{"message": "shop.service: Main process exited, code=exited, status=0/SUCCESS"}, {"message": "shop.service: Succeeded."},
			{"message": "shop.service: Main process exited, code=exited, status=1/FAILURE"},
		},
		"out of memory": {
			{"message": "shop.service: Main process exited, code=killed, status=15/TERM"}, {"message": "shop.service: Succeeded."},
			{"message": "shop.service: Main process exited, code=killed, status=9/KILL"},
		},
		"core dumped": {
			{"message": "shop.service: Main process exited, code=exited, status=0/SUCCESS"}, {"message": "shop.service: Succeeded."},
			{"message": "shop.service: Main process exited, code=dumped, status=11/SEGV"},
		},
	}
	servertest.Each(t, func(t *testing.T, url string) {
		for name, lines := range lines {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client, prefix := connect(t, url), servertest.Prefix(t, url)
				var timed []m
				for _, line := range lines {
					line := maps.Clone(line)
					line["@timestamp"] = logstest.ISO(logstest.Begin)
					timed = append(timed, line)
				}
				logstest.Fill(t, client, prefix+"-logs", m{"properties": m{"@timestamp": m{"type": "date"}}}, timed)
				shape, err := logs.Probe(t.Context(), client, prefix+"-*", logs.Overrides{})
				require.NoError(t, err)
				assert.Equal(t, 1, count(t, client, prefix+"-*", shape.Ended.Query), shape.Ended.KQL)
				lucene := m{"query_string": m{"query": shape.Ended.Lucene}}
				assert.Equal(t, 1, count(t, client, prefix+"-*", lucene), shape.Ended.Lucene)
			})
		}
	})
}

// The address of a client is told from that of the host, and from other texts.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	for field, lines := range map[string][]m{
		"ip.keyword":          {{"ip": "2001:db8::7", "host": m{"ip": "10.0.0.1"}}},
		"remote_addr.keyword": {{"remote_addr": "203.0.113.7:4711", "ip": "none of yours"}},
		"":                    {{"host": m{"ip": "10.0.0.1"}, "ip": "v4"}},
	} {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		for _, line := range lines {
			line["@timestamp"] = logstest.ISO(logstest.Begin)
		}
		logstest.Fill(t, client, prefix+"-logs", m{"properties": m{"@timestamp": m{"type": "date"}}}, lines)
		shape, err := logs.Probe(t.Context(), client, prefix+"-*", logs.Overrides{})
		require.NoError(t, err)
		assert.Equal(t, field, shape.Choice(logs.Address).Field)
	}
}
