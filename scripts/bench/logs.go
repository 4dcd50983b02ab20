package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
)

// logsIndex is where the log lines of the benchmark are, for as long as it takes.
const logsIndex = "k6es-bench-logs"

// logsSeconds is within how long `k6es logs` must answer.
const logsSeconds = 5

// newLogs measures how long `k6es logs` takes: what it asks of the logs, that is, on lines that lie within
// the run and the span before it, all of them.
func newLogs() *cobra.Command {
	b := logsBench{}
	cmd := &cobra.Command{
		Use:     "logs",
		Short:   "How long it takes to tell what many log lines said during a run",
		Example: "  bench logs --lines 10000000",
		Args:    cobra.NoArgs,
	}
	flags := cmd.Flags()
	b.server.addFlags(flags)
	flags.Int64Var(&b.lines, "lines", 1_000_000, "log lines")
	flags.IntVar(&b.rounds, "rounds", 5, "rounds")
	flags.BoolVar(&b.keep, "keep", false, "leave the lines there, and use those that an earlier one left")
	experiment(cmd, func(cmd *cobra.Command) (report, error) {
		b.out = cmd.OutOrStdout()
		return b.run(cmd.Context())
	})
	return cmd
}

type logsBench struct {
	server server
	lines  int64
	rounds int
	keep   bool
	out    io.Writer
}

// Half of the lines are of the run, which lasts an hour.
var (
	logsBegin  = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	logsLength = time.Hour
)

func (b *logsBench) run(ctx context.Context) (report, error) {
	if err := b.server.check(); err != nil {
		return report{}, err
	}
	if err := b.fill(ctx); err != nil {
		return report{}, err
	}
	if !b.keep {
		defer func() { _ = b.server.remove(context.WithoutCancel(ctx), logsIndex) }()
	}
	found, err := contest(ctx, b.rounds, b.out, contestant{name: "k6es logs", run: b.examine})
	if err != nil {
		return report{}, err
	}
	figures := found["k6es logs"]
	return report{
		Tables: []table{{Title: "what " + humanize.Comma(b.lines) + " log lines said", Columns: []string{"k6es logs"}, Rows: []row{
			{Name: "seconds", Cells: []values{figures["seconds"]}},
			{Name: "server CPU, s", Cells: []values{figures["server CPU, s"]}},
		}}},
		Marks: []mark{{Name: "seconds", Found: figures["seconds"], Bound: logsSeconds, AtMost: true}},
	}, nil
}

// examine asks as the command does, from the probe on. Caches of whole answers are emptied, as nobody asks
// about a run twice in a row.
func (b *logsBench) examine(ctx context.Context, _ int) (figures, error) {
	if err := b.server.do(ctx, http.MethodPost, "/"+logsIndex+"/_cache/clear?request=true", nil, nil); err != nil {
		return nil, err
	}
	client, err := elastic.New(elastic.Config{URLs: []string{b.server.url}})
	if err != nil {
		return nil, err
	}
	before, err := b.server.cpu()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	shape, err := logs.Probe(ctx, client, logsIndex, logs.Overrides{})
	if err != nil {
		return nil, err
	}
	during := logs.Span{From: logsBegin.Add(logsLength), To: logsBegin.Add(2 * logsLength)}
	worst := logs.Span{From: during.From.Add(30 * time.Minute), To: during.From.Add(30*time.Minute + 5*time.Second)}
	found, err := logs.Examine(ctx, client, shape, logs.Question{
		During: during, Reference: during.Earlier(logsLength), Worst: worst, Now: during.To,
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	after, err := b.server.cpu()
	if err != nil {
		return nil, err
	}
	if len(found.More) == 0 || found.More[0].Value != plantedPattern {
		return nil, fmt.Errorf("what was planted was not found: %+v", found.More)
	}
	return figures{"seconds": took.Seconds(), "server CPU, s": (after - before).Seconds()}, nil
}

// plantedPattern is the pattern of the errors that only the run has.
const plantedPattern = "payment <uuid> timed out after <n> ms"

// fill writes the lines, unless they are there.
func (b *logsBench) fill(ctx context.Context) error {
	if b.keep {
		if documents, _, err := b.server.size(ctx, logsIndex); err == nil && int64(documents) == b.lines {
			return nil
		}
	}
	if err := b.server.remove(ctx, logsIndex); err != nil {
		return err
	}
	if err := b.server.do(ctx, http.MethodPut, "/"+logsIndex, logsMapping(), nil); err != nil {
		return err
	}
	const batch = 5000
	group, writing := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for from := int64(0); from < b.lines; from += batch {
		group.Go(func() error { return b.bulk(writing, from, min(from+batch, b.lines)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Fprintln(b.out, "written; settling")
	return b.server.settle(ctx, logsIndex)
}

// logsMapping is that of Filebeat's own template, as far as the lines go.
func logsMapping() map[string]any {
	type m = map[string]any
	keyword := m{"type": "keyword", "ignore_above": 1024}
	properties := func(fields m) m { return m{"properties": fields} }
	return m{
		"settings": m{"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "30s"},
		"mappings": properties(m{
			"@timestamp": m{"type": "date"}, "message": m{"type": "text", "norms": false}, "log": properties(m{"level": keyword}),
			"host": properties(m{"name": keyword}), "service": properties(m{"name": keyword}),
			"process": properties(m{"pid": m{"type": "long"}}), "url": properties(m{"path": keyword}),
			"http":  properties(m{"response": properties(m{"status_code": m{"type": "long"}})}),
			"event": properties(m{"duration": m{"type": "long"}}),
		}),
	}
}

// bulk writes the lines of some numbers.
func (b *logsBench) bulk(ctx context.Context, from, to int64) error {
	var body bytes.Buffer
	zip, err := gzip.NewWriterLevel(&body, gzip.BestSpeed)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(zip)
	random := rand.New(rand.NewPCG(uint64(from), 1))
	for i := from; i < to; i++ {
		if _, err := io.WriteString(zip, "{\"create\":{}}\n"); err != nil {
			return err
		}
		if err := encoder.Encode(b.line(random, i)); err != nil {
			return err
		}
	}
	if err := zip.Close(); err != nil {
		return err
	}
	if err := b.server.bulk(ctx, logsIndex, &body, "gzip"); err != nil {
		return fmt.Errorf("the lines %d to %d: %w", from, to, err)
	}
	return nil
}

// line is one of twenty hosts' requests: one in fifty is answered by 500, one in twenty by 404. In the run,
// one in five hundred times out.
func (b *logsBench) line(random *rand.Rand, i int64) map[string]any {
	type m = map[string]any
	host, route, item := random.IntN(20), random.IntN(40), random.IntN(1_000_000)
	level, status, message := "info", 200, fmt.Sprintf("GET /api/v1/resource%d/%d served to user %d", route, item, random.IntN(100_000))
	switch n := random.IntN(1000); {
	case n < 2 && i > b.lines/2:
		level, status = "error", 504
		message = fmt.Sprintf("payment %08x-0000-4000-8000-%012x timed out after %d ms", random.Uint32(), item, 5000+random.IntN(100))
	case n < 20:
		level, status, message = "error", 500, fmt.Sprintf("cannot update row %d: connection %d reset by peer", item, random.IntN(500))
	case n < 70:
		level, status, message = "warn", 404, fmt.Sprintf("no resource%d with id %d", route, item)
	}
	at := logsBegin.Add(time.Duration(float64(2*logsLength) * float64(i) / float64(b.lines)))
	return m{
		"@timestamp": at.Format("2006-01-02T15:04:05.000Z"), "message": message, "log": m{"level": level},
		"host": m{"name": fmt.Sprintf("web-%d", host)}, "service": m{"name": fmt.Sprintf("shop-%d", host%4)}, "process": m{"pid": 1000 + host},
		"url": m{"path": fmt.Sprintf("/api/v1/resource%d/:id", route)}, "http": m{"response": m{"status_code": status}},
		"event": m{"duration": int64(1e6 * (2 + random.ExpFloat64()*20))},
	}
}
