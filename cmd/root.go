package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/terminal"
)

// NewRoot makes the tree of commands.
func NewRoot(env Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "k6es",
		Short: "k6 load tests in the Elasticsearch or OpenSearch that you already run",
		Long: "k6es loads what k6 measured into Elasticsearch or OpenSearch, beside your\nproduction logs, " +
			"finds the runs again, and compares them.\n\n" +
			"Exit codes: 0 well, 1 error, 2 usage, 3 worse than the baseline, 4 not\neverything could be read or delivered.",
		Example: "  k6es setup\n  k6 run --out elasticsearch script.js    # with a k6 that has this output\n" +
			"  k6es upload nightly-*.json.gz\n  k6es runs show latest\n  k6es compare",
		Version:           config.Version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              unknownCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A flag behind a command that is not known is not known either: the command is what to tell of.
		if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
			return unknownCommand(cmd, args)
		}
		return usageError("%w. %s", err, flagHint(cmd, err))
	})
	root.SetUsageFunc(usage)
	root.AddCommand(newSetup(env), newUpload(env), newCompare(env), newExport(env), newOptions(env), newRuns(env), newLogs(env), newDashboards(env), newReplay(env), newDoctor(env), newVersion(env))
	return root
}

// flagHint is what to do about a wrong flag: take the one that was probably meant, or read on.
func flagHint(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		if near := config.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return "Did you mean --" + near + "?"
		}
	}
	return fmt.Sprintf("See `%s --help`", cmd.CommandPath())
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := fmt.Sprintf("See `%s --help`", cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "Did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError("unknown command %q. %s", args[0], hint)
}

// Main runs the command line and returns the process's exit code. Errors go to env.Err.
func Main(ctx context.Context, env Env, args []string) ExitCode {
	root := NewRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(env.Err, "%s: %s\n", env.Name, terminal.Escape(line))
		}
	}
	return CodeOf(err)
}

// atLeast and noArgs are cobra's checks of arguments, with our exit code.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError("name %s. See `%s --help`", what, cmd.CommandPath())
		}
		return nil
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("%q is one word too many. See `%s --help`", args[0], cmd.CommandPath())
	}
	return nil
}

// load reads the options of a command whose flags config.AddFlags made. Warnings go to env.Err.
func (env Env) load(flags *pflag.FlagSet) (config.Config, error) {
	cfg, err := config.Load(config.Sources{Files: env.Files, Env: env.Vars, Flags: flags})
	if err != nil {
		return cfg, &CodedError{ExitUsage, err}
	}
	for _, warning := range cfg.Warnings {
		env.warnf("%s", warning)
	}
	return cfg, nil
}

// connect makes a client and asks what server this is.
func connect(ctx context.Context, cfg config.Config) (*elastic.Client, elastic.Server, error) {
	client, err := elastic.New(cfg.Elastic())
	if err != nil {
		return nil, elastic.Server{}, err
	}
	server, err := client.Probe(ctx)
	var network *net.OpError
	switch {
	case elastic.IsStatus(err, http.StatusForbidden): // not everybody may ask; what is needed will tell
		err = nil
	case errors.As(err, &network) && network.Op == "dial":
		err = fmt.Errorf("%w. Is that where your server is? Set --url or K6_ELASTICSEARCH_URL", err)
	}
	return client, server, err
}

// warnf shows a warning. What the arguments hold may come from anywhere.
func (env Env) warnf(format string, args ...any) {
	fmt.Fprintf(env.Err, "warning: %s\n", terminal.Escape(fmt.Sprintf(format, args...)))
}
