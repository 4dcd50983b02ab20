package cmd

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/kibana"
)

func newExportDashboards(env Env) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "dashboards",
		Short: "Print the dashboards as Kibana imports them by hand",
		Long: "Prints the dashboards, and all that they are made of, as one file for the\n" +
			"import in Kibana or OpenSearch Dashboards; with --dir writes it there instead.\n" +
			"No server is asked: what shows production logs is left out, as only setup knows\nthem.",
		Example: "  k6es export dashboards --dir dashboards\n  k6es export dashboards > k6.ndjson",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", "", "write the file to this folder")
	addOptions(flags, "config", "index-prefix")
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := env.load(flags)
		if err != nil {
			return err
		}
		return env.exportDashboards(cfg, dir)
	}
	return cmd
}

func (env Env) exportDashboards(cfg config.Config, dir string) error {
	objects, left, err := kibana.Rendered(cfg.IndexPrefix, nil)
	if err != nil {
		return err
	}
	lines, err := kibana.NDJSON(objects)
	if err != nil {
		return err
	}
	if dir == "" {
		_, err := env.Out.Write(lines)
		return err
	}
	file := filepath.Join(dir, cfg.IndexPrefix+"-dashboards.ndjson")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", dir, err)
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		return fmt.Errorf("cannot write the dashboards: %w", err)
	}
	fmt.Fprintf(env.Out, "%s: %d objects. Import it in Kibana under Stack Management, Saved Objects, or with\n"+
		"  curl -H 'kbn-xsrf: true' -H 'osd-xsrf: true' -F file=@%s \\\n    'http://kibana:5601/api/saved_objects/_import?overwrite=true'\n",
		file, len(objects), file)
	d := dashboards{env: env, config: cfg}
	d.tellLeftOut(left)
	return nil
}
