package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newTestLogger stands still in time and writes to the returned buffer.
func newTestLogger() (*logger, *logBuffer) {
	file := &logBuffer{}
	return &logger{
		hostname: "web-1", instanceID: "7", report: io.Discard, file: file,
		now: func() time.Time { return time.Date(2026, 11, 22, 13, 43, 56, 567_890_000, time.FixedZone("CET", 3600)) },
	}, file
}

// requestFor comes from 192.0.2.1, as httptest has it.
func requestFor(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func TestRequestLine(t *testing.T) {
	t.Parallel()
	l, file := newTestLogger()
	l.request(requestFor("/api/items/7"), "/api/items/:id", 200, 2130600*time.Nanosecond, nil)
	assert.Equal(t, `{"timestamp":"2026-11-22T12:43:56.567Z","level":"info","message":"GET /api/items/7 200",`+
		`"hostname":"web-1","instanceId":"7","ip":"192.0.2.1","method":"GET","route":"/api/items/:id","status":200,"IntervalTime":2.131}`+
		"\n", file.text.String())
}

func TestLifecycleLine(t *testing.T) {
	t.Parallel()
	l, file := newTestLogger()
	l.lifecycle(levelFatal, "server stopped: out of luck")
	assert.Equal(t, `{"timestamp":"2026-11-22T12:43:56.567Z","level":"fatal","message":"server stopped: out of luck",`+
		`"hostname":"web-1","instanceId":"7"}`+"\n", file.text.String())
}

func TestLevelFollowsStatus(t *testing.T) {
	t.Parallel()
	levels := map[int]string{101: "info", 201: "info", 302: "info", 404: "warn", 499: "warn", 500: "error", 503: "error"}
	for status, level := range levels {
		assert.Equal(t, level, levelOf(status), status)
	}
}

func TestOnlyErrorsHaveAStack(t *testing.T) {
	t.Parallel()
	l, file := newTestLogger()
	l.request(requestFor("/a"), "/a", 404, 0, newFault(404, "not here"))
	l.request(requestFor("/a"), "/a", 500, 0, newFault(500, "broken"))
	l.request(requestFor("/a"), "/a", 500, 0, errors.New("without a stack"))
	lines := file.lines(t)
	assert.NotContains(t, lines[0], "stack")
	assert.Equal(t, "GET /a 500: broken", lines[1]["message"])
	assert.Regexp(t, `^Error: broken\n    at \S+\.TestOnlyErrorsHaveAStack \(log_test\.go:\d+\)\n`, lines[1]["stack"])
	assert.NotContains(t, lines[2], "stack")
}

func TestLinesThatDoNotReachTheFileAreReported(t *testing.T) {
	t.Parallel()
	l, _ := newTestLogger()
	report := &logBuffer{}
	file, err := os.Open(os.DevNull) // for reading only
	require.NoError(t, err)
	l.file, l.report = file, report
	l.lifecycle(levelInfo, "lost")
	require.NoError(t, l.close())
	assert.Equal(t, "log file: 1 lines could not be written\n", report.text.String())
}
