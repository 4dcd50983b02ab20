package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/k6es/k6es/mappings"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/report"
)

// Limits of GitHub, in bytes: of a step's summary and of a comment.
const (
	maxSummary = 1 << 20
	maxComment = 64 << 10
)

// store keeps a comparison of stored runs. What hinders it is only warned of: the verdict holds.
func (c *comparer) store(ctx context.Context, comparison *runs.Comparison) {
	if !comparison.Stored() {
		return
	}
	err := mappings.Ensure(ctx, c.client, c.config.Mappings(), c.config.Setup == "auto")
	if err == nil {
		err = c.runs.SaveComparison(ctx, comparison)
	}
	if err != nil {
		c.env.warnf("the comparison was not stored: %v", err)
	}
}

// tell writes the comparison to everybody who should know.
func (c *comparer) tell(comparison *runs.Comparison) error {
	format := report.Format(c.options.format)
	var errs []error
	if c.options.output != "" && c.options.output != "-" {
		errs = append(errs, c.writeFile(comparison, format))
		format = report.FormatText
	}
	errs = append(errs, report.Write(c.env.Out, comparison, format, c.textOptions()))
	if c.options.comment != "" {
		errs = append(errs, write(c.options.comment, []byte(report.Comment(comparison, maxComment))))
	}
	if c.env.Vars["GITHUB_ACTIONS"] == "true" {
		annotations := c.env.Out
		if format != report.FormatText {
			annotations = c.env.Err // what stands in the output is read by a program
		}
		report.Annotations(annotations, comparison)
		errs = append(errs, c.summarise(comparison))
	}
	return errors.Join(errs...)
}

func (c *comparer) writeFile(comparison *runs.Comparison, format report.Format) error {
	var b bytes.Buffer
	if err := report.Write(&b, comparison, format, report.Options{All: c.options.all, Location: time.Local}); err != nil {
		return err
	}
	return write(c.options.output, b.Bytes())
}

func write(name string, content []byte) error {
	if err := os.WriteFile(name, content, 0o644); err != nil { //nolint:gosec // a report for whoever may see the folder
		return fmt.Errorf("cannot write the comparison: %w", err)
	}
	return nil
}

// summarise appends the comparison to the summary of a step in GitHub Actions.
func (c *comparer) summarise(comparison *runs.Comparison) error {
	name := c.env.Vars["GITHUB_STEP_SUMMARY"]
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // the runner's file
	if err != nil {
		return fmt.Errorf("cannot write the summary of the step: %w", err)
	}
	room := maxSummary
	if info, err := file.Stat(); err == nil {
		room -= int(info.Size())
	}
	text := report.Markdown(comparison, max(room, 1)-1) + "\n"
	if len(text) > room {
		c.env.warnf("the summary of the step is full (%d KiB): the comparison is not in it", maxSummary>>10)
		text = ""
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("cannot write the summary of the step: %w", err)
	}
	return nil
}

// textOptions are as the terminal allows, if it is one.
func (c *comparer) textOptions() report.Options {
	options := report.Options{All: c.options.all, Location: time.Local}
	file, ok := c.env.Out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return options
	}
	options.Colour = c.env.Vars["NO_COLOR"] == "" && c.env.Vars["TERM"] != "dumb"
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		options.Width = width
	}
	return options
}
