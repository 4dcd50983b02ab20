package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

//go:embed live.js
var liveScript []byte

// live is the experiment of what k6 pays for an output: its own load test with none, with ours into a real
// server, and with those that k6 brings along, whose samples go to a file or to where they are forgotten; and
// with ours into such a place, to tell what k6 pays for it from what it pays for a server on its own cores.
type live struct {
	server   server
	k6       string // the program
	rounds   int
	duration time.Duration // of a load test
	rates    []int         // HTTP requests a second
	outputs  []string

	temp   string
	target string // address of what is called
}

// The outputs that take part.
const (
	noOutput = "none"
	ours     = "elasticsearch"
	oursSink = "elasticsearch-sink"
)

func newLive() *cobra.Command {
	var l live
	cmd := &cobra.Command{
		Use: "live", Short: "What a load test pays for its output",
		Long: "Runs a load test by k6 with each output in turn: none, ours into a real server, and k6's own. With all of them,\n" +
			"three rates, nine rounds and 12 s it takes an hour.",
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	l.server.addFlags(flags)
	flags.StringVar(&l.k6, "k6", "bin/k6", "a k6 with our output, as make build makes it")
	flags.IntVar(&l.rounds, "rounds", 9, "rounds that count")
	flags.DurationVar(&l.duration, "duration", 12*time.Second, "how long one load test lasts")
	flags.IntSliceVar(&l.rates, "rates", []int{300, 1000, 4000}, "HTTP requests a second")
	flags.StringSliceVar(&l.outputs, "outputs", liveOutputs(), "outputs that take part")
	experiment(cmd, func(cmd *cobra.Command) (report, error) { return l.run(cmd.Context(), cmd.ErrOrStderr()) })
	return cmd
}

func (l *live) check() error {
	for _, output := range l.outputs {
		if !slices.Contains(liveOutputs(), output) {
			return fmt.Errorf("there is no output %s; there are %s", output, strings.Join(liveOutputs(), ", "))
		}
	}
	if !slices.Contains(l.outputs, noOutput) {
		return fmt.Errorf("the output %s must take part: the others are compared with it", noOutput)
	}
	return l.server.check()
}

// run starts what is called, and lets the outputs compete at each rate.
func (l *live) run(ctx context.Context, progress io.Writer) (r report, err error) {
	if err := l.check(); err != nil {
		return r, err
	}
	if l.temp, err = os.MkdirTemp("", "k6es-bench-*"); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.temp)) }()
	if err := os.WriteFile(l.path("live.js"), liveScript, 0o600); err != nil {
		return r, err
	}
	stop, err := l.startTarget(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, rate := range l.rates {
		var contestants []contestant
		for _, output := range l.outputs {
			contestants = append(contestants, contestant{output, func(ctx context.Context, _ int) (figures, error) {
				return l.measure(ctx, output, rate)
			}})
		}
		found, err := contest(ctx, l.rounds, progress, contestants...)
		if err != nil {
			return r, fmt.Errorf("%d requests/s: %w", rate, err)
		}
		r.Tables = append(r.Tables, liveTable(rate, l.outputs, found))
		for _, output := range []string{ours, oursSink} {
			if slices.Contains(l.outputs, output) {
				r.Marks = append(r.Marks, liveMarks(rate, output, found[noOutput], found[output])...)
			}
		}
	}
	return r, nil
}

func (l *live) path(name string) string { return filepath.Join(l.temp, name) }

// startTarget starts what k6 calls as a process of its own; stop ends it.
func (l *live) startTarget(ctx context.Context) (stop func() error, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "target")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error { return errors.Join(stdin.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the target did not start: %w", err), stop())
	}
	l.target = strings.TrimSpace(line)
	return stop, nil
}

// liveOutputs are those that may take part.
func liveOutputs() []string {
	return []string{noOutput, ours, oursSink, "json", "csv", "opentelemetry", "experimental-prometheus-rw"}
}

// arguments and environment of k6 for an output.
func (l *live) output(name string) (args, env []string) {
	switch host := strings.TrimPrefix(l.target, "http://"); name {
	case noOutput:
		return nil, nil
	case "json", "csv":
		return []string{"--out", name + "=" + l.path("samples."+name)}, nil
	case ours, oursSink:
		address, setup := l.server.url, "auto"
		if name == oursSink {
			name, address, setup = ours, l.target+elasticsearchSink, "off"
		}
		env = []string{
			"K6_ELASTICSEARCH_URL=" + address, "K6_ELASTICSEARCH_INDEX_PREFIX=" + livePrefix,
			"K6_ELASTICSEARCH_SETUP=" + setup, "K6_ELASTICSEARCH_SPOOL_DIR=" + l.path("spool"), "K6_ELASTICSEARCH_STOP_TIMEOUT=60s", "K6ES_CONFIG=" + os.DevNull,
		}
	default:
		env = []string{
			"K6_OTEL_EXPORTER_PROTOCOL=http/protobuf", "K6_OTEL_HTTP_EXPORTER_INSECURE=true", "K6_OTEL_HTTP_EXPORTER_ENDPOINT=" + host,
			"K6_PROMETHEUS_RW_SERVER_URL=" + l.target + "/api/v1/write",
		}
	}
	return []string{"--out", name}, env
}

// livePrefix is that of the indices; each load test has fresh ones.
const livePrefix = "bench-live"

// liveSummary is what the script says at its end.
type liveSummary struct{ Requests, Rate, Failed, Dropped, P95 float64 }

// measure runs the load test once.
func (l *live) measure(ctx context.Context, output string, rate int) (figures, error) {
	args, env := l.output(output)
	args = slices.Concat([]string{"run", "--quiet", "--address", "127.0.0.1:0"}, args, []string{
		"-e", "TARGET=" + l.target, "-e", fmt.Sprint("RATE=", rate), "-e", "DURATION=" + l.duration.String(),
		"-e", "SUMMARY=" + l.path("summary.json"), l.path("live.js"),
	})
	cmd := exec.CommandContext(ctx, l.k6, args...)
	cmd.Env = slices.Concat(os.Environ(), []string{"K6_NO_USAGE_REPORT=true"}, env)
	before, err := l.server.cpu()
	if err != nil {
		return nil, err
	}
	took, err := runProcess(ctx, cmd)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(l.path("summary.json"))
	if err != nil {
		return nil, err
	}
	var summary liveSummary
	if err := json.Unmarshal(text, &summary); err != nil {
		return nil, err
	}
	if summary.Requests == 0 || summary.Failed > 0 {
		return nil, fmt.Errorf("%.0f of %.0f requests failed", summary.Failed, summary.Requests)
	}
	f := figures{
		cpuPerRequest: float64(took.CPU.Microseconds()) / summary.Requests, rss: float64(took.RSS) / (1 << 20),
		reached: summary.Rate, dropped: 100 * summary.Dropped / summary.Requests, p95: summary.P95,
	}
	switch output {
	case ours:
		return f, l.account(ctx, f, summary.Requests, before)
	case oursSink:
		left, err := os.ReadDir(l.path("spool")) // it is not even there, if nothing ever came late
		if len(left) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(errors.New("the sink did not take everything: something is in the spool"), err)
		}
	}
	return f, nil
}

// What is measured of a load test.
const (
	cpuPerRequest       = "CPU of k6, µs a request"
	cpuRatio            = "… against no output"
	rss                 = "memory of k6 (peak RSS), MiB"
	rssRatio            = "… against no output "
	reached             = "requests/s reached"
	dropped             = "iterations dropped, % of requests"
	p95                 = "p95 of http_req_duration, ms"
	documentsPerRequest = "documents a request"
	serverPerRequest    = "CPU of the server, µs a request"
)

// account adds what the server has of the load test: every request, or there is nothing to be proud of.
func (l *live) account(ctx context.Context, f figures, requests float64, before time.Duration) error {
	indices := livePrefix + "-metrics-*"
	if err := l.server.settle(ctx, indices); err != nil {
		return err
	}
	after, err := l.server.cpu()
	if err != nil {
		return err
	}
	var found struct {
		Hits struct {
			Total struct{ Value float64 }
		}
		Aggregations struct {
			Requests struct{ Value float64 }
		}
	}
	search := map[string]any{
		"size": 0, "track_total_hits": true, "aggs": map[string]any{"requests": map[string]any{"sum": map[string]any{"field": "k6.http_reqs"}}},
	}
	if err := l.server.do(ctx, http.MethodPost, "/"+indices+"/_search", search, &found); err != nil {
		return err
	}
	if found.Aggregations.Requests.Value != requests {
		return fmt.Errorf("the server has %.0f of %.0f requests", found.Aggregations.Requests.Value, requests)
	}
	f[documentsPerRequest] = found.Hits.Total.Value / requests
	f[serverPerRequest] = float64((after - before).Microseconds()) / requests
	return l.server.remove(ctx, livePrefix+"-*")
}

// liveTable shows what was found at a rate; the CPU and memory of each also as a ratio to no output.
func liveTable(rate int, outputs []string, found map[string]map[string]values) table {
	t := table{Title: humanize.Comma(int64(rate)) + " requests/s", Columns: outputs}
	none := found[noOutput]
	for _, quantity := range []string{
		cpuPerRequest, cpuRatio, rss, rssRatio, reached, dropped, p95, documentsPerRequest, serverPerRequest,
	} {
		r := row{Name: quantity}
		for _, output := range outputs {
			cell := found[output][quantity]
			switch quantity {
			case cpuRatio:
				cell = found[output][cpuPerRequest].ratio(none[cpuPerRequest])
			case rssRatio:
				cell = found[output][rss].ratio(none[rss])
			}
			r.Cells = append(r.Cells, cell)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// What a load test may pay for our output; reached rate, dropped iterations and p95 are to be as without.
const (
	mostCPU     = 1.05
	mostRSS     = 1.25
	leastRate   = 0.995
	mostP95     = 1.05
	mostDropped = 0.1 // more than without, in percent of the requests
	// markedFrom is the rate from which marks hold: at fewer requests most of what k6 takes is its start.
	markedFrom = 1000
)

func liveMarks(rate int, output string, none, with map[string]values) []mark {
	if rate < markedFrom {
		return nil
	}
	at := func(what string) string {
		return fmt.Sprintf("%s/s, %s: %s", humanize.Comma(int64(rate)), output, what)
	}
	more := make(values, len(with[dropped]))
	for i := range more {
		more[i] = with[dropped][i] - none[dropped][i]
	}
	return []mark{
		{at("CPU of k6 against none"), with[cpuPerRequest].ratio(none[cpuPerRequest]), mostCPU, true},
		{at("memory of k6 against none"), with[rss].ratio(none[rss]), mostRSS, true},
		{at("rate against none"), with[reached].ratio(none[reached]), leastRate, false},
		{at("p95 against none"), with[p95].ratio(none[p95]), mostP95, true},
		{at("iterations dropped more than with none, % of requests"), more, mostDropped, true},
	}
}
