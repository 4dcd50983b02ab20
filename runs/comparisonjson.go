package runs

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs/compare"
)

// comparisonJSON is a comparison as JSON: what `k6es compare --format json` prints, and what is stored with
// a comparison. Its shape is stable: members are added, and none is renamed or removed.
type comparisonJSON struct {
	Verdict   compare.Verdict `json:"verdict"`
	ExitCode  int             `json:"exit_code"`
	Test      string          `json:"test"`
	Created   time.Time       `json:"created"`
	Window    string          `json:"window,omitempty"`
	Dashboard string          `json:"dashboard,omitempty"`
	Contender comparedJSON    `json:"contender"`
	Baseline  []comparedJSON  `json:"baseline"`
	Load      struct {
		Baseline  loadJSON `json:"baseline"`
		Contender loadJSON `json:"contender"`
	} `json:"load"`
	Rows      []rowJSON      `json:"rows"`
	NotJudged []unjudgedJSON `json:"not_judged"`
	Warnings  []string       `json:"warnings"`
	Logs      *logs.Findings `json:"logs,omitempty"`
}

type comparedJSON struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Test        string    `json:"test"`
	File        string    `json:"file,omitempty"`
	Start       time.Time `json:"start"`
	Duration    float64   `json:"duration_s"`
	Status      Status    `json:"status"`
	Thresholds  int       `json:"thresholds"`
	Crossed     []string  `json:"thresholds_crossed"`
	Environment string    `json:"environment,omitempty"`
	Branch      string    `json:"branch,omitempty"`
	Revision    string    `json:"revision,omitempty"`
	Pipeline    string    `json:"pipeline_url,omitempty"`
}

type loadJSON struct {
	Requests   float64 `json:"requests_per_s"`
	Iterations float64 `json:"iterations_per_s"`
	Failed     float64 `json:"failed"` // share, 0 to 1
	Dropped    float64 `json:"dropped_iterations"`
	Duration   float64 `json:"duration_s"`
}

type keyJSON struct {
	Series     string  `json:"series"` // as k6 writes sub-metrics
	Metric     string  `json:"metric"`
	Scope      string  `json:"scope"`          // run, scenario or name
	Name       string  `json:"name,omitempty"` // of the scenario or request
	Percentile float64 `json:"percentile,omitempty"`
}

type rowJSON struct {
	keyJSON
	Unit      compare.Unit    `json:"unit"` // ms, B, share (0 to 1), 1/s, or empty
	Baseline  float64         `json:"baseline"`
	Contender float64         `json:"contender"`
	Diff      float64         `json:"diff"`  // relative; of a share, the plain difference
	Noise     float64         `json:"noise"` // likewise, the half width of the band
	P         float64         `json:"p"`
	Runs      int             `json:"baseline_runs"`
	Verdict   compare.Verdict `json:"verdict"`
	Reason    string          `json:"reason,omitempty"`
	Decisive  bool            `json:"decisive"` // bears on the overall verdict
}

type unjudgedJSON struct {
	keyJSON
	Reason string `json:"reason"`
}

// MarshalJSON encodes the comparison in the documented shape.
func (c *Comparison) MarshalJSON() ([]byte, error) {
	r := c.Report
	j := comparisonJSON{
		Verdict: r.Verdict, ExitCode: c.ExitCode, Test: c.Test, Created: c.Created, Window: c.Window.String(), Dashboard: c.Link,
		Contender: c.Contender.json(), Baseline: []comparedJSON{}, Rows: []rowJSON{}, NotJudged: []unjudgedJSON{},
		Warnings: append([]string{}, r.Warnings...), Logs: c.Logs,
	}
	j.Load.Baseline, j.Load.Contender = loadOf(r.BaselineLoad), loadOf(r.ContenderLoad)
	for _, run := range c.Baseline {
		j.Baseline = append(j.Baseline, run.json())
	}
	for _, row := range r.Rows {
		j.Rows = append(j.Rows, rowJSON{
			keyJSON: keyOf(row.Key, row.Percentile), Unit: row.Unit, Baseline: row.Baseline, Contender: row.Contender,
			Diff: row.Diff, Noise: row.Noise, P: row.P, Runs: row.Runs, Verdict: row.Verdict, Reason: row.Reason, Decisive: row.Decisive,
		})
	}
	for _, u := range r.NotJudged {
		j.NotJudged = append(j.NotJudged, unjudgedJSON{keyOf(u.Key, u.Percentile), u.Reason})
	}
	return json.Marshal(j)
}

func (c Compared) json() comparedJSON {
	return comparedJSON{
		ID: c.ID, Name: c.Name, Test: c.Test, File: c.File, Start: c.Start, Duration: c.Duration.Seconds(), Status: c.Status,
		Thresholds: c.Thresholds, Crossed: append([]string{}, c.Crossed...), Environment: c.Environment,
		Branch: c.Branch, Revision: c.Revision, Pipeline: c.PipelineURL,
	}
}

func loadOf(l compare.Load) loadJSON {
	return loadJSON{l.Requests, l.Iterations, l.Failed, l.Dropped, l.Duration.Seconds()}
}

func keyOf(key compare.Key, percentile float64) keyJSON {
	return keyJSON{Series: key.String(), Metric: key.Metric, Scope: key.Scope.String(), Name: key.Name, Percentile: percentile}
}

// RowLabel names a compared value in k6's words: http_req_duration{name:GET /items} p(95).
func RowLabel(key compare.Key, percentile float64) string {
	if percentile == 0 {
		return key.String()
	}
	return key.String() + " " + Percentile(percentile)
}

// Percentile writes a percentile, 0 to 1, as k6 does: p(95), p(99.9).
func Percentile(p float64) string {
	return "p(" + strconv.FormatFloat(100*p, 'g', 6, 64) + ")"
}

// Difference writes how far a value is from its baseline: relative, or for a share in percentage points.
func Difference(unit compare.Unit, diff float64) string {
	switch {
	case unit == compare.Share && math.Abs(diff) < 0.00005:
		return "0.00 pp"
	case unit != compare.Share && math.Abs(diff) < 0.0005:
		return "0.0 %"
	case unit == compare.Share:
		return fmt.Sprintf("%+.2f pp", 100*diff)
	case diff >= 9.995:
		return fmt.Sprintf("×%.3g", min(1+diff, 1e6))
	default:
		return fmt.Sprintf("%+.1f %%", 100*diff)
	}
}
