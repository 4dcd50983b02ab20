package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/kibana"
)

// newDashboards makes the commands that look after the files of the dashboards.
func newDashboards(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dashboards",
		Short: "Bring edits made in Kibana back into files",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPull(env))
	return cmd
}

func newPull(env Env) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Write what was edited in Kibana into the files of the dashboards",
		Long: "Compares each dashboard and its parts in Kibana with the files that it was made\n" +
			"from, and writes what was edited into them. Index prefix and placeholders stay.\n" +
			"Panels that were added come along with what they show. In an empty folder, the\n" +
			"dashboards of this k6es are what is compared with.",
		Example: "  k6es dashboards pull --dir kibana/objects --kibana-url http://kibana:5601",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", filepath.Join("kibana", "objects"), "folder of the files")
	addServerFlags(flags)
	addOptions(flags, slices.Concat(kibanaOptions, logsOptions)...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return env.pull(cmd.Context(), flags, dir) }
	return cmd
}

// logsOptions are the options that say what the team's logs look like.
var logsOptions = []string{"logs-index", "logs-fields", "logs-latency-unit"}

func (env Env) pull(ctx context.Context, flags *pflag.FlagSet, dir string) error {
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	if cfg.KibanaURL == "" {
		return usageError("say where Kibana is: --kibana-url or K6_KIBANA_URL")
	}
	objects, err := sources(dir)
	if err != nil {
		return err
	}
	d := dashboards{env: env, config: cfg, options: setupOptions{check: true}}
	if err := d.connect(ctx); err != nil {
		return err
	}
	pulled, err := d.pull(ctx, objects)
	if err != nil {
		return err
	}
	for _, one := range pulled {
		if err := env.writeObject(dir, one); err != nil {
			return err
		}
	}
	fmt.Fprintf(env.Out, "%d of %d files changed\n", len(pulled), len(objects))
	return nil
}

// sources reads the files of a folder, or the objects of this program where there are none.
func sources(dir string) ([]kibana.Object, error) {
	objects, err := kibana.Sources(os.DirFS(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the dashboards in %s: %w", dir, err)
	}
	if len(objects) > 0 {
		return objects, nil
	}
	return kibana.Objects()
}

// pull reads what Kibana has of the objects.
func (d *dashboards) pull(ctx context.Context, objects []kibana.Object) ([]kibana.Pulled, error) {
	if err := d.server.CanPull(); err != nil {
		return nil, err
	}
	values, err := d.logs(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(objects))
	for i, object := range objects {
		keys[i] = object.WithPrefix(d.config.IndexPrefix).Key()
	}
	saved, err := d.client.Export(ctx, keys, true)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(keys, func(key string) bool { _, there := saved[key]; return there }) {
		return nil, fmt.Errorf("no dashboards of prefix %s in Kibana: `%s setup --dashboards`", d.config.IndexPrefix, d.env.Name)
	}
	return kibana.Pull(objects, saved, d.config.IndexPrefix, values)
}

func (env Env) writeObject(dir string, one kibana.Pulled) error {
	text, err := kibana.Format(one.Object.Attributes)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, one.Object.Type, one.Object.ID+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(file), err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // a source file, for everybody to read
		return fmt.Errorf("cannot write %s: %w", file, err)
	}
	what := "changed"
	if one.New {
		what = "new"
	}
	fmt.Fprintf(env.Out, "%s: %s\n", what, file)
	for _, lost := range one.Lost {
		env.warnf("%s: what stood for %s is now what Kibana has", file, lost)
	}
	return nil
}
