package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/notify"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
	"github.com/k6es/k6es/runs/report"
)

type compareOptions struct {
	baseline                       []string // empty: comparable earlier runs
	contender                      string   // empty: the run id that was given, else the latest run
	metrics, percentiles           []string
	delta, priorSD, failOn, window string
	format, output, comment        string
	all, logs                      bool
	types                          map[string]string
}

// newCompare makes the command that compares a run with earlier ones.
func newCompare(env Env) *cobra.Command {
	var options compareOptions
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Compare a run with earlier ones, and fail when it became worse",
		Long: "Compares a run, the contender, with its baseline: up to 10 earlier runs of the\n" +
			"same test, environment and branch (of a change: the branch that it is to be\n" +
			"merged into), or the runs and files that --baseline names. What counts is what\n" +
			"differs by more than matters, and by more than equal runs differ anyway.\n\n" +
			"A run is an id, a prefix of one, a name, latest, latest~1 or pinned; a file is\n" +
			"one that k6 wrote with --out json or csv, plain, gzip or zstd. With files on both\n" +
			"sides no server is asked.\n\n" +
			"Exit codes: 0 not worse, or nothing could be judged, 1 error, 2 usage, 3 worse.",
		Example: "  k6es compare\n" +
			"  k6es compare --contender latest --baseline pinned --window 30s:\n" +
			"  k6es compare --baseline monday.json.gz --baseline tuesday.json.gz --contender today.json.gz\n" +
			"  k6es compare --format junit -o compare.xml --fail-on never",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("%q is one word too many: name runs by --baseline and --contender. See `%s --help`", args[0], cmd.CommandPath())
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&options.baseline, "baseline", nil, "`RUN|FILE` to compare with (repeatable), or pinned; else comparable earlier runs")
	flags.StringVar(&options.contender, "contender", "", "`RUN|FILE` that is judged; else that of --run-id, else the latest, of --test if given")
	flags.StringArrayVar(&options.metrics, "metric", nil, "`METRIC` that decides too, such as http_req_duration{name:GET /} (repeatable)")
	flags.StringSliceVar(&options.percentiles, "percentile", []string{"50", "95", "99"}, "percentiles of trends that are compared")
	flags.Lookup("percentile").DefValue = "50,95,99"
	flags.StringVar(&options.delta, "delta", "5%", "least difference that matters, in `percent`; twice that from p99 upwards")
	flags.StringVar(&options.priorSD, "prior-sd", "3%", "how much equal runs are expected to differ (standard deviation), in `percent`")
	flags.StringVar(&options.failOn, "fail-on", "worse", "when to end with exit code 3: worse or never")
	flags.StringVar(&options.window, "window", "", "compare only this part of each run, `FROM:TO` from its start: 30s: cuts a ramp-up")
	flags.StringVar(&options.format, "format", "text", "text, markdown, json or junit")
	flags.StringVarP(&options.output, "output", "o", "", "write the format to this `FILE`, and text to the terminal")
	flags.StringVar(&options.comment, "pr-comment-file", "", "write the body of a comment on a pull request to this `FILE`")
	flags.BoolVar(&options.all, "all", false, "in text, show also scenarios and requests in which nothing changed")
	flags.BoolVar(&options.logs, "logs", false, "add what production logs said during the contender, in short (see logs)")
	flags.StringToStringVar(&options.types, "metric-type", nil, "`type` of a custom metric in a CSV file, name=counter, gauge, rate or trend (repeatable)")
	flags.Lookup("metric-type").DefValue = ""
	addServerFlags(flags)
	addOptions(flags, slices.Concat(kibanaOptions, logsOptions, compareFlags)...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return env.compare(cmd.Context(), flags, options)
	}
	return cmd
}

// compareFlags are the options of the table for compare beside those of the server, of Kibana and of the logs.
var compareFlags = []string{
	"replicas", "setup", "notify", "notify-on", "notify-secret", "notify-ca-cert-file",
	"run-id", "test-name", "environment", "branch", "commit", "base-branch", "change", "pipeline-url",
}

// compare compares, tells the outcome to everybody who should know, and returns an error with
// ExitRegression if the contender is worse.
func (env Env) compare(ctx context.Context, flags *pflag.FlagSet, options compareOptions) error {
	settings, err := options.settings()
	if err != nil {
		return err
	}
	window, err := options.check()
	if err != nil {
		return err
	}
	if err := env.checkTyped(append([]string{options.contender}, options.baseline...)...); err != nil {
		return err
	}
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	notifier, err := notify.New(cfg.Notifications())
	if err != nil {
		return usageError("%w", err)
	}
	c := comparer{env: env, config: cfg, options: options, window: window}
	comparison, err := c.compare(ctx, settings)
	if err != nil {
		return err
	}
	if options.failOn != "never" && comparison.Report.Regression() {
		comparison.ExitCode = int(ExitRegression)
	}
	c.store(ctx, comparison)
	told := comparison
	if options.logs {
		told = c.withLogs(ctx, comparison)
	}
	if err := c.tell(told); err != nil {
		return err
	}
	notice := &notify.Notice{Comparison: comparison, Numbers: c.contender, Dashboard: comparison.Link}
	env.tellDeliveries(notifier.Send(ctx, notice), nil)
	if comparison.ExitCode != 0 {
		return &CodedError{ExitRegression, regression(comparison)}
	}
	return nil
}

// regression says in a line what became worse.
func regression(c *runs.Comparison) error {
	var decisive []compare.Row
	for _, row := range c.Worse() {
		if row.Decisive {
			decisive = append(decisive, row)
		}
	}
	text := fmt.Sprintf("%s became worse: %s %s", c.Test, runs.RowLabel(decisive[0].Key, decisive[0].Percentile),
		runs.Difference(decisive[0].Unit, decisive[0].Diff))
	if more := len(decisive) - 1; more > 0 {
		text += ", and " + plural(int64(more), "more value")
	}
	return errors.New(text)
}

// check says what is wrong with options that are not settings of the rule.
func (o compareOptions) check() (window runs.Window, err error) {
	if !slices.Contains(report.Formats, report.Format(o.format)) {
		return window, usageError("--format is %q; choose text, markdown, json or junit", o.format)
	}
	if o.failOn != "worse" && o.failOn != "never" {
		return window, usageError("--fail-on is %q; choose worse or never", o.failOn)
	}
	if err := checkTypes(o.types); err != nil {
		return window, err
	}
	if len(o.baseline) > 1 && slices.Contains(o.baseline, "pinned") {
		return window, usageError("--baseline pinned is the whole baseline: name no other")
	}
	if err := checkStdin(append([]string{o.contender}, o.baseline...)); err != nil {
		return window, err
	}
	if o.window == "" {
		return window, nil
	}
	if window, err = runs.ParseWindow(o.window); err != nil {
		return window, usageError("--window: %w", err)
	}
	return window, nil
}

// settings are those of the rule.
func (o compareOptions) settings() (compare.Settings, error) {
	s := compare.Defaults()
	s.Metrics = o.metrics
	s.MaxBaseline = max(s.MaxBaseline, len(o.baseline)) // whoever names more means more
	s.Percentiles = nil
	for _, text := range o.percentiles {
		p, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(text), "p"), 64)
		if err != nil || !(p > 0 && p < 100) {
			return s, usageError("--percentile: %q is no percentile; write 95 or 50,95,99.9", text)
		}
		if p /= 100; !slices.Contains(s.Percentiles, p) {
			s.Percentiles = append(s.Percentiles, p)
		}
	}
	for _, option := range []struct {
		name, text string
		into       *float64
	}{{"--delta", o.delta, &s.Delta}, {"--prior-sd", o.priorSD, &s.PriorSD}} {
		percent, ok := strings.CutSuffix(option.text, "%")
		value, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if !ok || err != nil || value < 0 {
			return s, usageError("%s: %q is no percentage; write 5%%", option.name, option.text)
		}
		*option.into = value / 100
	}
	s.DeltaTail = 2 * s.Delta
	if err := s.Validate(); err != nil {
		return s, usageError("%w", err)
	}
	return s, nil
}
