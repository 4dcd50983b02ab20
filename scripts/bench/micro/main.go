// Command micro holds the results of `make bench` against budgets, and against the results that are committed:
//
//	make bench
//	go run ./scripts/bench/micro bench.txt
//
// Times of another machine are scaled by what the yardstick took there and here, in the same process. The
// committed results are made anew by make bench-commit.
package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
)

//go:embed committed.txt
var committed string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: micro FILE, which make bench writes")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "micro:", err)
		os.Exit(1)
	}
}

func check(name string) error {
	before, err := parseResults(strings.NewReader(committed))
	if err != nil {
		return fmt.Errorf("the committed results: %w", err)
	}
	now, err := readResults(name)
	if err != nil {
		return err
	}
	return judge(os.Stdout, now, before)
}
