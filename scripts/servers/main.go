//go:build unix

// Command servers runs real Elasticsearch and OpenSearch servers for the tests and the demo. It
// fetches them by their Maven coordinates, needs no container engine, and leaves nothing behind.
//
//	go run ./scripts/servers run es-oss-7.10.2 -- go test ./...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The kernel ties a child's death signal to the thread that started it, so the main goroutine,
// which starts all servers and the command, keeps the main thread, which never ends early.
func init() { runtime.LockOSThread() }

func main() {
	// Servers may run as another user, who must be able to read what is unpacked here.
	syscall.Umask(0o022)

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRootCommand(say).ExecuteContext(ctx)
	cancel()
	os.Exit(exitCode(err))
}

// exitCode is 0, the exit code of the command that `run` ran (128 + n when signal n ended it), 130
// when this program was interrupted, or 1 for whatever else went wrong, which is reported here.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal())
		}
		return exit.ExitCode()
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "servers: interrupted")
		return 130
	default:
		fmt.Fprintln(os.Stderr, "servers:", err)
		return 1
	}
}

// say prints a line of progress to standard error: standard output belongs to the command.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "servers: "+format+"\n", args...)
}

func newRootCommand(progress progress) *cobra.Command {
	root := &cobra.Command{
		Use:           "servers",
		Short:         "Run real Elasticsearch and OpenSearch servers for tests and the demo",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newListCommand(), newFetchCommand(progress), newRunCommand(progress),
		newStartCommand(progress), newStopCommand(progress), newAgainCommand(),
	)
	return root
}

func newListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the known servers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := newHome()
			if err != nil {
				return err
			}
			return list(cmd.OutOrStdout(), home)
		},
	}
}

func newFetchCommand(progress progress) *cobra.Command {
	return &cobra.Command{
		Use:   "fetch NAME…",
		Short: "Download and unpack servers",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			home, servers, err := homeAndServers(names)
			if err != nil {
				return err
			}
			_, err = home.fetchAll(cmd.Context(), servers, progress)
			return err
		},
	}
}

func newRunCommand(progress progress) *cobra.Command {
	var opts startOptions
	var ifJava []string
	cmd := &cobra.Command{
		Use:   "run NAME… -- COMMAND [ARG…]",
		Short: "Run a command against fresh servers, which end with it",
		Example: `  servers run es-oss-7.10.2 -- sh -c 'curl -s $ELASTICSEARCH_URL'
The command finds each server's address in a variable like K6ES_TEST_ES_OSS_7_10_2, its process id
in …_PID, a shell command that starts it again after a crash in …_START, and the first server's
address in ELASTICSEARCH_URL. A server that wants a login has …_CA, …_USER and …_PASSWORD too.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash < 1 || dash == len(args) {
				return errors.New("run needs NAME… -- COMMAND: at least one server and one command")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			home, servers, err := homeAndServers(append(args[:dash:dash], ifJava...))
			if err != nil {
				return err
			}
			servers = slices.Concat(servers[:dash], possible(servers[dash:], installedJDKs(home.runAs), progress))
			return run(cmd.Context(), home, servers, opts, args[dash:], progress)
		},
	}
	opts.addFlags(cmd.Flags())
	cmd.Flags().StringSliceVar(&ifJava, "if-java", nil, "servers to run, too, where a Java for them is installed")
	return cmd
}

func (o *startOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.heap, "heap", defaultHeap, "Java heap of each server")
	flags.BoolVar(&o.jit, "jit", false, "let Java optimise, as in production: for benchmarks")
}

func newStartCommand(progress progress) *cobra.Command {
	var opts startOptions
	cmd := &cobra.Command{
		Use:   "start NAME",
		Short: "Start a server and leave it running",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			home, servers, err := homeAndServers(names)
			if err != nil {
				return err
			}
			inst, err := start(cmd.Context(), home, servers[0], opts, progress)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s pid %d\n", inst.url(), inst.serverPid())
			return err
		},
	}
	opts.addFlags(cmd.Flags())
	cmd.Flags().IntVar(&opts.port, "port", 0, "port on 127.0.0.1; 0 takes a free one")
	return cmd
}

func newStopCommand(progress progress) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "stop NAME | --all",
		Short: "Stop what start left running and delete its data",
		Args: func(_ *cobra.Command, names []string) error {
			if all == (len(names) > 0) {
				return errors.New("stop needs either the names of servers or --all")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, names []string) error {
			home, servers, err := homeAndServers(names)
			if err != nil {
				return err
			}
			return stop(home, servers, all, progress)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "stop all servers that start left running")
	return cmd
}

// newAgainCommand makes the command behind …_START. It only makes sense inside of `run`.
func newAgainCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "again SOCKET",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pid, err := askAgain(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), pid)
			return err
		},
	}
}

func homeAndServers(names []string) (home, []server, error) {
	servers, err := findServers(names)
	if err != nil {
		return home{}, nil, err
	}
	h, err := newHome()
	return h, servers, err
}
