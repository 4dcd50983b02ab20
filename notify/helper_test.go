package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// flat is a distribution of which only percentiles are known.
type flat float64

func (f flat) Count() int64 { return 30_000 }

func (f flat) Quantile(p float64) (float64, bool) {
	return float64(f) * map[float64]float64{0.5: 1, 0.95: 2.1, 0.99: 4.7}[p], true
}

// shop is a run of a shop: orders is the median of one of its requests, in ms, and failed how many of 30,000 of
// another failed.
func shop(id string, day int, orders float64, failed int64) compare.Run {
	factor := 1 + 0.01*float64(day%3)
	trend := func(median float64) compare.Trend {
		t := compare.Trend{Unit: compare.Milliseconds, Whole: flat(median)}
		for i := range t.Tenths {
			t.Tenths[i] = flat(median)
		}
		return t
	}
	of := func(name, metric string) compare.Key {
		return compare.Key{Scope: compare.Request, Name: name, Metric: metric}
	}
	whole := func(metric string) compare.Key { return compare.Key{Metric: metric} }
	return compare.Run{
		ID: id, Name: "nightly #" + id, Start: time.Date(2026, 11, day, 2, 0, 0, 0, time.UTC), Duration: 5 * time.Minute,
		Trends: map[compare.Key]compare.Trend{
			whole(duration): trend((60 + orders/5) * factor), of("POST /orders", duration): trend(orders * factor), of("GET /items", duration): trend(61 * factor),
		},
		Rates: map[compare.Key]compare.Rate{
			whole(failures): {Hits: 30 + failed, Total: 90_000}, of("GET /items", failures): {Hits: failed, Total: 30_000}, of("POST /orders", failures): {Hits: 30, Total: 30_000},
		},
		Counters: map[compare.Key]float64{whole("http_reqs"): 90_000, whole("iterations"): 30_000},
	}
}

const kibana = "http://kibana:5601/app/dashboards#/view/k6-run?_g=(time:(from:'a',to:'b'))&_a=(query:'x')"

// document is the run's own.
func document(t testing.TB, run compare.Run, status runs.Status, more string) *runs.Document {
	t.Helper()
	d := new(runs.Document)
	text := fmt.Sprintf(`{"@timestamp":%q,"event":{"dataset":"k6.run"},"k6":{"test":"checkout","run":{"id":%q,"name":%q,"status":%q,"duration":300,"parts":"W10="},
		"summary":{"samples":900000,"documents":90000}},"service":{"environment":"staging"},"vcs":{"ref":{"head":{"name":"main"}}},
		"cicd":{"pipeline":{"run":{"url":{"full":"https://ci.example/runs/812?a=1&b=2"}}}}}`, run.Start.Format(time.RFC3339), run.ID, run.Name, status)
	require.NoError(t, json.Unmarshal([]byte(text), d))
	require.NoError(t, json.Unmarshal([]byte(more), d))
	return d
}

const crossed = `{"k6":{"thresholds_crossed":["http_req_duration p(95)<200"],"summary":{"thresholds":4,"thresholds_crossed":1}}}`

// compared is the comparison of a run with five earlier ones.
func compared(t testing.TB, d *runs.Document, run compare.Run) *runs.Comparison {
	t.Helper()
	var earlier []compare.Run
	c := &runs.Comparison{Test: d.K6.Test, Created: run.Start.Add(time.Hour), Contender: d.Compared()}
	for day := 20; day > 15; day-- {
		one := shop(fmt.Sprint(790+day), day, 150, 0)
		earlier = append(earlier, one)
		c.Baseline = append(c.Baseline, document(t, one, runs.Passed, "{}").Compared())
	}
	var err error
	c.Report, err = compare.Compare(earlier, run, compare.Defaults())
	require.NoError(t, err)
	return c
}

// notices are of every kind.
func notices(t testing.TB) map[string]*Notice {
	t.Helper()
	same, slow, failing := shop("812", 21, 150, 0), shop("812", 21, 300, 0), shop("812", 21, 150, 4000)
	passed, failed := document(t, same, runs.Passed, "{}"), document(t, slow, runs.Failed, crossed)
	aborted := document(t, failing, runs.Aborted, `{"k6":{"run":{"reason":"test run was aborted by user"},"summary":{"undelivered":1234}}}`)
	comparison := compared(t, failed, slow)
	comparison.ExitCode, comparison.Link = 3, kibana
	const unstored = "the server did not take it"
	return map[string]*Notice{
		"passed":    {Run: passed, Numbers: same, Comparison: compared(t, passed, same), Dashboard: kibana},
		"failed":    {Run: failed, Numbers: slow, Comparison: compared(t, failed, slow), Dashboard: kibana},
		"first":     {Run: passed, Numbers: same, Uncompared: "there is no earlier run to compare it with", Dashboard: kibana},
		"aborted":   {Run: aborted, Numbers: failing, Uncompared: unstored, Unstored: true},
		"worse":     {Comparison: comparison, Numbers: slow, Dashboard: kibana},
		"unchanged": {Comparison: compared(t, passed, same), Numbers: same},
		"hostile":   hostile(t),
	}
}

// nasty is what a name may be that somebody chose to do harm.
const nasty = "<!channel> <@U123> @everyone <at>all</at> [x](http://evil) *b* _i_ `c` ${env} \x1b[2J\u202e\r\n&amp; \"q\" \\ \xff 商品"

func hostile(t testing.TB) *Notice {
	t.Helper()
	run := shop("812", 21, 150, 0)
	for _, metric := range []string{duration, failures} {
		from, to := compare.Key{Scope: compare.Request, Name: "POST /orders", Metric: metric}, compare.Key{Scope: compare.Request, Name: nasty, Metric: metric}
		run.Trends[to], run.Rates[to] = run.Trends[from], run.Rates[from]
	}
	d := document(t, run, runs.Failed, crossed)
	d.K6.Test, d.K6.Run.Name, d.K6.Run.Reason = nasty, nasty, nasty
	d.VCS.Ref.Head.Name, d.Service.Environment = nasty, nasty
	d.K6.Crossed = slices.Repeat([]string{nasty}, 7)
	d.CICD.Pipeline.Run.URL.Full = "https://ci.example/a|b>c<!channel>&d"
	c := compared(t, d, run)
	c.Report.Warnings = append(c.Report.Warnings, nasty)
	return &Notice{Run: d, Numbers: run, Comparison: c, Dashboard: "javascript:alert(1)"}
}
