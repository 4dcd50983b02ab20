package notify

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

var update = flag.Bool("update", false, "rewrite what the tests compare with")

var bodies = map[string]func(*Notice) ([]byte, error){"slack": slackBody, "teams": teamsBody, "json": jsonBody}

// TestGolden compares what is sent with what it was; -update rewrites it.
func TestGolden(t *testing.T) {
	t.Parallel()
	for kind, notice := range notices(t) {
		for format, body := range bodies {
			t.Run(format+" "+kind, func(t *testing.T) {
				t.Parallel()
				compact, err := body(notice)
				require.NoError(t, err)
				var indented bytes.Buffer
				require.NoError(t, json.Indent(&indented, compact, "", "  "))
				indented.WriteByte('\n')
				file := filepath.Join("testdata", kind+"."+format+".json")
				if *update {
					require.NoError(t, os.WriteFile(file, indented.Bytes(), 0o600))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err)
				assert.Equal(t, string(want), indented.String())
			})
		}
	}
}

func TestJSONHasTheDocuments(t *testing.T) {
	t.Parallel()
	all := notices(t)
	var p struct {
		Kind, Verdict string
		Links         map[string]string
		Run           *runs.Document
		Comparison    struct{ Rows []any }
		Worst         struct {
			Name   string
			P95    float64
			Failed *float64 `json:"failed_rate"`
		} `json:"worst_request"`
	}
	body, err := jsonBody(all["failed"])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, &p))
	assert.Equal(t, "run", p.Kind)
	assert.Equal(t, "worse", p.Verdict)
	assert.Equal(t, map[string]string{"dashboard": kibana, "pipeline": "https://ci.example/runs/812?a=1&b=2"}, p.Links)
	assert.Equal(t, all["failed"].Run.K6.Summary, p.Run.K6.Summary)
	assert.Empty(t, p.Run.K6.Run.Parts)
	assert.NotEmpty(t, all["failed"].Run.K6.Run.Parts, "the document itself stays as it is")
	assert.NotEmpty(t, p.Comparison.Rows)
	assert.Equal(t, "POST /orders", p.Worst.Name)
	assert.InDelta(t, 630, p.Worst.P95, 1e-9)
	assert.InDelta(t, 0.001, *p.Worst.Failed, 1e-9)
}

// A run of thousands of requests makes no notice that no receiver takes.
func TestJSONIsShort(t *testing.T) {
	t.Parallel()
	notice := notices(t)["failed"]
	row, known := notice.Comparison.Worse()[0], notice.Comparison.Report.Rows
	row.Key.Scope = compare.Request
	notice.Comparison.Report.Rows = append(slices.Repeat([]compare.Row{row}, 10_000), known...) // the worst are first
	for range 10_000 {
		notice.Comparison.Report.NotJudged = append(notice.Comparison.Report.NotJudged, compare.Unjudged{Key: row.Key})
	}
	body, err := jsonBody(notice)
	require.NoError(t, err)
	assert.Less(t, len(body), 256<<10)
	assert.Contains(t, string(body), `"metric":"http_reqs"`, "rows of the whole run stay")
}

func TestWorstRequest(t *testing.T) {
	t.Parallel()
	all := notices(t)
	assert.Equal(t, "POST /orders", all["passed"].worst().name, "the slowest")
	assert.Equal(t, "GET /items", all["aborted"].worst().name, "the one that fails")
	assert.Equal(t, "POST /orders", all["failed"].worst().name, "the one that became worse")
	failing := shop("1", 21, 150, 299)
	assert.Equal(t, "POST /orders", (&Notice{Numbers: failing}).worst().name, "less than 1 % failures are not noted")
	assert.Nil(t, (&Notice{}).worst())
}

// A test without HTTP requests has headlines, too.
func TestHeadlinesWithoutRequests(t *testing.T) {
	t.Parallel()
	run := shop("1", 21, 150, 0)
	whole := func(metric string) compare.Key { return compare.Key{Metric: metric} }
	notice := &Notice{Numbers: compare.Run{
		Duration: run.Duration, Counters: map[compare.Key]float64{whole("iterations"): 600}, Rates: map[compare.Key]compare.Rate{whole("checks"): {Hits: 3, Total: 4}},
		Trends: map[compare.Key]compare.Trend{whole("iteration_duration"): run.Trends[whole(duration)]},
	}}
	var got []string
	for _, one := range notice.headlines() {
		got = append(got, one.label+": "+one.String())
	}
	assert.Equal(t, []string{"iteration p95: 189 ms", "iterations/s: 2.00", "checks passed: 75.00 %"}, got)
}

func TestReasonsToNotify(t *testing.T) {
	t.Parallel()
	all := notices(t)
	rejected := *all["passed"]
	document := *rejected.Run
	document.K6.Summary.Rejected = 1
	rejected.Run, all["rejected"] = &document, &rejected
	for reasons, want := range map[string]string{
		"":             "aborted failed first hostile passed rejected unchanged worse",
		"always":       "aborted failed first hostile passed rejected unchanged worse",
		"failed":       "aborted failed hostile rejected worse",
		"worse":        "failed worse",
		"failed,worse": "aborted failed hostile rejected worse",
	} {
		n, err := New(Options{On: strings.FieldsFunc(reasons, func(r rune) bool { return r == ',' })})
		require.NoError(t, err)
		for name, notice := range all {
			assert.Equal(t, strings.Contains(" "+want+" ", " "+name+" "), n.wants(notice), "%q: %s", reasons, name)
		}
	}
}

// dangerous is what must be in no text for Slack: what pings people, and what moves a terminal or the direction
// of text. A name stands within backticks, and holds none.
var dangerous = regexp.MustCompile("<[!@#]|[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")

// requireHarmless looks at all texts for people.
func requireHarmless(t testing.TB, notice *Notice) {
	t.Helper()
	body, err := slackBody(notice)
	require.NoError(t, err)
	var s slackMessage
	require.NoError(t, json.Unmarshal(body, &s))
	texts := []slackText{{Text: s.Text, Verbatim: true}}
	assert.LessOrEqual(t, len(s.Blocks), 50)
	for _, block := range s.Blocks {
		if block.Text != nil {
			texts = append(texts, *block.Text)
		}
		assert.LessOrEqual(t, len(block.Fields)+len(block.Elements), 10)
		texts = append(append(texts, block.Fields...), block.Elements...)
	}
	for _, one := range texts {
		assert.NotRegexp(t, dangerous, one.Text)
		assert.True(t, one.Verbatim)
		assert.LessOrEqual(t, utf8.RuneCountInString(one.Text), 3000)
		assert.Zero(t, strings.Count(one.Text, "`")%2, one.Text)
		outside := regexp.MustCompile("`[^`]*`|<https?://[^<>|]*\\|[A-Za-z ]+>").ReplaceAllString(one.Text, "")
		assert.NotRegexp(t, "[@<>]", outside, "outside of names and links")
	}

	body, err = teamsBody(notice)
	require.NoError(t, err)
	assert.Less(t, len(body), 28<<10, "what Teams takes")
	var card struct {
		Attachments []struct {
			Content struct {
				Body    []struct{ Type string }
				Actions []cardAction
			}
		}
	}
	require.NoError(t, json.Unmarshal(body, &card))
	for _, block := range card.Attachments[0].Content.Body {
		assert.Contains(t, []string{"RichTextBlock", "FactSet"}, block.Type, "no text block: its text would be Markdown")
	}
	for _, action := range card.Attachments[0].Content.Actions {
		assert.Regexp(t, "^https?://", action.URL)
	}
	_, err = jsonBody(notice)
	require.NoError(t, err)
}

func TestHostileNamesAreHarmless(t *testing.T) {
	t.Parallel()
	for _, notice := range notices(t) {
		requireHarmless(t, notice)
	}
}

// Slack refuses a message of which one section is too long, and Teams one with a link that is none.
func TestLinksThatReceiversTake(t *testing.T) {
	t.Parallel()
	long := "https://ci.example/" + strings.Repeat("x", 1900)
	for pipeline, shown := range map[string]int{
		long: 2, "https://ci.example/?" + strings.Repeat("&a", 900): 1, long + long: 1, "https://": 1, "https://ci.example/%zz": 1, "ci.example": 1,
	} {
		notice := *notices(t)["passed"]
		run := *notice.Run
		run.CICD.Pipeline.Run.URL.Full, notice.Run, notice.Dashboard = pipeline, &run, "http://kibana/#/"+strings.Repeat("y", 1900)
		requireHarmless(t, &notice)
		body, err := slackBody(&notice)
		require.NoError(t, err)
		assert.Equal(t, shown, bytes.Count(body, []byte(`\u003chttp`)), pipeline)
	}
}

func FuzzNamesAreHarmless(f *testing.F) {
	for _, seed := range []string{nasty, "", "`", strings.Repeat("&", 5000), "|>", "\n\n", strings.Repeat("@channel ", 999)} {
		f.Add(seed)
	}
	base := hostile(f)
	f.Fuzz(func(t *testing.T, text string) {
		run, comparison := *base.Run, *base.Comparison
		notice := &Notice{Run: &run, Comparison: &comparison, Numbers: base.Numbers}
		comparison.Report.Rows, comparison.Baseline = slices.Clone(comparison.Report.Rows), slices.Clone(comparison.Baseline)
		run.K6.Test, run.K6.Run.Name, run.K6.Run.Reason, run.K6.Crossed = text, text, text, []string{text, text, text, text, text, text}
		run.VCS.Ref.Head.Name, run.CICD.Pipeline.Run.URL.Full = text, "https://ci.example/"+text
		for i := range notice.Comparison.Report.Rows {
			notice.Comparison.Report.Rows[i].Key.Name = text
		}
		notice.Comparison.Baseline[0].Branch = text
		requireHarmless(t, notice)
	})
}
