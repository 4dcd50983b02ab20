// Command generate makes everything that comes from mappings/fields.yml. It is run in the folder
// mappings, by go generate.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := render(".")
	if err != nil {
		return err
	}
	for path, content := range files {
		//nolint:gosec // source files are for everyone to read
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		//nolint:gosec // as above
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
