package main

import (
	"fmt"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/scripts/bench/workload"
)

// newGenerate writes a workload to standard output.
func newGenerate() *cobra.Command {
	var w workload.Workload
	var size string
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "Write a made-up load test, as k6 does with --out json, to standard output",
		Example: "  bench generate --size 1GB > run.json",
		Args:    cobra.NoArgs,
	}
	addWorkloadFlags(cmd.Flags(), &w, &size)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := setSize(&w, size); err != nil {
			return err
		}
		written, err := w.Write(cmd.OutOrStdout())
		fmt.Fprintf(cmd.ErrOrStderr(), "%s requests, %s samples, %s\n",
			humanize.Comma(written.Requests), humanize.Comma(written.Samples), humanize.Bytes(uint64(written.Bytes)))
		return err
	}
	return cmd
}

func addWorkloadFlags(flags *pflag.FlagSet, w *workload.Workload, size *string) {
	flags.Uint64Var(&w.Seed, "seed", 1, "another seed makes another run")
	flags.Int64Var(&w.Requests, "requests", 0, "how many HTTP requests; 0: as --size says")
	flags.StringVar(size, "size", "", "how much text, such as 1GB")
	flags.IntVar(&w.Rate, "rate", 1000, "HTTP requests a second of the load test")
	flags.IntVar(&w.Names, "names", 0, "how many names its requests have; 0: the script's own")
}

func setSize(w *workload.Workload, size string) error {
	if size == "" {
		return nil
	}
	bytes, err := humanize.ParseBytes(size)
	w.Bytes = int64(bytes)
	return err
}

// writeWorkload writes a workload into a file.
func writeWorkload(name string, w workload.Workload) (workload.Written, error) {
	file, err := os.Create(name)
	if err != nil {
		return workload.Written{}, err
	}
	written, err := w.Write(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return written, err
}
