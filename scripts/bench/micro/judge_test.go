package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made are results that are well within every budget, on a machine that is so many times as slow.
func made(slowness float64) results {
	found := results{}
	set := func(bench, unit string, value float64) {
		if found[bench] == nil {
			found[bench] = map[string]float64{}
		}
		found[bench][unit] = value
	}
	for _, pkg := range []string{"ingest", "ingest/spool", "runs/series", "k6output"} {
		set(pkg+"."+yardstickName, "ns/op", 1000*slowness)
	}
	set("ingest.ReadJSONPlainly", "ns/op", 1e8*slowness)
	set("ingest.ReadJSON", "B/op", 100_000)
	set("ingest.ReadJSON", "allocs/op", 10)
	set("ingest.Gunzip", "ns/op", 1e6*slowness)
	for _, b := range budgets {
		value := b.most / 2
		if b.of != "" {
			value *= found[b.of]["ns/op"]
		} else if strings.HasPrefix(b.unit, "ns/") {
			value *= slowness
		}
		set(b.bench, b.unit, value)
	}
	return found
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		spoil  func(now results)
		before float64 // how slow the machine of before was
		says   string
	}{
		{"nothing changed", func(results) {}, 1, ""},
		{"a machine that is slower by half", func(results) {}, 2, ""},
		{"a faster machine", func(results) {}, 0.1, ""},
		{"slower, but within its budget", func(now results) { now["ingest.Pipeline"]["ns/request"] *= 1.8 }, 1, "ingest.Pipeline ns/request 1000 1800 +80 % 2000 WORSE"},
		{"a bit slower", func(now results) { now["ingest.Pipeline"]["ns/request"] *= 1.4 }, 1, ""},
		{"over its budget", func(now results) { now["ingest.Pipeline"]["ns/request"] *= 2.1 }, 1, "ingest.Pipeline ns/request 1000 2100 +110 % 2000 OVER BUDGET"},
		{"over its budget, which a faster machine hides", func(now results) { now["ingest.Pipeline"]["ns/request"] *= 2.1 }, 4, "OVER BUDGET"},
		{"over a budget that is a multiple", func(now results) { now["ingest.ReadJSON"]["ns/op"] *= 2.1 }, 1, "(20 times as fast as encoding/json) OVER BUDGET"},
		{"the comparison became faster", func(now results) { now["ingest.Gunzip"]["ns/op"] *= 0.4 }, 1, "ingest.ReadGzip ns/op 588235 588235 +0 % 470588 (85 % of the speed of bare decompression) OVER BUDGET"},
		{"an allocation", func(now results) { now["ingest.Compress/gzip-1"]["allocs/op"] = 1 }, 1, "ingest.Compress/gzip-1 allocs/op 0 1 0 OVER BUDGET"},
		{"more memory", func(now results) { now["ingest.ReadJSON"]["B/op"] = 200_000 }, 1, "ingest.ReadJSON B/op 100000 200000 +100 % WORSE"},
		{"a little more memory", func(now results) { now["ingest.ReadJSON"]["B/op"] = 140_000 }, 1, ""},
		{"some more allocations", func(now results) { now["ingest.ReadJSON"]["allocs/op"] = 90 }, 1, ""},
		{"many more allocations", func(now results) { now["ingest.ReadJSON"]["allocs/op"] = 900 }, 1, "ingest.ReadJSON allocs/op 10 900 +8900 % WORSE"},
		{"more bytes", func(now results) { now["ingest.Compress/gzip-1"]["wire-B/request"] = 35 }, 1, "WORSE"},
		{"a benchmark is gone", func(now results) { delete(now, "ingest.Pipeline") }, 1, "ingest.Pipeline ns/request 1000 - 2000 NOT MEASURED"},
		{"the yardstick is gone", func(now results) { delete(now, "runs/series.Yardstick") }, 1, "NOT MEASURED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := made(1)
			c.spoil(now)
			var table bytes.Buffer
			err := judge(&table, now, made(c.before))
			said := squeeze(table.String())
			if c.says == "" {
				require.NoError(t, err, "%s", table.String())
				return
			}
			require.ErrorIs(t, err, errMissed)
			assert.Contains(t, said, c.says)
		})
	}
}

// What has a budget must be among the committed results.
func TestEveryBudgetIsMeasured(t *testing.T) {
	t.Parallel()
	before, err := parseResults(strings.NewReader(committed))
	require.NoError(t, err)
	for _, b := range budgets {
		assert.Contains(t, before[b.bench], b.unit, b.bench)
	}
}

func TestParseResults(t *testing.T) {
	t.Parallel()
	found, err := parseResults(strings.NewReader(`goos: linux
pkg: github.com/k6es/k6es/ingest
BenchmarkCompress/gzip-1-2   	     246	   5049863 ns/op	 273.43 MB/s	      4191 ns/request	       0 allocs/op
BenchmarkCompress/gzip-1-2   	     246	   5049862 ns/op	 273.43 MB/s	      4192 ns/request	       0 allocs/op
PASS
pkg: github.com/k6es/k6es/runs/series
BenchmarkAdd   	11576167	       116.3 ns/op
ok  	github.com/k6es/k6es/runs/series	1.367s
`))
	require.NoError(t, err)
	assert.Equal(t, results{
		"ingest.Compress/gzip-1": {"ns/op": 5049862, "MB/s": 273.43, "ns/request": 4191, "allocs/op": 0},
		"runs/series.Add":        {"ns/op": 116.3},
	}, found)
	for _, text := range []string{"", "PASS", "BenchmarkX 1 many ns/op"} {
		_, err := parseResults(strings.NewReader(text))
		require.Error(t, err, text)
	}
}

func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }
