package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/logs"
)

// noField is what a user gives for a role that the logs have no field for.
const noField = "none"

// logs finds out what the team's logs look like, and says so unless setup only checks; nil where nobody
// said where they are.
func (d *dashboards) logs(ctx context.Context) (kibana.Values, error) {
	if len(d.config.LogsIndex) == 0 {
		return nil, ctx.Err()
	}
	overrides, err := logOverrides(d.config)
	if err != nil {
		return nil, err
	}
	client, _, err := connect(ctx, d.config)
	if err != nil {
		return nil, err
	}
	shape, err := d.env.probe(ctx, client, strings.Join(d.config.LogsIndex, ","), overrides)
	if err != nil {
		return nil, err
	}
	patterns, err := d.client.FindPatterns(ctx, shape.Pattern)
	if err != nil {
		return nil, err
	}
	theirs, ours := d.choosePattern(patterns)
	if !d.options.check {
		d.tellLogs(shape)
		d.tellPattern(shape, theirs, ours)
	}
	return kibana.LogValues(shape, theirs, d.config.IndexPrefix)
}

// logOverrides are the fields that the user gave.
func logOverrides(cfg config.Config) (logs.Overrides, error) {
	overrides := logs.Overrides{Fields: map[logs.Role]string{}, Unit: logs.Unit(cfg.LogsLatencyUnit)}
	for name, field := range cfg.LogsFields {
		role := logs.Role(name)
		if !slices.Contains(logs.Roles(), role) {
			return overrides, usageError("logs have no role %q; the roles are %s", name, strings.Join(roleNames(), ", "))
		}
		if field == noField {
			field = ""
		}
		overrides.Fields[role] = field
	}
	return overrides, nil
}

func roleNames() []string {
	var names []string
	for _, role := range logs.Roles() {
		names = append(names, string(role))
	}
	return names
}

// choosePattern tells the team's own index pattern for the logs, if there is one, from ours.
func (d *dashboards) choosePattern(patterns []kibana.Pattern) (theirs kibana.Pattern, ours bool) {
	for _, pattern := range patterns {
		switch {
		case pattern.ID == d.config.IndexPrefix+"-"+kibana.LogsDashboard:
			ours = true
		case theirs.ID == "":
			theirs = pattern
		}
	}
	return theirs, ours
}

// tellLogs shows what was chosen for each role, and why.
func (d *dashboards) tellLogs(shape logs.Shape) {
	out := d.env.Out
	fmt.Fprintf(out, "production logs in %s: %s, judged by %s\n", shape.Pattern,
		english.Plural(len(shape.Indices), "index", "indices"), english.Plural(shape.Documents, "line", ""))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, choice := range shape.Choices {
		why := choice.Why
		if others := choice.Alternatives; len(others) > 0 {
			why += "; or " + strings.Join(others[:min(len(others), 2)], ", ")
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", choice.Role, cmp.Or(choice.Show, "–"), why)
	}
	_ = table.Flush() // the terminal is gone
	fmt.Fprintf(out, "  errors are %s\n", cmp.Or(shape.Errors.KQL, "not to be told from other lines"))
	for _, note := range shape.Notes {
		fmt.Fprintln(out, "  note:", note)
	}
	fmt.Fprintf(out, "  something else: --logs-field ROLE=FIELD, or ROLE=%s where there is none; --logs-latency-unit\n", noField)
}

// tellPattern says which index pattern the panels use, where that is one of the team's own, and what is
// wrong with it.
func (d *dashboards) tellPattern(shape logs.Shape, theirs kibana.Pattern, ours bool) {
	if theirs.ID == "" {
		return
	}
	fmt.Fprintf(d.env.Out, "index pattern %s is there already (id %s), and is used as it is\n", theirs.Title, theirs.ID)
	if ours {
		d.env.warnf("there are two index patterns %s, and nothing of ours uses %s-%s any more: delete it in Kibana",
			theirs.Title, d.config.IndexPrefix, kibana.LogsDashboard)
	}
	if chosen := shape.Choice(logs.Time).Show; theirs.Time != chosen {
		d.env.warnf("index pattern %s has %s as its time, not %s: lists of log lines go by that",
			theirs.Title, cmp.Or(theirs.Time, "nothing"), chosen)
	}
	for _, choice := range shape.Choices {
		if choice.Field != "" && theirs.Fields != nil && !theirs.Fields[choice.Field] {
			d.env.warnf("index pattern %s does not know the field %s yet: refresh its field list in Kibana", theirs.Title, choice.Field)
		}
	}
}
