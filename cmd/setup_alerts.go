package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
)

// setupAlerts installs the alarms as monitors, where the server has an alerting plugin, or with --check and
// --dry-run only looks.
func (env Env) setupAlerts(ctx context.Context, cfg config.Config, options setupOptions) error {
	client, server, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	alarms, left, err := env.alarms(ctx, cfg)
	if err != nil {
		return err
	}
	var off []string
	for _, out := range left {
		if cfg.Alarms[out.Rule.Name] == alerts.Off {
			off = append(off, cfg.IndexPrefix+"-"+out.Rule.Name)
		}
	}
	monitors := alerts.Monitors{Channels: options.channels, Link: cfg.Links().Dashboard}
	findings, err := monitors.CheckMonitors(ctx, client, alarms, off)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Out, "%s · %s\n", client.URL(), server)
	if monitors.Form == "" {
		return env.withoutAlerting(server)
	}
	missing := env.setupIndices(ctx, cfg, client, options)
	if missing != nil && !options.check {
		return missing
	}
	err = errors.Join(missing, env.bringMonitors(ctx, client, monitors, findings, options))
	for _, out := range left {
		fmt.Fprintf(env.Out, "left out: %s: %s\n", out.Rule.Name, out.Why)
	}
	if len(options.channels) == 0 && !options.check {
		fmt.Fprintln(env.Out, "no --channel was given: monitors tell whom they told before, and new ones nobody; alerts are in Dashboards, Alerting")
	}
	return err
}

// offerAlerts says that the server can raise alarms, and has none of k6es yet. What hinders looking is no matter:
// nobody asked for alarms.
func (env Env) offerAlerts(ctx context.Context, cfg config.Config) {
	rules, _, err := alerts.Make(alerts.Target{Prefix: cfg.IndexPrefix}, nil)
	if err != nil {
		return
	}
	client, _, err := connect(ctx, cfg)
	if err != nil {
		return
	}
	var monitors alerts.Monitors
	findings, err := monitors.CheckMonitors(ctx, client, rules, nil)
	installed := slices.ContainsFunc(findings, func(f alerts.MonitorFinding) bool { return f.State != alerts.MonitorMissing })
	if err == nil && monitors.Form != "" && !installed {
		fmt.Fprintf(env.Out, "alarms: not installed, as nobody asked for them. %s is there for that:\n  %s setup --alerts --channel YOUR_CHANNEL_ID\n",
			monitors.Form, env.Name)
	}
}

// bringMonitors does what there is to do, and says so.
func (env Env) bringMonitors(ctx context.Context, client alerts.Client, m alerts.Monitors, findings []alerts.MonitorFinding, options setupOptions) error {
	work := 0
	for _, finding := range findings {
		if !finding.OK() {
			work++
		}
		if !finding.OK() && !leftAlone(finding, options) && !options.check && !options.dryRun {
			if err := m.Install(ctx, client, finding); err != nil {
				return err
			}
		}
		fmt.Fprintf(env.Out, "monitor %s%s\n", finding, monitorDone(finding, options))
	}
	fmt.Fprintf(env.Out, "%s: %s looked at\n", m.Form, english.Plural(len(findings), "monitor", ""))
	if work > 0 && options.check {
		return fmt.Errorf("%d of %d monitors need work: run `%s setup --alerts`", work, len(findings), env.Name)
	}
	return nil
}

// leftAlone tells whether a monitor stays as it is, as nobody said --force.
func leftAlone(finding alerts.MonitorFinding, options setupOptions) bool {
	return finding.Protected() && !options.force
}

// monitorDone is what setup does about a monitor, as the end of a line; empty where it does nothing.
func monitorDone(finding alerts.MonitorFinding, options setupOptions) string {
	if finding.OK() || options.check {
		return ""
	}
	if leftAlone(finding, options) {
		return "; left alone (--force replaces it)"
	}
	done := map[alerts.MonitorState]string{alerts.MonitorMissing: "installed", alerts.MonitorUnwanted: "removed"}[finding.State]
	if done == "" {
		done = "replaced"
	}
	if options.dryRun {
		done = "would be " + done
	}
	return "; " + done
}

// withoutAlerting says what to do where the server takes no monitors.
func (env Env) withoutAlerting(server elastic.Server) error {
	err := fmt.Errorf("no alarm is installed: %s has no alerting plugin. Write them for ElastAlert2: "+
		"`%s export alerts --for elastalert2 --dir alarms`", server, env.Name)
	if server.Product != elastic.Elasticsearch || server.Version.Compare(elastic.Version{Major: 7, Minor: 17}) < 0 {
		return err
	}
	kibana := "kibana"
	if server.Version.Compare(elastic.Version{Major: 8, Minor: 8}) < 0 {
		kibana = "kibana-7.17"
	}
	return fmt.Errorf("%w; or, in part, as rules of Kibana: `%s export alerts --for %s --dir kibana-rules`", err, env.Name, kibana)
}

func addChannelFlag(flags *pflag.FlagSet, channels *[]string) {
	flags.StringArrayVar(channels, "channel", nil, "who monitors tell: id of a notification channel (OpenSearch 2 and later) or destination")
}

func monitorFiles(form alerts.MonitorForm) func(alertsExport) ([]alerts.File, error) {
	return func(export alertsExport) ([]alerts.File, error) {
		if len(export.receivers) > 0 {
			return nil, usageError("--receiver is ElastAlert2's; say who is told by the id of a notification channel or destination: --channel")
		}
		return alerts.Monitors{Form: form, Channels: export.channels, Link: export.config.Links().Dashboard}.Files(export.alarms)
	}
}

func monitorsNext(form alerts.MonitorForm) func(Env, alertsExport, string) error {
	return func(env Env, export alertsExport, dir string) error {
		address, err := firstAddress(export.config)
		if err != nil {
			return err
		}
		if len(export.channels) == 0 {
			fmt.Fprintln(env.Out, "nobody is told: alerts are in Dashboards, Alerting; --channel is the id of a notification channel or destination")
		}
		fmt.Fprintf(env.Out, "install them, once (or let `%s setup --alerts` do it, which also brings them up to date):\n"+
			"  for f in %s/*.json; do curl -H 'Content-Type: application/json' %s%s -d @$f; done\n",
			env.Name, dir, strings.TrimRight(address, "/"), form.Path())
		return nil
	}
}

// The rules of Kibana, from 8.8 on and before.
var newKibana, oldKibana = alerts.KibanaRules{}, alerts.KibanaRules{Old: true}

func kibanaFiles(rules alerts.KibanaRules) func(alertsExport) ([]alerts.File, error) {
	return func(export alertsExport) ([]alerts.File, error) {
		if len(export.receivers) > 0 || len(export.channels) > 0 {
			return nil, usageError("who is told by rules of Kibana is chosen in Kibana: leave out --receiver and --channel")
		}
		return rules.Files(export.alarms)
	}
}

func kibanaNext(env Env, export alertsExport, dir string) error {
	fmt.Fprintf(env.Out, "install them, once; then choose in Kibana who is told:\n"+
		"  for f in %s/*.json; do curl -H 'kbn-xsrf: true' -H 'Content-Type: application/json' "+
		"%s/api/alerting/rule/$(basename $f .json) -d @$f; done\n", dir, cmp.Or(export.config.Links().Address(), "http://kibana:5601"))
	return nil
}
