package cmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
	"github.com/k6es/k6es/runs/compare"
)

// comparer is one comparison on its way.
type comparer struct {
	env     Env
	config  config.Config
	options compareOptions
	window  runs.Window

	client *elastic.Client // nil until a stored run is asked for
	runs   *runs.Store

	contender compare.Run // once it was compared
}

// side is a run that is compared: stored, or read from a file.
type side struct {
	ref   string
	file  *file          // nil for a stored run
	doc   *runs.Document // nil for a file
	run   compare.Run
	about runs.Compared

	verdicts []runs.Verdict // on thresholds
}

// candidate is the run as one for which comparable ones are looked for.
func (s *side) candidate() runs.Candidate {
	if s.doc != nil {
		return s.doc.Candidate()
	}
	return s.file.candidate
}

func (c *comparer) compare(ctx context.Context, settings compare.Settings) (*runs.Comparison, error) {
	contender, baseline, err := c.sides(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(baseline, func(a, b *side) int {
		return cmp.Or(b.run.Start.Compare(a.run.Start), cmp.Compare(b.run.ID, a.run.ID))
	})
	comparison := &runs.Comparison{
		Test: contender.about.Test, Created: time.Now().UTC().Truncate(time.Millisecond), Window: c.window, Contender: contender.about,
	}
	var earlier []compare.Run
	for _, s := range baseline {
		earlier, comparison.Baseline = append(earlier, s.run), append(comparison.Baseline, s.about)
	}
	settings.Directions = runs.Directions(contender.verdicts)
	if comparison.Report, err = compare.Compare(earlier, contender.run, settings); err != nil {
		return nil, err
	}
	if err := c.checkMetrics(contender, baseline, comparison.Report); err != nil {
		return nil, err
	}
	comparison.Report.Warnings = append(c.warnings(contender, baseline, comparison.Report), comparison.Report.Warnings...)
	comparison.Link, c.contender = c.link(comparison), contender.run
	return comparison, nil
}

// sides reads all runs: files first, of which one may be needed to know what it is compared with.
func (c *comparer) sides(ctx context.Context) (contender *side, baseline []*side, err error) {
	contender = &side{ref: cmp.Or(c.options.contender, c.config.RunID, "latest")}
	for _, ref := range c.options.baseline {
		baseline = append(baseline, &side{ref: ref})
	}
	if err := c.readFiles(ctx, contender, baseline); err != nil {
		return nil, nil, err
	}
	if contender.file == nil {
		if err := c.find(ctx, contender, nil); err != nil {
			return nil, nil, contender.notFound(err)
		}
	}
	for _, s := range baseline {
		if s.file == nil {
			if err := c.find(ctx, s, contender); err != nil {
				return nil, nil, s.notFound(err)
			}
		}
	}
	if len(baseline) == 0 {
		if baseline, err = c.automatic(ctx, contender); err != nil {
			return nil, nil, err
		}
	}
	return contender, baseline, c.loadStored(ctx, append([]*side{contender}, baseline...))
}

// isFile says whether a reference means a file, and not a run.
func isFile(ref string) bool {
	if ref == "-" {
		return true
	}
	info, err := os.Stat(ref)
	return err == nil && !info.IsDir()
}

// notFound adds what to do where a folder was named.
func (s *side) notFound(err error) error {
	if info, none := os.Stat(s.ref); none != nil || !info.IsDir() {
		return err
	}
	return fmt.Errorf("%s is a folder: name the files in it, each by an option of its own, such as %s. As a run: %w",
		s.ref, filepath.Join(s.ref, "FILE"), err)
}

// fileExtensions are those that a run's name hardly has: such a reference is a file that is not there.
var fileExtensions = []string{".json", ".csv", ".gz", ".zst"}

// connect reaches the server, once.
func (c *comparer) connect(ctx context.Context) error {
	if c.runs != nil {
		return nil
	}
	client, _, err := connect(ctx, c.config)
	if err != nil {
		return err
	}
	c.client, c.runs = client, &runs.Store{Client: client, Prefix: c.config.IndexPrefix}
	return nil
}

// find finds a stored run: the contender, or one that it is compared with.
func (c *comparer) find(ctx context.Context, s, contender *side) (err error) {
	if slices.Contains(fileExtensions, filepath.Ext(s.ref)) {
		return fmt.Errorf("cannot read %s: no such file", s.ref)
	}
	if err := c.connect(ctx); err != nil {
		return err
	}
	switch {
	case contender == nil:
		s.doc, err = c.runs.FindOf(ctx, c.config.TestName, s.ref)
	case s.ref == "pinned":
		s.doc, err = c.runs.Pinned(ctx, contender.candidate())
	default:
		s.doc, err = c.runs.FindOf(ctx, contender.candidate().Test, s.ref)
	}
	if err == nil && contender != nil && contender.doc != nil && contender.doc.K6.Run.ID == s.doc.K6.Run.ID {
		return usageError("--baseline %s is the contender itself", s.ref)
	}
	return err
}

// automatic picks the baseline.
func (c *comparer) automatic(ctx context.Context, contender *side) ([]*side, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	found, err := c.runs.Baseline(ctx, contender.candidate())
	var baseline []*side
	for _, d := range found {
		baseline = append(baseline, &side{ref: d.K6.Run.ID, doc: d})
	}
	return baseline, err
}

// loadStored reads what stored runs are compared by.
func (c *comparer) loadStored(ctx context.Context, all []*side) (err error) {
	var stored []*side
	var docs []*runs.Document
	for _, s := range all {
		if s.doc == nil {
			continue
		}
		stored, docs = append(stored, s), append(docs, s.doc)
		s.about = s.doc.Compared()
		if s.verdicts, err = s.doc.Verdicts(); err != nil {
			return err
		}
	}
	if len(stored) == 0 {
		return nil
	}
	if !c.window.All() {
		fmt.Fprintf(c.env.Err, "reading the raw documents of %s for the window %s\n", plural(int64(len(stored)), "run"), c.window)
	}
	read, err := c.runs.Comparables(ctx, docs, c.window)
	for i, s := range stored {
		s.run = read[i]
	}
	return err
}

// origin is where a file came from, as far as options and CI variables say so.
func (c *comparer) origin(ctx context.Context) ci.Origin {
	return ci.Detect(ctx, c.env.Vars, "", nil, c.config.Origin())
}

// link is the page of the comparison in Kibana; empty when nobody said where Kibana is.
func (c *comparer) link(comparison *runs.Comparison) string {
	if !comparison.Stored() {
		return ""
	}
	return c.config.Links().Dashboard(kibana.CompareDashboard, comparison.Dashboard())
}
