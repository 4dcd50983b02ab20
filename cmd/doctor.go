package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/terminal"
)

// newDoctor makes the command that finds out what does not work.
func newDoctor(env Env) *cobra.Command {
	var output outputFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what does not work, and what to do about it",
		Long: "Looks at everything that a run needs: the options, the server and its health, what\n" +
			"this login may do, templates, clock, disk, Kibana and dashboards, production logs,\n" +
			"and the spool. It changes nothing. One line a check:\n\n" +
			"  ✓ works   ! works, but could be better   ✗ does not work   – not in use\n\n" +
			"Exit code 1 when something does not work.",
		Example: "  k6es doctor\n  k6es doctor --url http://es:9200 --output json",
		Args:    noArgs,
	}
	flags := cmd.Flags()
	output.add(flags)
	config.AddFlags(flags, config.CLI)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := output.check(); err != nil {
			return err
		}
		return env.doctor(cmd.Context(), flags, output)
	}
	return cmd
}

func (env Env) doctor(ctx context.Context, flags *pflag.FlagSet, output outputFlags) error {
	cfg, err := config.Load(config.Sources{Files: env.Files, Env: env.Vars, Flags: flags})
	if err != nil {
		return &CodedError{ExitUsage, err}
	}
	findings := checkOptions(cfg)
	findings = append(findings, env.checkServer(ctx, cfg)...)
	findings = append(findings, env.checkKibana(ctx, cfg), checkSpool(cfg, time.Now()))
	if err := env.tellFindings(findings, output); err != nil {
		return err
	}
	return wrong(findings)
}

// checkOptions shows which options are given, and what is wrong with them.
func checkOptions(cfg config.Config) []doctor.Finding {
	var given []string
	for _, setting := range cfg.Masked() {
		if setting.Value != "" && setting.Source != "" && setting.Source != "default" {
			given = append(given, fmt.Sprintf("%s (%s)", setting.Name, setting.Source))
		}
	}
	finding := doctor.Finding{Check: "options", Mark: doctor.OK, Text: "all have their defaults"}
	if len(given) > 0 {
		finding.Text = strings.Join(given, ", ")
	}
	findings := []doctor.Finding{finding}
	for _, warning := range cfg.Warnings {
		findings = append(findings, doctor.Finding{Check: "options", Mark: doctor.Warning, Text: warning})
	}
	return findings
}

// checkServer makes all checks for which the server is asked.
func (env Env) checkServer(ctx context.Context, cfg config.Config) []doctor.Finding {
	findings := doctor.Nodes(ctx, cfg.URLs, func(address string) (*elastic.Client, error) {
		one := cfg.Elastic()
		one.URLs = []string{address}
		return elastic.New(one)
	})
	client, server, err := connect(ctx, cfg)
	if err != nil {
		return append(findings, doctor.Unreachable(err))
	}
	patient := doctor.Patient{Client: client, Server: server, Login: loginOf(cfg), Mappings: cfg.Mappings(), Now: time.Now}
	findings = append(findings, patient.Examine(ctx)...)
	return append(findings, patient.Logs(ctx, cfg.LogsIndex))
}

// loginOf says in words how one logs in; empty: not at all.
func loginOf(cfg config.Config) string {
	switch {
	case cfg.User != "":
		return fmt.Sprintf("user %q", cfg.User)
	case cfg.APIKey != "":
		return "the API key"
	case cfg.ServiceAccountToken != "":
		return "the service account token"
	case cfg.BearerToken != "":
		return "the bearer token"
	default:
		return ""
	}
}

// wrong is the error that tells of what does not work.
func wrong(findings []doctor.Finding) error {
	n := 0
	for _, finding := range findings {
		if finding.Mark == doctor.Wrong {
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return errors.New("1 check failed")
	default:
		return fmt.Errorf("%d checks failed", n)
	}
}

func (env Env) tellFindings(findings []doctor.Finding, output outputFlags) error {
	if output.output == "json" {
		encoder := json.NewEncoder(env.Out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(findings)
	}
	look := runsCommand{env: env, now: time.Now, zone: time.Local}.look(output.width)
	_, err := fmt.Fprint(env.Out, look.findings(findings))
	return err
}

// marks are how a finding begins.
var marks = map[doctor.Mark]cell{
	doctor.OK:      {text: "✓", colour: green},
	doctor.Off:     {text: "–", colour: faint},
	doctor.Warning: {text: "!", colour: yellow},
	doctor.Wrong:   {text: "✗", colour: red},
}

// findings draws one line for each; what does not fit goes on below, and so does what to do about it.
func (l look) findings(all []doctor.Finding) string {
	indent := text.StringWidth(elastic.Elasticsearch)
	for _, f := range all {
		indent = max(indent, text.StringWidth(f.Check))
	}
	indent += text.StringWidth("✓   ")
	var lines strings.Builder
	for _, f := range all {
		mark := marks[f.Mark]
		fmt.Fprintf(&lines, "%s %s", l.paint(mark.colour, mark.text), text.Pad(f.Check, indent-2, ' '))
		found, fix := terminal.Line(f.Text), ""
		if f.Fix != "" {
			fix = "→ " + terminal.Line(f.Fix)
		}
		switch {
		case fix == "":
			lines.WriteString(l.hang(found, indent, 0))
		case indent+text.StringWidth(found+"  "+fix) <= l.width:
			fmt.Fprintf(&lines, "%s  %s\n", found, fix)
		default:
			lines.WriteString(l.hang(found, indent, 0) + strings.Repeat(" ", indent) + l.hang(fix, indent, 2))
		}
	}
	return lines.String()
}

// hang breaks a text into lines that begin below each other, at a column; those after the first a little
// further in. A word that is too long stays whole: it may be something to copy.
func (l look) hang(words string, column, further int) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(words) {
		switch {
		case line == "":
			line = word
		case column+text.StringWidth(line+" "+word) > l.width:
			lines = append(lines, line)
			line = strings.Repeat(" ", further) + word
		default:
			line += " " + word
		}
	}
	return strings.Join(append(lines, line), "\n"+strings.Repeat(" ", column)) + "\n"
}

// checkKibana looks at Kibana, and at the dashboards there.
func (env Env) checkKibana(ctx context.Context, cfg config.Config) doctor.Finding {
	const check, fix = "Kibana", "k6es setup --dashboards"
	if cfg.KibanaURL == "" {
		return doctor.Finding{
			Check: check, Mark: doctor.Off, Text: "not set up: no dashboards, and no links to them", Fix: "set K6_KIBANA_URL, and run k6es setup",
		}
	}
	quiet := env
	quiet.Out, quiet.Err = io.Discard, io.Discard
	d := dashboards{env: quiet, config: cfg, options: setupOptions{check: true}}
	if err := d.connect(ctx); err != nil {
		return doctor.Finding{Check: check, Mark: doctor.Wrong, Text: err.Error()}
	}
	text := fmt.Sprintf("%s · %s, ", d.client.URL(), d.server)
	objects, _, err := d.objects(ctx)
	if err != nil {
		return doctor.Finding{Check: check, Mark: doctor.Wrong, Text: text + err.Error()}
	}
	found, err := d.client.Check(ctx, d.server, objects)
	if err != nil {
		return doctor.Finding{Check: check, Mark: doctor.Wrong, Text: text + err.Error()}
	}
	dashboards, states := 0, map[kibana.State]int{}
	for _, finding := range found {
		states[finding.State]++
		if finding.Object.Type == kibana.Dashboard {
			dashboards++
		}
	}
	switch {
	case states[kibana.Missing] > 0:
		text += fmt.Sprintf("%d of %d dashboards and their parts are missing", states[kibana.Missing], len(found))
		return doctor.Finding{Check: check, Mark: doctor.Wrong, Text: text, Fix: fix}
	case states[kibana.Differs] > 0:
		text += fmt.Sprintf("%d of %d dashboards and their parts are not those of this k6es", states[kibana.Differs], len(found))
		return doctor.Finding{Check: check, Mark: doctor.Warning, Text: text, Fix: fix + " (keep edits of your own under another title)"}
	default:
		return doctor.Finding{Check: check, Mark: doctor.OK, Text: text + plural(int64(dashboards), "dashboard") + " current"}
	}
}

// checkSpool shows what waits on this machine's disk, and who may read it.
func checkSpool(cfg config.Config, now time.Time) doctor.Finding {
	finding := doctor.Finding{Check: "spool", Mark: doctor.OK}
	dir, err := cfg.Spool()
	if err != nil {
		return doctor.Finding{Check: "spool", Mark: doctor.Warning, Text: err.Error()}
	}
	entries, err := spool.List(dir.Root)
	if err != nil {
		return doctor.Finding{Check: "spool", Mark: doctor.Wrong, Text: err.Error()}
	}
	waiting, damaged, bytes, oldest := int64(0), 0, int64(0), now
	var runs []string
	for _, entry := range entries {
		bytes += entry.Bytes
		damaged += entry.Damaged
		if entry.InUse { // a run that goes on, or a replay, sends it
			continue
		}
		waiting += entry.Documents
		runs = append(runs, entry.RunID)
		if !entry.Oldest.IsZero() && entry.Oldest.Before(oldest) {
			oldest = entry.Oldest
		}
	}
	finding.Text = fmt.Sprintf("%s, %s of %s", dir.Root, humanize.IBytes(uint64(bytes)), humanize.IBytes(uint64(dir.Size))) //nolint:gosec // sizes
	switch slices.Sort(runs); {
	case len(runs) > 0:
		finding.Mark, finding.Fix = doctor.Warning, "k6es replay"
		finding.Text += fmt.Sprintf(": %s of %s wait, the oldest since %s", plural(waiting, "document"),
			plural(int64(len(slices.Compact(runs))), "run"), oldest.Local().Format(time.DateTime))
	case len(entries) == 0:
		finding.Text = "empty (" + dir.Root + ")"
	}
	if damaged > 0 {
		finding.Mark = doctor.Warning
		finding.Text += fmt.Sprintf("; %s", plural(int64(damaged), "damaged place"))
	}
	if info, err := os.Stat(dir.Root); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		finding.Mark, finding.Fix = doctor.Warning, "chmod 700 "+dir.Root
		finding.Text += "; other users may look into it"
	}
	return finding
}
