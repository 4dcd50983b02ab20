// Package report writes comparisons for those who read them: people at a terminal, pull requests, CI
// systems and programs. It decides nothing, and reads and sends nothing.
//
// It is not a stable Go API; what is stable is the JSON.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/k6es/k6es/runs"
)

// Format is a way to write a comparison.
type Format string

// The formats.
const (
	FormatText     Format = "text"
	FormatMarkdown Format = "markdown"
	FormatJSON     Format = "json"
	FormatJUnit    Format = "junit"
)

// Formats are all formats.
var Formats = []Format{FormatText, FormatMarkdown, FormatJSON, FormatJUnit}

// Write writes a comparison in a format; options are for text.
func Write(w io.Writer, c *runs.Comparison, format Format, options Options) error {
	switch format {
	case FormatMarkdown:
		_, err := io.WriteString(w, Markdown(c, 0))
		return err
	case FormatJSON:
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return fmt.Errorf("encoding the comparison: %w", err)
		}
		_, err = w.Write(append(text, '\n'))
		return err
	case FormatJUnit:
		return JUnit(w, c)
	default:
		return Text(w, c, options)
	}
}
