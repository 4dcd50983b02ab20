// Command plot draws what `bench scale` found as a PNG. It is a module of its own, so that what drawing
// needs stays out of k6es.
//
//	go run . ../results/scale.json ../../../docs/images/scale.png
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

// report is what a plot shows of a result of bench.
type report struct {
	Tables []table `json:"tables"`
}

type table struct {
	Title   string   `json:"title"`
	Columns []string `json:"columns"`
	Rows    []struct {
		Name  string      `json:"name"`
		Cells [][]float64 `json:"cells"` // the values of the rounds
	} `json:"rows"`
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("plot needs RESULT.json IMAGE.png")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	image := vgimg.New(vg.Length(len(r.Tables))*9*vg.Centimeter, 9*vg.Centimeter)
	canvas := draw.New(image)
	tiles := draw.Tiles{Rows: 1, Cols: len(r.Tables), PadX: 5 * vg.Millimeter, PadTop: 2 * vg.Millimeter, PadBottom: 2 * vg.Millimeter, PadRight: 3 * vg.Millimeter}
	for i, t := range r.Tables {
		p, err := t.plot()
		if err != nil {
			return fmt.Errorf("%s: %w", t.Title, err)
		}
		p.Draw(tiles.At(canvas, i, 0))
	}
	file, err := os.Create(args[1])
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = (vgimg.PngCanvas{Canvas: image}).WriteTo(file)
	return err
}

// plot draws the costs that a table tells by the request: client, server, wire and disk.
func (t table) plot() (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.X.Scale = t.Title, plot.LogScale{}
	p.Y.Label.Text, p.Y.Min = "for each request", 0
	p.Legend.Top = true
	var lines []any
	for i, column := range t.Columns {
		if !strings.HasSuffix(column, "/request") || strings.HasPrefix(column, "documents") {
			continue
		}
		points, err := t.points(i)
		if err != nil {
			return nil, err
		}
		lines = append(lines, strings.TrimSuffix(column, "/request"), points)
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return nil, err
	}
	p.Y.Max *= 1.35 // room for the legend
	sizes, err := t.points(0)
	var ticks plot.ConstantTicks
	for i, size := range sizes {
		ticks = append(ticks, plot.Tick{Value: size.X, Label: t.Rows[i].Name})
	}
	p.X.Tick.Marker = ticks
	return p, err
}

// points are the medians of a column, by what the rows are named.
func (t table) points(column int) (plotter.XYs, error) {
	points := make(plotter.XYs, len(t.Rows))
	for i, row := range t.Rows {
		x, err := strconv.ParseFloat(strings.ReplaceAll(row.Name, ",", ""), 64)
		if err != nil {
			return nil, err
		}
		values := slices.Sorted(slices.Values(row.Cells[column]))
		points[i] = plotter.XY{X: x, Y: values[len(values)/2]}
	}
	return points, nil
}
