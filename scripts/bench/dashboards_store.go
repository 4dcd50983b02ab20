package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/k6es/k6es/cmd"
	"github.com/k6es/k6es/scripts/bench/workload"
)

// store is what the dashboards are drawn from: runs of one test, and the logs of what it tested.
type store struct {
	server
	prefix string
	runs   []pastRun // the largest first
}

// pastRun is one of the store's runs.
type pastRun struct {
	workload.Workload
	id string
}

func (r pastRun) end() time.Time {
	return r.Start.Add(time.Duration(r.Requests) * time.Second / time.Duration(r.Rate))
}

// history shares requests out among runs of one test, on days one before the other.
func history(requests int64) []pastRun {
	last := time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC)
	var runs []pastRun
	for i, percent := range []int64{50, 40, 4, 3, 2, 1} {
		w := workload.Workload{Seed: uint64(i + 1), Requests: requests * percent / 100, Rate: 1400, Start: last.AddDate(0, 0, -i)}
		runs = append(runs, pastRun{w, fmt.Sprintf("%s-%d", w.Start.Format(time.DateOnly), w.Requests)})
	}
	return runs
}

// The names of the store's indices.
func (s *store) metrics() string { return s.prefix + "-metrics-*" }
func (s *store) logs() string    { return s.prefix + "-shop" }

// fill loads what the server does not have from before, the oldest run first, and leaves it at rest.
func (s *store) fill(ctx context.Context, progress io.Writer) error {
	for i := len(s.runs) - 1; i >= 0; i-- {
		has, err := s.has(ctx, s.runs[i])
		if err == nil && !has {
			err = s.load(ctx, s.runs[i], progress)
		}
		if err != nil {
			return fmt.Errorf("run %s: %w", s.runs[i].id, err)
		}
	}
	if err := s.writeLogs(ctx); err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	return s.settle(ctx, s.prefix+"-*")
}

// has tells whether a run was loaded to its end.
func (s *store) has(ctx context.Context, run pastRun) (bool, error) {
	var found struct {
		Hits struct{ Total struct{ Value int } }
	}
	query := object{"query": object{"bool": object{"filter": []any{
		object{"term": object{"k6.run.id": run.id}}, object{"terms": object{"k6.run.status": []string{"passed", "failed"}}},
	}}}}
	err := s.do(ctx, http.MethodPost, "/"+s.prefix+"-runs/_search?ignore_unavailable=true", query, &found)
	return found.Hits.Total.Value > 0, err
}

type object = map[string]any

// load uploads a run while it is being made up.
func (s *store) load(ctx context.Context, run pastRun, progress io.Writer) error {
	in, out := io.Pipe()
	go func() {
		_, err := run.Write(out)
		_ = out.CloseWithError(err)
	}()
	defer func() { _ = in.Close() }() // lets the maker end, should the upload have ended before it
	fmt.Fprintf(progress, "loading run %s …\n", run.id)
	env := cmd.Env{In: in, Out: progress, Err: progress, Name: "k6es"}
	code := cmd.Main(ctx, env, []string{
		"upload", "--url", s.url, "--index-prefix", s.prefix, "--run-id", run.id, "--run-name", run.id, "--test", "checkout", "-",
	})
	if code != cmd.ExitOK {
		return fmt.Errorf("k6es upload ended with exit code %d", code)
	}
	return nil
}

// Of so many requests, the shop logs one.
const requestsPerLogLine = 50

// writeLogs writes anew what the shop logged during the largest run: that of an earlier call may have been smaller.
func (s *store) writeLogs(ctx context.Context) error {
	keyword, number := object{"type": "keyword"}, object{"type": "long"}
	mapping := object{"mappings": object{"properties": object{
		"@timestamp": object{"type": "date"}, "message": object{"type": "text", "fields": object{"keyword": keyword}},
		"log": object{"properties": object{"level": keyword}}, "host": object{"properties": object{"name": keyword}},
		"service": object{"properties": object{"name": keyword}}, "url": object{"properties": object{"path": keyword}},
		"http":  object{"properties": object{"response": object{"properties": object{"status_code": number}}}},
		"event": object{"properties": object{"duration": number}},
	}}}
	if err := s.remove(ctx, s.logs()); err != nil {
		return err
	}
	if err := s.do(ctx, http.MethodPut, "/"+s.logs(), mapping, nil); err != nil {
		return err
	}
	run := s.runs[0]
	lines := run.Requests / requestsPerLogLine
	step := run.end().Sub(run.Start) / time.Duration(max(1, lines))
	var bulk bytes.Buffer
	encoder := json.NewEncoder(&bulk)
	for i := range lines {
		_ = encoder.Encode(object{"index": object{}}) // of plain values into memory: it cannot fail
		_ = encoder.Encode(logLine(i, run.Start.Add(time.Duration(i)*step)))
		if bulk.Len() > 5<<20 || i == lines-1 {
			if err := s.bulk(ctx, s.logs(), &bulk, ""); err != nil {
				return err
			}
			bulk.Reset()
		}
	}
	return nil
}

// logLine is a line as Filebeat has it: of each hundred, one is an error and two are warnings.
func logLine(i int64, at time.Time) object {
	level, status, message := "info", 200, "order placed"
	switch i % 100 {
	case 7:
		level, status, message = "error", 503, "no stock service"
	case 23, 61:
		level, status, message = "warn", 429, "slow down"
	}
	return object{
		"@timestamp": at.Format(time.RFC3339Nano), "message": message, "log": object{"level": level},
		"host": object{"name": fmt.Sprintf("web-%d", i%4)}, "service": object{"name": "shop"},
		"url": object{"path": []string{"/items", "/orders", "/home"}[i%3]}, "event": object{"duration": 1_000_000 * (1 + i%97)},
		"http": object{"response": object{"status_code": status}},
	}
}
