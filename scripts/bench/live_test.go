package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rounds of an output that always took the same.
func steady(cpu, memory, rate, lost, latency float64) map[string]values {
	return map[string]values{cpuPerRequest: {cpu, cpu}, rss: {memory, memory}, reached: {rate, rate}, dropped: {lost, lost}, p95: {latency, latency}}
}

func TestLiveMarksTellWhatIsMissed(t *testing.T) {
	t.Parallel()
	none := steady(100, 80, 1000, 0, 20)
	for name, with := range map[string]map[string]values{
		"":                             steady(105, 100, 996, 0.1, 21),
		"CPU of k6 against none":       steady(106, 80, 1000, 0, 20),
		"memory of k6 against none":    steady(100, 101, 1000, 0, 20),
		"rate against none":            steady(100, 80, 994, 0, 20),
		"p95 against none":             steady(100, 80, 1000, 0, 21.1),
		"iterations dropped more than": steady(100, 80, 1000, 0.11, 20),
	} {
		var missed []string
		for _, m := range liveMarks(1000, ours, none, with) {
			if !m.passed() {
				missed = append(missed, m.Name)
			}
		}
		if name == "" {
			assert.Empty(t, missed)
			continue
		}
		require.Len(t, missed, 1, name)
		assert.Contains(t, missed[0], "1,000/s, elasticsearch: "+name)
	}
	assert.Empty(t, liveMarks(300, ours, none, none), "the start of k6 is most of it")
}

func TestLiveTableComparesWithNoOutput(t *testing.T) {
	t.Parallel()
	found := map[string]map[string]values{noOutput: steady(100, 80, 1000, 0, 20), "json": steady(150, 120, 1000, 0, 20)}
	table := liveTable(4000, []string{noOutput, "json"}, found)
	assert.Equal(t, "4,000 requests/s", table.Title)
	ratios := map[string]float64{}
	for _, r := range table.Rows {
		require.Len(t, r.Cells, 2, r.Name)
		ratios[r.Name] = r.Cells[1].median()
	}
	assert.InDelta(t, 1.5, ratios[cpuRatio], 1e-9)
	assert.InDelta(t, 1.5, ratios[rssRatio], 1e-9)
}

func TestLiveChecksItsOutputs(t *testing.T) {
	t.Parallel()
	here := server{url: "http://127.0.0.1:1", pid: os.Getpid()}
	assert.ErrorContains(t, (&live{server: here, outputs: []string{noOutput, "xml"}}).check(), "no output xml")
	assert.ErrorContains(t, (&live{server: here, outputs: []string{ours}}).check(), "none must take part")
	assert.NoError(t, (&live{server: here, outputs: liveOutputs()}).check())
}

func TestTargetAnswersWhatTheScriptCalls(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(targetHandler())
	t.Cleanup(target.Close)
	for call, status := range map[string]int{
		"GET /page": 200, "GET /style": 200, "GET /slow": 200, "GET /items": 200, "GET /items/{id}": 200, "POST /orders": 201,
		"POST /v1/metrics": 200, "POST /api/v1/write": 204,
	} {
		method, path, _ := strings.Cut(call, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, target.URL+strings.Replace(path, "{id}", "7", 1), strings.NewReader("{}"))
		require.NoError(t, err)
		begin := time.Now()
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, response.Body)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, status, response.StatusCode, call)
		if path == "/slow" {
			assert.GreaterOrEqual(t, time.Since(begin), slowLeast)
		}
		if strings.Contains(path, "/v1/") {
			continue
		}
		assert.Contains(t, string(liveScript), "'"+call+"'", "a request that the script names")
	}
}
