package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/terminal"
)

type replayOptions struct {
	outputFlags
	list, all bool
}

// newReplay makes the command that sends what is in the spool.
func newReplay(env Env) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay [RUN…]",
		Short: "Send what the server did not take during a run",
		Long: "Sends what live runs left in the spool, because the server did not take it in\n" +
			"time: documents, and the run's own document, which makes the run complete. RUN\n" +
			"is an id, a run name, or the beginning of an id; without one all is sent.\n\n" +
			"It may be interrupted and run again: nothing is there twice, and nothing is\n" +
			"forgotten before the server has it. What a live run is using is left to that.",
		Example: "  k6es replay --list\n  k6es replay\n  k6es replay 0193a1b2-7c3e",
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.list, "list", false, "only show what is there; no server is asked")
	flags.BoolVar(&o.all, "all", false, "send what is there of all runs, as without RUN")
	o.add(flags)
	addServerFlags(flags)
	addOptions(flags, replayFlags...)
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if o.all && len(args) > 0 {
			return usageError("--all and %q exclude each other", args[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return env.replay(cmd.Context(), flags, o, args) }
	return cmd
}

// replayFlags are the options of the table for replay beside those of the server.
var replayFlags = []string{"replicas", "setup", "in-flight", "retry-timeout", "spool-dir", "rejects-file"}

// replayer is what sends the spools of one command.
type replayer struct {
	env    Env
	config config.Config
	output string
	client *elastic.Client
	ready  map[string]bool // index prefixes whose templates are there
}

func (env Env) replay(ctx context.Context, flags *pflag.FlagSet, o replayOptions, refs []string) error {
	if err := o.check(); err != nil {
		return err
	}
	cfg, err := env.load(flags)
	if err != nil {
		return err
	}
	dir, err := cfg.Spool()
	if err != nil {
		return err
	}
	entries, err := spool.List(dir.Root)
	if err != nil {
		return &CodedError{ExitUndelivered, err}
	}
	if entries, err = chosen(entries, refs, dir.Root); err != nil {
		return err
	}
	if o.list {
		return env.listSpool(entries, o, dir.Root)
	}
	if env.Terminal {
		env.Err = &aboveBar{w: env.Err}
	}
	r := &replayer{env: env, config: cfg, output: o.output, ready: map[string]bool{}}
	tidy(entries)
	left := func(e spool.Entry) bool { return e.Left || e.Err != nil }
	return r.all(ctx, matching(entries, left), len(refs) > 0, dir.Root)
}

// tidy removes what processes that were killed did not: files of which everything was delivered. Where that
// cannot be done now, the next replay tries again.
func tidy(entries []spool.Entry) {
	for _, entry := range entries {
		if entry.Left || entry.InUse || entry.Damaged > 0 || entry.Err != nil {
			continue
		}
		if run, err := spool.Open(entry.Path); err == nil {
			_ = run.Close()
		}
	}
}

// chosen picks the entries that are named: by id, by run name, or by the beginning of an id.
func chosen(entries []spool.Entry, refs []string, root string) ([]spool.Entry, error) {
	if len(refs) == 0 {
		return entries, nil
	}
	var all []spool.Entry
	for _, ref := range refs {
		found := matching(entries, func(e spool.Entry) bool { return e.RunID == ref })
		if len(found) == 0 {
			found = matching(entries, func(e spool.Entry) bool { return e.Name == ref })
		}
		if len(found) == 0 {
			found = matching(entries, func(e spool.Entry) bool { return strings.HasPrefix(e.RunID, ref) })
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("nothing of run %q is in the spool %s. See `k6es replay --list`", ref, root)
		}
		if other := slices.IndexFunc(found, func(e spool.Entry) bool { return e.RunID != found[0].RunID }); other > 0 {
			return nil, fmt.Errorf("%q may be run %s or run %s. Say more of the id", ref, found[0].RunID, found[other].RunID)
		}
		for _, entry := range found {
			if !slices.Contains(all, entry) {
				all = append(all, entry)
			}
		}
	}
	return all, nil
}

func matching(entries []spool.Entry, match func(spool.Entry) bool) (found []spool.Entry) {
	for _, entry := range entries {
		if match(entry) {
			found = append(found, entry)
		}
	}
	return found
}

// all sends the spools, one after the other, until the server is gone or the user wants to stop.
func (r *replayer) all(ctx context.Context, entries []spool.Entry, named bool, root string) error {
	results := []*replayed{}
	var errs []error
	for _, entry := range entries {
		result, err := r.one(ctx, entry)
		if errors.Is(err, spool.ErrInUse) {
			r.env.warnf("%v; it is left to that", err)
			if err = nil; named {
				errs = append(errs, &CodedError{ExitUndelivered, fmt.Errorf("run %s is in use", entry.RunID)})
			}
		}
		if result != nil {
			results = append(results, result)
			r.tell(result)
		}
		if err == nil {
			continue
		}
		errs = append(errs, err)
		if endsAll(ctx, err) {
			break
		}
	}
	switch {
	case r.output == "json":
		errs = append(errs, r.env.printJSON(results))
	case len(entries) == 0:
		fmt.Fprintf(r.env.Err, "nothing is in the spool (%s)\n", root)
	}
	return joinErrors(slices.DeleteFunc(errs, func(err error) bool { return err == nil }))
}

// replayed is what came of one instance's spool, as --output json shows it.
type replayed struct {
	RunID       string  `json:"run_id"`
	RunName     string  `json:"run_name"`
	Test        string  `json:"test"`
	Instance    string  `json:"instance"`
	Created     int64   `json:"created"`
	Existing    int64   `json:"existing"` // were there already
	Rejected    int64   `json:"rejected"`
	Lost        int64   `json:"lost"`    // in damaged blocks, as far as that can be told
	Damaged     int64   `json:"damaged"` // places
	Left        int64   `json:"left"`    // documents that are still in the spool
	RunDocument string  `json:"run_document"`
	Seconds     float64 `json:"seconds"`
}

// What became of a run's own document.
const (
	documentNone    = ""
	documentWritten = "written"
	documentLeft    = "left"
	documentDamaged = "damaged"
)

// one sends one spool. The result is nil where nothing was sent.
func (r *replayer) one(ctx context.Context, entry spool.Entry) (*replayed, error) {
	if entry.Err != nil {
		return nil, &CodedError{ExitUndelivered, fmt.Errorf("run %s: %w", entry.RunID, entry.Err)}
	}
	if err := r.connect(ctx, entry.Prefix); err != nil {
		return nil, &CodedError{ExitUndelivered, &serverError{fmt.Errorf("run %s is still in the spool: %w", entry.RunID, err)}}
	}
	run, err := spool.Open(entry.Path)
	if errors.Is(err, fs.ErrNotExist) { // another replay was faster
		return nil, nil //nolint:nilnil // nothing is left, and that is well
	}
	if err != nil {
		return nil, &CodedError{ExitUndelivered, fmt.Errorf("run %s: %w", entry.RunID, err)}
	}
	started := time.Now()
	result, sent := r.blocks(ctx, run)
	recorded := r.document(ctx, run, result)
	result.Seconds = time.Since(started).Seconds()
	return result, r.judge(result, sent, recorded, run.Close())
}

// connect reaches the server once, and makes sure of the templates once for each prefix.
func (r *replayer) connect(ctx context.Context, prefix string) error {
	if r.client == nil {
		client, _, err := connect(ctx, r.config)
		if err != nil {
			return err
		}
		r.client = client
	}
	if r.ready[prefix] {
		return nil
	}
	err := mappings.Ensure(ctx, r.client, r.mappings(prefix), r.config.Setup == "auto")
	r.ready[prefix] = err == nil
	return err
}

// mappings are those of the indices that a run's documents are for.
func (r *replayer) mappings(prefix string) mappings.Options {
	options := r.config.Mappings()
	if prefix != "" {
		options.Prefix = prefix
	}
	return options
}

// blocks sends the documents. The error says why some are left.
func (r *replayer) blocks(ctx context.Context, run *spool.Run) (*replayed, error) {
	info := run.Info()
	rejects := &ingest.Rejects{Path: r.rejectsFile(info), Append: true}
	options := r.config.UploadWriter()
	options.Spool, options.Rejects, options.Log = run, rejects, r.env.logger()
	options.Prepare = func(ctx context.Context) error {
		return mappings.Ensure(ctx, r.client, r.mappings(info.Prefix), r.config.Setup == "auto")
	}
	documents := run.Documents()
	writer := ingest.NewWriter(r.client, options)
	shown := r.progress(info, writer, documents)
	err := writer.Close(ctx)
	shown.stop()
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	stats := writer.Stats()
	if kept := rejects.Close(); kept != nil {
		r.env.warnf("%v", kept)
	}
	return &replayed{
		RunID: info.RunID, RunName: info.Name, Test: info.Test, Instance: info.Instance, Created: stats.Created, Existing: stats.Existing,
		Rejected: stats.Rejected, Lost: stats.Undelivered, Damaged: stats.Damaged, Left: stats.Spooled,
	}, err
}

func (r *replayer) rejectsFile(info spool.Info) string {
	if r.config.RejectsFile != "" {
		return r.config.RejectsFile
	}
	return config.RejectsFileOf(info.RunID)
}

// progress shows how far the spool of a run is sent.
func (r *replayer) progress(info spool.Info, writer *ingest.Writer, documents int64) progress {
	started := time.Now()
	name := terminal.Escape(info.RunID)
	sent := func() int64 { s := writer.Stats(); return s.Delivered() + s.Rejected }
	facts := func(separator string) string {
		n := sent()
		return fmt.Sprintf("%s/%s docs%s%s/s", humanize.Comma(n), humanize.Comma(documents), separator,
			humanize.Comma(int64(float64(n)/time.Since(started).Seconds())))
	}
	if r.env.Terminal {
		bar := r.env.newBar(name, documents)
		return showProgress(terminalPeriod, func() { bar.draw(sent(), facts("  ")) }, bar.wipe)
	}
	return showProgress(plainPeriod, func() { fmt.Fprintf(r.env.Err, "%s: %s\n", name, facts(", ")) }, func() {})
}

// document sends the run's own document once all blocks are delivered. Until then it keeps what is known of
// them by now.
func (r *replayer) document(ctx context.Context, run *spool.Run, result *replayed) error {
	snapshot, err := loadSnapshot(run)
	var damage *spool.Damage
	switch {
	case errors.As(err, &damage):
		result.RunDocument = documentDamaged
		result.Damaged++
		return fmt.Errorf("the run's own document is damaged: %w", err)
	case err != nil || snapshot == nil:
		return err
	}
	result.RunDocument = documentLeft
	snapshot.Replayed(result.Rejected, result.Lost)
	if result.Left == 0 && ctx.Err() == nil {
		store := &runs.Store{Client: r.client, Prefix: r.mappings(run.Info().Prefix).Prefix}
		if err = store.Record(ctx, snapshot); err == nil {
			run.DropRun()
			result.RunDocument = documentWritten
			return nil
		}
	}
	if result.Rejected+result.Lost == 0 {
		return err
	}
	lines, encoded := snapshot.Encode(true)
	if encoded == nil {
		encoded = run.SaveRun(lines)
	}
	return errors.Join(err, encoded)
}

// loadSnapshot reads the run's own document; nil if there is none.
func loadSnapshot(run *spool.Run) (*runs.Snapshot, error) {
	lines, err := run.LoadRun()
	if err != nil || lines == nil {
		return nil, err
	}
	return runs.DecodeSnapshot(lines)
}

// judge makes an error of what is not as it should be.
func (r *replayer) judge(result *replayed, sent, recorded, closed error) error {
	var lacking []string
	if result.Left > 0 {
		text := plural(result.Left, "document") + " " + areStill(result.Left) + " in the spool"
		if sent != nil {
			text += fmt.Sprintf(" (%v)", sent)
		}
		lacking = append(lacking, text)
	}
	if result.Rejected > 0 {
		lacking = append(lacking, fmt.Sprintf("%s refused by the server, see %s",
			plural(result.Rejected, "document"), r.rejectsFile(spool.Info{RunID: result.RunID})))
	}
	if result.Damaged > 0 {
		lacking = append(lacking, fmt.Sprintf("%s of the spool damaged, %s lost; the files are kept as *.damaged",
			plural(result.Damaged, "place"), plural(result.Lost, "document")))
	}
	if recorded != nil {
		lacking = append(lacking, fmt.Sprintf("the run's own document is not written: %v", recorded))
	}
	if closed != nil {
		lacking = append(lacking, closed.Error())
	}
	if len(lacking) == 0 {
		return nil
	}
	err := fmt.Errorf("run %s: %s", result.RunID, strings.Join(lacking, "; "))
	if result.Left > 0 {
		err = &serverError{fmt.Errorf("%w. %s", err, goOn(sent))}
	}
	return &CodedError{ExitUndelivered, err}
}

// goOn says how what an error stopped goes on.
func goOn(stopped error) string {
	if stopped != nil && !ingest.Passing(stopped) {
		return "Once that is mended, run the same command again: it goes on where it stopped"
	}
	return "Run the same command again, and it goes on where it stopped"
}

func areStill(n int64) string {
	if n == 1 {
		return "is still"
	}
	return "are still"
}

// tell shows the result of a run.
func (r *replayer) tell(result *replayed) {
	if r.output != "json" {
		fmt.Fprintln(r.env.Out, terminal.Escape(result.String()))
	}
}

// String is the result on one line.
func (r *replayed) String() string {
	text := "run " + r.RunID
	if r.Test != "" {
		text += " · test " + r.Test
	}
	facts := []string{plural(r.Created, "document") + " sent"}
	if r.Existing > 0 {
		facts = append(facts, humanize.Comma(r.Existing)+" there already")
	}
	if r.RunDocument == documentWritten {
		facts = append(facts, "run document written")
	}
	return text + "  " + strings.Join(append(facts, fmt.Sprintf("%.1f s", r.Seconds)), " · ")
}

// spooled is what the spool has of one instance of a run, as --output json shows it.
type spooled struct {
	RunID       string     `json:"run_id"`
	RunName     string     `json:"run_name"`
	Test        string     `json:"test"`
	Instance    string     `json:"instance"`
	Documents   int64      `json:"documents"`
	Bytes       int64      `json:"bytes"`
	Oldest      *time.Time `json:"oldest,omitempty"`
	Damaged     int        `json:"damaged"`
	RunDocument bool       `json:"run_document"`
	InUse       bool       `json:"in_use"`
	Error       string     `json:"error,omitempty"` // why it could not be looked into
	Folder      string     `json:"folder"`
}

// listSpool shows what is in the spool.
func (env Env) listSpool(entries []spool.Entry, o replayOptions, root string) error {
	r := runsCommand{env: env, now: time.Now, zone: time.Local}
	if o.output == "json" {
		all := []spooled{}
		for _, e := range entries {
			one := spooled{
				RunID: e.RunID, RunName: e.Name, Test: e.Test, Instance: e.Instance, Documents: e.Documents, Bytes: e.Bytes,
				Damaged: e.Damaged, RunDocument: e.RunDocument, InUse: e.InUse, Folder: e.Path,
			}
			if !e.Oldest.IsZero() {
				one.Oldest = &e.Oldest
			}
			if e.Err != nil {
				one.Error = e.Err.Error()
			}
			all = append(all, one)
		}
		return env.printJSON(all)
	}
	if len(entries) == 0 {
		fmt.Fprintf(env.Err, "nothing is in the spool (%s)\n", root)
		return nil
	}
	fmt.Fprintln(env.Out, r.look(o.width).spool(entries))
	return nil
}

// spool makes the table of what is in the spool.
func (l look) spool(entries []spool.Entry) string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.RunID
	}
	if l.screen { // elsewhere a program may read them
		ids = runs.ShortIDs(ids)
	}
	t := table{look: l, columns: []column{
		{head: "SINCE"}, {head: "TEST", least: 8}, {head: "RUN"}, {head: "DOCUMENTS", right: true},
		{head: "SIZE", right: true}, {head: "STATE", least: 8}, {head: "NAME", extra: true},
	}}
	for i, e := range entries {
		since := ""
		if !e.Oldest.IsZero() {
			since = l.when(e.Oldest)
		}
		t.rows = append(t.rows, []cell{
			{text: since}, {text: e.Test}, {text: ids[i]}, {text: humanize.Comma(e.Documents)},
			{text: humanize.IBytes(uint64(e.Bytes))}, stateOf(e), {text: e.Name},
		})
	}
	return t.String()
}

func stateOf(e spool.Entry) cell {
	switch {
	case e.Err != nil:
		return cell{text: "cannot be read", colour: red}
	case e.InUse:
		return cell{text: "in use", colour: blue}
	case e.Damaged > 0 && !e.Left:
		return cell{text: "damaged", colour: red}
	case e.Damaged > 0:
		return cell{text: fmt.Sprintf("waits, %d damaged", e.Damaged), colour: red}
	default:
		return cell{text: "waits", colour: yellow}
	}
}
