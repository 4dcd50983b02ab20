package cmd

import (
	"github.com/spf13/cobra"

	"github.com/k6es/k6es/config"
)

// newOptions makes the command that shows what holds.
func newOptions(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "options",
		Short: "Show every option, its value and its source; secrets are masked",
		Args:  noArgs,
	}
	config.AddFlags(cmd.Flags(), config.CLI)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := env.load(cmd.Flags())
		if err != nil {
			return err
		}
		return cfg.Print(env.Out)
	}
	return cmd
}
