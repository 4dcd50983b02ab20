package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/runs"
)

// newRuns makes the commands that look after runs.
func newRuns(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "Find, show, keep and delete test runs",
		Long: "Finds, shows, keeps and deletes test runs.\n\n" +
			"RUN is an id, a run name, the beginning of either where no other run begins so,\n" +
			"\"latest\", \"latest~1\" (the one before it, and so on), or \"pinned\" (the newest one\nthat is pinned).",
		Example: "  k6es runs list --test checkout --since 7d\n  k6es runs show latest\n" +
			"  k6es runs pin '#812'\n  k6es runs prune --older-than 90d --keep-last 20",
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	r := runsCommand{env: env, now: time.Now, zone: time.Local}
	cmd.AddCommand(r.newList(), r.newShow(), r.newPin(), r.newUnpin(), r.newNote(), r.newLabel(), r.newDelete(), r.newPrune())
	return cmd
}

// runsCommand is what the commands below `runs` share.
type runsCommand struct {
	env  Env
	now  func() time.Time
	zone *time.Location
}

// addServerFlags adds the flags that lead to the server, and to its dashboards. The others of the table say what a run is; here
// flags of those names say which runs are meant.
func addServerFlags(flags *pflag.FlagSet) {
	var names []string
	for _, option := range config.Options() {
		names = append(names, option.Name)
		if option.Name == lastServerOption {
			break
		}
	}
	addOptions(flags, append(names, linkOptions...)...)
}

// linkOptions are the options that links to dashboards are made of.
var linkOptions = []string{"kibana-url", "kibana-space", "kibana-tenant"}

// kibanaOptions are the options by which one logs in to Kibana.
var kibanaOptions = []string{"kibana-user", "kibana-password"}

// addAllBut adds the flags of all options of the table that a command has, but for some.
func addAllBut(flags *pflag.FlagSet, but ...string) {
	var names []string
	for _, option := range config.Options() {
		if !slices.Contains(but, option.Name) {
			names = append(names, option.Name)
		}
	}
	addOptions(flags, names...)
}

// addOptions adds the flags of some options of the table.
func addOptions(flags *pflag.FlagSet, names ...string) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(all, config.CLI)
	for _, option := range config.Options() {
		if !slices.Contains(names, option.Name) {
			continue
		}
		name := option.Name
		if option.Flag != "" {
			name = option.Flag
		}
		wanted := all.Lookup(name)
		all.VisitAll(func(flag *pflag.Flag) {
			if wanted != nil && flag.Value == wanted.Value {
				flags.AddFlag(flag)
			}
		})
	}
}

// lastServerOption is the last option of the table that says where runs are.
const lastServerOption = "index-prefix"

// store connects to where runs are kept.
func (r runsCommand) store(ctx context.Context, flags *pflag.FlagSet) (*runs.Store, error) {
	cfg, err := r.env.load(flags)
	if err != nil {
		return nil, err
	}
	_, store, err := r.storeOf(ctx, cfg)
	return store, err
}

// storeOf returns the store, and the client of the server that it is on.
func (r runsCommand) storeOf(ctx context.Context, cfg config.Config) (*elastic.Client, *runs.Store, error) {
	client, _, err := connect(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	return client, &runs.Store{Client: client, Prefix: cfg.IndexPrefix, Now: r.now}, nil
}

// find returns the store, and the run that an argument means.
func (r runsCommand) find(cmd *cobra.Command, ref string) (*runs.Store, *runs.Document, error) {
	store, err := r.store(cmd.Context(), cmd.Flags())
	if err != nil {
		return nil, nil, err
	}
	d, err := r.findIn(cmd.Context(), store, ref)
	return store, d, err
}

func (r runsCommand) findIn(ctx context.Context, store *runs.Store, ref string) (*runs.Document, error) {
	d, err := store.Find(ctx, ref)
	var unknown *runs.UnknownRunError
	if errors.As(err, &unknown) && unknown.Why == "" && len(unknown.Near) == 0 {
		err = fmt.Errorf("%w. `%s runs list` shows those that are there", err, r.env.Name)
	}
	return d, err
}

// oneRun is a check of arguments: just the run.
func oneRun(cmd *cobra.Command, args []string) error {
	if err := atLeast(1, "a run: an id, a name, or latest")(cmd, args); err != nil {
		return err
	}
	return noArgs(cmd, args[1:])
}

// look is how output appears.
type look struct {
	width  int  // columns
	screen bool // somebody looks at it on a terminal
	colour bool // and other things that only a terminal understands
	now    time.Time
	zone   *time.Location
}

// plainWidth is how wide output is where nobody says.
const plainWidth = 80

// look finds out how output is to appear: the width is that of the flag, of COLUMNS, or of the terminal.
func (r runsCommand) look(width int) look {
	l := look{width: width, now: r.now(), zone: r.zone}
	file, isFile := r.env.Out.(*os.File)
	l.screen = isFile && term.IsTerminal(int(file.Fd()))
	if l.screen && r.env.Vars["TERM"] != "dumb" {
		l.colour = r.env.Vars["NO_COLOR"] == ""
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && l.width <= 0 && r.env.Vars["COLUMNS"] == "" {
			l.width = columns
		}
	}
	if columns, err := strconv.Atoi(r.env.Vars["COLUMNS"]); err == nil && l.width <= 0 {
		l.width = columns
	}
	if l.width <= 0 {
		l.width = plainWidth
	}
	return l
}

// outputFlags are the flags of commands that list.
type outputFlags struct {
	output string
	width  int
}

func (o *outputFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&o.output, "output", "table", "table, or json for programs")
	flags.IntVar(&o.width, "width", 0, "columns of the table; 0: those of the terminal, or 80")
}

func (o *outputFlags) check() error {
	if o.output != "table" && o.output != "json" {
		return usageError("--output is %q; choose table or json", o.output)
	}
	if o.width < 0 {
		return usageError("--width is %d; it cannot be negative", o.width)
	}
	return nil
}

// ask has the user confirm on a terminal; without one only --yes will do.
func (r runsCommand) ask(ctx context.Context, question string, yes bool) error {
	if yes {
		return nil
	}
	if !r.env.Terminal || !r.env.typed() {
		return usageError("%s Say --yes: there is no terminal to ask on", question)
	}
	fmt.Fprintf(r.env.Err, "%s [y/N] ", question)
	return r.answer(ctx)
}

// answer waits for the user's yes. Reading what is typed cannot be broken off: an interrupt leaves it behind, for the
// command is at its end.
func (r runsCommand) answer(ctx context.Context) error {
	typed := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r.env.In).ReadString('\n')
		typed <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(r.env.Err)
		return errors.New("interrupted: nothing was deleted")
	case line := <-typed:
		if word := strings.ToLower(strings.TrimSpace(line)); word == "y" || word == "yes" {
			return nil
		}
		return errors.New("nothing was deleted")
	}
}

var agePattern = regexp.MustCompile(`^(\d+)(w|d|h|m)$`)

// parseAge reads a span of time as people say it: 90d, 2w, 12h, 30m.
func parseAge(text string) (time.Duration, error) {
	parts := agePattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is no span of time: say 90d, 2w, 12h or 30m", text)
	}
	n, err := strconv.ParseInt(parts[1], 10, 32)
	unit := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute}[parts[2]]
	if err != nil || n > int64(time.Duration(1<<63-1)/unit) {
		return 0, fmt.Errorf("%q is too long", text)
	}
	return time.Duration(n) * unit, nil
}

// parseSince reads a point in time: a span of time before now, or a date, perhaps with a time.
func (r runsCommand) parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if age, err := parseAge(text); err == nil {
		return r.now().Add(-age), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, r.zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: say 7d, 12h, 2026-11-01 or 2026-11-01T10:30", text)
}
