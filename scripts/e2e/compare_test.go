package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
)

const steady = "testdata/steady.js"

// compared is what `k6es compare --format json` says.
type compared struct {
	Verdict   string
	ExitCode  int `json:"exit_code"`
	Contender struct{ ID string }
	Baseline  []struct{ ID string }
	Rows      []struct {
		Series     string
		Percentile float64
		Baseline   float64
		Contender  float64
		Diff       float64
		Verdict    string
		Decisive   bool
	}
	Warnings []string
}

// verdicts are those of the rows, by series and percentile.
func (c compared) verdicts() map[string]string {
	verdicts := map[string]string{}
	for _, row := range c.Rows {
		verdicts[fmt.Sprintf("%s p(%g)", row.Series, 100*row.Percentile)] = row.Verdict
	}
	return verdicts
}

// worse are the series of which a value became worse.
func (c compared) worse() map[string]bool {
	worse := map[string]bool{}
	for _, row := range c.Rows {
		if row.Verdict == "worse" {
			worse[row.Series] = true
		}
	}
	return worse
}

// compare makes a command that compares a stored run with others.
func (s store) compare(contender string, flags ...string) command {
	args := append([]string{"compare", "--url", s.url, "--index-prefix", s.prefix, "--contender", contender}, flags...)
	return command{program: k6es, args: args}
}

// compared runs the comparison, and demands its exit code.
func (s store) compared(t testing.TB, code int, contender string, flags ...string) compared {
	t.Helper()
	o := s.compare(contender, append(flags, "--format", "json")...).run(t, code)
	var c compared
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &c), o.stdout)
	require.Equal(t, code, c.ExitCode)
	require.Equal(t, contender, c.Contender.ID)
	return c
}

// ownShop starts a sample service of the test's own and returns its address.
func ownShop(t testing.TB, flags ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addresses")
	p := command{program: shop, args: append(flags, "--addr-file", file)}.start(t)
	t.Cleanup(func() {
		_ = p.Process.Signal(os.Interrupt)
		_ = p.Wait()
	})
	var address string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		address, _, _ = strings.Cut(strings.TrimPrefix(string(text), "http="), "\n")
		return true
	}, 20*time.Second, 20*time.Millisecond)
	return "http://" + address
}

// Equal runs are called equal, a slower service slower, and a faster one faster. It runs alone, one k6
// after the other, as what it measures would suffer from anything else.
func TestComparisonOfRealRuns(t *testing.T) {
	s := firstClass(t)
	program(t, k6Plain) // built before anything is measured

	load := func(run, address string) {
		t.Helper()
		command{program: k6Plain, args: []string{
			"run", "--address=", "--quiet", s.out("run-id=" + run), "-e", "BASE_URL=" + address, absolute(t, steady),
		}}.run(t, 0)
	}
	normal := ownShop(t, "--error-rate=0")
	slow := ownShop(t, "--error-rate=0", "--slowdown=1.4", "--slow-route=search")
	fast := ownShop(t, "--error-rate=0", "--slowdown=0.6")
	var baseline []string
	for i := range 5 {
		run := fmt.Sprintf("equal-%d", i)
		load(run, normal)
		baseline = append(baseline, "--baseline", run)
	}
	load("again", normal)
	load("slow", slow)
	load("fast", fast)

	t.Run("equal", func(t *testing.T) {
		c := s.compared(t, 0, "again")
		assert.NotEqual(t, "worse", c.Verdict)
		assert.Len(t, c.Baseline, 5, "the earlier runs of the same test")
		for _, of := range []string{"", "{name:GET /report}", "{name:GET /search}", "{scenario:visits}"} {
			assert.Contains(t, c.verdicts(), "http_req_duration"+of+" p(95)")
		}
		assert.Empty(t, c.worse())
	})
	t.Run("slower", func(t *testing.T) {
		c := s.compared(t, 3, "slow", baseline...)
		assert.Equal(t, "worse", c.Verdict)
		assert.True(t, c.worse()["http_req_duration{name:GET /search}"])
		assert.False(t, c.worse()["http_req_duration{name:GET /report}"])
		for _, row := range c.Rows {
			if row.Series == "http_req_duration{name:GET /search}" && row.Percentile == .5 {
				assert.InDelta(t, .4, row.Diff, .15)
			}
		}
		text := s.compare("slow", baseline...).run(t, 3)
		assert.Contains(t, text.stdout, "GET /search")
		assert.Contains(t, text.stdout, "verdict: WORSE · exit 3")
		s.compare("slow", append(baseline, "--fail-on", "never")...).run(t, 0)
	})
	t.Run("faster", func(t *testing.T) {
		c := s.compared(t, 0, "fast", baseline...)
		assert.Equal(t, "better", c.Verdict)
		assert.Empty(t, c.worse())
		for _, of := range []string{"", "{name:GET /search}", "{name:GET /report}"} {
			assert.Equal(t, "better", c.verdicts()["http_req_duration"+of+" p(50)"])
		}
	})
	t.Run("stored", func(t *testing.T) {
		assert.Len(t, s.stored(t, mappings.Comparisons), 3)
	})
}
