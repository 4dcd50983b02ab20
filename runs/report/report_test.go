package report_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/runs/report"
)

var update = flag.Bool("update", false, "rewrite what the tests compare with")

// flat is a distribution of which only percentiles are known: they are proportional to the median.
type flat struct {
	median float64
	n      int64
}

func (f flat) Count() int64 { return f.n }

func (f flat) Quantile(p float64) (float64, bool) {
	return f.median * map[float64]float64{0.5: 1, 0.95: 2.1, 0.99: 4.7}[p], true
}

func trend(median float64, n int64) compare.Trend {
	t := compare.Trend{Unit: compare.Milliseconds, Whole: flat{median, n}}
	for i := range t.Tenths {
		t.Tenths[i] = flat{median * (1 + 0.004*float64(i%3-1)), n / compare.Sections}
	}
	return t
}

// run is a run of a shop; orders is the median of one request, dropped how many iterations were dropped.
func run(id string, day int, orders, dropped float64) compare.Run {
	key := func(scope compare.Scope, name, metric string) compare.Key {
		return compare.Key{Scope: scope, Name: name, Metric: metric}
	}
	factor := 1 + 0.01*float64(day%3)
	return compare.Run{
		ID: id, Name: "nightly #" + id, Start: time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC), Duration: 5 * time.Minute, Closed: dropped > 0,
		Trends: map[compare.Key]compare.Trend{
			key(compare.WholeRun, "", "http_req_duration"):                 trend((81+orders/10)*factor, 299_000),
			key(compare.WholeRun, "", "basket_value"):                      {Whole: flat{24.5, 90_000}, Tenths: trend(24.5, 90_000).Tenths},
			key(compare.Scenario, "browse", "http_req_duration"):           trend(60*factor, 200_000),
			key(compare.Request, "POST /orders", "http_req_duration"):      trend(orders*factor, 89_400),
			key(compare.Request, "GET /items", "http_req_duration"):        trend(61*factor, 149_000),
			key(compare.Request, "GET /health", "http_req_duration"):       trend(2.3*factor, 600),
			key(compare.Request, "GET /search?q=a|b", "http_req_duration"): trend(45*factor*factor, 60_000),
		},
		Rates: map[compare.Key]compare.Rate{
			key(compare.WholeRun, "", "http_req_failed"):            {Hits: 358, Total: 299_000},
			key(compare.WholeRun, "", "checks"):                     {Hits: 298_000, Total: 299_000},
			key(compare.Request, "POST /orders", "http_req_failed"): {Hits: int64(300 * factor), Total: 89_400},
		},
		Counters: map[compare.Key]float64{
			key(compare.WholeRun, "", "http_reqs"): 299_000, key(compare.WholeRun, "", "iterations"): 90_000,
			key(compare.WholeRun, "", "data_received"): 1.2e9, key(compare.WholeRun, "", "dropped_iterations"): dropped,
		},
	}
}

// comparison is one with something of everything.
func comparison(t *testing.T) *runs.Comparison {
	t.Helper()
	contender := run("812", 21, 240, 412)
	var baseline []compare.Run
	for day := 20; day > 15; day-- {
		baseline = append(baseline, run(fmt.Sprint(790+day), day, 150, 0))
	}
	r, err := compare.Compare(baseline, contender, compare.Defaults())
	require.NoError(t, err)
	c := &runs.Comparison{
		Test: "checkout", Created: time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), Report: r, ExitCode: 3,
		Link: "http://kibana:5601/app/dashboards#/view/k6-compare?_g=(time:(from:'a',to:'b'))",
		Contender: runs.Compared{
			ID: "812", Name: "#812 pr-77@a1b2c3d", Test: "checkout", Start: contender.Start, Duration: contender.Duration, Status: runs.Failed,
			Thresholds: 4, Crossed: []string{"http_req_duration p(95)<200"}, Branch: "pr-77", Environment: "staging",
			PipelineURL: "https://ci.example/runs/(812)",
		},
	}
	for _, b := range baseline {
		c.Baseline = append(c.Baseline, runs.Compared{ID: b.ID, Name: b.Name, Test: "checkout", Start: b.Start, Duration: b.Duration, Status: runs.Passed, Branch: "main"})
	}
	c.Report.Warnings = append([]string{"of 5 baseline runs 2 ran other scenario options than the contender, so another load"}, c.Report.Warnings...)
	return c
}

// TestGolden compares every format with what it was; -update rewrites it.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]report.Options{
		"text": {}, "text-wide": {Width: 200, All: true}, "text-colour": {Colour: true}, "markdown": {}, "json": {}, "junit": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			format, _, _ := strings.Cut(name, "-")
			require.NoError(t, report.Write(&b, comparison(t), report.Format(format), options))
			golden(t, name, b.Bytes())
		})
	}
	t.Run("annotations", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		report.Annotations(&b, comparison(t))
		golden(t, "annotations", b.Bytes())
	})
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "if this is meant: go test ./runs/report -update")
}

func TestTextFitsIntoEightyColumns(t *testing.T) {
	t.Parallel()
	c := hostile(t)
	c.Link = ""
	var b bytes.Buffer
	require.NoError(t, report.Text(&b, c, report.Options{All: true}))
	for line := range strings.SplitSeq(b.String(), "\n") {
		if strings.Contains(line, " ") {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), 80, line)
		}
	}
}

// hostile is a comparison whose names are all but harmless.
func hostile(t *testing.T) *runs.Comparison {
	t.Helper()
	c := comparison(t)
	evil := "a`|<b>@all\n::error::x\x1b[31m\x00 %0A]]> --> " + strings.Repeat("é", 300)
	c.Test, c.Contender.Name, c.Contender.Crossed = evil, evil, []string{evil}
	c.Report.Warnings = []string{evil}
	for i := range c.Report.Rows {
		if row := &c.Report.Rows[i]; row.Key.Scope != compare.WholeRun {
			row.Key.Name, row.Reason = evil, evil
		}
	}
	for i := range c.Report.NotJudged {
		c.Report.NotJudged[i].Key.Name = evil
	}
	return c
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	c := hostile(t)
	var text, junit, annotations bytes.Buffer
	require.NoError(t, report.Text(&text, c, report.Options{All: true}))
	assert.NotContains(t, text.String(), "\x1b")
	assert.NotContains(t, text.String(), "\n::error")

	require.NoError(t, report.JUnit(&junit, c))
	assert.NotContains(t, junit.String(), "\x1b")
	decoder := xml.NewDecoder(&junit)
	for {
		token, err := decoder.Token()
		if token == nil {
			assert.ErrorContains(t, err, "EOF")
			break
		}
		require.NoError(t, err)
	}

	report.Annotations(&annotations, c)
	for line := range strings.Lines(annotations.String()) {
		assert.Regexp(t, `^::error title=[^:,]*::`, line)
		assert.NotContains(t, line, " %0A", "a percent sign is escaped")
	}

	comment := report.Comment(c, 64<<10)
	first, rest, _ := strings.Cut(comment, "\n")
	assert.True(t, strings.HasPrefix(first, "<!-- k6es comparison: ") && strings.HasSuffix(first, " -->"))
	assert.Equal(t, 2, strings.Count(first, "--"))
	assert.NotContains(t, rest, "<b>@all\n")
	for line := range strings.Lines(rest) {
		if cells, ok := strings.CutPrefix(line, "| `"); ok {
			assert.Equal(t, 6, strings.Count(strings.ReplaceAll(cells, `\|`, ""), "|"), line)
		}
	}
}

// TestLimits: a comparison of very many requests fits where it has to.
func TestLimits(t *testing.T) {
	t.Parallel()
	c := comparison(t)
	row := c.Report.Rows[len(c.Report.Rows)-1]
	for i := range 20_000 {
		row.Key = compare.Key{Scope: compare.Request, Name: fmt.Sprintf("GET /%s/%d", strings.Repeat("x", 150), i), Metric: "http_req_duration"}
		row.Verdict = compare.Worse
		c.Report.Rows = append(c.Report.Rows, row)
	}
	for _, limit := range []int{64 << 10, 1 << 20} {
		comment := report.Comment(c, limit)
		assert.LessOrEqual(t, len(comment), limit)
		assert.Greater(t, len(comment), limit/4, "as much as fits")
		assert.Contains(t, comment, "more values did not fit in here")
		assert.Equal(t, strings.Count(comment, "<details>"), strings.Count(comment, "</details>"))
	}
	var b bytes.Buffer
	report.Annotations(&b, c)
	assert.Equal(t, 10, strings.Count(b.String(), "\n"))
	assert.Contains(t, b.String(), "more values")
}

// TestNothingJudged: a first run has no baseline.
func TestNothingJudged(t *testing.T) {
	t.Parallel()
	contender := run("1", 1, 100, 0)
	r, err := compare.Compare(nil, contender, compare.Defaults())
	require.NoError(t, err)
	c := &runs.Comparison{Test: "checkout", Report: r, Contender: runs.Compared{ID: "1", Name: "first", Start: contender.Start, Status: runs.Passed}}
	for _, format := range report.Formats {
		var b bytes.Buffer
		require.NoError(t, report.Write(&b, c, format, report.Options{}))
		assert.Contains(t, b.String(), "not judged", format)
	}
}

// TestBaselineNames: as many as fit, whatever they are called.
func TestBaselineNames(t *testing.T) {
	t.Parallel()
	c := comparison(t)
	start := c.Baseline[0].Start
	for _, test := range []struct {
		want     string
		baseline []runs.Compared
	}{
		{"baseline none\n", nil},
		{"baseline nightly, 2026", []runs.Compared{{Name: "nightly"}}},
		{"baseline 2 runs: nightly, run 0190a…; 2026", []runs.Compared{{Name: "nightly"}, {ID: "0190a…", Name: start.Format(time.RFC3339)}}},
		{"baseline 2 runs: tue/shop.json, shop.json; 2026", []runs.Compared{{File: "/k6/tue/shop.json"}, {File: "shop.json"}}},
		{
			"baseline 3 runs: " + strings.Repeat("é", 17) + "…" + strings.Repeat("é", 16) + ", short and 1 more; 2026",
			[]runs.Compared{{Name: strings.Repeat("é", 300)}, {Name: "short"}, {Name: strings.Repeat("x", 300)}},
		},
	} {
		for i := range test.baseline {
			test.baseline[i].Start = start
		}
		c.Baseline = test.baseline
		var b bytes.Buffer
		require.NoError(t, report.Text(&b, c, report.Options{}))
		lines := regexp.MustCompile(`\n? +`).ReplaceAllString(b.String(), " ")
		assert.Contains(t, lines, test.want)
	}
}

// TestJSONIsDocumented: docs/compare.md names every member.
func TestJSONIsDocumented(t *testing.T) {
	t.Parallel()
	c := comparison(t)
	c.Window, c.Contender.File, c.Contender.Revision = runs.Window{From: time.Second}, "x", "y"
	c.Report.Rows[0].Reason = "z"
	var b bytes.Buffer
	require.NoError(t, report.Write(&b, c, report.FormatJSON, report.Options{}))
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "compare.md"))
	require.NoError(t, err)
	members := regexp.MustCompile(`(?m)^ +"(\w+)":`).FindAllStringSubmatch(b.String(), -1)
	require.Greater(t, len(members), 100)
	for _, member := range members {
		assert.Contains(t, string(page), "`"+member[1]+"`")
	}
}
