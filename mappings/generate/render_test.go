package main

import (
	"github.com/k6es/k6es/mappings"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := render("..")
	require.NoError(t, err)
	assert.Len(t, files, 2+3*len(mappings.Families()), "the Go fields, the reference, and three files a family")
	for path, want := range files {
		got, err := os.ReadFile(path) //nolint:gosec // a file of the project
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "%s is stale: run make generate", path)
	}
}

func TestWrongSchemas(t *testing.T) {
	t.Parallel()
	const good = `{name: a, type: keyword, description: d, example: e}`
	family := func(fields string) string {
		return "version: 1\nfamilies: [{name: metrics, pattern: m, groups: [{title: t, fields: [" + fields + "]}]}]\n"
	}
	tests := map[string]struct{ schema, want string }{
		"unknown key":  {"version: 1\nfamily: []\n", "field family not found"},
		"twice":        {family(good + ", " + good), "family metrics: field a: is there twice"},
		"unknown type": {family(`{name: a, type: text, description: d, example: e}`), `type "text" is not known`},
		"no factor":    {family(`{name: a, type: scaled_float, description: d, example: 1}`), "scaling_factor belongs to scaled_float"},
		"no example":   {family(`{name: a, type: keyword, description: d}`), "description or example is missing"},
		"table break":  {family(`{name: a, type: keyword, description: "a|b", example: e}`), "break the table"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "fields.yml")
			require.NoError(t, os.WriteFile(path, []byte(test.schema), 0o600))
			_, _, err := readSchema(path)
			require.ErrorContains(t, err, test.want)
		})
	}
}
