package mappings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/k6es/k6es/elastic"
)

// Options say what Install and Check do.
type Options struct {
	// Prefix of template and index names; empty means DefaultPrefix.
	Prefix string
	// Replicas is the number of copies of each shard. Nil leaves an installed template's number
	// alone, and means 0 on a cluster of one data node and 1 on any other for a new template.
	Replicas *int
	// Lifecycle is the ILM policy of the sample indices, "" for none. Nil leaves an installed template's
	// policy alone, and means none for a new template.
	Lifecycle *string
	// DryRun says what would be done and does nothing.
	DryRun bool
	// Force also replaces templates that are newer, altered by hand, or not made by k6es.
	Force bool
}

// Action is what Install did with a template.
type Action string

// The actions.
const (
	Installed Action = "installed"
	Upgraded  Action = "upgraded"
	Unchanged Action = "unchanged"
	Replaced  Action = "replaced"
	Linked    Action = "linked" // the template names another ILM policy now
	LeftAlone Action = "left alone"
)

// Change is what Install did with one template, or would do in a dry run.
type Change struct {
	Action Action
	// Before is what was there.
	Before Finding
	DryRun bool

	lifecycle string // that the template has now
}

// String says it in one line, such as "k6-metrics: upgraded from version 3 to 4".
func (c Change) String() string {
	name := c.Before.Template
	would := ""
	if c.DryRun {
		would = "would be "
	}
	switch c.Action {
	case Unchanged:
		return fmt.Sprintf("%s: unchanged (version %d)", name, c.Before.Version)
	case Upgraded:
		return fmt.Sprintf("%s: %supgraded from version %d to %d", name, would, c.Before.Version, SchemaVersion)
	case Installed:
		return fmt.Sprintf("%s: %sinstalled (version %d)", name, would, SchemaVersion)
	case Replaced:
		return fmt.Sprintf("%s; %sreplaced by version %d", c.Before, would, SchemaVersion)
	case Linked:
		return fmt.Sprintf("%s: %schanged to name %s", name, would, namedPolicy(c.lifecycle))
	default:
		return fmt.Sprintf("%s; left alone (--force replaces it)", c.Before)
	}
}

// Install puts the composable templates on the server. It may be called again and again: it installs
// what is missing, upgrades what is older, and leaves everything else alone unless opts.Force says
// otherwise. On an error the changes so far are returned with it.
func Install(ctx context.Context, client Client, opts Options) ([]Change, error) {
	changes := make([]Change, 0, len(families))
	for _, family := range families {
		change, err := family.install(ctx, client, opts)
		if err != nil {
			return changes, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func (f Family) install(ctx context.Context, client Client, opts Options) (Change, error) {
	before, err := f.check(ctx, client, opts)
	if err != nil {
		return Change{}, err
	}
	change := Change{Action: before.State.action(opts.Force), Before: before, DryRun: opts.DryRun, lifecycle: opts.lifecycle(before)}
	if change.Action == Unchanged || change.Action == LeftAlone || opts.DryRun {
		return change, nil
	}
	if err := f.put(ctx, client, opts, before); err != nil {
		return Change{}, fmt.Errorf("install the template %s: %w", before.Template, err)
	}
	return change, nil
}

// action is what setup does about a state.
func (s State) action(force bool) Action {
	switch {
	case s == Current:
		return Unchanged
	case s == Missing:
		return Installed
	case s == Older:
		return Upgraded
	case s == Unlinked:
		return Linked
	case force:
		return Replaced
	default:
		return LeftAlone
	}
}

// put tries scaled_float first: asking for it is the one way to find out about it that needs no more
// rights than installing does.
func (f Family) put(ctx context.Context, client Client, opts Options, before Finding) error {
	target := Target{Replicas: replicas(ctx, client, opts, before), Lifecycle: opts.lifecycle(before)}
	err := f.putTarget(ctx, client, opts.Prefix, target)
	if lacksScaledFloat(err) {
		target.NoScaledFloat = true
		err = f.putTarget(ctx, client, opts.Prefix, target)
	}
	return err
}

func (f Family) putTarget(ctx context.Context, client Client, prefix string, target Target) error {
	template := f.Template(prefix, target, SchemaVersion)
	return client.JSON(ctx, http.MethodPut, template.Path, template.Body, nil)
}

// lifecycle is the ILM policy that a template is to name.
func (o Options) lifecycle(before Finding) string {
	if o.Lifecycle != nil {
		return *o.Lifecycle
	}
	return before.lifecycle
}

func lacksScaledFloat(err error) bool {
	var answer *elastic.Error
	return errors.As(err, &answer) && answer.Status == http.StatusBadRequest &&
		strings.Contains(answer.Reason, "["+ScaledFloat+"]")
}

func replicas(ctx context.Context, client Client, opts Options, before Finding) int {
	if opts.Replicas != nil {
		return *opts.Replicas
	}
	if before.replicas >= 0 {
		return before.replicas
	}
	var health struct {
		DataNodes int `json:"number_of_data_nodes"`
	}
	// Who may not ask gets what suits a cluster; it can be set by option.
	if err := client.JSON(ctx, http.MethodGet, "/_cluster/health", nil, &health); err == nil && health.DataNodes == 1 {
		return 0
	}
	return 1
}
