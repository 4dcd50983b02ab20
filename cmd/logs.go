package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/report"
)

type logsQuery struct {
	against string
	output  string
	width   int
	all     bool
}

// newLogs makes the command that tells what production logs said during a run.
func newLogs(env Env) *cobra.Command {
	var o logsQuery
	r := runsCommand{env: env, now: time.Now, zone: time.Local}
	cmd := &cobra.Command{
		Use:   "logs RUN",
		Short: "Tell what production logs said during a run",
		Long: "Tells what production logs said during a run, against an equal span just before it,\n" +
			"or the same hours a day or a week earlier: lines, errors and warnings, what came\n" +
			"significantly more often, which servers started and stopped, how long the service\n" +
			"took, and the lines of the run's worst five seconds. It only reads.\n\n" +
			"The logs are those of --logs-index, else those that setup brought into Kibana.",
		Example: "  k6es logs latest --logs-index 'filebeat-*'\n  k6es logs '#812' --against week\n  k6es logs latest --output markdown >>\"$GITHUB_STEP_SUMMARY\"",
		Args:    oneRun,
	}
	flags := cmd.Flags()
	flags.StringVar(&o.against, "against", "before", "what the run is held against: before (the span just before it), day or week (as much earlier)")
	flags.BoolVar(&o.all, "all", false, "all that was found, not only the first ones")
	flags.StringVar(&o.output, "output", "table", "table, markdown, or json for programs")
	flags.IntVar(&o.width, "width", 0, "columns of the table; 0: those of the terminal, or 80")
	addServerFlags(flags)
	addOptions(flags, slices.Concat(kibanaOptions, logsOptions)...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		cfg, err := env.load(flags)
		if err != nil {
			return err
		}
		return r.logs(cmd.Context(), cfg, args[0], o)
	}
	return cmd
}

func (o logsQuery) check() error {
	if _, known := report.Spans[o.against]; !known {
		return usageError("--against is %q; choose before, day or week", o.against)
	}
	if !slices.Contains([]string{"table", "markdown", "json"}, o.output) {
		return usageError("--output is %q; choose table, markdown or json", o.output)
	}
	if o.width < 0 {
		return usageError("--width is %d; it cannot be negative", o.width)
	}
	return nil
}

// worstLength is how long the part of a run is whose log lines are told.
const worstLength = 5 * time.Second

// logs tells what the logs said during a run.
func (r runsCommand) logs(ctx context.Context, cfg config.Config, ref string, o logsQuery) error {
	client, store, err := r.storeOf(ctx, cfg)
	if err != nil {
		return err
	}
	d, err := r.findIn(ctx, store, ref)
	if err != nil {
		return err
	}
	shape, err := r.env.probeLogs(ctx, client, cfg)
	if err != nil {
		return err
	}
	worst, err := store.Worst(ctx, d, worstLength)
	if err != nil {
		return err
	}
	during := r.spanOf(d)
	reference := during.Earlier(max(report.Spans[o.against], during.Length()))
	question := logs.Question{During: during, Reference: reference, Now: r.now()}
	if worst != nil {
		question.Worst = logs.Span{From: worst.From, To: worst.From.Add(worst.Length)}
	}
	found, err := logs.Examine(ctx, client, shape, question)
	if err != nil {
		return err
	}
	if err := neighbours(ctx, store, d.K6.Run.ID, found); err != nil {
		return err
	}
	all := runLogs(d, worst, found, o.against)
	all.Link = cfg.Links().Dashboard(kibana.LogsDashboard, d.Links.Dashboard)
	return r.tellRunLogs(all, d, o)
}

func (r runsCommand) tellRunLogs(all *report.RunLogs, d *runs.Document, o logsQuery) error {
	switch o.output {
	case "json":
		return report.LogsJSON(r.env.Out, all)
	case "markdown":
		_, err := io.WriteString(r.env.Out, report.LogsMarkdown(all))
		return err
	default:
		_, err := fmt.Fprintln(r.env.Out, r.look(o.width).logs(all, d, o.all))
		return err
	}
}

// spanOf is the time of a run, of one that goes on until now.
func (r runsCommand) spanOf(d *runs.Document) logs.Span {
	length := time.Duration(d.K6.Run.Duration * float64(time.Second))
	if d.K6.Run.Status == runs.Running {
		length = max(length, r.now().Sub(d.Timestamp))
	}
	const least = time.Second
	from := d.Timestamp.UTC().Truncate(time.Millisecond)
	return logs.Span{From: from, To: from.Add(max(length, least).Truncate(time.Millisecond) + time.Millisecond)}
}

// probeLogs finds out what the logs look like; where they are is what the user says, or what setup was told.
func (env Env) probeLogs(ctx context.Context, client *elastic.Client, cfg config.Config) (logs.Shape, error) {
	overrides, err := logOverrides(cfg)
	if err != nil {
		return logs.Shape{}, err
	}
	pattern := strings.Join(cfg.LogsIndex, ",")
	if pattern == "" {
		if pattern, err = env.logsOfSetup(ctx, cfg); err != nil {
			return logs.Shape{}, err
		}
	}
	return env.probe(ctx, client, pattern, overrides)
}

// probe finds out what the logs look like, and warns of names that no index has.
func (env Env) probe(ctx context.Context, client *elastic.Client, pattern string, overrides logs.Overrides) (logs.Shape, error) {
	shape, err := logs.Probe(ctx, client, pattern, overrides)
	for _, name := range shape.Absent {
		env.warnf("no index is called %s, or this user may not see it", name)
	}
	return shape, err
}

// logsOfSetup asks Kibana which logs setup was told of.
func (env Env) logsOfSetup(ctx context.Context, cfg config.Config) (string, error) {
	const say = "say which indices the logs are in: --logs-index 'filebeat-*', or K6_ELASTICSEARCH_LOGS_INDEX"
	if cfg.KibanaURL == "" {
		return "", usageError("%s", say)
	}
	client, err := kibana.New(cfg.Kibana())
	if err != nil {
		return "", err
	}
	pattern, err := client.LogsIndex(ctx, cfg.IndexPrefix)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w. Without it, %s", err, say)
	case pattern == "":
		return "", usageError("the dashboards in Kibana know of no logs; %s", say)
	default:
		return pattern, nil
	}
}

// longestRun is how long before a span a run may have begun that is looked for in it.
const longestRun = 24 * time.Hour

// neighbours notes runs of the reference span: they are no quiet time to hold the run with the id against.
func neighbours(ctx context.Context, store *runs.Store, id string, found *logs.Findings) error {
	span := found.Reference
	all, err := store.List(ctx, runs.Filter{Since: span.From.Add(-longestRun)})
	if err != nil {
		return err
	}
	var names []string
	for _, other := range all {
		end := other.Timestamp.Add(time.Duration(other.K6.Run.Duration * float64(time.Second)))
		if other.K6.Run.ID != id && other.Timestamp.Before(span.To) && end.After(span.From) {
			names = append(names, other.Label())
		}
	}
	if len(names) > 0 {
		found.Notes = append(found.Notes, "in the reference span another test was running: "+firstOf(names))
	}
	return nil
}

// runLogs puts together what is told.
func runLogs(d *runs.Document, worst *runs.Worst, found *logs.Findings, against string) *report.RunLogs {
	s := d.K6.Summary
	all := &report.RunLogs{
		Run: report.RunFacts{
			ID: d.K6.Run.ID, Name: runName(d, d.ShortID()), Test: d.K6.Test, Status: d.K6.Run.Status,
			Requests: s.Requests, Failed: s.FailedRate, Latency: logs.Percentiles{P50: s.P50, P95: s.P95, P99: s.P99},
		},
		Against: against, Logs: found,
	}
	if worst != nil {
		all.Worst = &report.WorstSeconds{
			From: worst.From, To: worst.From.Add(worst.Length), Requests: worst.Requests, Failed: worst.Failed, P95: worst.P95,
			Iterations: s.Requests == 0,
		}
	}
	return all
}

// withLogs adds to a comparison what the logs said during the contender. What hinders it is only warned of.
// It is a copy: what logs say goes to nobody but whoever asked for it, so it is neither stored nor sent.
func (c *comparer) withLogs(ctx context.Context, comparison *runs.Comparison) *runs.Comparison {
	found, err := c.examineLogs(ctx, comparison.Contender)
	if err != nil {
		c.env.warnf("the logs were not read: %v", err)
		return comparison
	}
	told := *comparison
	told.Logs = found
	return &told
}

func (c *comparer) examineLogs(ctx context.Context, contender runs.Compared) (*logs.Findings, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	shape, err := c.env.probeLogs(ctx, c.client, c.config)
	if err != nil {
		return nil, err
	}
	during := logs.Span{From: contender.Start, To: contender.Start.Add(max(contender.Duration, time.Second))}
	found, err := logs.Examine(ctx, c.client, shape, logs.Question{During: during, Reference: during.Earlier(during.Length()), Now: time.Now()})
	if err != nil {
		return nil, err
	}
	return found, neighbours(ctx, c.runs, contender.ID, found)
}
