package runs

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// NewID makes the id of a new run: a UUID of version 7, whose beginning is the time, so that ids sort
// by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// maxID is the longest run id in bytes: servers take 512 in the id of a document, and an id that is
// taken gets nine more (Claimer.Claim).
const maxID = 500

// CheckID says why a text cannot be the id of a run: no document can have it, or k6es could not tell it
// from another word for a run. A server would read "_search" in the address of a document as a request
// to search.
func CheckID(id string) error {
	_, counted := parseLatest(id)
	switch {
	case len(id) > maxID:
		return fmt.Errorf("it has %d bytes, %d are possible", len(id), maxID)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return errors.New("it holds a control character, or what is no text")
	case strings.TrimSpace(id) != id:
		return errors.New("a blank stands at its beginning or end")
	case id == "" || id == "." || id == ".." || strings.HasPrefix(id, "_"):
		return errors.New(`it is empty, ".", "..", or begins with "_"`)
	case counted || id == pinned:
		return errors.New("the word stands for another run")
	}
	return nil
}

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
