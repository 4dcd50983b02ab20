package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/elastic"
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
	findings = append(findings, env.checkKibana(ctx, cfg), checkSpool(cfg))
	if err := env.tellFindings(findings, output); err != nil {
		return err
	}
	return wrong(findings)
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
		return env.printJSON(findings)
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
