package k6es

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/output"
	k6subcommand "go.k6.io/k6/v2/subcommand"

	"github.com/k6es/k6es/k6output"
)

// k6 panics when a name is registered twice, which shows that init registered it.
func TestInitRegisters(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"elasticsearch", "output-elasticsearch", "opensearch"}, k6output.Names)
	for _, name := range k6output.Names {
		assert.Panics(t, func() { output.RegisterExtension(name, k6output.New) }, name)
	}
	assert.Panics(t, func() { k6subcommand.RegisterExtension("es", subcommand) })
}

const module = "github.com/k6es/k6es"

// arrows says which packages of this module each package may import, besides what is below it. Those
// that are not listed, such as scripts, are nobody's foundation and may import all.
var arrows = map[string][]string{
	"terminal": {},
	"elastic":  {},
	"mappings": {"elastic"},
	"logs":     {"elastic", "terminal"},
	"alerts":   {"elastic", "logs"},
	"kibana":   {"elastic", "logs", "mappings"},
	"ingest":   {"elastic", "mappings", "terminal"},
	"doctor":   {"elastic", "mappings"},
	"runs":     {"elastic", "ingest", "logs", "mappings", "terminal"},
	"notify":   {"elastic", "runs", "terminal"},
	"config":   {"elastic", "ingest", "kibana", "mappings", "notify", "runs", "terminal"},
	"cmd":      {"alerts", "config", "doctor", "elastic", "ingest", "kibana", "logs", "mappings", "notify", "runs", "terminal"},
	"cmd/k6es": {"cmd"},
	"k6output": {"config", "elastic", "ingest", "kibana", "mappings", "notify", "runs"},
	"":         {"cmd", "config", "k6output"},
	"cmd/k6":   {""},
}

// mayImportK6 are the packages that may import k6.
var mayImportK6 = []string{"", "cmd/k6", "k6output"}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

// packages lists all packages of the module, by their path in it.
func packages(t *testing.T) map[string]goPackage {
	t.Helper()
	listed := goList(t, "-json=ImportPath,Imports", "./...")
	found := map[string]goPackage{}
	decoder := json.NewDecoder(strings.NewReader(listed))
	for {
		var p goPackage
		err := decoder.Decode(&p)
		if err == io.EOF { //nolint:errorlint // as Decode returns it
			break
		}
		require.NoError(t, err)
		path, _ := inModule(p.ImportPath)
		found[path] = p
	}
	return found
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}

// inModule returns the path of a package below this module; ok is false for others.
func inModule(importPath string) (path string, ok bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// governed is the entry of arrows that a package falls under: its own, or that of the folder above.
func governed(path string) (entry string, ok bool) {
	for {
		if _, ok = arrows[path]; ok {
			return path, true
		}
		cut := strings.LastIndex(path, "/")
		if cut < 0 {
			return "", false
		}
		path = path[:cut]
	}
}

func TestArrowsPointOneWay(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for entry := range arrows {
		assert.Contains(t, all, entry, "arrows names a package that is not there")
	}
	for path, p := range all {
		entry, ok := governed(path)
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			target, ours := inModule(imported)
			if !ours {
				continue
			}
			below, isBelow := governed(target)
			allowed := isBelow && (below == entry || slices.Contains(arrows[entry], below))
			assert.True(t, allowed, "%q must not import %q", path, target)
		}
	}
}

func TestOnlyTheOutputImportsK6(t *testing.T) {
	t.Parallel()
	for path, p := range packages(t) {
		importsK6 := slices.ContainsFunc(p.Imports, isK6)
		assert.False(t, importsK6 && !slices.Contains(mayImportK6, path), "%q imports k6", path)
	}
}

func TestTheCommandDoesNotLinkK6(t *testing.T) {
	t.Parallel()
	linked := strings.Fields(goList(t, "-deps", "./cmd/k6es"))
	assert.Contains(t, linked, module+"/cmd")
	assert.False(t, slices.ContainsFunc(linked, isK6), "k6es links k6")
	assert.NotContains(t, linked, module+"/k6output")
}

// Templates are made of data: nothing but the standard library and the connection is needed.
func TestMappingsNeedNoLibrary(t *testing.T) {
	t.Parallel()
	for _, imported := range packages(t)["mappings"].Imports {
		first, _, _ := strings.Cut(imported, "/")
		assert.True(t, !strings.Contains(first, ".") || imported == module+"/elastic", "mappings imports %s", imported)
	}
}

func isK6(importPath string) bool {
	return importPath == "go.k6.io/k6" || strings.HasPrefix(importPath, "go.k6.io/")
}
