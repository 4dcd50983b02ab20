package ci

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFieldsOfADocument(t *testing.T) {
	t.Parallel()
	change := Origin{
		Provider: GitHub, PipelineName: "load", RunID: "9753949763", RunNumber: "812",
		RunURL:   "https://github.com/acme/shop/actions/runs/9753949763",
		TaskName: "k6", TaskURL: "https://github.com/acme/shop/actions/runs/9753949763/job/269",
		Branch: "faster", SHA: sha1, ChangeID: "77", BaseBranch: "main",
		RepositoryURL: "https://github.com/acme/shop", RepositoryName: "shop",
	}
	tag := Origin{Tag: "v1.2", SHA: sha2, RepositoryURL: "git@gitlab.com:acme/shop.git", RepositoryName: "shop"}

	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetIndent("", "  ")
	for _, origin := range []Origin{change, tag, {}} {
		require.NoError(t, encoder.Encode(origin.Fields()))
	}
	want, err := os.ReadFile("testdata/fields.golden")
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String())

	for _, origin := range []Origin{change, tag, {}} {
		var fields Fields
		document, err := json.Marshal(origin.Fields())
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(document, &fields))
		assert.Equal(t, origin, fields.Origin())
	}
}

func TestForge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		provider   Provider
		repository string
		want       string
	}{
		{Jenkins, "https://github.com/acme/shop", "github"},
		{CircleCI, "git@bitbucket.org:acme/shop.git", "bitbucket"},
		{"", "ssh://git@gitlab.com/acme/shop.git", "gitlab"},
		{GitLab, "https://git.example.com/acme/shop", "gitlab"},
		{GitLab, "https://github.com/acme/shop", "github"},
		{Jenkins, "https://mirror.example.com/github.com/acme/shop", ""},
		{Azure, "", ""},
	} {
		assert.Equal(t, c.want, Origin{Provider: c.provider, RepositoryURL: c.repository}.Fields().VCS.Provider.Name, c.repository)
	}
}
