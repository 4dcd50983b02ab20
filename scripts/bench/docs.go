package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
)

// Where results are kept, and shown, seen from the root of the repository.
const (
	resultsDir = "scripts/bench/results"
	docsFile   = "docs/performance.md"
)

// newDocs makes the command that shows the kept results in the documentation.
func newDocs() *cobra.Command {
	return &cobra.Command{
		Use:   "docs",
		Short: "Write the kept results into " + docsFile,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := os.ReadFile(docsFile)
			if err != nil {
				return err
			}
			if text, err = withResults(text, resultsDir); err != nil {
				return err
			}
			return os.WriteFile(docsFile, text, 0o644) //nolint:gosec // no secrets
		},
	}
}

var resultPlace = regexp.MustCompile(`(?s)(<!-- result: ([a-z-]+) -->\n).*?(<!-- end of result -->)`)

// withResults puts into a document, between its marks, what experiments found.
func withResults(text []byte, dir string) ([]byte, error) {
	var failed error
	text = resultPlace.ReplaceAllFunc(text, func(place []byte) []byte {
		parts := resultPlace.FindSubmatch(place)
		r, err := readReport(filepath.Join(dir, string(parts[2])+".json"))
		if err != nil {
			failed = err
			return place
		}
		return fmt.Appendf(nil, "%s\n%s\n%s", parts[1], r.markdown(), parts[3])
	})
	return text, failed
}

func readReport(name string) (report, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return report{}, err
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return report{}, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
