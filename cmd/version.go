package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newVersion makes the command that does what --version does, for those who expect one.
func newVersion(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, as --version does",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(env.Out, "%s version %s\n", env.Name, cmd.Root().Version)
			return err
		},
	}
}
