package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
)

type setupOptions struct {
	indexManagement, dashboards, alerts bool
	check, dryRun, force                bool
	retention                           string
	wait                                time.Duration
	channels                            []string
}

// newSetup makes the command that prepares the server.
func newSetup(env Env) *cobra.Command {
	var options setupOptions
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Prepare the server and Kibana: index templates and dashboards",
		Long: "Prepares the server and Kibana, once, like `filebeat setup`: installs or\n" +
			"upgrades the index templates, and the dashboards where --kibana-url says where\n" +
			"Kibana is. It may be run again and again. It never downgrades templates, and\n" +
			"never overwrites one that somebody changed by hand, unless --force says so.\n" +
			"Dashboards become those of this k6es: keep edits of yours under another title.\n" +
			"Alarms are installed where --alerts asks for it; without an alerting plugin\n" +
			"(OpenSearch, Open Distro) that is an error.",
		Example: "  k6es setup\n  k6es setup --check    # exit 1 when something is missing, older or altered\n  k6es setup --dry-run\n" +
			"  k6es setup --retention 30d\n  k6es setup --alerts --logs-index 'filebeat-*' --channel YOUR_CHANNEL_ID",
		Args: noArgs,
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.indexManagement, "index-management", false, "only the index templates and indices")
	flags.BoolVar(&options.dashboards, "dashboards", false, "only the dashboards in Kibana or OpenSearch Dashboards")
	flags.BoolVar(&options.alerts, "alerts", false, "only the alarms, as monitors of OpenSearch's or Open Distro's alerting")
	addChannelFlag(flags, &options.channels)
	flags.DurationVar(&options.wait, "wait", 0, "how long to wait for Kibana, even one that does not listen yet (default 1m for one that starts)")
	flags.BoolVar(&options.check, "check", false, "change nothing; exit 1 when something is missing, older or altered")
	flags.BoolVar(&options.dryRun, "dry-run", false, "say what would be done, and do nothing")
	flags.BoolVar(&options.force, "force", false, "also replace templates that are newer, altered by hand, or not k6es's")
	flags.StringVar(&options.retention, "retention", "", "let the server delete samples that are older: 30d, 8w; off: keep them (ILM or ISM)")
	addServerFlags(flags)
	addOptions(flags, slices.Concat([]string{"index-period", "replicas"}, kibanaOptions, alertOptions)...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if options.check && options.dryRun {
			return usageError("--check and --dry-run exclude each other")
		}
		return env.setup(cmd.Context(), flags, options)
	}
	return cmd
}

func (env Env) setup(ctx context.Context, flags *pflag.FlagSet, options setupOptions) error {
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	if _, err := logOverrides(cfg); err != nil {
		return err
	}
	asked, err := parseRetention(options.retention, cfg)
	if err != nil {
		return err
	}
	all := !options.indexManagement && !options.dashboards && !options.alerts
	switch {
	case asked.text != "" && !all && !options.indexManagement:
		return usageError("--retention is about indices: leave out --dashboards and --alerts, or add --index-management")
	case len(options.channels) > 0 && !options.alerts:
		return usageError("--channel is about alarms: add --alerts")
	case flags.Changed("alarm") && !options.alerts: // those of k6es.yaml may be for `export alerts`
		return usageError("--alarm changes alarms, which only --alerts installs: add it")
	}
	if all || options.indexManagement {
		err = env.setupServer(ctx, cfg, options, asked)
		var away *elastic.ConnectionError
		if err != nil && (!options.check || cfg.KibanaURL == "" && errors.As(err, &away)) {
			return err
		}
	}
	if all || options.dashboards {
		err = errors.Join(err, env.setupDashboards(ctx, cfg, options))
	}
	if options.alerts {
		err = errors.Join(err, env.setupAlerts(ctx, cfg, options))
	}
	if all && err == nil {
		env.offerAlerts(ctx, cfg)
	}
	return err
}

// setupServer is the part that concerns Elasticsearch.
func (env Env) setupServer(ctx context.Context, cfg config.Config, options setupOptions, asked retention) error {
	client, server, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	at := place{cfg, client, server}
	fmt.Fprintf(env.Out, "%s · %s\n", client.URL(), server)
	templates := cfg.Mappings()
	templates.DryRun, templates.Force = options.dryRun, options.force
	if options.check {
		return errors.Join(env.checkTemplates(ctx, client, templates),
			env.setupIndices(ctx, cfg, client, options), env.checkRetention(ctx, at, asked))
	}
	changes, err := mappings.Install(ctx, client, templates)
	for _, change := range changes {
		fmt.Fprintln(env.Out, "template", change)
	}
	if err != nil {
		return err
	}
	if err := env.setupIndices(ctx, cfg, client, options); err != nil {
		return err
	}
	return env.retain(ctx, at, asked, templates)
}

func (env Env) checkTemplates(ctx context.Context, client mappings.Client, options mappings.Options) error {
	findings, err := mappings.Check(ctx, client, options)
	if err != nil {
		return err
	}
	wrong := 0
	for _, finding := range findings {
		fmt.Fprintln(env.Out, "template", finding)
		if !finding.OK() {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d templates need work: run `%s setup`", wrong, len(findings), env.Name)
	}
	return nil
}
