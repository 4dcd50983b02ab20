package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// run is a test run that the demo put into the server.
type run struct {
	name    string
	id      string
	summary string // file with k6's own summary
}

// facts is what a run came to.
type facts struct {
	requests, failed, iterations, checksPassed, checksFailed float64

	p95       float64 // of http_req_duration, in ms
	documents int64
	indices   []string
}

// account reads back what landed where, shows it, and compares it with what k6 counted itself.
func (d *demo) account(ctx context.Context, all ...run) error {
	d.step(fmt.Sprintf("What landed in %s (%s)", d.client.URL(), d.server.what))
	if err := d.request(ctx, http.MethodPost, "/"+d.prefix+"-metrics-*/_refresh", nil, nil); err != nil {
		return err
	}
	table := tabwriter.NewWriter(d.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "RUN\tREQUESTS\tFAILED\tP95\tDOCUMENTS\tID")
	indices := map[string]bool{}
	var differences []error
	for _, r := range all {
		landed, err := d.read(ctx, r)
		if err != nil {
			return err
		}
		counted, err := readSummary(r.summary)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%s (%.2f %%)\t%.1f ms\t%s\t%s\n", r.name, comma(landed.requests), comma(landed.failed),
			100*landed.failed/max(landed.requests, 1), landed.p95, humanize.Comma(landed.documents), r.id)
		differences = append(differences, landed.differences(r.name, counted))
		for _, index := range landed.indices {
			indices[index] = true
		}
	}
	if err := errors.Join(table.Flush(), errors.Join(differences...)); err != nil {
		return err
	}
	fmt.Fprintln(d.out, "Requests, failures, iterations and checks are just as many as k6 counted itself.")
	if err := d.showIndices(ctx, slices.Sorted(maps.Keys(indices))); err != nil {
		return err
	}
	d.next(all[0])
	return nil
}

// read asks the server for the facts of a run.
func (d *demo) read(ctx context.Context, r run) (facts, error) {
	sum := func(field string) any { return map[string]any{"sum": map[string]any{"field": field}} }
	query := map[string]any{
		"size": 0, "track_total_hits": true,
		"query": map[string]any{"term": map[string]any{"k6.run.id": r.id}},
		"aggs": map[string]any{
			"requests": sum("k6.http_reqs"), "failed": sum("k6.http_req_failed"), "iterations": sum("k6.iterations"),
			"passed": sum("k6.checks.passes"), "notPassed": sum("k6.checks.fails"),
			"p95":     map[string]any{"percentiles": map[string]any{"field": "k6.http_req_duration", "percents": []int{95}}},
			"indices": map[string]any{"terms": map[string]any{"field": "_index", "size": 100}},
		},
	}
	type value struct{ Value float64 }
	var answer struct {
		Hits         struct{ Total struct{ Value int64 } }
		Aggregations struct {
			Requests, Failed, Iterations, Passed, NotPassed value

			P95     struct{ Values map[string]float64 }
			Indices struct{ Buckets []struct{ Key string } }
		}
	}
	if err := d.request(ctx, http.MethodPost, "/"+d.prefix+"-metrics-*/_search", query, &answer); err != nil {
		return facts{}, err
	}
	found := &answer.Aggregations
	landed := facts{
		requests: found.Requests.Value, failed: found.Failed.Value, iterations: found.Iterations.Value,
		checksPassed: found.Passed.Value, checksFailed: found.NotPassed.Value,
		p95: found.P95.Values["95.0"], documents: answer.Hits.Total.Value,
	}
	for _, bucket := range found.Indices.Buckets {
		landed.indices = append(landed.indices, bucket.Key)
	}
	return landed, nil
}

func (d *demo) request(ctx context.Context, method, path string, in, out any) error {
	if err := d.client.JSON(ctx, method, path, in, out); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	return nil
}

// readSummary reads what k6 counted itself.
func readSummary(file string) (facts, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return facts{}, err
	}
	var summary struct {
		Metrics map[string]struct{ Values map[string]float64 }
	}
	if err := json.Unmarshal(content, &summary); err != nil {
		return facts{}, fmt.Errorf("reading %s: %w", file, err)
	}
	metric := func(name, value string) float64 { return summary.Metrics[name].Values[value] }
	return facts{
		requests: metric("http_reqs", "count"), failed: metric("http_req_failed", "passes"),
		iterations: metric("iterations", "count"), checksPassed: metric("checks", "passes"), checksFailed: metric("checks", "fails"),
	}, nil
}

// differences lists the counts that are not k6's own. Sums of whole numbers must be equal.
func (f facts) differences(name string, counted facts) error {
	var differences []error
	for _, count := range []struct {
		what         string
		landed, ours float64
	}{
		{"requests", f.requests, counted.requests},
		{"failed requests", f.failed, counted.failed},
		{"iterations", f.iterations, counted.iterations},
		{"passed checks", f.checksPassed, counted.checksPassed},
		{"failed checks", f.checksFailed, counted.checksFailed},
	} {
		if count.landed != count.ours {
			differences = append(differences, fmt.Errorf("%s: %s %s landed, k6 counted %s", name, comma(count.landed), count.what, comma(count.ours)))
		}
	}
	if f.requests == 0 {
		differences = append(differences, fmt.Errorf("%s: no request landed", name))
	}
	return errors.Join(differences...)
}

// showIndices shows how large the indices are, older runs included.
func (d *demo) showIndices(ctx context.Context, indices []string) error {
	path := "/" + strings.Join(indices, ",")
	if err := d.request(ctx, http.MethodPost, path+"/_flush", nil, nil); err != nil {
		return err
	}
	var answer struct {
		Indices map[string]struct {
			Primaries struct {
				Docs  struct{ Count int64 }
				Store struct {
					Bytes uint64 `json:"size_in_bytes"`
				}
			}
		}
	}
	if err := d.request(ctx, http.MethodGet, path+"/_stats/docs,store", nil, &answer); err != nil {
		return err
	}
	table := tabwriter.NewWriter(d.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\nINDEX\tDOCUMENTS\tBYTES")
	for _, index := range slices.Sorted(maps.Keys(answer.Indices)) {
		size := answer.Indices[index].Primaries
		fmt.Fprintf(table, "%s\t%s\t%s\n", index, humanize.Comma(size.Docs.Count), humanize.Bytes(size.Store.Bytes))
	}
	return table.Flush()
}

// next names commands to go on with.
func (d *demo) next(live run) {
	d.step("What next")
	if d.server.ours && !d.keep {
		fmt.Fprintln(d.out, "The server ends now. To keep one and look around:  make demo KEEP=1")
		return
	}
	fmt.Fprintf(d.out, `export K6_ELASTICSEARCH_URL=%s
%s run --out elasticsearch examples/smoke.js     # or a script of yours
%s upload %s
curl -s "$K6_ELASTICSEARCH_URL/%s-metrics-*/_search?pretty&size=1&q=k6.run.id:%s"
`, d.client.URL(), d.program("k6"), d.program("k6es"), pastFile, d.prefix, live.id)
	if d.server.ours {
		fmt.Fprintf(d.out, "go run ./scripts/servers stop %s        # ends the server and deletes its data\n", serverName)
	}
}

func comma(n float64) string { return humanize.Comma(int64(n)) }
