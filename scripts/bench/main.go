// Command bench measures k6es beside what it is to be compared with, on a real server:
//
//	go run ./scripts/servers run --heap 1g --jit es-oss-7.10.2 -- go run ./scripts/bench upload
//
// An experiment runs its contestants in alternating rounds and shows, for each quantity, the median with
// the least and the greatest value. Marks are ratios within one round: absolute figures are of this
// machine. What an experiment found is kept as JSON, and docs/performance.md shows it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errMissed says that an experiment went well, and that what it found is not enough.
var errMissed = errors.New("a mark was missed")

// newRoot makes the command line. Each experiment is a subcommand in a file of its own.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure k6es beside its peers",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newGenerate(), newUpload(), newScale(), newReference(), newDocs(), newLive(), newLogs(), newTarget(), newDashboards(),
	)
	return root
}
