package k6es

import (
	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"

	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/config"
)

// subcommandName makes the tree of commands reachable as k6 x es.
const subcommandName = "es"

// subcommand is the k6es command inside of k6.
func subcommand(state *state.GlobalState) *cobra.Command {
	root := cmd.NewRoot(cmd.Env{
		In: state.Stdin, Out: state.Stdout, Err: state.Stderr, Vars: state.Env, Files: config.DefaultFiles(),
		Terminal: state.Stderr.IsTTY, Name: "k6 x es",
	})
	root.Use = subcommandName
	keepExitCodes(root)
	return root
}

// keepExitCodes tells k6 which exit code an error of a command stands for.
func keepExitCodes(command *cobra.Command) {
	coded := func(err error) error {
		return errext.WithExitCodeIfNone(err, exitcodes.ExitCode(cmd.CodeOf(err))) //nolint:gosec // 0 to 4
	}
	run, args, flagError := command.RunE, command.Args, command.FlagErrorFunc()
	command.RunE = func(c *cobra.Command, words []string) error { return coded(run(c, words)) }
	command.Args = func(c *cobra.Command, words []string) error { return coded(args(c, words)) }
	command.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return coded(flagError(c, err)) })
	for _, child := range command.Commands() {
		keepExitCodes(child)
	}
}
