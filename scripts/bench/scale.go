package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/k6es/k6es/scripts/bench/workload"
)

// scaleBench loads runs of many sizes.
type scaleBench struct {
	uploadBench
	requests, names, instances []int
	base                       int // requests of the runs whose other size changes
}

// newScale makes the experiment: what a request costs in runs of any size.
func newScale() *cobra.Command {
	b := scaleBench{uploadBench: uploadBench{prefix: newPrefix()}}
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Load runs of many sizes: what one request costs in each",
		Long: "Loads made-up runs by k6es upload, of more and more requests, names of requests, and instances, which\n" +
			"load at the same time. As it is told by default it takes about half an hour. Ten million requests are\n" +
			"loaded in one round only.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	b.server.addFlags(flags)
	flags.IntVar(&b.rounds, "rounds", 3, "how often each size is measured")
	flags.StringVar(&b.k6es, "k6es", "bin/k6es", "the program")
	flags.IntSliceVar(&b.requests, "requests", []int{10_000, 100_000, 1_000_000, 10_000_000}, "HTTP requests of a run")
	flags.IntSliceVar(&b.names, "names", []int{10, 100, 1000, 10_000}, "names of requests in a run")
	flags.IntSliceVar(&b.instances, "instances", []int{1, 2, 4, 8}, "instances of a run")
	flags.IntVar(&b.base, "base", 300_000, "HTTP requests of the runs with more names and instances")
	experiment(cmd, b.run)
	return cmd
}

// onceFrom is how many requests make a run so large that one round of it is enough: it takes ten minutes,
// in which much of what disturbs a small one evens out.
const onceFrom = 10_000_000

// size is a run of one size.
type size struct {
	requests, names, instances int
}

func (b *scaleBench) run(cmd *cobra.Command) (report, error) {
	if err := b.server.check(); err != nil {
		return report{}, err
	}
	var r report
	for _, axis := range []struct {
		name  string
		sizes []int
		run   func(n int) size
	}{
		{"HTTP requests", b.requests, func(n int) size { return size{n, 0, 1} }},
		{"names of requests", b.names, func(n int) size { return size{b.base, n, 1} }},
		{"instances", b.instances, func(n int) size { return size{b.base, 0, n} }},
	} {
		t := table{Title: axis.name, Columns: []string{speed, clientCPU, serverCPU, clientRSS, wire, documentCount, diskSize}}
		for _, n := range axis.sizes {
			found, err := b.measureSize(cmd, axis.run(n))
			if err != nil {
				return r, fmt.Errorf("%d %s: %w", n, axis.name, err)
			}
			cells := make([]values, len(t.Columns))
			for i, quantity := range t.Columns {
				cells[i] = found[quantity]
			}
			t.Rows = append(t.Rows, row{humanize.Comma(int64(n)), cells})
		}
		r.Tables = append(r.Tables, t)
	}
	return r, nil
}

// measureSize loads a run of that size, in as many rounds as asked for; the one that warms up has a tenth.
func (b *scaleBench) measureSize(cmd *cobra.Command, s size) (map[string]values, error) {
	one := contestant{fmt.Sprintf("%+v", s), func(ctx context.Context, round int) (figures, error) {
		requests := s.requests
		if round < 0 {
			requests /= 10
		}
		var all input
		for i := range s.instances {
			all.parts = append(all.parts, workload.Workload{
				Seed: uint64(i + 1), Requests: int64(requests / s.instances), Names: s.names, Rate: max(1, 1000/s.instances),
			})
		}
		return b.measure(ctx, &all, b.uploadTogether)
	}}
	rounds := b.rounds
	if s.requests >= onceFrom {
		rounds = 1
	}
	found, err := contest(cmd.Context(), rounds, cmd.ErrOrStderr(), one)
	return found[one.name], err
}

// uploadTogether loads the parts of a run, each by a process of its own, at the same time. They are made up
// on the way: a run of ten million requests would be a file of 30 GB.
func (b *scaleBench) uploadTogether(ctx context.Context, run *input) (loaded, error) {
	each, written := make([]loaded, len(run.parts)), make([]workload.Written, len(run.parts))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range run.parts {
		reader, writer := io.Pipe()
		group.Go(func() error {
			var err error
			written[i], err = part.Write(writer)
			return errors.Join(err, writer.Close())
		})
		group.Go(func() error {
			cmd := b.uploadCommand(ctx, "--run-id", "scale", "--append", "--test", "scale", "--run-name", "scale", "-")
			cmd.Stdin = reader
			var err error
			each[i], err = b.uploaded(ctx, cmd)
			return errors.Join(err, reader.Close())
		})
	}
	if err := group.Wait(); err != nil {
		return loaded{}, err
	}
	sum := loaded{indices: b.prefix + "-*"}
	for i, one := range each {
		run.Requests += written[i].Requests
		sum.CPU += one.CPU
		sum.RSS += one.RSS
		sum.Wall = max(sum.Wall, one.Wall)
		sum.wire += one.wire
	}
	return sum, nil
}
