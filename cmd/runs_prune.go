package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k6es/k6es/runs"
)

type pruneOptions struct {
	runs.PruneOptions
	olderThan string
	yes       bool
}

// newPrune makes the command that deletes the samples of old runs.
func (r runsCommand) newPrune() *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete the sample documents of old runs; asks first",
		Long: "Deletes the sample documents of old runs. The runs themselves stay, with their\n" +
			"numbers, percentiles and what comparisons need. A run is pruned if it is older\n" +
			"than --older-than and none of the newest --keep-last of its test; pinned ones are\n" +
			"kept unless --keep-pinned=false says otherwise. An index that holds nothing else\n" +
			"is dropped as a whole.",
		Example: "  k6es runs prune --older-than 90d --dry-run\n  k6es runs prune --older-than 90d --keep-last 20 --yes",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.olderThan, "older-than", "", "only runs that began longer ago: 90d, 12w")
	flags.IntVar(&o.KeepLast, "keep-last", 0, "so many of the newest runs of each test are kept")
	flags.BoolVar(&o.KeepPinned, "keep-pinned", true, "pinned runs are kept")
	flags.StringVar(&o.Test, "test", "", "only runs of this test")
	flags.BoolVar(&o.DryRun, "dry-run", false, "say what would be deleted, and delete nothing")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	addServerFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.prune(cmd, o) }
	return cmd
}

func (o *pruneOptions) check() error {
	if o.KeepLast < 0 {
		return usageError("--keep-last is %d; it cannot be negative", o.KeepLast)
	}
	if o.olderThan == "" && o.KeepLast == 0 {
		return usageError("say which runs to prune: --older-than 90d, or --keep-last 20, or both")
	}
	if o.olderThan == "" {
		return nil
	}
	var err error
	if o.OlderThan, err = parseAge(o.olderThan); err != nil {
		return usageError("--older-than: %w", err)
	}
	return nil
}

func (r runsCommand) prune(cmd *cobra.Command, o pruneOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	ctx := cmd.Context()
	store, err := r.store(ctx, cmd.Flags())
	if err != nil {
		return err
	}
	plan := o.PruneOptions
	plan.DryRun = true
	report, err := store.Prune(ctx, plan, nil)
	if err != nil {
		return err
	}
	if len(report.Runs) == 0 {
		fmt.Fprintln(r.env.Out, "nothing to prune")
		return nil
	}
	if o.DryRun {
		fmt.Fprintf(r.env.Out, "%s\nwould be deleted: %s\n", r.look(0).pruned(report), outcome(report))
		return nil
	}
	fmt.Fprintln(r.env.Out, r.look(0).pruned(report))
	if err := r.ask(ctx, fmt.Sprintf("Delete %s?", outcome(report)), o.yes); err != nil {
		return err
	}
	return r.pruneNow(ctx, store, o.PruneOptions)
}

func (r runsCommand) pruneNow(ctx context.Context, store *runs.Store, o runs.PruneOptions) error {
	var progress func(int64)
	if tell := r.progress(); tell != nil {
		progress = func(samples int64) { tell(runs.Counts{Samples: samples}) }
	}
	report, err := store.Prune(ctx, o, progress)
	r.endProgress()
	if err != nil {
		return err
	}
	fmt.Fprintf(r.env.Out, "deleted: %s\n", outcome(report))
	return nil
}

// pruned is the table of runs whose samples go.
func (l look) pruned(report runs.PruneReport) string {
	t := table{look: l, columns: []column{
		{head: "WHEN"}, {head: "TEST", least: 8}, {head: "RUN", least: 12}, {head: "ID"}, {head: "SAMPLE DOCUMENTS", right: true},
	}}
	ids := make([]string, len(report.Runs))
	for i, p := range report.Runs {
		ids[i] = p.Run.K6.Run.ID
	}
	ids = runs.ShortIDs(ids)
	for i, p := range report.Runs {
		t.rows = append(t.rows, []cell{
			{text: l.when(p.Run.Timestamp)}, {text: p.Run.K6.Test}, {text: runName(p.Run, "–")}, {text: ids[i]}, {text: number(float64(p.Samples))},
		})
	}
	return t.String()
}

// outcome sums a prune up.
func outcome(report runs.PruneReport) string {
	summary := fmt.Sprintf("%s of %s", plural(report.Samples, "sample document"), plural(int64(len(report.Runs)), "run"))
	switch len(report.Indices) {
	case 0:
		return summary
	case 1:
		return summary + ", with the index " + report.Indices[0]
	default:
		return summary + ", with the indices " + strings.Join(report.Indices, ", ")
	}
}
