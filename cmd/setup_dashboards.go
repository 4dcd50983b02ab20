package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/mappings"
)

// kibanaPatience is how long setup waits for a Kibana that starts, unless --wait says otherwise.
const kibanaPatience = time.Minute

// setupDashboards brings the dashboards into Kibana, or with --check and --dry-run only looks.
func (env Env) setupDashboards(ctx context.Context, cfg config.Config, options setupOptions) error {
	if cfg.KibanaURL == "" {
		return env.withoutKibana(options)
	}
	err := env.installDashboards(ctx, cfg, options)
	var gone *unreachableError
	switch {
	case !errors.As(err, &gone) || options.check:
		return err
	case gone.mayCome():
		return fmt.Errorf("%w. The dashboards are not installed; when it is there: `%s setup --dashboards`", err, env.Name)
	default:
		return fmt.Errorf("%w. The dashboards are not installed", err)
	}
}

// unreachableError says that Kibana could not be asked.
type unreachableError struct{ error }

func (e *unreachableError) Unwrap() error { return e.error }

// mayCome tells whether waiting may help: what answers otherwise is not the right one, or refuses the login.
func (e *unreachableError) mayCome() bool {
	var connection *elastic.ConnectionError
	var notReady *kibana.NotReadyError
	return errors.As(e.error, &connection) || errors.As(e.error, &notReady)
}

// withoutKibana says what there is to know when nobody said where Kibana is.
func (env Env) withoutKibana(options setupOptions) error {
	if options.dashboards {
		return usageError("--dashboards needs to know where Kibana is: --kibana-url or K6_KIBANA_URL")
	}
	done := "not installed"
	if options.check {
		done = "not checked"
	}
	fmt.Fprintf(env.Out, "dashboards: %s, as nobody said where Kibana is. Do it with\n  K6_KIBANA_URL=http://kibana:5601 %s setup --dashboards\n",
		done, env.Name)
	return nil
}

// dashboards is what setup does with one Kibana.
type dashboards struct {
	env     Env
	config  config.Config
	options setupOptions
	client  *kibana.Client
	server  kibana.Server
	there   []string // keys of dashboards that are in Kibana, and cannot be made now
	noLogs  error    // why the logs could not be looked at; nil: they were, or none were named
}

func (env Env) installDashboards(ctx context.Context, cfg config.Config, options setupOptions) error {
	d := dashboards{env: env, config: cfg, options: options}
	if err := d.connect(ctx); err != nil {
		return err
	}
	objects, left, err := d.objects(ctx)
	if err != nil {
		return err
	}
	findings, err := d.client.Check(ctx, d.server, objects)
	if err != nil {
		return err
	}
	if options.check || options.dryRun {
		return errors.Join(d.tell(findings, left), d.noLogs)
	}
	if err := d.bring(ctx, findings); err != nil {
		return err
	}
	d.links(objects, left)
	return d.noLogs
}

// connect waits for Kibana, and finds out what it is.
func (d *dashboards) connect(ctx context.Context) (err error) {
	if d.client, err = kibana.New(d.config.Kibana()); err != nil {
		return err
	}
	patience, listening := kibanaPatience, false
	if d.options.wait > 0 {
		patience, listening = d.options.wait, true
	}
	if d.options.check {
		patience = 0
	}
	d.server, err = d.client.Wait(ctx, patience, listening, func(why error) {
		fmt.Fprintf(d.env.Err, "%v; waiting for it, %s at most\n", why, patience)
	})
	if err != nil {
		return &unreachableError{err}
	}
	fmt.Fprintf(d.env.Out, "%s · %s\n", d.client.URL(), d.server)
	return d.client.CheckSpace(ctx, d.server)
}

// objects are what belongs into this Kibana, and what was left out of it.
func (d *dashboards) objects(ctx context.Context) ([]kibana.Object, []kibana.LeftOut, error) {
	values, noLogs := d.logs(ctx)
	if noLogs != nil || values == nil {
		key := kibana.Dashboard + ":" + d.config.IndexPrefix + "-" + kibana.LogsDashboard
		found, err := d.client.Export(ctx, []string{key}, false)
		if err != nil {
			return nil, nil, err
		}
		d.there = slices.Collect(maps.Keys(found))
	}
	if noLogs != nil {
		values = nil
		done := "left out"
		if len(d.there) > 0 {
			done = "left as it is"
		}
		d.noLogs = fmt.Errorf("%w. The dashboard beside production logs is %s", noLogs, done)
	}
	return kibana.Rendered(d.config.IndexPrefix, values, d.there...)
}

// bring imports what is missing or other than it should be, and says what became of it.
func (d *dashboards) bring(ctx context.Context, findings []kibana.Finding) error {
	var objects []kibana.Object
	count := map[kibana.State]int{}
	for _, finding := range findings {
		count[finding.State]++
		if finding.State != kibana.Current {
			objects = append(objects, finding.Object)
		}
	}
	if len(objects) > 0 {
		if err := d.client.Import(ctx, objects); err != nil {
			return err
		}
	}
	var parts []string
	for _, part := range []struct {
		state kibana.State
		done  string
	}{
		{kibana.Missing, "installed"}, {kibana.Differs, "replaced"},
		{kibana.Present, "installed again"}, {kibana.Current, "unchanged"},
	} {
		if n := count[part.state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, part.done))
		}
	}
	fmt.Fprintf(d.env.Out, "dashboards and their parts: %s\n", strings.Join(parts, ", "))
	return nil
}

// tell says what setup would do; with --check, the error says how much that is.
func (d *dashboards) tell(findings []kibana.Finding, left []kibana.LeftOut) error {
	work := 0
	for _, finding := range findings {
		if finding.OK() {
			continue
		}
		work++
		text := finding.String()
		switch {
		case d.options.check:
		case finding.State == kibana.Missing:
			text = finding.Object.Key() + ": would be installed"
		default:
			text += "; would be replaced"
		}
		fmt.Fprintln(d.env.Out, text)
	}
	fmt.Fprintf(d.env.Out, "dashboards and their parts: %d of %d are as they should be\n", len(findings)-work, len(findings))
	d.tellLeftOut(left)
	if work > 0 && d.options.check {
		return fmt.Errorf("%d of %d dashboards and their parts need work: run `%s setup --dashboards`", work, len(findings), d.env.Name)
	}
	return nil
}

// links prints where the dashboards are, in the order in which people look at them.
func (d *dashboards) links(objects []kibana.Object, left []kibana.LeftOut) {
	links := d.config.Links()
	for _, name := range []string{kibana.RunsDashboard, kibana.RunDashboard, kibana.CompareDashboard, kibana.LogsDashboard} {
		for _, object := range objects {
			if object.Type == kibana.Dashboard && object.ID == d.config.IndexPrefix+"-"+name {
				fmt.Fprintf(d.env.Out, "%s\n  %s\n", object.Title(), links.Dashboard(name, ""))
			}
		}
	}
	d.tellLeftOut(left)
}

// tellLeftOut says what was left out for want of logs.
func (d *dashboards) tellLeftOut(left []kibana.LeftOut) {
	if d.noLogs != nil {
		return
	}
	if len(d.config.LogsIndex) > 0 {
		for _, part := range left {
			fmt.Fprintln(d.env.Out, "left out:", part)
		}
		return
	}
	for _, part := range left {
		key := part.Object.Key()
		switch {
		case part.Object.Type != kibana.Dashboard:
		case slices.Contains(d.there, key):
			fmt.Fprintf(d.env.Out, "%s: left as it is; --logs-index brings it up to date\n", part.Object.Title())
		default:
			fmt.Fprintf(d.env.Out, "%s: left out, as nobody said where your logs are:\n  %s setup --dashboards --logs-index 'filebeat-*'\n",
				part.Object.Title(), d.env.Name)
		}
	}
}

// setupIndices makes the indices that dashboards ask and that have come to nothing yet, so that no panel
// meets a missing one. Without their templates they would lack their mappings.
func (env Env) setupIndices(ctx context.Context, cfg config.Config, client mappings.Client, options setupOptions) error {
	missing, err := mappings.MissingIndices(ctx, client, cfg.IndexPrefix, cfg.IndexPeriod == "day", time.Now())
	if err != nil || len(missing) == 0 {
		return err
	}
	switch {
	case options.check:
		for _, name := range missing {
			fmt.Fprintf(env.Out, "index %s: missing\n", name)
		}
		return fmt.Errorf("%d indices that the dashboards ask are missing: run `%s setup`", len(missing), env.Name)
	case options.dryRun:
		for _, name := range missing {
			fmt.Fprintf(env.Out, "index %s: would be created\n", name)
		}
		return nil
	}
	var notReady *mappings.NotReadyError
	if err := mappings.Ensure(ctx, client, cfg.Mappings(), false); errors.As(err, &notReady) {
		fmt.Fprintf(env.Out, "indices: not created, as the template %s\n", notReady.Findings[0])
		return nil
	} else if err != nil {
		return err
	}
	for _, name := range missing {
		if err := mappings.CreateIndex(ctx, client, name); err != nil {
			return err
		}
		fmt.Fprintf(env.Out, "index %s: created\n", name)
	}
	return nil
}
