package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
)

// alertsExport is what alarms are written from.
type alertsExport struct {
	config    config.Config
	receivers []alerts.Receiver
	writeback string
	channels  []string
	alarms    []alerts.Alarm
}

// alertFormat writes alarms for an alerting system. It makes the files, says what to do with them in a folder, and
// why it cannot have an alarm, or nothing.
type alertFormat struct {
	files func(alertsExport) ([]alerts.File, error)
	next  func(env Env, export alertsExport, dir string) error
	lacks func(alerts.Alarm) string
}

// alertFormats are the alerting systems that alarms are written for.
var alertFormats = map[string]alertFormat{
	"elastalert2": {elastAlert2Files, elastAlert2Next, lacksNothing},
	"opensearch":  {monitorFiles(alerts.OpenSearch), monitorsNext(alerts.OpenSearch), lacksNothing},
	"opendistro":  {monitorFiles(alerts.OpenDistro), monitorsNext(alerts.OpenDistro), lacksNothing},
	"kibana":      {kibanaFiles(newKibana), kibanaNext, newKibana.Lacks},
	"kibana-7.17": {kibanaFiles(oldKibana), kibanaNext, oldKibana.Lacks},
}

func lacksNothing(alerts.Alarm) string { return "" }

// alertOptions are the options that make alarms of rules.
var alertOptions = append([]string{"alarms"}, logsOptions...)

func newExportAlerts(env Env) *cobra.Command {
	var format, dir, writeback string
	var receivers, channels []string
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "Write the alarms as files for an alerting system",
		Long: "Writes the alarm rules for an alerting system, with the indices of this prefix,\n" +
			"and for production logs (--logs-index) with the fields that they are found to\n" +
			"have: for that, the server is asked. Limits are set by --alarm. Addresses of\n" +
			"receivers stay out of the files: they name environment variables, unless an\n" +
			"address is given.",
		Example: "  k6es export alerts --for elastalert2 --dir alarms --logs-index 'filebeat-*' --receiver slack\n" +
			"  k6es export alerts --for elastalert2 --dir alarms --alarm run-slow.limit=500 --alarm host-silent=off\n" +
			"  k6es export alerts --for opensearch --dir monitors --channel YOUR_CHANNEL_ID",
		Args: noArgs,
	}
	flags := cmd.Flags()
	known := slices.Sorted(maps.Keys(alertFormats))
	flags.StringVar(&format, "for", "", "alerting system: "+strings.Join(known, ", "))
	flags.StringVar(&dir, "dir", "", "folder to write to")
	flags.StringArrayVar(&receivers, "receiver", nil,
		"who is told: "+strings.Join(alerts.ReceiverKinds(), ", ")+", from the variable ELASTALERT_KIND; or kind=address, which is then written")
	flags.StringVar(&writeback, "writeback-index", "", "ElastAlert2's own index; else the prefix and -elastalert")
	addChannelFlag(flags, &channels)
	addServerFlags(flags)
	addOptions(flags, alertOptions...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.Changed("writeback-index") && format != "" && format != "elastalert2" {
			return usageError("--writeback-index is ElastAlert2's: leave it out, or choose --for elastalert2")
		}
		if format == "" {
			return usageError("say for which alerting system: --for %s", strings.Join(known, ", "))
		}
		chosen, ok := alertFormats[format]
		if !ok {
			return usageError("--for %s is not known; choose from %s", strconv.Quote(format), strings.Join(known, ", "))
		}
		if dir == "" {
			return usageError("say where the files go: --dir")
		}
		export := alertsExport{writeback: writeback, channels: channels}
		for _, text := range receivers {
			receiver, err := alerts.ParseReceiver(text)
			if err != nil {
				return usageError("--receiver: %w", err)
			}
			export.receivers = append(export.receivers, receiver)
		}
		var err error
		if export.config, err = env.load(flags); err != nil {
			return err
		}
		return env.exportAlerts(cmd.Context(), export, chosen, dir)
	}
	return cmd
}

func (env Env) exportAlerts(ctx context.Context, export alertsExport, format alertFormat, dir string) error {
	alarms, left, err := env.alarms(ctx, export.config)
	if err != nil {
		return err
	}
	for _, alarm := range alarms {
		if why := format.lacks(alarm); why != "" {
			left = append(left, alerts.LeftOut{Rule: alarm.Rule, Why: why})
		} else {
			export.alarms = append(export.alarms, alarm)
		}
	}
	files, err := format.files(export)
	if err != nil {
		return err
	}
	if err := mixes(export, files, dir); err != nil {
		return err
	}
	for _, file := range files {
		path := filepath.Join(dir, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fmt.Errorf("cannot make the folder %s: %w", filepath.Dir(path), err)
		}
		if err := os.WriteFile(path, file.Text, 0o600); err != nil {
			return fmt.Errorf("cannot write the alarms: %w", err)
		}
	}
	if err := env.removeSwitchedOff(export.config, dir); err != nil {
		return err
	}
	for _, alarm := range export.alarms {
		fmt.Fprintf(env.Out, "%s: %s%s\n", alarm.Rule.Name, alarm.Rule.Title, settingsOf(alarm))
	}
	for _, out := range left {
		fmt.Fprintf(env.Out, "left out: %s: %s\n", out.Rule.Name, out.Why)
	}
	fmt.Fprintf(env.Out, "%s in %s\n", english.Plural(len(files), "file", ""), dir)
	return format.next(env, export, dir)
}

// mixes is the error for a folder that has the same alarms for another alerting system: whoever reads the folder
// would take those, too.
func mixes(export alertsExport, files []alerts.File, dir string) error {
	for _, alarm := range export.alarms {
		for _, path := range alerts.Paths(alarm.Name) {
			if slices.ContainsFunc(files, func(file alerts.File) bool { return file.Path == path }) {
				continue
			}
			if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(path))); err == nil && !sameKind(files, path) {
				return fmt.Errorf("%s has the alarms of another alerting system (%s): name another folder with --dir, or empty this one", dir, path)
			}
		}
	}
	return nil
}

// sameKind tells whether a file is in the place where these have theirs, as the part of a rule that it no longer has.
func sameKind(files []alerts.File, name string) bool {
	return path.Ext(name) == ".yaml" && slices.ContainsFunc(files, func(file alerts.File) bool { return path.Ext(file.Path) == ".yaml" })
}

// removeSwitchedOff removes what an earlier export wrote of rules that are off: whoever reads the folder would
// go on with them.
func (env Env) removeSwitchedOff(cfg config.Config, dir string) error {
	for _, rule := range slices.Sorted(maps.Keys(cfg.Alarms)) {
		if cfg.Alarms[rule] != alerts.Off {
			continue
		}
		for _, path := range alerts.Paths(cfg.IndexPrefix + "-" + rule) {
			err := os.Remove(filepath.Join(dir, filepath.FromSlash(path)))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("cannot remove the alarm of a rule that is off: %w", err)
			}
			if err == nil {
				fmt.Fprintf(env.Out, "removed: %s, as the rule is off\n", path)
			}
		}
	}
	return nil
}

// settingsOf are the parameters that an alarm was made with, but those that say nothing.
func settingsOf(alarm alerts.Alarm) string {
	var settings []string
	for _, parameter := range alarm.Rule.Parameters {
		if value := alarm.Values[parameter.Name]; value != "" {
			settings = append(settings, parameter.Name+" "+value)
		}
	}
	if len(settings) == 0 {
		return ""
	}
	return " (" + strings.Join(settings, ", ") + ")"
}

// alarms are those that this configuration asks for, and the rules that none was made of. The server is
// asked only what the logs look like and how old they are, if somebody said where they are; where they are too young
// for an alarm, a note says so.
func (env Env) alarms(ctx context.Context, cfg config.Config) ([]alerts.Alarm, []alerts.LeftOut, error) {
	rules, err := alerts.Rules()
	if err != nil {
		return nil, nil, err
	}
	if err := alerts.CheckSettings(rules, cfg.Alarms); err != nil {
		return nil, nil, usageError("--alarm: %w", err)
	}
	if len(cfg.LogsIndex) == 0 {
		return alerts.Make(alerts.Target{Prefix: cfg.IndexPrefix}, cfg.Alarms)
	}
	overrides, err := logOverrides(cfg)
	if err != nil {
		return nil, nil, err
	}
	client, _, err := connect(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	shape, err := env.probe(ctx, client, strings.Join(cfg.LogsIndex, ","), overrides)
	if err != nil {
		return nil, nil, err
	}
	made, left, err := alerts.Make(alerts.Target{Prefix: cfg.IndexPrefix, Logs: &shape}, cfg.Alarms)
	if err != nil {
		return nil, nil, err
	}
	notes, err := alerts.ShortHistory(ctx, client, made, time.Now())
	for _, note := range notes {
		fmt.Fprintln(env.Out, "note:", note)
	}
	return made, left, err
}

func elastAlert2Files(export alertsExport) ([]alerts.File, error) {
	if len(export.channels) > 0 {
		return nil, usageError("--channel is about monitors of OpenSearch; say who ElastAlert2 tells with --receiver")
	}
	server, err := elastAlert2Server(export.config)
	if err != nil {
		return nil, err
	}
	return alerts.ElastAlert2{
		Server: server, Receivers: export.receivers, Writeback: cmp.Or(export.writeback, export.config.IndexPrefix+"-elastalert"),
		Link: export.config.Links().Dashboard, Version: config.Version(),
	}.Files(export.alarms)
}

// elastAlert2Server is the first address of the server: ElastAlert2 gets its login from its environment.
func elastAlert2Server(cfg config.Config) (alerts.ElastAlert2Server, error) {
	first, err := firstAddress(cfg)
	if err != nil {
		return alerts.ElastAlert2Server{}, err
	}
	address, err := url.Parse(first)
	if err != nil {
		return alerts.ElastAlert2Server{}, errors.New("the address of the server cannot be read")
	}
	port := map[string]int{"http": 80, "https": 443}[address.Scheme]
	if given, err := strconv.Atoi(address.Port()); err == nil {
		port = given
	}
	server := alerts.ElastAlert2Server{
		Host: address.Hostname(), Port: port, Path: address.Path, TLS: address.Scheme == "https",
		SkipVerify: cfg.InsecureSkipVerify, CA: cfg.CACertFile, Cert: cfg.ClientCertFile, CertKey: cfg.ClientKeyFile,
		AWSRegion: cfg.SigV4Region,
	}
	for _, file := range []*string{&server.CA, &server.Cert, &server.CertKey} {
		if *file, err = absolute(*file); err != nil {
			return alerts.ElastAlert2Server{}, err
		}
	}
	return server, nil
}

// firstAddress is the first address of the server, without a login.
func firstAddress(cfg config.Config) (string, error) {
	client, err := elastic.New(cfg.Elastic())
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(client.URL(), ", ")
	return first, nil
}

// absolute is the path of a file from wherever ElastAlert2 is started; empty stays empty.
func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding out where %s is: %w", path, err)
	}
	return whole, nil
}

func elastAlert2Next(env Env, export alertsExport, dir string) error {
	for _, receiver := range export.receivers {
		if name := receiver.Reference(); name != "" {
			fmt.Fprintf(env.Out, "ElastAlert2 takes the address of %s from its environment: %s\n", receiver.Kind, name)
		}
		if receiver.Kind == alerts.Email {
			fmt.Fprintln(env.Out, "and the mail server from ELASTALERT_SMTP_HOST, who mails are from, from ELASTALERT_MAIL_FROM")
		}
	}
	if len(export.receivers) == 0 {
		fmt.Fprintln(env.Out, "nobody is told yet, ElastAlert2 only logs: --receiver slack, teams, email or webhook")
	}
	fmt.Fprintf(env.Out, "start it:\n  cd %s && elastalert-create-index --config config.yaml && elastalert --config config.yaml\n", dir)
	return nil
}
