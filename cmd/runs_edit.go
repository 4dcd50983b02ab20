package cmd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k6es/k6es/runs"
)

// newPin and newUnpin make the commands that make a run the baseline, to be kept, and undo it.
func (r runsCommand) newPin() *cobra.Command {
	return r.newPinning("pin RUN", "Pin a run: it is the baseline of comparisons, and its samples are kept", true, "pinned", "was pinned already:")
}

func (r runsCommand) newUnpin() *cobra.Command {
	return r.newPinning("unpin RUN", "Undo pin", false, "unpinned", "was not pinned:")
}

func (r runsCommand) newPinning(use, short string, pinned bool, done, already string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: oneRun}
	addServerFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return r.edit(cmd, args[0], func(f *runs.Facts) string {
			if f.Pinned == pinned {
				return already
			}
			f.Pinned = pinned
			return done
		})
	}
	return cmd
}

// edit changes what people say of a run; change returns what is told that it did.
func (r runsCommand) edit(cmd *cobra.Command, ref string, change func(*runs.Facts) string) error {
	store, d, err := r.find(cmd, ref)
	if err != nil {
		return err
	}
	var done string
	if err := store.Update(cmd.Context(), d.K6.Run.ID, func(f *runs.Facts) { done = change(f) }); err != nil {
		return err
	}
	fmt.Fprintf(r.env.Out, "%s %s\n", done, d.Label())
	return nil
}

// longestNote is how long a note may be, in bytes.
const longestNote = 8 << 10

// newNote makes the command that notes something on a run.
func (r runsCommand) newNote() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "note RUN TEXT…",
		Short:   "Note something on a run, in place of an earlier note",
		Example: "  k6es runs note latest with the new pool size\n  k6es runs note latest ''     # no note any more",
		Args:    atLeast(2, "a run, and what to note"),
	}
	addServerFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		note := strings.TrimSpace(strings.Join(args[1:], " "))
		if len(note) > longestNote {
			return usageError("the note has %d bytes; it may have %d", len(note), longestNote)
		}
		done := "noted on"
		if note == "" {
			done = "took the note off"
		}
		return r.edit(cmd, args[0], func(f *runs.Facts) string {
			f.Note = note
			return done
		})
	}
	return cmd
}

// newLabel makes the command that labels a run.
func (r runsCommand) newLabel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "label RUN KEY=VALUE…",
		Short: "Label a run; KEY= takes a label off",
		Long: "Labels a run; KEY= takes a label off. The labels are those of the run's own\n" +
			"document, by which runs are found; its sample documents keep the labels that they\n" +
			"were written with.",
		Example: "  k6es runs label latest release=4.2 reviewed=yes\n  k6es runs label latest reviewed=",
		Args:    atLeast(2, "a run, and labels: key=value"),
	}
	addServerFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		labels, err := parseLabels(args[1:])
		if err != nil {
			return err
		}
		return r.edit(cmd, args[0], func(f *runs.Facts) string {
			all := maps.Clone(f.Labels)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, labels)
			maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
			f.Labels = all
			return "labelled"
		})
	}
	return cmd
}

// parseLabels reads labels; an empty value is of one that is to be taken off.
func parseLabels(args []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, usageError("%q is no label: say key=value", arg)
		}
		if len(value) > longestNote {
			return nil, usageError("the label %s has %d bytes; it may have %d", key, len(value), longestNote)
		}
		labels[strings.ReplaceAll(key, ".", "_")] = value
	}
	return labels, nil
}

// newDelete makes the command that deletes a run.
func (r runsCommand) newDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete RUN",
		Short:   "Delete a run with all its documents; asks first",
		Example: "  k6es runs delete 0193a1b2-7c3e\n  k6es runs delete 0193a1b2-7c3e --yes",
		Args:    oneRun,
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	addServerFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return r.delete(cmd, args[0], yes) }
	return cmd
}

// shortestDeleted is how long the beginning of an id or name must be that a deletion believes.
const shortestDeleted = 4

func (r runsCommand) delete(cmd *cobra.Command, ref string, yes bool) error {
	ctx := cmd.Context()
	store, d, err := r.find(cmd, ref)
	id, label := ref, "run "+ref
	if d != nil {
		id, label = d.K6.Run.ID, d.Label()
		if len(ref) < shortestDeleted && ref != id && ref != d.K6.Run.Name {
			return usageError("%q could mean %s, but is too short to delete by: give %d letters of its id or name, or more", ref, label, shortestDeleted)
		}
	} else if store == nil {
		return err
	}
	counts, countErr := store.Count(ctx, id)
	if countErr != nil {
		return countErr
	}
	if err != nil && counts.Total() == 0 {
		return err // unknown: not even samples of an upload that was interrupted are there
	}
	if err := r.ask(ctx, fmt.Sprintf("Delete %s with %s?", label, contents(counts)), yes); err != nil {
		return err
	}
	deleted, err := store.Delete(ctx, id, r.progress())
	r.endProgress()
	if err != nil {
		return err
	}
	fmt.Fprintf(r.env.Out, "deleted %s: %s\n", label, contents(deleted))
	return nil
}

// progress shows how far a deletion is, on a terminal.
func (r runsCommand) progress() func(runs.Counts) {
	if !r.env.Terminal {
		return nil
	}
	return func(c runs.Counts) { fmt.Fprintf(r.env.Err, "\r\x1b[K%s deleted", plural(c.Total(), "document")) }
}

func (r runsCommand) endProgress() {
	if r.env.Terminal {
		fmt.Fprint(r.env.Err, "\r\x1b[K")
	}
}

// contents says what a run consists of.
func contents(c runs.Counts) string {
	parts := []string{plural(c.Samples, "sample document"), fmt.Sprintf("%d series", c.Series)}
	if c.Comparisons > 0 {
		parts = append(parts, plural(c.Comparisons, "comparison"))
	}
	return strings.Join(slices.Clip(parts), ", ")
}
