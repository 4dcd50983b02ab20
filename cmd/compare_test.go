package cmd_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
)

const ordersSeries = "http_req_duration{name:POST /orders}"

// nowhere is a server that is not there.
var nowhere = map[string]string{"K6_ELASTICSEARCH_URL": "http://127.0.0.1:1"}

// baselineFiles writes n equal runs, a day apart.
func baselineFiles(t testing.TB, n int) (dir string, flags []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range n {
		run := synthetic{seed: uint64(i), start: monday.AddDate(0, 0, i)}
		flags = append(flags, "--baseline", run.write(t, dir, fmt.Sprintf("shop-%d.json", i)))
	}
	return dir, flags
}

func TestCompareFiles(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 4)
	tests := map[string]struct {
		factor          map[string]float64
		code            cmd.ExitCode
		overall, orders string
	}{
		"equal":  {nil, cmd.ExitOK, "~", "~"},
		"slower": {map[string]float64{"POST /orders": 1.6}, cmd.ExitRegression, "worse", "worse"},
		"faster": {map[string]float64{"POST /orders": .6, "GET /items": .6, "GET /search": .6}, cmd.ExitOK, "better", "better"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := synthetic{seed: 99, start: monday.AddDate(0, 0, 7), factor: test.factor}
			args := slices.Concat([]string{"compare", "--contender", run.write(t, dir, name+".json"), "--format", "json"}, flags)
			got := execute(t, nowhere, args...)
			require.Equal(t, test.code, got.code, got.err)
			c := got.comparison(t)
			assert.Equal(t, test.overall, c.Verdict)
			assert.Equal(t, test.orders, c.verdict(ordersSeries, .95))
			assert.Equal(t, int(test.code), c.ExitCode)
			assert.Len(t, c.Baseline, 4)
			if test.code == cmd.ExitRegression {
				assert.Contains(t, got.err, "became worse: http_req_duration")
				never := execute(t, nowhere, append(args, "--fail-on", "never")...)
				assert.Equal(t, cmd.ExitOK, never.code)
				assert.Equal(t, "worse", never.comparison(t).Verdict)
			} else {
				assert.Empty(t, got.err)
			}
		})
	}
}

// TestCompareShortRuns: what is four times as slow is found in seconds.
func TestCompareShortRuns(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{3, 8} {
		dir := t.TempDir()
		write := func(seed uint64, factor float64) string {
			run := synthetic{
				seed: seed, start: monday.AddDate(0, 0, int(seed)), requests: 60 * seconds, duration: time.Duration(seconds) * time.Second,
				factor: map[string]float64{"GET /items": factor, "GET /search": factor, "POST /orders": factor},
			}
			return run.write(t, dir, fmt.Sprintf("short-%d.json", seed))
		}
		args := []string{"compare", "--format", "json", "--baseline", write(0, 1), "--baseline", write(1, 1)}
		slow, same := execute(t, nowhere, append(args, "--contender", write(2, 4))...), execute(t, nowhere, append(args, "--contender", write(3, 1))...)
		assert.Equal(t, cmd.ExitRegression, slow.code, "%d s: %s", seconds, slow.out)
		assert.Equal(t, "worse", slow.comparison(t).verdict("http_req_duration", .5))
		assert.Equal(t, cmd.ExitOK, same.code, "%d s: %s", seconds, same.out)
		assert.NotContains(t, strings.Join(same.comparison(t).Warnings, "\n"), "response time")
	}
}

// TestCompareWithoutResponseTimes: a verdict that is blind to them says so wherever it stands.
func TestCompareWithoutResponseTimes(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 3)
	few := synthetic{seed: 5, start: monday.AddDate(0, 0, 5), requests: 80, duration: 2 * time.Second}.write(t, dir, "few.json")
	for format, words := range map[string]string{
		"text": "response times not judged · exit 0", "markdown": ", response times not judged\n", "json": `"warnings": [`, "junit": "<system-out>",
	} {
		got := execute(t, nowhere, append([]string{"compare", "--contender", few, "--format", format}, flags...)...)
		require.Equal(t, cmd.ExitOK, got.code, got.err)
		assert.Contains(t, got.out, words, format)
		plain := regexp.MustCompile(`[\\\s]+`).ReplaceAllString(strings.ReplaceAll(got.out, `\_`, "_"), " ")
		assert.Contains(t, plain, "no response time was judged (http_req_duration p(50): contender: too few samples: 80, it takes 100)", format)
	}
}

// TestCompareMetricThatCannotDecide: a gate that can never close is a mistake; one that had nothing to close for is
// none, and is told of.
func TestCompareMetricThatCannotDecide(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 2)
	run := synthetic{seed: 5, start: monday.AddDate(0, 0, 5)}.write(t, dir, "new.json", "p(95)<1000")
	file, err := os.OpenFile(run, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(`{"type":"Metric","data":{"name":"http_req_fails","type":"counter","contains":"default","thresholds":["count<1"]},"metric":"http_req_fails"}
{"type":"Metric","data":{"name":"vus","type":"gauge","contains":"default","thresholds":[]},"metric":"vus"}
{"metric":"vus","type":"Point","data":{"time":"2026-11-21T02:00:59.9Z","value":3,"tags":{}}}
{"type":"Metric","data":{"name":"data_sent","type":"counter","contains":"data","thresholds":[]},"metric":"data_sent"}
{"metric":"data_sent","type":"Point","data":{"time":"2026-11-21T02:00:59.9Z","value":3,"tags":{}}}
`)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	with := func(metric string, more ...string) ended {
		args := append([]string{"compare", "--contender", run, "--metric", metric}, more...)
		return execute(t, nowhere, append(args, flags...)...)
	}
	for metric, want := range map[string]string{
		"http_req_duratoin":                     "--metric http_req_duratoin: no run has it. Did you mean http_req_duration?",
		"http_req_duratoin{name:GET /items}":    "Did you mean http_req_duration{name:GET /items}?",
		"http_req_duration{name:GET /item}":     "Did you mean http_req_duration{name:GET /items}?",
		"http_req_duration{scenario:shpo}":      "Did you mean http_req_duration{scenario:shop}?",
		"vus":                                   "--metric vus decides nothing: a gauge is not compared",
		"vus{scenario:shop}":                    "decides nothing: a gauge is not compared",
		"vuss":                                  "Did you mean vus?",
		"data_sent":                             "--metric data_sent decides nothing: neither more nor less data is better",
		"http_req_duration{status:200}":         "decides nothing: what is compared of a part of a run is http_req_duration{scenario:…} and http_req_duration{name:…}",
		"http_req_duration{name:GET /items":     "decides nothing: what is compared of a part of a run is",
		"http_req_duration{expected_response:}": "decides nothing: what is compared of a part of a run is",
	} {
		got := with(metric, "--fail-on", "never")
		assert.Equal(t, cmd.ExitUsage, got.code, metric)
		assert.Contains(t, got.err, want)
		assert.Empty(t, got.out)
	}
	for metric, reason := range map[string]string{
		"my_errors":                          "counted nothing",
		"my_errors{scenario:shop}":           "counted nothing there",
		"nope":                               "not near any",
		"http_req_fails":                     "near one, but a threshold names it",
		"dropped_iterations{scenario:other}": "nothing was dropped",
		"http_req_duration{scenario:browse}": "another scenario, which is not mistyped",
		"http_req_duration{name:GET /a}":     "a request that was not made",
	} {
		got := with(metric, "--format", "json")
		assert.Equal(t, cmd.ExitOK, got.code, "%s: %s: %s", metric, reason, got.err)
		warning := "--metric " + metric + ": no run has it, so it decided nothing"
		assert.Contains(t, got.err, "warning: "+warning)
		assert.Contains(t, got.comparison(t).Warnings, warning)
	}
	known := with("http_req_duration{scenario:shop}", "--format", "json")
	assert.Equal(t, cmd.ExitOK, known.code, known.err)
	assert.NotContains(t, known.err, "no run has it")

	slow := synthetic{seed: 6, start: monday.AddDate(0, 0, 6), factor: map[string]float64{"GET /items": 2, "GET /search": 2, "POST /orders": 2}}
	got := execute(t, nowhere, append([]string{"compare", "--contender", slow.write(t, dir, "slow.json"), "--metric", "my_errors"}, flags...)...)
	assert.Equal(t, cmd.ExitRegression, got.code, "the rest decides: %s", got.err)
}

// TestCompareNamesBaselines says which runs they are.
func TestCompareNamesBaselines(t *testing.T) {
	t.Parallel()
	_, flags := baselineFiles(t, 3)
	for format, pattern := range map[string]string{"text": `baseline +2 runs: `, "markdown": `\| baseline \| .2 runs: `} {
		got := execute(t, nowhere, append([]string{"compare", "--contender", flags[1], "--format", format}, flags[2:]...)...)
		flat := strings.Join(strings.Fields(got.out), " ")
		assert.Regexp(t, pattern+`\S*shop-2.json, \S*shop-1.json; 2026-11-1`, flat)
	}
}

// TestCompareSteadyLoad: sections of time do not fit tenths of a run evenly, and that is no ramp-up.
func TestCompareSteadyLoad(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 1)
	for _, length := range []time.Duration{700 * time.Millisecond, 2 * time.Second, 25 * time.Second, 35 * time.Second, 100 * time.Second} {
		run := synthetic{seed: 3, start: monday.AddDate(0, 0, 3), duration: length}.write(t, dir, length.String()+".json")
		got := execute(t, nowhere, append([]string{"compare", "--contender", run, "--format", "json"}, flags...)...)
		assert.NotContains(t, strings.Join(got.comparison(t).Warnings, "\n"), "ramp-up", length)
	}
}

// TestCompareIsDeterministic: the same files say the same, in whatever order.
func TestCompareIsDeterministic(t *testing.T) {
	t.Parallel()
	_, flags := baselineFiles(t, 3)
	args := func(order ...int) []string {
		all := []string{"compare", "--contender", flags[5]}
		for _, i := range order {
			all = append(all, flags[2*i], flags[2*i+1])
		}
		return all
	}
	one, other := execute(t, nowhere, args(0, 1, 2)...), execute(t, nowhere, args(2, 0, 1)...)
	assert.Equal(t, one, other)
}

func TestCompareWindowOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var flags []string
	for i := range 3 {
		run := synthetic{seed: uint64(i), start: monday.AddDate(0, 0, i), ramp: true}
		flags = append(flags, "--baseline", run.write(t, dir, fmt.Sprintf("ramp-%d.json", i)))
	}
	flags = append(flags, "--contender", synthetic{seed: 9, start: monday.AddDate(0, 0, 9), ramp: true}.write(t, dir, "new.json"), "--format", "json")

	whole := execute(t, nowhere, append([]string{"compare"}, flags...)...).comparison(t)
	assert.Contains(t, strings.Join(whole.Warnings, "\n"), "are a ramp-up, which blurs latencies; --window ")

	cut := execute(t, nowhere, append([]string{"compare", "--window", "30s:50s"}, flags...)...).comparison(t)
	assert.Equal(t, "30s:50s", cut.Window)
	assert.NotContains(t, strings.Join(cut.Warnings, "\n"), "ramp-up")

	none := execute(t, nowhere, append([]string{"compare", "--window", "10m:"}, flags...)...)
	assert.Equal(t, cmd.ExitError, none.code)
	assert.Contains(t, none.err, "has nothing in the window 10m:")
}

func TestCompareFlawedFiles(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 3)
	path := synthetic{seed: 5, start: monday.AddDate(0, 0, 5)}.write(t, dir, "flawed.json", "p(95)<1")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(content), "\n")
	lines[10] = "no sample\n"
	flawed := strings.Join(lines, "")
	require.NoError(t, os.WriteFile(path, []byte(flawed[:len(flawed)-30]), 0o600))

	got := execute(t, nowhere, append([]string{"compare", "--contender", path}, flags...)...)
	require.Equal(t, cmd.ExitOK, got.code, got.err)
	assert.Contains(t, got.err, "flawed.json:11:1")
	flat := strings.Join(strings.Fields(got.out), " ")
	assert.Contains(t, flat, "1 line of "+path)
	assert.Contains(t, flat, "is cut off, as when k6 is killed")
	assert.Contains(t, flat, "the contender did not reach the end")
	assert.Contains(t, flat, "(1 of 1 threshold crossed)")
	assert.Contains(t, flat, "crossed: http_req_duration p(95)<1")
	assert.NoFileExists(t, path+".rejects")
}

func TestCompareUsage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		code cmd.ExitCode
		want string
	}{
		"format":      {[]string{"--format", "html"}, cmd.ExitUsage, `--format is "html"; choose text, markdown, json or junit`},
		"fail-on":     {[]string{"--fail-on", "better"}, cmd.ExitUsage, `--fail-on is "better"`},
		"delta":       {[]string{"--delta", "0.05"}, cmd.ExitUsage, `--delta: "0.05" is no percentage; write 5%`},
		"prior":       {[]string{"--prior-sd", "0%"}, cmd.ExitUsage, "expected relative standard deviation between runs is 0"},
		"percentile":  {[]string{"--percentile", "100"}, cmd.ExitUsage, `"100" is no percentile`},
		"window":      {[]string{"--window", "30s"}, cmd.ExitUsage, "write FROM:TO"},
		"window back": {[]string{"--window", "2m:1m"}, cmd.ExitUsage, "ends before it begins"},
		"window word": {[]string{"--window", "soon:"}, cmd.ExitUsage, `"soon" is no duration`},
		"pinned":      {[]string{"--baseline", "pinned", "--baseline", "x"}, cmd.ExitUsage, "name no other"},
		"stdin":       {[]string{"--baseline", "-", "--contender", "-"}, cmd.ExitUsage, "can be read only once"},
		"no file":     {[]string{"--contender", "gone.json.gz", "--baseline", "gone.json"}, cmd.ExitError, "cannot read gone.json.gz: no such file"},
		"folder":      {[]string{"--contender", "testdata"}, cmd.ExitError, "testdata is a folder: name the files in it, each by an option of its own, such as testdata/FILE. As a run: "},
		"no server":   {nil, cmd.ExitError, "Is that where your server is?"},
		"word":        {[]string{"latest"}, cmd.ExitUsage, "one word too many"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := execute(t, nowhere, append([]string{"compare"}, test.args...)...)
			assert.Equal(t, test.code, got.code)
			assert.Contains(t, got.err, test.want)
			assert.Empty(t, got.out)
		})
	}
}

// TestCompareInGitHubActions: nothing has to be set.
func TestCompareInGitHubActions(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 3)
	summary, comment := filepath.Join(dir, "summary.md"), filepath.Join(dir, "comment.md")
	require.NoError(t, os.WriteFile(summary, []byte("before\n"), 0o600))
	contender := synthetic{seed: 9, start: monday.AddDate(0, 0, 9), factor: map[string]float64{"POST /orders": 2}}.write(t, dir, "new.json")
	vars := map[string]string{"K6_ELASTICSEARCH_URL": "http://127.0.0.1:1", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": summary}
	junit := filepath.Join(dir, "compare.xml")
	got := execute(t, vars, append([]string{"compare", "--test", "a--b", "--contender", contender, "--pr-comment-file", comment, "--format", "junit", "-o", junit}, flags...)...)
	require.Equal(t, cmd.ExitRegression, got.code, got.err)

	assert.Contains(t, got.out, "verdict: WORSE · exit 3")
	assert.Regexp(t, `(?m)^::error title=k6 a--b%3A http_req_duration\{name%3APOST /orders\} p\(95\)::`, got.out)
	text, err := os.ReadFile(summary)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "before\n### k6es compare · `a--b`: WORSE\n"), string(text))
	text, err = os.ReadFile(comment)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "<!-- k6es comparison: a-%2Db -->\n### "), string(text))
	text, err = os.ReadFile(junit)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(text, new(struct{})))
	assert.Contains(t, string(text), `<failure message=`)

	// A full summary is left alone.
	require.NoError(t, os.Truncate(summary, 1<<20))
	got = execute(t, vars, append([]string{"compare", "--contender", contender, "--format", "json"}, flags...)...)
	assert.Equal(t, "worse", got.comparison(t).Verdict, "annotations are not in the way of a program")
	assert.Contains(t, got.err, "::error title=")
	assert.Contains(t, got.err, "the summary of the step is full")
	info, err := os.Stat(summary)
	require.NoError(t, err)
	assert.EqualValues(t, 1<<20, info.Size())
}

func TestCompareStoredRuns(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	empty := s.compare(t)
	assert.Equal(t, cmd.ExitError, empty.code)
	assert.Contains(t, empty.err, "there is no run yet")

	for i := range 5 {
		s.record(t, synthetic{seed: uint64(i + 1), start: monday.AddDate(0, 0, i)}, facts(fmt.Sprintf("main-%d", i), "main", ""), runs.Outcome{})
	}
	slow := synthetic{seed: 40, start: monday.AddDate(0, 0, 6), factor: map[string]float64{"POST /orders": 1.7}}
	s.record(t, slow, facts("slow", "feature", "main"), runs.Outcome{Status: runs.Failed})
	s.record(t, synthetic{seed: 41, start: monday.AddDate(0, 0, 7)}, facts("equal", "feature", "main"), runs.Outcome{})

	equal := s.compare(t, "--format", "json")
	require.Equal(t, cmd.ExitOK, equal.code, equal.err)
	assert.Empty(t, equal.err)
	c := equal.comparison(t)
	assert.Equal(t, "equal", c.Contender.ID, "the latest")
	assert.Equal(t, "~", c.Verdict)
	assert.Equal(t, []string{"main-4", "main-3", "main-2", "main-1", "main-0"}, c.baseline())

	worse := s.compare(t, "--contender", "slow")
	require.Equal(t, cmd.ExitRegression, worse.code, worse.err)
	baseline := fmt.Sprintf("baseline 5 runs of main: run main-4, run main-3, run main-2, run main-1, run main-0; %s … %s ", onDay(0), onDay(4))
	assert.Contains(t, strings.Join(strings.Fields(worse.out), " "), baseline)
	assert.Regexp(t, `(?m)^  POST /orders\s+p\(95\) .* WORSE$`, worse.out)
	assert.Contains(t, worse.out, "run slow, "+onDay(6)+", failed\n")

	t.Run("stored", func(t *testing.T) {
		s.refresh(t)
		var answer struct {
			Hits struct {
				Hits []struct {
					Source map[string]any `json:"_source"`
				}
			}
		}
		query := map[string]any{"query": map[string]any{"term": map[string]any{"k6.comparison.verdict": "worse"}}}
		require.NoError(t, s.client.JSON(t.Context(), "POST", "/"+s.Prefix+"-comparisons/_search", query, &answer))
		require.Len(t, answer.Hits.Hits, 1)
		text := mustJSON(t, answer.Hits.Hits[0].Source)
		require.NoError(t, mappings.Validate(mappings.Comparisons, text))
		assert.Contains(t, string(text), `"worse":["http_req_duration `)
		s.compare(t, "--contender", "slow")
		s.refresh(t)
		var count struct{ Count int }
		require.NoError(t, s.client.JSON(t.Context(), "GET", "/"+s.Prefix+"-comparisons/_count", nil, &count))
		assert.Equal(t, 2, count.Count, "the same comparison is one document")
	})
	t.Run("mixed", func(t *testing.T) {
		file := synthetic{seed: 50, start: monday.AddDate(0, 0, 9)}.write(t, t.TempDir(), "shop.json")
		named := s.compare(t, "--contender", file, "--baseline", "main-1", "--baseline", "main-2", "--baseline", "run main-3", "--format", "json")
		require.Equal(t, cmd.ExitOK, named.code, named.err)
		assert.Equal(t, []string{"main-3", "main-2", "main-1"}, named.comparison(t).baseline())
		automatic := s.compare(t, "--contender", file, "--environment", "staging", "--branch", "main", "--format", "json")
		assert.Len(t, automatic.comparison(t).Baseline, 5)
		backwards := s.compare(t, "--contender", "main-4", "--baseline", file)
		assert.Equal(t, cmd.ExitOK, backwards.code, backwards.err)
		assert.Contains(t, backwards.out, "few baseline runs (1)")
	})
	t.Run("pinned", func(t *testing.T) {
		none := s.compare(t, "--baseline", "pinned")
		assert.Equal(t, cmd.ExitError, none.code)
		assert.Contains(t, none.err, `no other run of test "shop" is pinned`)
		require.NoError(t, s.Update(t.Context(), "main-2", func(f *runs.Facts) { f.Pinned = true }))
		assert.Equal(t, []string{"main-2"}, s.compare(t, "--baseline", "pinned", "--format", "json").comparison(t).baseline())
	})
	t.Run("itself", func(t *testing.T) {
		itself := s.compare(t, "--contender", "equal", "--baseline", "latest")
		assert.Equal(t, cmd.ExitUsage, itself.code)
		assert.Contains(t, itself.err, "is the contender itself")
	})
	t.Run("not there", func(t *testing.T) {
		typo := s.compare(t, "--metric", "http_req_failled", "--format", "json")
		assert.Equal(t, cmd.ExitUsage, typo.code)
		assert.Contains(t, typo.err, "no run has it. Did you mean http_req_failed?")
		folder := s.compare(t, "--baseline", "testdata")
		assert.Equal(t, cmd.ExitError, folder.code)
		assert.Contains(t, folder.err, "testdata is a folder: name the files in it")
		s.record(t, synthetic{seed: 60, start: monday.AddDate(0, 0, -1)}, facts("k6es", "other", ""), runs.Outcome{})
		named := s.compare(t, "--baseline", "k6es", "--format", "json") // which is a folder here too
		assert.Equal(t, []string{"k6es"}, named.comparison(t).baseline())
	})
	t.Run("first of its branch", func(t *testing.T) {
		first := s.compare(t, "--contender", "main-0")
		assert.Equal(t, cmd.ExitOK, first.code, first.err)
		assert.Contains(t, first.out, `no earlier run of test "shop" in environment "staging" on branch`)
		assert.Contains(t, first.out, "verdict: not judged · exit 0")
	})
	t.Run("unended", func(t *testing.T) {
		killed := synthetic{seed: 70, start: monday.AddDate(0, 0, 20)}
		recorder := runs.NewRecorder(facts("killed", "lonely", ""), killed.seed, nil)
		killed.each(ingest.NewRegistry(), recorder.Add)
		snapshot, err := recorder.Snapshot(runs.Outcome{Status: runs.Running}, false, killed.start.Add(time.Minute))
		require.NoError(t, err)
		require.NoError(t, s.Record(t.Context(), snapshot))
		s.refresh(t)
		for name, flags := range map[string][]string{"compared": {"--baseline", "main-1", "--baseline", "main-2"}, "first": {"--environment", "staging"}} {
			args := append([]string{"--contender", "killed", "--metric", "http_req_duration", "--metric", "http_reqs", "--format", "json"}, flags...)
			got := s.compare(t, args...)
			require.Equal(t, cmd.ExitOK, got.code, "%s: %s", name, got.err)
			assert.NotContains(t, got.err, "no run has it", name)
			assert.Contains(t, got.out, `"contender: its distribution is not kept for tenths of the run"`, name)
		}
		lone := s.compare(t, "--contender", "killed", "--test-name", "shop", "--metric", "my_errors")
		assert.Equal(t, cmd.ExitOK, lone.code, lone.err)
	})
	t.Run("link", func(t *testing.T) {
		vars := map[string]string{"K6_ELASTICSEARCH_URL": s.url, "K6_ELASTICSEARCH_INDEX_PREFIX": s.Prefix, "K6_KIBANA_URL": "http://kibana:5601/", "K6_KIBANA_SPACE": "load"}
		got := execute(t, vars, "compare", "--contender", "equal", "--baseline", "main-4", "--format", "json").comparison(t)
		assert.Equal(t, "http://kibana:5601/s/load/app/dashboards#/view/"+s.Prefix+"-compare?_g=(filters:!(),refreshInterval:(pause:!t,value:0),"+
			"time:(from:'2026-11-20T01:59:55.000Z',to:'2026-11-23T02:01:04.980Z'))&_a=(query:(language:kuery,query:'k6.run.id:(%22equal%22%20or%20%22main-4%22)'))", got.Dashboard)
	})
}

// onDay is when the run of a day began, as people are told.
func onDay(n int) string { return monday.AddDate(0, 0, n).Local().Format("2006-01-02 15:04") }

// TestCompareCannotStore: who may only read gets a verdict.
func TestCompareCannotStore(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	s.record(t, synthetic{seed: 1, start: monday}, facts("one", "main", ""), runs.Outcome{})
	s.record(t, synthetic{seed: 2, start: monday.AddDate(0, 0, 1)}, facts("two", "main", ""), runs.Outcome{})
	readOnly := map[string]any{"index.blocks.write": true}
	require.NoError(t, s.client.JSON(t.Context(), "PUT", "/"+s.Prefix+"-comparisons", map[string]any{"settings": readOnly}, nil))
	got := s.compare(t)
	assert.Equal(t, cmd.ExitOK, got.code)
	assert.Contains(t, got.err, "warning: the comparison was not stored: ")
	assert.Contains(t, got.out, "verdict: ")
}

// TestCompareWindowOfStoredRuns: the window of a stored run says the same as that of the file that it was
// loaded from.
func TestCompareWindowOfStoredRuns(t *testing.T) {
	t.Parallel()
	s := newStored(t)
	dir := t.TempDir()
	var files []string
	for i := range 2 {
		run := synthetic{seed: uint64(i), start: monday.AddDate(0, 0, i), requests: 6000, duration: 2 * time.Minute}
		path := run.write(t, dir, fmt.Sprintf("shop-%d.json", i))
		files = append(files, path)
		s.pipe(t, run, fmt.Sprintf("run-%d", i))
		s.record(t, run, facts(fmt.Sprintf("run-%d", i), "main", ""), runs.Outcome{})
	}
	ofFiles := execute(t, nowhere, "compare", "--baseline", files[0], "--contender", files[1], "--window", "30s:1m30s", "--format", "json").comparison(t)
	got := s.compare(t, "--window", "30s:1m30s", "--format", "json")
	require.Equal(t, cmd.ExitOK, got.code, got.err)
	assert.Contains(t, got.err, "reading the raw documents of 2 runs for the window 30s:1m30s")
	assert.Equal(t, ofFiles.Rows, got.comparison(t).Rows)
	assert.NotEmpty(t, ofFiles.Rows)

	late := s.compare(t, "--window", "5m:")
	assert.Equal(t, cmd.ExitError, late.code)
	assert.Contains(t, late.err, "has nothing in the window 5m:: it lasted 120 s")
	require.NoError(t, s.client.JSON(t.Context(), "DELETE", "/"+s.Prefix+"-metrics-2026.11", nil, nil))
	pruned := s.compare(t, "--window", "30s:")
	assert.Equal(t, cmd.ExitError, pruned.code)
	assert.Contains(t, pruned.err, "they were pruned")
}

// pipe writes the run's documents.
func (s stored) pipe(t *testing.T, run synthetic, id string) {
	t.Helper()
	registry := ingest.NewRegistry()
	writer := ingest.NewWriter(s.client, ingest.WriterOptions{
		BlockSize: 1 << 20, InFlight: 2, Memory: 64 << 20, Timeout: time.Minute, RetryFor: time.Minute, Wait: true, Fatal: true,
		Rejects: &ingest.Rejects{Path: filepath.Join(t.TempDir(), "rejects")}, Log: noLog{},
	})
	p := ingest.NewPipeline(ingest.Run{ID: id, Name: id, Test: "shop", Instance: run.seed}, registry,
		ingest.Options{Prefix: s.Prefix, Period: ingest.Month, MaxLabels: 10, URLs: ingest.URLAuto, MaxURLs: 10}, writer)
	run.each(registry, func(sample *ingest.Sample) { require.NoError(t, p.Add(sample)) })
	require.NoError(t, p.Close())
	require.NoError(t, writer.Close(t.Context()))
	require.Zero(t, writer.Stats().Rejected)
	s.refresh(t)
}

type noLog struct{}

func (noLog) Infof(string, ...any) {}
func (noLog) Warnf(string, ...any) {}

// TestCompareMillion: two runs of a million requests each are compared within a second, from their series.
func TestCompareMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("a million requests take some seconds to add up")
	}
	t.Parallel()
	s := newStored(t)
	for i := range 2 {
		run := synthetic{seed: uint64(i), start: monday.AddDate(0, 0, i), requests: 1_000_000, duration: 10 * time.Minute}
		s.record(t, run, facts(fmt.Sprintf("run-%d", i), "main", ""), runs.Outcome{})
	}
	var rounds []time.Duration // other tests want the processor too: the median tells
	for range 5 {
		start := time.Now()
		got := s.compare(t)
		rounds = append(rounds, time.Since(start))
		require.Equal(t, cmd.ExitOK, got.code, got.err)
		assert.Contains(t, got.out, "1,666.7 req/s")
	}
	slices.Sort(rounds)
	took := rounds[len(rounds)/2]
	t.Logf("compared in %s", rounds)
	limit := time.Second
	if raceDetector {
		limit *= 5
	}
	assert.Less(t, took, limit)
}

// TestCompareFitsATerminal: no line has more than 80 columns, but for links.
func TestCompareFitsATerminal(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 3)
	contender := synthetic{seed: 9, start: monday.AddDate(0, 0, 9), factor: map[string]float64{"POST /orders": 2}}.write(t, dir, "new.json")
	got := execute(t, nowhere, append([]string{"compare", "--contender", contender, "--all"}, flags...)...)
	for line := range strings.SplitSeq(got.out, "\n") {
		if !regexp.MustCompile(`\S{60}`).MatchString(line) {
			assert.LessOrEqual(t, len([]rune(line)), 80, line)
		}
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}
