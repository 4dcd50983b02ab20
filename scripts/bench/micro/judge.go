package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Two machines are compared by what the yardstick takes on each, in the same process.
const yardstickName = "Yardstick"

// A benchmark may cost so many times what the committed result says: noise of a shared machine is less. Memory
// that is used again and again is shared out among more or fewer rounds, so that little of it is no news.
const (
	tolerance     = 1.5
	wireTolerance = 1.1 // does not depend on the machine
	fewAllocs     = 100
	fewBytes      = 64 << 10
)

// worse tells whether a cost is news.
func worse(unit string, is, was float64) bool {
	switch unit {
	case "allocs/op":
		return is > max(tolerance*was, fewAllocs)
	case "B/op":
		return is > max(tolerance*was, fewBytes)
	case "wire-B/request":
		return is > wireTolerance*was
	default:
		return is > tolerance*was
	}
}

// errMissed says that something costs more than it may.
var errMissed = errors.New("too slow, or too large")

// speed is how many times as long as before the yardstick takes, in the package of the benchmark.
func speed(bench string, now, before results) float64 {
	yardstick := bench[:strings.IndexByte(bench, '.')+1] + yardstickName
	return now[yardstick]["ns/op"] / before[yardstick]["ns/op"]
}

// judge writes a table of what was measured, and returns errMissed if a budget is exceeded, or a benchmark has
// become worse or gone.
func judge(out io.Writer, now, before results) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "benchmark\tunit\tcommitted\tnow\tchange\tbudget\t\t")
	missed := 0
	for _, bench := range slices.Sorted(maps.Keys(before)) {
		if strings.HasSuffix(bench, "."+yardstickName) {
			continue
		}
		for _, unit := range slices.Sorted(maps.Keys(before[bench])) {
			if unit == "MB/s" || unit == "ns/op" && before[bench]["ns/request"] > 0 {
				continue // ns/op and ns/request say the same
			}
			if !line(table, bench, unit, now, before) {
				missed++
			}
		}
	}
	for _, b := range budgets {
		if _, known := before[b.bench][b.unit]; !known {
			fmt.Fprintf(table, "%s\t%s\t\t\t\t\tNOT MEASURED\t\n", b.bench, b.unit)
			missed++
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%w: %d of the lines above", errMissed, missed)
	}
	return nil
}

// line writes a line of the table. Times are as the machine of the committed results would have taken them.
func line(out io.Writer, bench, unit string, now, before results) (well bool) {
	was := before[bench][unit]
	is, measured := now[bench][unit]
	if strings.HasPrefix(unit, "ns/") {
		is /= speed(bench, now, before)
	}
	if !measured || math.IsInf(is, 0) {
		is = math.NaN()
	}
	allowed, verdict := "", "ok"
	switch {
	case math.IsNaN(is):
		verdict = "NOT MEASURED"
	case worse(unit, is, was):
		verdict = "WORSE"
	}
	for _, b := range budgets {
		if b.bench != bench || b.unit != unit {
			continue
		}
		most := b.most
		if b.of != "" {
			most *= now[b.of][unit] / speed(bench, now, before)
		}
		allowed = short(most)
		if b.why != "" {
			allowed += " (" + b.why + ")"
		}
		if is > most {
			verdict = "OVER BUDGET"
		}
	}
	change := ""
	if was > 0 && !math.IsNaN(is) {
		change = fmt.Sprintf("%+.0f %%", 100*(is/was-1))
	}
	fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", bench, unit, short(was), short(is), change, allowed, verdict)
	return verdict == "ok"
}

// short writes three significant digits, but whole numbers in full; what is not known as -.
func short(value float64) string {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return "-"
	case value >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	default:
		return strconv.FormatFloat(value, 'g', 3, 64)
	}
}
