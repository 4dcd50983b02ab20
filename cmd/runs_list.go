package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/k6es/k6es/runs"
)

type listOptions struct {
	outputFlags
	filter        runs.Filter
	status, since string
}

// newList makes the command that lists runs.
func (r runsCommand) newList() *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List runs, the newest first",
		Example: "  k6es runs list --test checkout --branch main --since 7d\n  k6es runs list --status failed --output json",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.filter.Test, "test", "", "only runs of this test")
	flags.StringVar(&o.filter.Branch, "branch", "", "only runs of this branch or tag")
	flags.StringVar(&o.filter.Environment, "environment", "", "only runs in this environment")
	flags.StringVar(&o.status, "status", "", "only runs that are passed, failed, aborted, interrupted or running")
	flags.StringVar(&o.since, "since", "", "only runs that began since: 7d, 12h, 2026-11-01")
	flags.StringToStringVar(&o.filter.Labels, "label", nil, "only runs with this label, key=value (repeatable)")
	flags.IntVar(&o.filter.Limit, "limit", 20, "how many runs at most; 0: all")
	o.add(flags)
	addServerFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return r.list(cmd, o) }
	return cmd
}

var statuses = []runs.Status{runs.Passed, runs.Failed, runs.Aborted, runs.Interrupted, runs.Running}

func (o *listOptions) check(r runsCommand) error {
	if err := o.outputFlags.check(); err != nil {
		return err
	}
	o.filter.Status = runs.Status(o.status)
	if o.status != "" && !slices.Contains(statuses, o.filter.Status) {
		return usageError("--status is %q; choose passed, failed, aborted, interrupted or running", o.status)
	}
	if o.filter.Limit < 0 {
		return usageError("--limit is %d; it cannot be negative", o.filter.Limit)
	}
	var err error
	if o.filter.Since, err = r.parseSince(o.since); err != nil {
		return usageError("--since: %w", err)
	}
	return nil
}

func (r runsCommand) list(cmd *cobra.Command, o listOptions) error {
	if err := o.check(r); err != nil {
		return err
	}
	cfg, err := r.env.load(cmd.Flags())
	if err != nil {
		return err
	}
	client, store, err := r.storeOf(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	found, err := store.List(cmd.Context(), o.filter)
	switch {
	case err != nil:
		return err
	case o.output == "json":
		return r.env.printJSON(found)
	case len(found) == 0:
		fmt.Fprintln(r.env.Err, o.nothing(cfg.IndexPrefix, client.URL()))
		return nil
	}
	fmt.Fprintln(r.env.Out, r.look(o.width).runs(found))
	if killed := slices.IndexFunc(found, func(d *runs.Document) bool { return d.K6.Run.Partial && !d.Counted() }); killed >= 0 {
		fmt.Fprintf(r.env.Err, "Where k6 was killed the numbers are those of its last heartbeat. `%s runs show %s` counts its documents, if they are no more than %s\n",
			r.env.Name, found[killed].ShortID(), humanize.Comma(runs.MaxRecounted))
	}
	return nil
}

// nothing says that no run was found, and if none was ruled out, how one comes to be there.
func (o listOptions) nothing(prefix, url string) string {
	if cmp.Or(o.filter.Test, o.filter.Branch, o.filter.Environment, o.status, o.since) != "" || len(o.filter.Labels) > 0 {
		return "no run is like that"
	}
	return fmt.Sprintf("no run yet (prefix %s at %s). Make one: k6 run --out elasticsearch SCRIPT, or k6es upload FILE", prefix, url)
}

// runs makes the table of runs.
func (l look) runs(all []*runs.Document) string {
	t := table{look: l, columns: []column{
		{head: "WHEN"}, {head: "TEST", least: 8}, {head: "RUN", least: 12}, {head: "STATUS"},
		{head: "TIME", right: true, drop: 2}, {head: "REQUESTS", right: true}, {head: "RPS", right: true, drop: 1},
		{head: "FAILED", right: true}, {head: "P95", right: true},
		{head: "P99", right: true, extra: true}, {head: "CHECKS", right: true, extra: true}, {head: "VUS", right: true, extra: true},
		{head: "ID", extra: true}, {head: "ENVIRONMENT", extra: true}, {head: "NOTE", extra: true},
	}}
	ids := runs.ShortIDs(runs.IDs(all))
	for i, d := range all {
		t.rows = append(t.rows, l.row(d, ids[i]))
		if unnamed(d) {
			t.columns[2].least = max(t.columns[2].least, len(ids[i])) // cut, it would be of no use
		}
	}
	if t.natural() > l.width {
		t.columns[5].head = "REQS"
		for i, d := range all {
			t.rows[i][5].text = compact(d.K6.Summary.Requests)
		}
		t.squeeze()
	}
	return t.String()
}

// row is a run's row in the table of runs.
func (l look) row(d *runs.Document, id string) []cell {
	s := d.K6.Summary
	status := cell{text: string(d.K6.Run.Status), colour: statusColour(d.K6.Run.Status)}
	failed := cell{text: share(s.FailedRate)}
	name := cell{text: runName(d, id)}
	if unnamed(d) {
		id = "" // stands there already
	}
	if d.K6.Run.Pinned {
		name.mark = star
	}
	return []cell{
		{text: l.when(d.Timestamp)}, {text: d.K6.Test}, name, status,
		{text: span(d.K6.Run.Duration)}, {text: number(s.Requests)}, {text: rate(s.RPS)},
		failed, {text: optionalMillis(s.P95)},
		{text: optionalMillis(s.P99)}, {text: share(s.ChecksRate)}, {text: virtualUsers(s)},
		{text: id}, {text: environment(d)}, {text: d.K6.Run.Note},
	}
}

// runName is a run's name with what was tested, where the name does not say so. A name that is
// only the time says less than the id.
func runName(d *runs.Document, id string) string {
	name := d.K6.Run.Name
	if unnamed(d) {
		name = id
	}
	name = strings.TrimPrefix(name, d.K6.Test+" ")
	origin := d.Origin()
	if head := origin.Head(); head != "" && !strings.Contains(name, head) {
		name += " " + head
	}
	return name
}

// unnamed tells whether the run has no name but its time.
func unnamed(d *runs.Document) bool { return d.K6.Run.Name == runs.NameAt(d.Timestamp) }

func environment(d *runs.Document) string {
	if d.Service == nil {
		return ""
	}
	return d.Service.Environment
}

func statusColour(status runs.Status) colour {
	switch status {
	case runs.Passed:
		return green
	case runs.Running:
		return blue
	case runs.Interrupted, runs.Aborted:
		return yellow
	default:
		return red
	}
}
