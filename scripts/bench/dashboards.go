package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/kibana/searches"
	"github.com/k6es/k6es/logs"
)

const (
	// dashboardsPrefix begins the names of the indices.
	dashboardsPrefix = "bench-dashboards"
	// patience is how long a panel may take, in seconds.
	patience = 3
	// margin is how much of the time around a run its dashboard shows.
	margin = 5 * time.Second
)

// dashboards measures what Kibana's dashboards ask over runs of many requests.
type dashboards struct {
	store
	rounds int
	merged bool
	out    io.Writer
}

func newDashboards() *cobra.Command {
	d := dashboards{store: store{prefix: dashboardsPrefix}}
	var requests int64
	cmd := &cobra.Command{
		Use:   "dashboards",
		Short: "Measure the searches of every dashboard over runs of many requests",
		Long: "Loads six runs of one test, of which the largest has half of all requests, and production logs beside\n" +
			"it, unless the server has them from before. Then asks what each panel asks, all its searches at once as\n" +
			"Kibana does, with the server's caches cleared. Loading ten million requests takes a quarter of an hour on\n" +
			"two cores, five rounds take five minutes. A server to come back to:\n\n" +
			"  go run ./scripts/servers start --heap 1g --jit es-oss-7.10.2      tells address and process id\n" +
			"  go run ./scripts/bench dashboards --url ADDRESS --pid PID",
		Args: cobra.NoArgs,
	}
	d.addFlags(cmd.Flags())
	cmd.Flags().Int64Var(&requests, "requests", 10_000_000, "HTTP requests of all runs together")
	cmd.Flags().IntVar(&d.rounds, "rounds", 5, "how often each panel is drawn")
	cmd.Flags().BoolVar(&d.merged, "merge", false, "merge the samples into one segment first, as nobody has them")
	experiment(cmd, func(cmd *cobra.Command) (report, error) {
		d.out, d.runs = cmd.ErrOrStderr(), history(requests)
		return d.measure(cmd.Context())
	})
	return cmd
}

// view is a dashboard as somebody opens it.
type view struct {
	dashboard string
	title     string
	searches.View
}

// views are the dashboards, opened as the links of k6es do.
func (d *dashboards) views() []view {
	large, second := d.runs[0], d.runs[1]
	around := func(from, to time.Time, query string) searches.View {
		return searches.View{From: from.Add(-margin), To: to.Add(margin), Query: query}
	}
	run := around(large.Start, large.end(), fmt.Sprintf("k6.run.id:%q or not k6.run.id:*", large.id))
	pair := around(second.Start, large.end(), fmt.Sprintf("k6.run.id:(%q or %q)", large.id, second.id))
	all := around(d.runs[len(d.runs)-1].Start, large.end(), "")
	return []view{
		{kibana.RunsDashboard, "k6 · Runs", all},
		{kibana.RunDashboard, "k6 · Run", run},
		{kibana.CompareDashboard, "k6 · Compare", pair},
		{kibana.LogsDashboard, "k6 · Beside production logs", run},
	}
}

// measure fills the store where it has to, and draws all dashboards in turn.
func (d *dashboards) measure(ctx context.Context) (report, error) {
	if err := d.check(); err != nil {
		return report{}, err
	}
	if err := d.fill(ctx, d.out); err != nil {
		return report{}, err
	}
	if d.merged {
		fmt.Fprintln(d.out, "merging …")
		if err := d.merge(ctx, d.metrics()); err != nil {
			return report{}, err
		}
	}
	documents, disk, err := d.size(ctx, d.metrics())
	if err != nil {
		return report{}, err
	}
	fmt.Fprintf(d.out, "%.1f million documents of samples, %.0f MB\n", documents/1e6, disk/1e6)
	objects, err := d.objects(ctx)
	if err != nil {
		return report{}, err
	}
	r := report{}
	for _, v := range d.views() {
		panels, err := panelsOf(objects, d.prefix+"-"+v.dashboard, v.View)
		if err != nil {
			return report{}, err
		}
		if err := d.draw(ctx, panels); err != nil {
			return report{}, err
		}
		r.add(v.title, panels)
	}
	return r, nil
}

// objects are what setup brings into Kibana, for the logs of the store.
func (d *dashboards) objects(ctx context.Context) ([]kibana.Object, error) {
	client, err := elastic.New(elastic.Config{URLs: []string{d.url}})
	if err != nil {
		return nil, err
	}
	shape, err := logs.Probe(ctx, client, d.logs(), logs.Overrides{})
	if err != nil {
		return nil, err
	}
	values, err := kibana.LogValues(shape, kibana.Pattern{}, d.prefix)
	if err != nil {
		return nil, err
	}
	objects, _, err := kibana.Rendered(d.prefix, values)
	return objects, err
}

// panel is one panel of a dashboard, and what drawing it took in each round.
type panel struct {
	title    string
	searches []searches.Search
	seconds  values // until the last answer
	slowest  values // of its searches, in seconds, as the server says
	cpu      values // seconds of processor time of the server
}

// String is the panel's name, with how many searches it makes.
func (p *panel) String() string {
	if len(p.searches) == 1 {
		return p.title
	}
	return fmt.Sprintf("%s (%d searches)", p.title, len(p.searches))
}

// panelsOf are the panels of a dashboard that ask the server something, from top to bottom.
func panelsOf(objects []kibana.Object, dashboard string, v searches.View) ([]*panel, error) {
	all, err := searches.All(objects, v)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(objects, func(o kibana.Object) bool { return o.Key() == "dashboard:"+dashboard })
	if at < 0 {
		return nil, fmt.Errorf("there is no dashboard %s", dashboard)
	}
	var panels []*panel
	for _, shown := range objects[at].References() {
		i := slices.IndexFunc(objects, func(o kibana.Object) bool { return o.Key() == shown })
		p := &panel{}
		for _, search := range all {
			if search.Object == shown {
				p.searches = append(p.searches, search)
			}
		}
		if len(p.searches) > 0 && i >= 0 {
			_, p.title, _ = strings.Cut(objects[i].Title(), ": ")
			panels = append(panels, p)
		}
	}
	return panels, nil
}

// draw asks what the panels ask, one panel after the other, round by round after one that warms up the
// server's compiler.
func (d *dashboards) draw(ctx context.Context, panels []*panel) error {
	for round := -1; round < d.rounds; round++ {
		for _, p := range panels {
			if err := d.ask(ctx, p, round >= 0); err != nil {
				return fmt.Errorf("%s: %w", p.title, err)
			}
		}
	}
	return nil
}

// ask sends the searches of a panel all at once, as Kibana does, to a server with empty caches.
func (d *dashboards) ask(ctx context.Context, p *panel, counts bool) error {
	if err := d.do(ctx, http.MethodPost, "/_cache/clear", nil, nil); err != nil {
		return err
	}
	before, err := d.cpu()
	if err != nil {
		return err
	}
	begin := time.Now()
	took := make(values, len(p.searches))
	group, within := errgroup.WithContext(ctx)
	for i, search := range p.searches {
		group.Go(func() (err error) {
			took[i], err = d.search(within, search)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	wall := time.Since(begin)
	after, err := d.cpu()
	if counts {
		p.seconds = append(p.seconds, wall.Seconds())
		p.slowest = append(p.slowest, slices.Max(took))
		p.cpu = append(p.cpu, (after - before).Seconds())
		fmt.Fprintf(d.out, "%-32s %5.2f s\n", p.title, wall.Seconds())
	}
	return err
}

// search says how many seconds a search took the server.
func (d *dashboards) search(ctx context.Context, search searches.Search) (float64, error) {
	var answer struct {
		Took     float64
		TimedOut bool                 `json:"timed_out"`
		Shards   struct{ Failed int } `json:"_shards"`
	}
	if err := d.do(ctx, http.MethodPost, "/"+search.Index+"/_search?ignore_unavailable=true", search.Body, &answer); err != nil {
		return 0, err
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return 0, errors.New("the server did not search all of it")
	}
	return answer.Took / 1000, nil
}

// add puts the panels of a dashboard into the report, and its slowest one among the marks.
func (r *report) add(title string, panels []*panel) {
	t := table{Title: title, Columns: []string{"seconds until drawn", "slowest search, s", "server's CPU, s"}}
	slowest := panels[0]
	for _, p := range panels {
		t.Rows = append(t.Rows, row{p.String(), []values{p.seconds, p.slowest, p.cpu}})
		if p.seconds.median() > slowest.seconds.median() {
			slowest = p
		}
	}
	r.Tables = append(r.Tables, t)
	r.Marks = append(r.Marks, mark{
		Name: title + ", its slowest panel (" + slowest.title + "), s", Found: slowest.seconds, Bound: patience, AtMost: true,
	})
}
