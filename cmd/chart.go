package cmd

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/k6es/k6es/runs"
)

const (
	chartHeight = 5
	chartMargin = 18 // columns beside the chart: for the labels on its left, and half of the last time on its right
	labelWidth  = 11
	chartWidest = 120
	timeTicks   = 5 // at most
)

// chartColumns is how many moments a chart has room for.
func (l look) chartColumns() int { return min(max(l.width-chartMargin, 20), chartWidest) }

// chart draws how a run went: p95 over time, and below it, on the same time axis, load and failures.
// A run of which nothing is known has none.
func (l look) chart(t *runs.Timeline, start time.Time) string {
	p95 := make([]float64, len(t.Moments))
	var load, failed []float64
	most, mostFailed := 0.0, 0.0
	known := false
	for i, m := range t.Moments {
		p95[i] = math.NaN()
		if m.P95 != nil {
			p95[i], known = *m.P95, true
		}
		load, failed = append(load, m.Rate), append(failed, m.Failed)
		most, mostFailed = max(most, m.Rate), max(mostFailed, m.Failed)
	}
	if !known {
		return ""
	}
	width := l.chartColumns()
	lines := strings.Split(l.plot(p95, width, start, t), "\n")
	axis := lines[len(lines)-2:]
	lines = slices.Clone(lines[:len(lines)-2])
	left := text.StringWidthWithoutEscSequences(lines[0][:strings.IndexAny(lines[0], "┤┼")])
	label := func(name string, c colour, values []float64, most float64) string {
		value := rate(most) + "/s"
		blanks := max(1, left-text.StringWidth(name)-text.StringWidth(value))
		return name + strings.Repeat(" ", blanks) + value + " " + l.paint(c, strings.TrimRight(sparks(stretch(values, width), most), " "))
	}
	lines = append(lines, label("load", blue, load, most))
	if mostFailed > 0 {
		lines = append(lines, label("failed", red, failed, mostFailed))
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(append(lines, axis...), "\n")
}

// plot draws the p95, with a time axis below.
func (l look) plot(p95 []float64, width int, start time.Time, t *runs.Timeline) string {
	slowest := 0.0
	for _, value := range p95 {
		if !math.IsNaN(value) {
			slowest = max(slowest, value)
		}
	}
	layout := "15:04"
	whole := t.Step * time.Duration(len(t.Moments))
	if whole < 10*time.Minute {
		layout = "15:04:05"
	}
	options := []asciigraph.Option{
		asciigraph.Height(chartHeight), asciigraph.Width(width), asciigraph.LowerBound(0),
		asciigraph.UpperBound(chartHeight * niceStep(slowest/chartHeight)), asciigraph.Offset(3),
		asciigraph.YAxisValueFormatter(axisMillis),
		asciigraph.XAxisRange(0, whole.Seconds()), asciigraph.XAxisTickCount(max(2, min(timeTicks, int(whole.Seconds())+1))),
		asciigraph.XAxisValueFormatter(func(seconds float64) string {
			return start.Add(time.Duration(seconds * float64(time.Second))).In(l.zone).Format(layout)
		}),
	}
	if l.colour {
		options = append(options, asciigraph.SeriesColors(asciigraph.HotPink), asciigraph.LabelColor(asciigraph.Gray), asciigraph.AxisColor(asciigraph.Gray))
	}
	return asciigraph.Plot(stretch(p95, width), options...)
}

// niceStep is the next number that is easy to count by, of one or two digits.
func niceStep(step float64) float64 {
	if step <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, nice := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8} {
		if step <= nice*power {
			return nice * power
		}
	}
	return 10 * power
}

// axisMillis writes a value of the p95 axis; the labels are as wide as those of load and failures need.
func axisMillis(ms float64) string {
	label := milliseconds(ms)
	if ms == 0 {
		label = "p95    0 ms"
	}
	return strings.Repeat(" ", max(0, labelWidth-text.StringWidth(label))) + label
}

// stretch spreads values over that many columns, each as wide as the next.
func stretch(values []float64, width int) []float64 {
	stretched := make([]float64, width)
	for i := range stretched {
		stretched[i] = values[i*len(values)/width]
	}
	return stretched
}

var sparkLevels = []rune(" ▁▂▃▄▅▆▇█")

// sparks draws values as a row of bars; only nothing at all is blank.
func sparks(values []float64, most float64) string {
	bars := make([]rune, len(values))
	for i, value := range values {
		level := 0
		if value > 0 {
			level = min(max(1, int(math.Round(value/most*8))), 8)
		}
		bars[i] = sparkLevels[level]
	}
	return string(bars)
}
