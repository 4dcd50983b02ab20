package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/k6es/k6es/runs"
)

// maxAnnotations is how many errors of one step GitHub shows.
const maxAnnotations = 10

// Annotations writes what became worse as workflow commands of GitHub Actions, which shows them with the
// run and the pull request: as errors, or as warnings where worse does not fail the job.
func Annotations(w io.Writer, c *runs.Comparison) {
	command := "error"
	if c.ExitCode == 0 {
		command = "warning"
	}
	worse := c.Worse()
	for i, row := range worse {
		name := printable(runs.RowLabel(row.Key, row.Percentile))
		text := fmt.Sprintf("%s became worse: %s", name, story(row))
		if more := len(worse) - maxAnnotations; i == maxAnnotations-1 && more > 0 {
			text += fmt.Sprintf("; and %d more values", more)
		}
		fmt.Fprintf(w, "::%s title=%s::%s\n", command, property(Shorten("k6 "+printable(c.Test)+": "+name, longestCode)), data(text))
		if i == maxAnnotations-1 {
			return
		}
	}
}

// data escapes the text of a workflow command.
func data(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// property escapes a property of a workflow command.
func property(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(text)
}
