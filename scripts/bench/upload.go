package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/k6es/k6es/scripts/bench/workload"
)

// What is measured of a load, for each HTTP request but speed and memory.
const (
	speed         = "HTTP requests/s"
	clientCPU     = "client CPU, µs/request"
	serverCPU     = "server CPU, µs/request"
	clientRSS     = "client memory, MiB"
	wire          = "on the wire, bytes/request"
	documentCount = "documents/request"
	diskSize      = "on disk, bytes/request"
)

// uploadBench loads one file by k6es and by the reference.
type uploadBench struct {
	server server
	prefix string // of indices: a new one, so that no template of an earlier k6es is there
	rounds int
	size   string
	warm   string
	k6es   string
	file   workload.Workload
}

// newUpload makes the experiment: what loading a file costs, beside the reference.
func newUpload() *cobra.Command {
	b := uploadBench{prefix: newPrefix()}
	cmd := &cobra.Command{
		Use:   "upload",
		Short: "Load a file by k6es and by one document a sample: speed, processor time, wire, disk",
		Long: "Loads a made-up file into a real server, in turns by k6es upload and by a reference that stores\n" +
			"one document for each sample. With 1 GB and five rounds it takes about ten minutes.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	b.server.addFlags(flags)
	flags.IntVar(&b.rounds, "rounds", 5, "how often each is measured")
	flags.StringVar(&b.warm, "warm", "100MB", "size of the file of the first round, which does not count")
	flags.StringVar(&b.k6es, "k6es", "bin/k6es", "the program")
	addWorkloadFlags(flags, &b.file, &b.size)
	flags.Lookup("size").DefValue, b.size = "1GB", "1GB"
	experiment(cmd, b.run)
	return cmd
}

func newPrefix() string { return "bench-" + strings.ToLower(rand.Text()[:8]) }

// input is what is to be loaded: a file, or parts that are made up on the way.
type input struct {
	name  string
	parts []workload.Workload
	workload.Written
}

func (b *uploadBench) run(cmd *cobra.Command) (report, error) {
	if err := b.server.check(); err != nil {
		return report{}, err
	}
	dir, err := os.MkdirTemp("", "k6es-bench-*")
	if err != nil {
		return report{}, err
	}
	defer os.RemoveAll(dir)
	warm, err := makeInput(dir, "warm.json", b.file, b.warm)
	if err != nil {
		return report{}, err
	}
	file, err := makeInput(dir, "run.json", b.file, b.size)
	if err != nil {
		return report{}, err
	}
	at := func(round int) *input {
		if round < 0 {
			return &warm
		}
		return &file
	}
	found, err := contest(cmd.Context(), b.rounds, cmd.ErrOrStderr(),
		contestant{"k6es", func(ctx context.Context, round int) (figures, error) { return b.measure(ctx, at(round), b.upload) }},
		contestant{"reference", func(ctx context.Context, round int) (figures, error) { return b.measure(ctx, at(round), b.reference) }},
	)
	if err != nil {
		return report{}, err
	}
	return b.report(file, found["k6es"], found["reference"]), nil
}

func makeInput(dir, name string, w workload.Workload, size string) (input, error) {
	if err := setSize(&w, size); err != nil {
		return input{}, err
	}
	name = filepath.Join(dir, name)
	written, err := writeWorkload(name, w)
	return input{name: name, Written: written}, err
}

// loaded is what a loader tells of itself.
type loaded struct {
	usage
	indices string
	wire    float64 // bytes
}

// measure loads a file into fresh indices, and takes what it cost.
func (b *uploadBench) measure(ctx context.Context, file *input, load func(context.Context, *input) (loaded, error)) (figures, error) {
	before, err := b.server.cpu()
	if err != nil {
		return nil, err
	}
	done, err := load(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := b.server.settle(ctx, done.indices); err != nil {
		return nil, err
	}
	after, err := b.server.cpu()
	if err != nil {
		return nil, err
	}
	if err := b.server.merge(ctx, done.indices); err != nil {
		return nil, err
	}
	documents, disk, err := b.server.size(ctx, done.indices)
	if err != nil {
		return nil, err
	}
	requests := float64(file.Requests)
	return figures{
		speed:         requests / done.Wall.Seconds(),
		clientCPU:     micros(done.CPU) / requests,
		serverCPU:     micros(after-before) / requests,
		clientRSS:     float64(done.RSS) / (1 << 20),
		wire:          done.wire / requests,
		documentCount: documents / requests,
		diskSize:      disk / requests,
	}, b.server.remove(ctx, done.indices)
}

// upload loads a file by k6es.
func (b *uploadBench) upload(ctx context.Context, file *input) (loaded, error) {
	return b.uploaded(ctx, b.uploadCommand(ctx, file.name))
}

func (b *uploadBench) uploadCommand(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"upload", "--url", b.server.url, "--index-prefix", b.prefix, "--output", "json"}, args...)
	return exec.CommandContext(ctx, b.k6es, args...) //nolint:gosec // the program under test
}

// uploaded runs an upload of one file.
func (b *uploadBench) uploaded(ctx context.Context, cmd *exec.Cmd) (loaded, error) {
	var results []struct {
		Bytes float64 `json:"bytes_sent"`
	}
	took, err := runJSON(ctx, cmd, &results)
	if err != nil {
		return loaded{}, err
	}
	if len(results) != 1 {
		return loaded{}, fmt.Errorf("k6es upload tells of %d files", len(results))
	}
	return loaded{took, b.prefix + "-*", results[0].Bytes}, nil
}

// reference loads a file by the reference, as a process of its own.
func (b *uploadBench) reference(ctx context.Context, file *input) (loaded, error) {
	self, err := os.Executable()
	if err != nil {
		return loaded{}, err
	}
	index := "reference-of-" + b.prefix
	var done ingested
	took, err := runJSON(ctx, exec.CommandContext(ctx, self, "reference", "--url", b.server.url, "--index", index, file.name), &done) //nolint:gosec // this program
	if err != nil {
		return loaded{}, err
	}
	if int64(done.Documents) != file.Samples {
		return loaded{}, fmt.Errorf("the reference made %d documents of %d samples", done.Documents, file.Samples)
	}
	return loaded{took, index, float64(done.Bytes)}, nil
}

// runJSON runs a command and decodes what it writes to standard output.
func runJSON(ctx context.Context, cmd *exec.Cmd, out any) (usage, error) {
	var text bytes.Buffer
	cmd.Stdout = &text
	took, err := runProcess(ctx, cmd)
	if err != nil {
		return took, err
	}
	return took, json.Unmarshal(text.Bytes(), out)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// report compares. Ratios are of the same round.
func (b *uploadBench) report(file input, k6es, reference map[string]values) report {
	t := table{
		Title:   fmt.Sprintf("%s of k6 JSON, %s requests", humanize.Bytes(uint64(file.Bytes)), humanize.Comma(file.Requests)),
		Columns: []string{"k6es upload", "one document a sample", "ratio"},
	}
	for _, quantity := range []string{speed, clientCPU, serverCPU, clientRSS, wire, documentCount, diskSize} {
		t.Rows = append(t.Rows, row{quantity, []values{k6es[quantity], reference[quantity], k6es[quantity].ratio(reference[quantity])}})
	}
	return report{
		Tables: []table{t},
		Marks: []mark{
			{"speed, times the reference's", k6es[speed].ratio(reference[speed]), 6, false},
			{"client CPU, share of the server's", k6es[clientCPU].ratio(k6es[serverCPU]), 0.15, true},
			{"documents a request", k6es[documentCount], 2, true},
			{"bytes on the wire a request", k6es[wire], 60, true},
			{"disk, reference's times k6es's", reference[diskSize].ratio(k6es[diskSize]), 8, false},
			{"server CPU, reference's times k6es's", reference[serverCPU].ratio(k6es[serverCPU]), 6, false},
		},
	}
}
