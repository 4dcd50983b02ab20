package logs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// onServer gives a test a server and names of its own.
func onServer(t *testing.T) (client *elastic.Client, prefix, pattern string) {
	t.Helper()
	url := servertest.URL(t, servertest.FirstClass)
	prefix = servertest.Prefix(t, url)
	return connect(t, url), prefix, prefix + "-*"
}

// some are n lines, one a second from begin.
func some(n int, line func(i int) m) []m {
	all := []m{}
	for i := range n {
		one := line(i)
		one["@timestamp"] = logstest.ISO(logstest.Begin.Add(time.Duration(i) * time.Second))
		all = append(all, one)
	}
	return all
}

func probe(t *testing.T, client *elastic.Client, pattern string) logs.Shape {
	t.Helper()
	found, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{})
	require.NoError(t, err)
	return found
}

func properties(fields m) m { return m{"properties": fields} }

var (
	date    = m{"type": "date"}
	keyword = m{"type": "keyword"}
	long    = m{"type": "long"}
)

const winstonErrors = "(error or fatal or critical or severe or emergency or alert or panic or err or crit or emerg)"

var dynamic = properties(m{"@timestamp": date})

func TestTextHereAndKeywordThere(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	hosts := properties(m{"@timestamp": date, "host": properties(m{"name": keyword})})
	logstest.Fill(t, client, prefix+"-new", hosts, some(40, func(int) m { return m{"host": m{"name": "web-1"}} }))
	logstest.Fill(t, client, prefix+"-old", dynamic, some(10, func(int) m { return m{"host": m{"name": "web-2"}} }))
	found := probe(t, client, pattern)
	assert.Equal(t, "host.name", found.Choice(logs.Host).Field)
	assert.Equal(t, []string{"host.name is keyword in " + prefix + "-new; text in " + prefix + "-old: Kibana warns of the indices where " +
		"it cannot be counted by, and leaves them out of tables. Leave them out of --logs-index, or index them anew"}, found.Notes)

	logstest.Fill(t, client, prefix+"-older", dynamic, some(80, func(int) m { return m{"host": m{"name": "web-2"}} }))
	found = probe(t, client, pattern)
	assert.Equal(t, "host.name.keyword", found.Choice(logs.Host).Field, "has more lines now")
	require.Len(t, found.Notes, 1)
	assert.Contains(t, found.Notes[0], "leave out the lines where there is no host.name.keyword")
}

func TestClashingTypes(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	logstest.Fill(t, client, prefix+"-pino", dynamic, some(20, func(int) m { return m{"level": 50, "host": "web-1"} }))
	logstest.Fill(t, client, prefix+"-winston", dynamic, some(20, func(int) m { return m{"level": "error", "host": m{"name": "web-2"}} }))
	found := probe(t, client, pattern)
	assert.False(t, found.Choice(logs.Level).Found(), "level cannot be asked as one")
	assert.Contains(t, found.Choice(logs.Level).Why, "level is long in "+prefix+"-pino; text in "+prefix+"-winston")
	assert.Empty(t, found.Errors.KQL)
	assert.Equal(t, "host.name", found.Choice(logs.Host).Show, "host is text and an object")
	assert.Empty(t, found.Notes)

	logstest.Fill(t, client, prefix+"-bunyan", dynamic, some(20, func(int) m { return m{"lvl": "ERROR"} }))
	found = probe(t, client, pattern)
	assert.Equal(t, "lvl", found.Choice(logs.Level).Show, "all that is left")
	require.Len(t, found.Notes, 1)
	assert.Contains(t, found.Notes[0], "so it is not the level; name fewer indices to use it")
}

func TestServicesThatLogInDifferentWays(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	levels := []string{"info", "error"}
	logstest.Fill(t, client, prefix+"-a", dynamic, some(40, func(i int) m {
		return m{"log": m{"level": levels[i%2]}, "http": m{"response": m{"status_code": 200 + 300*(i%2)}}}
	}))
	logstest.Fill(t, client, prefix+"-b", dynamic, some(20, func(i int) m { return m{"severity": levels[i%2], "status": 200 + 300*(i%2)} }))
	found := probe(t, client, pattern)
	assert.Equal(t, "log.level", found.Choice(logs.Level).Show)
	assert.Equal(t, []string{"severity"}, found.Choice(logs.Level).Alternatives)
	assert.Equal(t, "(log.level:"+winstonErrors+") or (severity:"+winstonErrors+")", found.Errors.KQL)
	assert.Equal(t, 30, count(t, client, pattern, found.Errors.Query))
	assert.Equal(t, "(http.response.status_code >= 500) or (status >= 500)", found.Failures.KQL)
	assert.Equal(t, 30, count(t, client, pattern, found.Failures.Query))
	assert.Equal(t, 60, count(t, client, pattern, found.FailuresOf.Query))
}

func TestRareFieldsAreLookedFor(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	logstest.Fill(t, client, prefix+"-a", dynamic, some(400, func(i int) m {
		line := m{"level": "info", "message": "tick"}
		if i < 10 {
			line["status"], line["took"] = 503, 12
		}
		return line
	}))
	found := probe(t, client, pattern)
	assert.Equal(t, "status", found.Choice(logs.Status).Field)
	assert.Equal(t, "took", found.Choice(logs.Latency).Field)
	assert.Contains(t, found.Choice(logs.Status).Why, "the newest have none")
}

func TestEmptyIndicesAreJudgedByNames(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	logstest.Fill(t, client, prefix+"-a", logstest.Shapes[0].Mappings, nil)
	found := probe(t, client, pattern)
	assert.Zero(t, found.Documents)
	assert.Equal(t, "log.level", found.Choice(logs.Level).Field)
	assert.Equal(t, "event.duration", found.Choice(logs.Latency).Field)
	assert.Equal(t, logs.Nanoseconds, found.Unit)
	assert.Contains(t, found.Errors.KQL, "error or fatal")
	assert.Contains(t, found.Errors.KQL, "ERROR or FATAL")
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	logstest.Fill(t, client, prefix+"-a", dynamic, some(20, func(int) m {
		return m{"level": "info", "kind": "ERROR", "took": 12, "written": logstest.ISO(logstest.Begin)}
	}))
	found, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{
		Fields: map[logs.Role]string{logs.Level: "kind.keyword", logs.Status: "", logs.Time: "written"}, Unit: logs.Microseconds,
	})
	require.NoError(t, err)
	assert.Equal(t, "kind", found.Choice(logs.Level).Show)
	assert.Equal(t, "kind.keyword", found.Choice(logs.Level).Field)
	assert.Contains(t, found.Choice(logs.Level).Why, "as you said")
	assert.Contains(t, found.Errors.KQL, "kind:(ERROR or ")
	assert.Equal(t, "none, as you said", found.Choice(logs.Status).Why)
	assert.Equal(t, "written", found.Choice(logs.Time).Field)
	assert.Equal(t, logs.Microseconds, found.Unit)
	assert.InDelta(t, 0.001, found.Unit.Factor(), 0)

	for field, want := range map[logs.Role]string{
		logs.Level: "has the field nope that is to be the level; there is level",
		logs.Time:  "has the field nope that is to be the time",
	} {
		_, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{Fields: map[logs.Role]string{field: "nope"}})
		assert.ErrorContains(t, err, want)
	}
	_, err = logs.Probe(t.Context(), client, pattern, logs.Overrides{Fields: map[logs.Role]string{logs.Time: "took"}})
	assert.ErrorContains(t, err, "took of "+pattern+" is no date")
}

// A name that is misspelt beside one that is right is told; one that leaves indices out, and an alias, are none.
func TestAbsent(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		client, prefix := connect(t, url), servertest.Prefix(t, url)
		for _, name := range []string{"-a", "-b"} {
			logstest.Fill(t, client, prefix+name, dynamic, some(2, func(int) m { return m{"level": "info"} }))
		}
		require.NoError(t, client.JSON(t.Context(), "PUT", "/"+prefix+"-a/_alias/"+prefix+"-alias", nil, nil))
		typo, name := prefix+"-typo-*", prefix+"-nowhere"
		found := probe(t, client, prefix+"-*, "+typo+","+name+","+prefix+"-alias,-"+prefix+"-b")
		assert.Equal(t, []string{typo, name}, found.Absent)
		assert.Equal(t, []string{prefix + "-a"}, found.Indices)
		assert.Empty(t, probe(t, client, prefix+"-*").Absent)
	})
}

func TestWhatCannotBeProbed(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	_, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{})
	require.ErrorContains(t, err, "no index is called "+pattern)
	logstest.Fill(t, client, prefix+"-a", m{}, []m{{"time": logstest.Begin.UnixMilli(), "msg": "epoch milliseconds are a number unless they are mapped"}})
	_, err = logs.Probe(t.Context(), client, pattern, logs.Overrides{})
	require.ErrorContains(t, err, "time is number, not a date")
	require.ErrorContains(t, err, "--logs-field time=FIELD")
	down := connect(t, "http://127.0.0.1:1")
	_, err = logs.Probe(t.Context(), down, pattern, logs.Overrides{})
	require.ErrorContains(t, err, "does not answer")
}
