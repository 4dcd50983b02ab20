package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// results are the least of what was measured, by benchmark and unit: of times, the least is the one that noise
// of the machine had no part in.
type results map[string]map[string]float64

func readResults(name string) (results, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := parseResults(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return found, nil
}

// parseResults reads Go's benchmark format.
func parseResults(r io.Reader) (results, error) {
	const module = "github.com/k6es/k6es/"
	found, pkg := results{}, ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = strings.TrimPrefix(name, module)
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := pkg + "." + withoutProcs(strings.TrimPrefix(fields[0], "Benchmark"))
		if found[name] == nil {
			found[name] = map[string]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%q is not a line of a benchmark: %w", line, err)
			}
			least, ok := found[name][fields[i+1]]
			if !ok || value < least {
				found[name][fields[i+1]] = value
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("there is no result of a benchmark in it; make bench writes bench.txt")
	}
	return found, nil
}

// withoutProcs takes off the number of processors that go test puts behind a name.
func withoutProcs(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i]
		}
	}
	return name
}
