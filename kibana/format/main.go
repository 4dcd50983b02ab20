// Command format writes the files of saved objects, given as arguments, in their one form.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/k6es/k6es/kibana"
)

func main() {
	for _, name := range os.Args[1:] {
		if err := format(name); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

func format(name string) error {
	text, err := os.ReadFile(name) //nolint:gosec // the files are arguments
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var attributes map[string]any
	if err := decoder.Decode(&attributes); err != nil {
		return err
	}
	formatted, err := kibana.Format(attributes)
	if err != nil {
		return err
	}
	return os.WriteFile(name, formatted, 0o644) //nolint:gosec // source files, for everybody to read
}
