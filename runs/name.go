package runs

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// NewID makes the id of a new run: a UUID of version 7, whose beginning is the time, so that ids sort
// by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// NameAt is the name of a run that nobody named: the time of its first sample, or of its start.
func NameAt(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// unnamed is the test name of samples that come from nowhere with a name.
const unnamed = "k6"

// TestOfScript is the test name of a script: its base name without extensions. "-" stands for a script
// from standard input.
func TestOfScript(location string) string {
	name := path.Base(filepath.ToSlash(location))
	name, _, _ = strings.Cut(name, ".")
	if name == "" || name == "-" || name == "/" {
		return unnamed
	}
	return name
}

// serial matches, at the end of a file name, what tells one run's file from the next one's: a date,
// perhaps with a time, or a number that something sets off from the name (the 2 of "api-v2" is none).
var serial = regexp.MustCompile(`(?i)(` +
	`[-_. ]*\d{4}[-_.]?\d{2}[-_.]?\d{2}([t_. -]*\d{2}[-_.:h]?\d{2}([-_.:m]?\d{2})?(\.\d+)?s?(z|utc)?)?` + // 2026-11-22T10-31-07Z
	`|[-_. #]+\d+` + // -812
	`)$`)

// TestOfFile is the test name of a file of samples: its base name without extensions, and without the
// dates and numbers at its end. "-" stands for standard input.
func TestOfFile(location string) string {
	name := stripExtensions(path.Base(filepath.ToSlash(location)))
	for {
		shorter := strings.TrimRight(serial.ReplaceAllString(name, ""), "-_. #")
		if shorter == name || shorter == "" {
			break
		}
		name = shorter
	}
	if name == "" || name == "-" || name == "/" {
		return unnamed
	}
	return name
}

// stripExtensions takes the extensions of files of samples off, as many as there are.
func stripExtensions(name string) string {
	for {
		switch ext := strings.ToLower(path.Ext(name)); ext {
		case ".json", ".ndjson", ".jsonl", ".csv", ".gz", ".gzip", ".zst", ".zstd", ".txt", ".log", ".out", ".k6":
			name = name[:len(name)-len(ext)]
		default:
			return name
		}
	}
}
