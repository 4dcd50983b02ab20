package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/mappings"
)

type exportOptions struct {
	server, dir string
	legacy      bool
}

// servers are the names that --server takes. All of them take the same composable templates.
var servers = []string{
	"es-7.10", "es-7.17", "es-8", "es-9", "opensearch-1", "opensearch-2", "opensearch-3",
}

// newExport makes the command that prints what setup would install.
func newExport(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print what setup installs, for an administrator to apply by hand",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExportTemplate(env), newExportPolicy(env), newExportDashboards(env), newExportAlerts(env))
	return cmd
}

func newExportTemplate(env Env) *cobra.Command {
	var options exportOptions
	cmd := &cobra.Command{
		Use:     "template",
		Short:   "Print the index templates",
		Long:    "Prints each index template as the request that installs it, as Kibana's Dev\nTools take it; with --dir writes the bodies to files instead. No server is\nasked.",
		Example: "  k6es export template --server es-7.10\n  k6es export template --dir templates --replicas 0",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&options.server, "server", servers[0], "what it is for: "+strings.Join(servers, ", "))
	flags.StringVar(&options.dir, "dir", "", "write one file a template to this folder")
	flags.BoolVar(&options.legacy, "legacy", false, "legacy templates (PUT _template), for clusters that use no composable ones")
	addOptions(flags, "config", "index-prefix", "replicas")
	cmd.RunE = func(*cobra.Command, []string) error {
		if !slices.Contains(servers, options.server) {
			return usageError("--server %s is not known; choose from %s", options.server, strings.Join(servers, ", "))
		}
		cfg, err := env.load(flags)
		if err != nil {
			return err
		}
		target := exportTarget(cfg)
		target.Legacy = options.legacy
		return env.exportTemplates(mappings.Templates(cfg.IndexPrefix, target), options.dir)
	}
	return cmd
}

// exportTarget is a cluster of several nodes, unless an option says otherwise.
func exportTarget(cfg config.Config) mappings.Target {
	if cfg.Replicas < 0 {
		return mappings.Target{Replicas: 1}
	}
	return mappings.Target{Replicas: cfg.Replicas}
}

func (env Env) exportTemplates(templates []mappings.Template, dir string) error {
	for _, template := range templates {
		if dir == "" {
			fmt.Fprintf(env.Out, "PUT %s\n%s", template.Path, template.Body)
			continue
		}
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("cannot make the folder %s: %w", dir, err)
		}
		file := filepath.Join(dir, template.Name+".json")
		if err := os.WriteFile(file, template.Body, 0o600); err != nil {
			return fmt.Errorf("cannot write the template: %w", err)
		}
		fmt.Fprintf(env.Out, "%s: apply with PUT %s\n", file, template.Path)
	}
	return nil
}
