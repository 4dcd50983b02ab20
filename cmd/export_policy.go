package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/mappings"
)

// openDistro is a server that differs from the others in its retention policy alone.
const openDistro = "opendistro-1.13"

// engineOf is what a server of --server deletes old indices with.
func engineOf(server string) mappings.Engine {
	switch {
	case server == openDistro:
		return mappings.OpenDistroISM
	case strings.HasPrefix(server, "opensearch"):
		return mappings.ISM
	default:
		return mappings.ILM
	}
}

// newExportPolicy makes the command that prints what setup --retention would install.
func newExportPolicy(env Env) *cobra.Command {
	var options exportOptions
	var keep string
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the policy that lets the server delete old samples",
		Long: "Prints the retention policy as the request that installs it, as Kibana's Dev Tools\n" +
			"take it, and with ILM the template of samples that names it; with --dir writes the\n" +
			"bodies to files instead. No server is asked. Elasticsearch OSS, and OpenSearch\n" +
			"without its plugin for index management, have nothing that could take it: let cron\n" +
			"run `k6es runs prune` there.",
		Example: "  k6es export policy --retention 30d --server es-8\n  k6es export policy --retention 8w --server opensearch-2 --dir policies",
		Args:    noArgs,
	}
	known := append(slices.Clone(servers), openDistro)
	flags := cmd.Flags()
	flags.StringVar(&options.server, "server", servers[0], "what it is for: "+strings.Join(known, ", "))
	flags.StringVar(&options.dir, "dir", "", "write one file a request to this folder")
	flags.StringVar(&keep, "retention", "30d", "how long samples stay at least: 30d, 8w")
	addOptions(flags, "config", "index-prefix", "index-period", "replicas")
	cmd.RunE = func(*cobra.Command, []string) error {
		if !slices.Contains(known, options.server) {
			return usageError("--server %s is not known; choose from %s", options.server, strings.Join(known, ", "))
		}
		return env.exportPolicy(flags, options, keep)
	}
	return cmd
}

func (env Env) exportPolicy(flags *pflag.FlagSet, options exportOptions, keep string) error {
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	asked, err := parseRetention(keep, cfg)
	if err == nil && asked.want == nil {
		err = usageError("--retention: say how long samples are to stay, such as 30d")
	}
	if err != nil {
		return err
	}
	engine := engineOf(options.server)
	policy := asked.want.Policy(cfg.IndexPrefix, engine)
	// An exported policy is a template to whoever writes it: a name, a path and a body.
	exported := []mappings.Template{{Name: policy.Name + "-policy", Path: policy.Path, Body: policy.Body}}
	if engine == mappings.ILM {
		target := exportTarget(cfg)
		target.Lifecycle = policy.Name
		for _, template := range mappings.Templates(cfg.IndexPrefix, target) {
			if template.Name == policy.Name {
				exported = append(exported, template)
			}
		}
	}
	if err := env.exportTemplates(exported, options.dir); err != nil {
		return err
	}
	if options.dir != "" && engine == mappings.ILM {
		fmt.Fprintf(env.Out, "apply the policy first; the template is that of `%s export template`, with the policy named\n", env.Name)
	}
	return nil
}
