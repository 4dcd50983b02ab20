// Command demo shows k6es at work: it streams a real load test into a real Elasticsearch, loads the
// file of a past one, and reads back what landed where. It runs in the root of the module.
//
//	go run ./scripts/demo
//
// ELASTICSEARCH_URL names a server to use when it answers; without one a server is started, and ends
// with the demo unless KEEP=1. DURATION is how long the load lasts (20s). A Kibana on the server, at
// K6_KIBANA_URL or http://localhost:5601, gets the dashboards.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs"
)

const (
	script      = "scripts/k6/checkout.js"
	pastFile    = "examples/data/checkout-2026-11-22.json.gz"
	pastSummary = "examples/data/checkout-2026-11-22.summary.json"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	keep := os.Getenv("KEEP")
	d := demo{root: ".", bin: "bin", out: os.Stdout, environ: os.Environ(), keep: keep != "" && keep != "0"}
	err := d.run(ctx)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one run of the demo.
type demo struct {
	root    string // of the module; commands run there
	bin     string // where programs are built, from root
	out     io.Writer
	environ []string // of this process; that of the commands once the server is known
	keep    bool

	temp    string
	client  *elastic.Client
	server  server
	prefix  string // of the indices
	kibana  string // address; empty: there is none
	logging bool   // whether the sample service can log into the server
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.temp, err = os.MkdirTemp("", "k6es-demo-*"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.temp)) }()

	d.step("A server")
	if err := d.findServer(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.stop()) }()
	if !d.server.ours {
		d.findKibana(ctx)
	}
	d.step("Build k6es, and a k6 with the output elasticsearch")
	if err := d.build(ctx); err != nil {
		return err
	}
	d.step("Install the index templates")
	if err := d.show(ctx, d.program("k6es"), "setup", "--index-management"); err != nil {
		return err
	}
	live, err := d.loadTest(ctx)
	if err != nil {
		return err
	}
	d.step("Load the file of a past run")
	if err := d.show(ctx, d.program("k6es"), "upload", pastFile); err != nil {
		return err
	}
	past, err := d.past()
	if err != nil {
		return err
	}
	if err := d.dashboards(ctx); err != nil {
		return err
	}
	return d.account(ctx, live, past)
}

func (d *demo) program(name string) string { return filepath.Join(d.bin, name) }

// loadTest runs k6 against the sample service, straight into the server.
func (d *demo) loadTest(ctx context.Context) (_ run, err error) {
	d.step("Run a load test of a small shop")
	shop, err := d.startService(ctx)
	if err != nil {
		return run{}, err
	}
	defer func() { err = errors.Join(err, shop.stop()) }()
	live := run{name: "live run", id: runs.NewID(), summary: filepath.Join(d.temp, "summary.json")}
	duration := cmp.Or(config.Environ(d.environ)["DURATION"], "20s")
	k6 := d.command(ctx, d.program("k6"), "run", "--out", "elasticsearch", "-e", "BASE_URL="+shop.url,
		"-e", "DURATION="+duration, "-e", "SUMMARY="+live.summary, script)
	k6.Env = append(k6.Env, "K6_ELASTICSEARCH_RUN_ID="+live.id, "K6_NO_USAGE_REPORT=true")
	fmt.Fprintf(d.out, "$ %s run --out elasticsearch -e BASE_URL=%s %s\n", k6.Args[0], shop.url, script)
	err = k6.Run()
	if code := exitCode(err); code == thresholdsCrossed {
		fmt.Fprintln(d.out, "(exit code 99: a threshold of the script was crossed; this machine is busy)")
		err = nil
	}
	if err != nil {
		return run{}, fmt.Errorf("k6 run: %w", err)
	}
	return live, nil
}

// thresholdsCrossed is k6's exit code for a test that ran well and was too slow.
const thresholdsCrossed = 99

// past is the run that the file is: its id comes from its content.
func (d *demo) past() (run, error) {
	source, err := ingest.Open(filepath.Join(d.root, pastFile), nil, nil)
	if err != nil {
		return run{}, err
	}
	return run{name: "past file", id: source.RunID(), summary: filepath.Join(d.root, pastSummary)}, source.Close()
}

func (d *demo) step(title string) { fmt.Fprintf(d.out, "\n── %s\n", title) }
