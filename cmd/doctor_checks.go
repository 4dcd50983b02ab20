package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/logs"
)

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
	stranger, err := elastic.New(cfg.Elastic().WithoutLogin())
	if err != nil {
		return append(findings, doctor.Unreachable(err))
	}
	patient := doctor.Patient{Client: client, Stranger: stranger, Server: server, Mappings: cfg.Mappings(), Now: time.Now}
	findings = append(findings, patient.Examine(ctx)...)
	return append(findings, checkLogs(ctx, cfg, client))
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
		return doctor.Of(check, err, "start it, or set K6_KIBANA_URL to where it is")
	}
	text := fmt.Sprintf("%s · %s, ", d.client.URL(), d.server)
	objects, _, err := d.objects(ctx)
	if err != nil {
		return doctor.Of(check, fmt.Errorf("%s%w", text, err), fix)
	}
	found, err := d.client.Check(ctx, d.server, objects)
	if err != nil {
		return doctor.Of(check, fmt.Errorf("%s%w", text, err), fix)
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

// checkLogs looks at the production logs, as the dashboards do.
func checkLogs(ctx context.Context, cfg config.Config, client *elastic.Client) doctor.Finding {
	finding := doctor.Finding{Check: "logs", Mark: doctor.Off, Text: "no index of production logs chosen"}
	if len(cfg.LogsIndex) == 0 {
		finding.Fix = "set K6_ELASTICSEARCH_LOGS_INDEX, such as filebeat-*"
		return finding
	}
	overrides, err := logOverrides(cfg)
	if err != nil {
		return doctor.Of(finding.Check, err, "name fields of its mapping: --logs-field ROLE=FIELD")
	}
	shape, err := logs.Probe(ctx, client, strings.Join(cfg.LogsIndex, ","), overrides)
	if err != nil {
		return doctor.Of(finding.Check, err, "set K6_ELASTICSEARCH_LOGS_INDEX to an index that this user may read")
	}
	finding.Text = fmt.Sprintf("%s, %s", shape.Pattern, english.Plural(len(shape.Indices), "index", "indices"))
	if shape.Documents == 0 {
		finding.Mark = doctor.Warning
		finding.Text += " without a line"
		return finding
	}
	finding.Mark = doctor.OK
	var lacking []string
	for _, choice := range shape.Choices {
		if choice.Found() {
			finding.Text += fmt.Sprintf(", %s %s", choice.Role, choice.Show)
		} else {
			lacking = append(lacking, string(choice.Role))
		}
	}
	if len(lacking) > 0 {
		finding.Text += "; no " + strings.Join(lacking, ", ")
		finding.Fix = "name what there is by --logs-field ROLE=FIELD"
	}
	if len(shape.Absent) > 0 {
		finding.Mark = doctor.Warning
		finding.Text += "; no index is called " + strings.Join(shape.Absent, ", ")
		finding.Fix = "correct K6_ELASTICSEARCH_LOGS_INDEX, or let this user read them"
	}
	return finding
}

// checkSpool shows what waits on this machine's disk, and who may read it.
func checkSpool(cfg config.Config) doctor.Finding {
	finding := doctor.Finding{Check: "spool", Mark: doctor.OK}
	dir, err := cfg.Spool()
	if err != nil {
		return doctor.Finding{Check: "spool", Mark: doctor.Warning, Text: err.Error()}
	}
	if err := dir.Check(); err != nil && dir.Size > 0 {
		return doctor.Of(finding.Check, err, "set K6_ELASTICSEARCH_SPOOL_DIR to a folder that this user may write to")
	}
	entries, err := spool.List(dir.Root)
	if err != nil {
		return doctor.Finding{Check: "spool", Mark: doctor.Wrong, Text: err.Error()}
	}
	if len(entries) == 0 {
		finding.Text = "empty (" + dir.Root + ")"
	} else {
		finding = tellSpool(finding, dir, addUp(entries))
	}
	if info, err := os.Stat(dir.Root); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		if finding.Text += "; other users may look into it"; finding.Mark != doctor.Wrong {
			finding.Mark, finding.Fix = doctor.Warning, "chmod 700 "+dir.Root
		}
	}
	return finding
}

// spoolState is what a spool has of all runs.
type spoolState struct {
	bytes, documents int64
	runs             []string // that wait, by id
	oldest           time.Time
	damaged          int
	unread           []spool.Entry // that cannot be looked into
}

func addUp(entries []spool.Entry) (s spoolState) {
	for _, entry := range entries {
		s.bytes += entry.Bytes
		s.damaged += entry.Damaged
		if entry.Err != nil {
			s.unread = append(s.unread, entry)
			continue
		}
		if entry.InUse || !entry.Left { // a run that goes on, or a replay, sends it
			continue
		}
		s.documents += entry.Documents
		s.runs = append(s.runs, entry.RunID)
		if !entry.Oldest.IsZero() && (s.oldest.IsZero() || entry.Oldest.Before(s.oldest)) {
			s.oldest = entry.Oldest
		}
	}
	slices.Sort(s.runs)
	s.runs = slices.Compact(s.runs)
	return s
}

// tellSpool tells of a spool that is not empty; what to do is that for the worst of it.
func tellSpool(finding doctor.Finding, dir spool.Dir, s spoolState) doctor.Finding {
	var parts []string
	if s.damaged > 0 {
		finding.Mark, finding.Fix = doctor.Warning, "remove what is called *.damaged there, unless somebody wants to look into it"
		parts = append(parts, plural(int64(s.damaged), "damaged place"))
	}
	if len(s.runs) > 0 {
		finding.Mark, finding.Fix = doctor.Warning, "k6es replay"
		text := fmt.Sprintf("%s of %s wait", plural(s.documents, "document"), plural(int64(len(s.runs)), "run"))
		if !s.oldest.IsZero() {
			text += ", the oldest since " + s.oldest.Local().Format(time.DateTime)
		}
		parts = slices.Insert(parts, 0, text)
	}
	if len(s.unread) > 0 {
		first := s.unread[0]
		finding.Mark, finding.Fix = doctor.Wrong, fmt.Sprintf("let this user read %s, then k6es replay", first.Path)
		text := fmt.Sprintf("run %s cannot be read (%v)", first.RunID, first.Err)
		if n := len(s.unread) - 1; n > 0 {
			text += fmt.Sprintf(", and %d more", n)
		}
		parts = append(parts, text)
	}
	finding.Text = fmt.Sprintf("%s, %s of %s", dir.Root, humanize.IBytes(uint64(s.bytes)), humanize.IBytes(uint64(dir.Size))) //nolint:gosec // sizes
	if len(parts) > 0 {
		finding.Text += ": " + strings.Join(parts, "; ")
	}
	return finding
}
