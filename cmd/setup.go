package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/mappings"
)

type setupOptions struct {
	indexManagement, check, dryRun, force bool
}

// newSetup makes the command that prepares the server.
func newSetup(env Env) *cobra.Command {
	var options setupOptions
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Prepare the server: install or upgrade the index templates",
		Long: "Prepares the server, once, like `filebeat setup`: installs or upgrades the index\n" +
			"templates. It may be run again and again. It never downgrades, and never\n" +
			"overwrites what somebody changed by hand, unless --force says so.",
		Example: "  k6es setup\n  k6es setup --check    # exit 1 when something is missing, older or altered\n  k6es setup --dry-run",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.indexManagement, "index-management", false, "only the index templates")
	flags.BoolVar(&options.check, "check", false, "change nothing; exit 1 when something is missing, older or altered")
	flags.BoolVar(&options.dryRun, "dry-run", false, "say what would be done, and do nothing")
	flags.BoolVar(&options.force, "force", false, "also replace templates that are newer, altered by hand, or not k6es's")
	addServerFlags(flags)
	addOptions(flags, "replicas")
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
	client, server, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Out, "%s · %s\n", client.URL(), server)
	templates := cfg.Mappings()
	templates.DryRun, templates.Force = options.dryRun, options.force
	if options.check {
		return env.checkTemplates(ctx, client, templates)
	}
	changes, err := mappings.Install(ctx, client, templates)
	for _, change := range changes {
		fmt.Fprintln(env.Out, "template", change)
	}
	return err
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
