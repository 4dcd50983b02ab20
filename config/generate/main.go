// Command generate writes the documentation of the options from their table. It runs in the folder
// of package config: go generate ./config.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/k6es/k6es/config"
)

func main() {
	if err := generate("../docs/options.md", "../README.md"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(reference, readme string) error {
	if err := os.WriteFile(reference, []byte(config.Markdown()), 0o644); err != nil { //nolint:gosec // documentation
		return err
	}
	content, err := os.ReadFile(readme) //nolint:gosec // a constant path
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	updated, err := config.UpdateReadme(content)
	if err != nil {
		return err
	}
	return os.WriteFile(readme, updated, 0o644) //nolint:gosec // documentation
}
