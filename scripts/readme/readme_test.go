// Package readme tests the documentation: its commands are run, its documents are real ones, and the
// files that it names exist.
package readme

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/kibana/kibanatest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

var root = filepath.Join("..", "..")

// block is a fenced block of a Markdown file.
type block struct {
	place    string // file:line
	language string
	above    string // the line above the fence
	text     string
}

func blocks(t *testing.T, file string) []block {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	var found []block
	var open *block
	above := ""
	for i, line := range strings.Split(string(content), "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{place: fmt.Sprintf("%s:%d", file, i+1), language: language, above: above}
		case fence:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
		above = line
	}
	require.Nil(t, open, "%s: a block does not end", file)
	return found
}

// documentation lists the Markdown files that are written by hand.
func documentation(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	for _, file := range docs {
		files = append(files, "docs/"+filepath.Base(file))
	}
	return files
}

// TestCommandsOfTheReadme runs every sh and console block of the README, in its order, in one folder and
// with the exported variables of the blocks before. make and xk6 are stand-ins: that of make looks
// whether the target is there.
func TestCommandsOfTheReadme(t *testing.T) {
	t.Parallel()
	user := newUser(t, servertest.URL(t, servertest.FirstClass))
	ran := 0
	user.build("./cmd/k6es", "./cmd/k6")
	for _, b := range blocks(t, "README.md") {
		switch b.language {
		case "sh":
			user.run(b, b.text, nil)
		case "console":
			for _, c := range commands(b.text) {
				user.run(b, c.command, c.output)
			}
		case "json", "text":
			continue
		default:
			assert.Failf(t, "unknown kind of block", "%s: %q; commands are sh or console, what cannot be run is text", b.place, b.language)
		}
		ran++
	}
	assert.Greater(t, ran, 10)
}

// user is somebody who follows the README.
type user struct {
	t       *testing.T
	home    string
	environ []string
	replace *strings.Replacer
}

func newUser(t *testing.T, address string) *user {
	t.Helper()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok")) // a client that went away needs no answer
	}))
	t.Cleanup(shop.Close)
	dashboards := kibanatest.New(t, "")
	prefix := servertest.Prefix(t, address)
	home := t.TempDir()
	stubs := filepath.Join(home, "stubs")
	u := &user{
		t: t, home: home,
		replace: strings.NewReplacer("http://localhost:9200", address, "http://localhost:5601", dashboards.URL, "/k6-metrics-", "/"+prefix+"-metrics-",
			"/k6-runs", "/"+prefix+"-runs", "/k6-series", "/"+prefix+"-series"),
		environ: []string{
			"HOME=" + home, "PATH=" + stubs + string(os.PathListSeparator) + os.Getenv("PATH"), "BASE_URL=" + shop.URL,
			"K6_NO_USAGE_REPORT=true", "K6_ELASTICSEARCH_INDEX_PREFIX=" + prefix, "LANG=C.UTF-8",
		},
	}
	u.files()
	return u
}

// build makes programs as `make build` makes them.
func (u *user) build(programs ...string) {
	u.t.Helper()
	args := []string{"build", "-ldflags", "-s -w", "-o", filepath.Join(u.home, "bin") + string(filepath.Separator)}
	build := exec.Command("go", append(args, programs...)...)
	build.Dir = root
	output, err := build.CombinedOutput()
	require.NoError(u.t, err, "%s", output)
}

func (u *user) files() {
	u.t.Helper()
	const run, summary = "examples/data/checkout-2026-11-22.json.gz", "examples/data/checkout-2026-11-22.summary.json"
	for name, from := range map[string]string{
		"script.js": "scripts/k6/tiny.js", "nightly-20.json.gz": run, "nightly-20.summary.json": summary,
		"monday.json.gz": run, "tuesday.json.gz": run, "today.json.gz": run,
		"nightly-1.csv": "ingest/testdata/checkout.csv.gz", "nightly-2.csv": "ingest/testdata/everything.csv.gz",
	} {
		content, err := os.ReadFile(filepath.Join(root, from))
		require.NoError(u.t, err)
		u.write(name, string(content), 0o600)
	}
	absolute, err := filepath.Abs(root)
	require.NoError(u.t, err)
	tool, err := exec.LookPath("make")
	require.NoError(u.t, err)
	u.write("stubs/make", fmt.Sprintf("#!/bin/sh\nexec %s -n -C '%s' \"$@\" >/dev/null\n", tool, absolute), 0o700)
	u.write("stubs/xk6", "#!/bin/sh\ntest \"$*\" = 'build --with github.com/k6es/k6es' && ln -s bin/k6 k6\n", 0o700)
	u.write(".curlrc", "fail\n", 0o600)
}

func (u *user) write(name, content string, mode fs.FileMode) {
	u.t.Helper()
	file := filepath.Join(u.home, name)
	require.NoError(u.t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(u.t, os.WriteFile(file, []byte(content), mode))
}

// run runs commands in bash. They must succeed, and say what the README shows.
func (u *user) run(b block, commands string, output []string) {
	u.t.Helper()
	script := "[ ! -e .exported ] || . ./.exported\n" + u.replace.Replace(commands) + "\ndeclare -px >.exported\n"
	bash := exec.Command("bash", "-euo", "pipefail", "-c", script)
	bash.Dir, bash.Env = u.home, u.environ
	said, err := bash.CombinedOutput()
	require.NoError(u.t, err, "%s:\n%s\n%s", b.place, commands, said)
	rest := string(said)
	for _, line := range output {
		at := pattern(u.replace.Replace(line)).FindStringIndex(rest)
		if !assert.NotNil(u.t, at, "%s: it does not say\n%s\nbut\n%s", b.place, line, said) {
			return
		}
		rest = rest[at[1]:]
	}
}

// pattern is a line of output in which … stands for anything; between two words, for the space between them, too:
// how far columns are apart depends on how long a figure is.
func pattern(line string) *regexp.Regexp {
	parts := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), " … ", " …"), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("(?m)" + strings.Join(parts, ".*"))
}

// command is a command of a console block, and the lines that it says.
type command struct {
	command string
	output  []string
}

func commands(text string) []command {
	var all []command
	for line := range strings.Lines(text) {
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, command{command: c})
		} else if len(all) > 0 {
			last := &all[len(all)-1]
			last.output = append(last.output, line)
		}
	}
	return all
}

// The comment above a block that shows something real says where it is from:
//
//	<!-- golden: FILE LINE -->    a document of a golden file of package ingest; LINE counts documents from 1
//	<!-- golden: FILE -->         lines of a golden file, some left out, in its order
//	<!-- stored: INDEX QUERY -->  the document that the query finds after a file was uploaded
//	<!-- table: FILE P -->        figures of a percentile, from a table of operating characteristics
var (
	aDocument = regexp.MustCompile(`^<!-- golden: (\S+\.ndjson) (\d+) -->$`)
	aGolden   = regexp.MustCompile(`^<!-- golden: (\S+) -->$`)
	aStored   = regexp.MustCompile(`^<!-- stored: (\S+) (.+) -->$`)
	aTable    = regexp.MustCompile(`^<!-- table: (\S+) (\S+) -->$`)
)

// TestDocumentsAreReal compares each document that is shown with the golden file that it is from.
func TestDocumentsAreReal(t *testing.T) {
	t.Parallel()
	shown := 0
	for _, file := range []string{"README.md", "docs/documents.md"} {
		for _, b := range blocks(t, file) {
			if b.language != "json" || aStored.MatchString(b.above) {
				continue
			}
			match := aDocument.FindStringSubmatch(b.above)
			require.NotNil(t, match, "%s: the line above does not say where it is from", b.place)
			number, err := strconv.Atoi(match[2])
			require.NoError(t, err)
			assert.JSONEq(t, document(t, match[1], number), b.text, b.place)
			shown++
		}
	}
	assert.Greater(t, shown, 5)
}

// document returns a document of a golden file, which has an action line before each.
func document(t *testing.T, file string, number int) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "ingest", "testdata", "golden", file))
	require.NoError(t, err)
	lines := bytes.Split(content, []byte("\n"))
	require.Greater(t, len(lines), 2*number-1, "%s has no document %d", file, number)
	require.True(t, json.Valid(lines[2*number-1]))
	return string(lines[2*number-1])
}

// TestOutputIsReal looks for the lines of output that is shown in the golden file that it is from.
func TestOutputIsReal(t *testing.T) {
	t.Parallel()
	shown := 0
	for _, file := range documentation(t) {
		for _, b := range blocks(t, file) {
			match := aGolden.FindStringSubmatch(b.above)
			if match == nil {
				continue
			}
			content, err := os.ReadFile(filepath.Join(root, match[1]))
			require.NoError(t, err, b.place)
			golden := slices.Collect(strings.Lines(string(content)))
			for line := range strings.Lines(b.text) {
				if line = strings.TrimRight(line, " \n"); line == "" {
					continue
				}
				at := slices.IndexFunc(golden, func(known string) bool { return strings.TrimRight(known, " \n") == line })
				if !assert.GreaterOrEqual(t, at, 0, "%s: %s has no such line, or not here:\n%s", b.place, match[1], line) {
					break
				}
				golden = golden[at+1:]
			}
			shown++
		}
	}
	assert.GreaterOrEqual(t, shown, 2)
}

// TestStoredDocumentsAreReal uploads the file of a run that the project ships, and compares each document
// that is shown with the one in the index. A text may have … for anything, a number is rounded.
func TestStoredDocumentsAreReal(t *testing.T) {
	t.Parallel()
	user := newUser(t, servertest.URL(t, servertest.FirstClass))
	user.build("./cmd/k6es")
	user.run(block{place: "an upload"}, "bin/k6es upload --url http://localhost:9200 --test checkout --run-name '#812 main@a1b2c3d' --branch main "+
		"--commit a1b2c3d4e5f60718293a4b5c6d7e8f9001122334 --environment staging --service shop --run-note 'with the new pool size' "+
		"--label release=4.2 --summary nightly-20.summary.json nightly-20.json.gz", nil)
	shown := 0
	for _, b := range blocks(t, "docs/documents.md") {
		match := aStored.FindStringSubmatch(b.above)
		if match == nil {
			continue
		}
		var want any
		require.NoError(t, json.Unmarshal([]byte(b.text), &want), b.place)
		alike(t, b.place, want, user.stored(match[1], match[2]))
		shown++
	}
	assert.GreaterOrEqual(t, shown, 4)
}

// stored is the one document of an index that the query finds.
func (u *user) stored(index, query string) any {
	u.t.Helper()
	response, err := http.Get(u.replace.Replace("http://localhost:9200/"+index) + "/_search?q=" + url.QueryEscape(query))
	require.NoError(u.t, err)
	defer response.Body.Close()
	var answer struct {
		Hits struct {
			Hits []struct {
				Source any `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	require.NoError(u.t, json.NewDecoder(response.Body).Decode(&answer))
	require.Len(u.t, answer.Hits.Hits, 1, "%s: %s", index, query)
	return answer.Hits.Hits[0].Source
}

// alike compares JSON values: the same fields, texts but for …, and numbers to the digits of one in a thousand.
func alike(t *testing.T, place string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		fields, ok := got.(map[string]any)
		if !ok || !assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(fields)), place) {
			assert.True(t, ok, place)
			return
		}
		for name, value := range want {
			alike(t, place+" "+name, value, fields[name])
		}
	case []any:
		values, ok := got.([]any)
		if !assert.True(t, ok, place) || !assert.Len(t, values, len(want), place) {
			return
		}
		for i, value := range want {
			alike(t, place, value, values[i])
		}
	case float64:
		assert.InDelta(t, want, got, math.Abs(want)/1000, place)
	case string:
		assert.Regexp(t, pattern(want), got, place)
	default:
		assert.Equal(t, want, got, place)
	}
}

// TestFiguresAreThoseOfTheTables compares the figures in docs/comparison.md with the tables that a test of
// package compare holds the rule to. A row is | slower by | runs differ by | load | a figure for 1, 3, 5 and 10 runs |.
func TestFiguresAreThoseOfTheTables(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(root, "docs", "comparison.md"))
	require.NoError(t, err)
	figures := 0
	var table map[string]string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		match := aTable.FindStringSubmatch(line)
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch {
		case match != nil:
			table = worse(t, match[1], match[2])
		case !strings.HasPrefix(line, "|"):
			table = nil
		case table != nil && strings.HasSuffix(cells[0], " %"):
			require.Len(t, cells, 7, line)
			for i, runs := range []string{"1", "3", "5", "10"} {
				row := strings.Join([]string{cells[2], strings.TrimSuffix(cells[0], " %"), strings.TrimSuffix(cells[1], " %"), runs}, ",")
				assert.Equal(t, table[row], cells[3+i], line)
				figures++
			}
		}
	}
	assert.GreaterOrEqual(t, figures, 64)
}

// worse are the shares of pairs that are called worse, by load, slowdown, difference of runs and number of runs.
func worse(t *testing.T, file, percentile string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	shares := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if cells := strings.Split(strings.TrimSpace(line), ","); cells[3] == percentile {
			shares[strings.Join([]string{cells[0], cells[1], cells[2], cells[4]}, ",")] = cells[5]
		}
	}
	return shares
}

var (
	inCode = regexp.MustCompile("`([^`\n]+)`")
	linked = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	aPath  = regexp.MustCompile(`^\.?[A-Za-z][\w./-]*$`)
	// A file of the project is told from a user's by its extension.
	aFile     = regexp.MustCompile(`\.(go|md|yml)$`)
	aDeepFile = regexp.MustCompile(`/.*\.(go|md|yml|js|ndjson|json\.gz)$`)
)

// TestFilesThatAreNamedExist looks at everything in the documentation that looks like a path of the
// project, in code type or as a link.
func TestFilesThatAreNamedExist(t *testing.T) {
	t.Parallel()
	folders := topFolders(t)
	named := 0
	for _, file := range documentation(t) {
		content, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		for _, match := range linked.FindAllSubmatch(content, -1) {
			if target := string(match[1]); !strings.Contains(target, "://") {
				named++
				assert.FileExists(t, filepath.Join(root, filepath.Dir(file), target), "link in %s", file)
			}
		}
		for _, match := range inCode.FindAllSubmatch(content, -1) {
			name := strings.TrimPrefix(string(match[1]), "./")
			first, _, deep := strings.Cut(name, "/")
			folder := deep && folders[first]
			if !aPath.MatchString(name) || !folder && !aFile.MatchString(name) && !aDeepFile.MatchString(name) {
				continue
			}
			named++
			_, err := os.Stat(filepath.Join(root, name))
			assert.NoError(t, err, "%s names %s", file, name)
		}
	}
	assert.Greater(t, named, 40)
}

// topFolders holds the folders and files of the module's root.
func topFolders(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	names := map[string]bool{}
	for _, entry := range entries {
		names[entry.Name()] = entry.Name() != "bin"
	}
	return names
}
