// Package readme tests the documentation: its commands are run, its documents are real ones, and the
// files that it names exist.
package readme

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	url := servertest.URL(t, servertest.FirstClass)
	user := newUser(t, url)
	ran := 0
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

func newUser(t *testing.T, url string) *user {
	t.Helper()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok")) // a client that went away needs no answer
	}))
	t.Cleanup(shop.Close)
	prefix := servertest.Prefix(t, url)
	home := t.TempDir()
	stubs := filepath.Join(home, "stubs")
	u := &user{
		t: t, home: home,
		replace: strings.NewReplacer("http://localhost:9200", url, "/k6-metrics-", "/"+prefix+"-metrics-"),
		environ: []string{
			"HOME=" + home, "PATH=" + stubs + string(os.PathListSeparator) + os.Getenv("PATH"), "BASE_URL=" + shop.URL,
			"K6_NO_USAGE_REPORT=true", "K6_ELASTICSEARCH_INDEX_PREFIX=" + prefix, "LANG=C.UTF-8",
		},
	}
	u.build()
	u.files()
	return u
}

// build makes what `make build` makes.
func (u *user) build() {
	u.t.Helper()
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(u.home, "bin")+string(filepath.Separator), "./cmd/k6es", "./cmd/k6")
	build.Dir = root
	output, err := build.CombinedOutput()
	require.NoError(u.t, err, "%s", output)
}

func (u *user) files() {
	u.t.Helper()
	for name, from := range map[string]string{
		"script.js": "scripts/k6/tiny.js", "nightly-20.json.gz": "examples/data/checkout-2026-11-22.json.gz",
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

// pattern is a line of output in which … stands for anything.
func pattern(line string) *regexp.Regexp {
	parts := strings.Split(strings.TrimSpace(line), "…")
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

// TestDocumentsAreReal compares each document that is shown with the golden file that the comment above
// it names: <!-- golden: FILE LINE -->, where LINE counts documents from 1.
func TestDocumentsAreReal(t *testing.T) {
	t.Parallel()
	golden := regexp.MustCompile(`^<!-- golden: (\S+\.ndjson) (\d+) -->$`)
	shown := 0
	for _, file := range []string{"README.md", "docs/documents.md"} {
		for _, b := range blocks(t, file) {
			if b.language != "json" {
				continue
			}
			match := golden.FindStringSubmatch(b.above)
			require.NotNil(t, match, "%s: no golden file is named above", b.place)
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
