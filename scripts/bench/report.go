package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// report is what an experiment found, as it is kept in a file and shown in docs/performance.md.
type report struct {
	Experiment string  `json:"experiment"`
	Command    string  `json:"command"` // that finds it again
	Machine    string  `json:"machine"`
	Tables     []table `json:"tables"`
	Marks      []mark  `json:"marks"`
}

// table has a row for each quantity (or panel, …) and a column for each contestant.
type table struct {
	Title   string   `json:"title"`
	Columns []string `json:"columns"` // without that of the rows' names
	Rows    []row    `json:"rows"`
}

type row struct {
	Name  string   `json:"name"`
	Cells []values `json:"cells"`
}

// mark is what is asked of an experiment.
type mark struct {
	Name   string  `json:"name"`
	Found  values  `json:"found"`
	Bound  float64 `json:"bound"`
	AtMost bool    `json:"at_most"` // the median must be at most the bound; otherwise at least
}

func (m mark) passed() bool {
	if m.AtMost {
		return m.Found.median() <= m.Bound
	}
	return m.Found.median() >= m.Bound
}

func (m mark) cells() pretty.Row {
	sign, verdict := "≥", "pass"
	if m.AtMost {
		sign = "≤"
	}
	if !m.passed() {
		verdict = "MISSED"
	}
	return pretty.Row{m.Name, sign + " " + significant(m.Bound), m.Found, verdict}
}

// from says by which command, and where, the report came about.
func (r report) from(cmd *cobra.Command) report {
	r.Experiment, r.Machine = cmd.Name(), machine()
	words := []string{cmd.Name()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if here := []string{"url", "pid", "k6", "k6es", "keep", "results"}; !slices.Contains(here, f.Name) {
			words = append(words, "--"+f.Name, strings.Trim(f.Value.String(), "[]"))
		}
	})
	r.Command = fmt.Sprintf("make bench-e2e EXPERIMENT='%s'", strings.Join(words, " "))
	return r
}

// experiment makes a command run an experiment, keep what it found in the folder that a flag names, and show it.
func experiment(cmd *cobra.Command, run func(cmd *cobra.Command) (report, error)) {
	dir := cmd.Flags().String("results", "", "folder that takes the result as <experiment>.json, such as "+resultsDir)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := run(cmd)
		if err != nil {
			return err
		}
		return r.from(cmd).keep(*dir, cmd.OutOrStdout())
	}
}

// keep shows the report, writes it into dir as <experiment>.json, and returns errMissed for a missed mark.
func (r report) keep(dir string, out io.Writer) error {
	for _, w := range r.writers() {
		w.SetStyle(pretty.StyleLight)
		fmt.Fprintf(out, "\n%s\n", w.Render())
	}
	if err := r.write(dir); err != nil {
		return err
	}
	for _, m := range r.Marks {
		if !m.passed() {
			return errMissed
		}
	}
	return nil
}

// write writes the report into dir, which it makes; nothing where dir is "".
func (r report) write(dir string) error {
	if dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // no secrets
		return err
	}
	return os.WriteFile(filepath.Join(dir, r.Experiment+".json"), append(text, '\n'), 0o644) //nolint:gosec // no secrets
}

// markdown is the report as a part of a document.
func (r report) markdown() string {
	var b strings.Builder
	for _, w := range r.writers() {
		b.WriteString(w.RenderMarkdown() + "\n\n")
	}
	fmt.Fprintf(&b, "%s, on %s.\n", "`"+r.Command+"`", r.Machine)
	return b.String()
}

// writers are the tables of the report, the marks last.
func (r report) writers() []pretty.Writer {
	var all []pretty.Writer
	for _, t := range r.Tables {
		w := pretty.NewWriter()
		head := pretty.Row{t.Title}
		for _, column := range t.Columns {
			head = append(head, column)
		}
		w.AppendHeader(head)
		for _, line := range t.Rows {
			cells := pretty.Row{line.Name}
			for _, cell := range line.Cells {
				cells = append(cells, cell)
			}
			w.AppendRow(cells)
		}
		all = append(all, w)
	}
	if len(r.Marks) > 0 {
		w := pretty.NewWriter()
		w.AppendHeader(pretty.Row{"mark", "asked", "found", ""})
		for _, m := range r.Marks {
			w.AppendRow(m.cells())
		}
		all = append(all, w)
	}
	return all
}

// machine says what this computer is.
func machine() string {
	model := "an unknown processor"
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(cpuinfo)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, memory(), runtime.Version())
}

func memory() string {
	meminfo, _ := os.ReadFile("/proc/meminfo")
	var kB float64
	if _, err := fmt.Sscanf(string(meminfo), "MemTotal: %f kB", &kB); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%.0f GiB", kB/(1<<20))
}
