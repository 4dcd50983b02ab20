package runs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs/compare"
)

// Comparison is a run beside its baseline: what package compare says of them, and what people want to know
// of the runs.
type Comparison struct {
	Test      string
	Created   time.Time
	Window    Window
	Contender Compared
	Baseline  []Compared // the latest first
	Report    compare.Report
	Link      string // page of the comparison in Kibana; empty: not known
	ExitCode  int    // what the process that made the comparison ends with
	// Logs are what production logs said during the contender; nil: nobody asked. Who may see runs need not
	// be allowed to see logs: a comparison that is stored has none.
	Logs *logs.Findings
}

// Compared is a run of a comparison, as people know it.
type Compared struct {
	ID, Name, Test string
	File           string // where the run was read from; empty: it is stored
	Start          time.Time
	Duration       time.Duration
	Status         Status
	Thresholds     int      // evaluated ones
	Crossed        []string // those of them that were crossed
	Environment    string
	Branch         string
	Revision       string
	PipelineURL    string
	ScriptHash     string
	OptionsHash    string // of the scenarios' options
}

// Compared is the run as people know it.
func (d *Document) Compared() Compared {
	c := Compared{
		ID: d.K6.Run.ID, Name: d.K6.Run.Name, Test: d.K6.Test, Start: d.Timestamp,
		Duration: time.Duration(d.K6.Run.Duration * float64(time.Second)), Status: d.K6.Run.Status,
		Thresholds: d.K6.Summary.Thresholds, Crossed: d.K6.Crossed, Environment: d.Candidate().Environment,
		Branch: d.VCS.Ref.Head.Name, Revision: d.VCS.Ref.Head.Revision, PipelineURL: d.CICD.Pipeline.Run.URL.Full,
	}
	if d.K6.Script != nil {
		c.ScriptHash, c.OptionsHash = d.K6.Script.Hash, d.K6.Script.OptionsHash
	}
	return c
}

// Stored says whether the run came from the server.
func (c Compared) Stored() bool { return c.File == "" }

// Stored says whether any of the runs came from the server.
func (c *Comparison) Stored() bool {
	return c.Contender.Stored() || slices.ContainsFunc(c.Baseline, Compared.Stored)
}

// ID is made from the runs and the window: comparing them again makes the same.
func (c *Comparison) ID() string {
	baseline := c.baseline(func(r Compared) string { return r.ID })
	slices.Sort(baseline)
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", c.Contender.ID, baseline, c.Window))
	return base64.RawURLEncoding.EncodeToString(hash[:15])
}

func (c *Comparison) baseline(text func(Compared) string) []string {
	texts := make([]string, len(c.Baseline))
	for i, run := range c.Baseline {
		texts[i] = text(run)
	}
	return texts
}

// Worse lists what became worse, the worst first.
func (c *Comparison) Worse() []compare.Row { return c.rows(compare.Worse) }

func (c *Comparison) rows(verdict compare.Verdict) []compare.Row {
	var rows []compare.Row
	for _, row := range c.Report.Rows {
		if row.Verdict == verdict {
			rows = append(rows, row)
		}
	}
	return rows
}

// Dashboard is the part of a link into Kibana behind the dashboard's id: the time of all runs, and a
// query that shows no others.
func (c *Comparison) Dashboard() string {
	const layout = "2006-01-02T15:04:05.000Z"
	var from, to time.Time
	var ids []string
	for _, run := range append([]Compared{c.Contender}, c.Baseline...) {
		if end := run.Start.Add(run.Duration); end.After(to) {
			to = end
		}
		if from.IsZero() || run.Start.Before(from) {
			from = run.Start
		}
		ids = append(ids, "%22"+risonText(run.ID)+"%22")
	}
	return fmt.Sprintf(`?_g=(filters:!(),refreshInterval:(pause:!t,value:0),time:(from:'%s',to:'%s'))`+
		`&_a=(query:(language:kuery,query:'k6.run.id:(%s)'))`, from.Add(-margin).UTC().Format(layout),
		to.Add(margin).UTC().Format(layout), strings.Join(ids, "%20or%20"))
}

// comparisonDocument is a comparison as it is stored in <prefix>-comparisons.
type comparisonDocument struct {
	Timestamp time.Time `json:"@timestamp"` // the contender's start: it stands beside its run
	Event     struct {
		Dataset string    `json:"dataset"`
		Outcome string    `json:"outcome"`
		Created time.Time `json:"created"`
	} `json:"event"`
	K6 struct {
		Run struct {
			ID     string `json:"id"`
			Name   string `json:"name"`
			Status Status `json:"status"`
		} `json:"run"`
		Test       string           `json:"test"`
		Crossed    []string         `json:"thresholds_crossed,omitempty"`
		Comparison comparisonFields `json:"comparison"`
	} `json:"k6"`
	Service *serviceFields `json:"service,omitempty"`
	VCS     *headFields    `json:"vcs,omitempty"`
	Links   linkFields     `json:"links"`
}

type headFields struct {
	Ref struct {
		Head struct {
			Name     string `json:"name,omitempty"`
			Revision string `json:"revision,omitempty"`
		} `json:"head"`
	} `json:"ref"`
}

type comparisonFields struct {
	ID        string          `json:"id"`
	Verdict   compare.Verdict `json:"verdict"`
	Worse     []string        `json:"worse,omitempty"`
	Worsened  int             `json:"worse_count"`
	Bettered  int             `json:"better_count"`
	Compared  int             `json:"compared"`
	NotJudged int             `json:"not_judged"`
	Warnings  []string        `json:"warnings,omitempty"`
	Window    string          `json:"window,omitempty"`
	Baseline  struct {
		IDs   []string `json:"ids"`
		Names []string `json:"names"`
		Runs  int      `json:"runs"`
	} `json:"baseline"`
	Report  []byte     `json:"report"` // JSON, which becomes base64: a binary field
	P95     *rowFields `json:"p95,omitempty"`
	RPS     sideFields `json:"rps"`
	Failed  sideFields `json:"failed_rate"`
	Dropped sideFields `json:"dropped_iterations"`
}

type rowFields struct {
	sideFields
	Diff    float64         `json:"diff"`
	Noise   float64         `json:"noise"`
	Verdict compare.Verdict `json:"verdict"`
}

type sideFields struct {
	Baseline  float64 `json:"baseline"`
	Contender float64 `json:"contender"`
}

// maxWorse is how many of the values that became worse a document lists; the report has all.
const maxWorse = 100

func (c *Comparison) document() (*comparisonDocument, error) {
	d := &comparisonDocument{Timestamp: c.Contender.Start, Links: linkFields{c.Dashboard()}}
	d.Event.Dataset, d.Event.Outcome, d.Event.Created = "k6.comparison", c.outcome(), c.Created
	d.K6.Run.ID, d.K6.Run.Name, d.K6.Run.Status = c.Contender.ID, c.Contender.Name, c.Contender.Status
	d.K6.Test, d.K6.Crossed = c.Test, c.Contender.Crossed
	if c.Contender.Environment != "" {
		d.Service = &serviceFields{Environment: c.Contender.Environment}
	}
	if c.Contender.Branch != "" || c.Contender.Revision != "" {
		d.VCS = &headFields{}
		d.VCS.Ref.Head.Name, d.VCS.Ref.Head.Revision = c.Contender.Branch, c.Contender.Revision
	}
	var err error
	d.K6.Comparison, err = c.fields()
	return d, err
}

// outcome is in the words of ECS.
func (c *Comparison) outcome() string {
	switch c.Report.Verdict {
	case compare.Worse:
		return "failure"
	case compare.NotJudged:
		return "unknown"
	default:
		return "success"
	}
}

func (c *Comparison) fields() (comparisonFields, error) {
	baseline, contender := c.Report.BaselineLoad, c.Report.ContenderLoad
	f := comparisonFields{
		ID: c.ID(), Verdict: c.Report.Verdict, Bettered: len(c.rows(compare.Better)), Compared: len(c.Report.Rows),
		NotJudged: len(c.Report.NotJudged), Warnings: c.Report.Warnings, Window: c.Window.String(), P95: c.headline(),
		RPS:    sideFields{baseline.Requests, contender.Requests},
		Failed: sideFields{baseline.Failed, contender.Failed}, Dropped: sideFields{baseline.Dropped, contender.Dropped},
	}
	worse := c.Worse()
	f.Worsened = len(worse)
	for _, row := range worse[:min(maxWorse, len(worse))] {
		f.Worse = append(f.Worse, RowLabel(row.Key, row.Percentile)+" "+Difference(row.Unit, row.Diff))
	}
	f.Baseline.IDs = c.baseline(func(r Compared) string { return r.ID })
	f.Baseline.Names = c.baseline(func(r Compared) string { return r.Name })
	f.Baseline.Runs = len(c.Baseline)
	var err error
	f.Report, err = json.Marshal(c)
	return f, wrap(err, "encoding the comparison of run %s", c.Contender.ID)
}

// headline is the 95th percentile of the whole run's requests, nil if it was not compared.
func (c *Comparison) headline() *rowFields {
	for _, row := range c.Report.Rows {
		if row.Key == (compare.Key{Metric: "http_req_duration"}) && row.Percentile == 0.95 {
			return &rowFields{sideFields{row.Baseline, row.Contender}, row.Diff, row.Noise, row.Verdict}
		}
	}
	return nil
}

// SaveComparison writes a comparison into <prefix>-comparisons, over an earlier one of the same runs.
func (s *Store) SaveComparison(ctx context.Context, c *Comparison) error {
	d, err := c.document()
	if err != nil {
		return err
	}
	path := "/" + s.Prefix + "-comparisons/_doc/" + url.PathEscape(d.K6.Comparison.ID)
	return wrap(s.Client.JSON(ctx, http.MethodPut, path, d, nil), "writing the comparison of run %s", c.Contender.ID)
}
