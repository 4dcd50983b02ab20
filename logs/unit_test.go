package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

func TestUnitOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field  string
		values []float64
		want   Unit
	}{
		{"event.duration", []float64{2}, Nanoseconds},
		{"responseTime", []float64{3e6}, Milliseconds},
		{"json.IntervalTime", []float64{0.1}, Milliseconds},
		{"durationMs", []float64{0.5}, Milliseconds},
		{"elapsed_ms", nil, Milliseconds},
		{"took_seconds", []float64{1}, Seconds},
		{"request_time_us", []float64{1}, Microseconds},
		{"latencyNanos", []float64{1}, Nanoseconds},
		{"duration_s", []float64{900}, Seconds},
		{"status", nil, Milliseconds}, // an s that ends a word is no unit
		{"requests", []float64{12.5}, Milliseconds},
		{"request_time", []float64{0.002, 0.031, 1.4}, Seconds}, // nginx
		{"duration", []float64{0, 1, 2}, Milliseconds},
		{"duration", []float64{1.25, 3.5, 80}, Milliseconds},
		{"duration", []float64{900, 12_000, 80_000}, Microseconds},
		{"duration", []float64{900_000, 12_000_000}, Nanoseconds},
		{"took", []float64{12, 48, 203}, Milliseconds},
	} {
		unit, why := unitOf(c.field, c.values)
		assert.Equal(t, c.want, unit, "%s %v", c.field, c.values)
		assert.Contains(t, why, string(unit))
	}
	assert.Zero(t, Unit("").Factor())
	assert.InDelta(t, 1e-6, Nanoseconds.Factor(), 0)
}

func TestNameScore(t *testing.T) {
	t.Parallel()
	for role, order := range map[Role][]string{
		Level:   {"log.level", "level", "json.level", "req.level", ""},
		Route:   {"http.route", "url.path", "json.path", "url", ""},
		Status:  {"http.response.status_code", "statusCode", "json.statusCode", "res.statusCode", ""},
		Latency: {"event.duration", "responseTime", "fields.durationMs", "nginx.access.request_time_ms", ""},
		Host:    {"host.name", "hostname", "json.hostname", "agent.hostname", ""},
		Service: {"service.name", "service", "app", "name", ""},
	} {
		for i := range order[1:] {
			assert.Greater(t, nameScore(role, order[i]), nameScore(role, order[i+1]), "%s: %s before %s", role, order[i], order[i+1])
		}
	}
	for _, other := range []string{"log.file.path", "user.name", "k6.run.name", "error.code", "process.name", "ecs.version"} {
		for _, role := range Roles() {
			assert.Zero(t, nameScore(role, other), "%s: %s", role, other)
		}
	}
}

func TestLevelConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		numeric          bool
		values           []any
		errors, warnings string
	}{
		{true, []any{30.0, 50.0}, "level >= 50", "level >= 40 and not level >= 50"},
		{true, []any{6.0, 3.0, 0.0}, "level <= 3", "level <= 4 and not level <= 3"},
		{true, []any{17.0}, "", ""},
		{true, nil, "", ""},
		{false, []any{"Information", "Error"}, "level:(Error or Fatal or Critical or Severe or Emergency or Alert or Panic or Err or Crit or Emerg)", "level:(Warn or Warning)"},
		{false, []any{"eRRor"}, "level:(eRRor or Error or Fatal or Critical or Severe or Emergency or Alert or Panic or Err or Crit or Emerg)", "level:(Warn or Warning)"},
	} {
		errors, warnings := levelConditions("level", c.numeric, c.values)
		assert.Equal(t, c.errors, errors.KQL, c.values)
		assert.Equal(t, c.warnings, warnings.KQL, c.values)
		assert.Equal(t, c.errors == "", errors.Query == nil)
	}
}

func TestKQLIsQuoted(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `odd\ name\:x:("two words" or "say \"no\"" or "not" or plain)`,
		oneOf("odd name:x", []string{"two words", `say "no"`, "not", "plain"}).KQL)
}

func TestNewestIndices(t *testing.T) {
	t.Parallel()
	var indices []string
	for day := range 30 {
		indices = append(indices, fmt.Sprintf("filebeat-2026.11.%02d", day+1))
	}
	indices = append(indices, "logs-2026.11.01", "audit")
	picked := newestIndices(indices)
	assert.Len(t, picked, sampleIndices)
	assert.Equal(t, []string{"audit", "filebeat-2026.11.30", "logs-2026.11.01", "filebeat-2026.11.29"}, picked[:4])
	assert.Empty(t, newestIndices(nil))
}

// forbidding answers that there is one index, and refuses to tell of secret ones.
type forbidding struct{ status int }

func (f forbidding) JSON(_ context.Context, _, path string, _, out any) error {
	if strings.HasPrefix(path, "/secret") {
		return &elastic.Error{Status: f.status}
	}
	return json.Unmarshal([]byte(`{"indices":["filebeat-1"]}`), out)
}

// What a user may not see is absent; what the server does not say is unknown.
func TestAbsentIsWhatIsForbidden(t *testing.T) {
	t.Parallel()
	found, err := absent(t.Context(), forbidding{http.StatusForbidden}, "filebeat-*,secret-*")
	require.NoError(t, err)
	assert.Equal(t, []string{"secret-*"}, found)
	_, err = absent(t.Context(), forbidding{http.StatusInternalServerError}, "filebeat-*,secret-*")
	require.Error(t, err)
}

func TestPathOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "filebeat-*,-filebeat-old,%3Clogs-%7Bnow%2Fd%7D%3E,remote:logs-*", pathOf("filebeat-*, -filebeat-old,<logs-{now/d}>,remote:logs-*"))
}
