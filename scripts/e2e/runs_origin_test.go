package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
)

// secret is in addresses of repositories, where it must stay.
const secret = "hunter2-do-not-tell"

const revision = "0123456789abcdef0123456789abcdef01234567"

// Each CI system's own variables say where a run came from, and no credentials in them are stored.
func TestOriginOfRuns(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	const number = "812"
	for _, c := range []struct {
		provider, env string
		pipeline      string
		branch, tag   string
		change, base  string
		repository    string
	}{
		{
			provider: "github", pipeline: "load", branch: "topic", change: "77", base: "main", repository: "https://github.com/shop/web",
			env: "GITHUB_ACTIONS=true GITHUB_WORKFLOW=load GITHUB_RUN_ID=1 GITHUB_RUN_NUMBER=812 GITHUB_SERVER_URL=https://ci:" + secret + "@github.com " +
				"GITHUB_REPOSITORY=shop/web GITHUB_HEAD_REF=topic GITHUB_BASE_REF=main GITHUB_REF=refs/pull/77/merge GITHUB_SHA=" + revision,
		},
		{
			provider: "gitlab", pipeline: "shop/web", branch: "topic", change: "5", base: "main", repository: "https://gitlab.example.com/shop/web",
			env: "GITLAB_CI=true CI_PROJECT_PATH=shop/web CI_PIPELINE_ID=1 CI_PIPELINE_IID=812 CI_COMMIT_REF_NAME=topic CI_COMMIT_SHA=" + revision + " " +
				"CI_MERGE_REQUEST_IID=5 CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=topic CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main " +
				"CI_REPOSITORY_URL=https://gitlab-ci-token:" + secret + "@gitlab.example.com/shop/web.git",
		},
		{
			provider: "circleci", pipeline: "web", branch: "topic", repository: "https://github.com/shop/web",
			env: "CIRCLECI=true CIRCLE_PROJECT_REPONAME=web CIRCLE_WORKFLOW_ID=w CIRCLE_BUILD_NUM=812 CIRCLE_BRANCH=topic CIRCLE_SHA1=" + revision + " " +
				"CIRCLE_REPOSITORY_URL=https://ci:" + secret + "@github.com/shop/web.git",
		},
		{
			provider: "azure", pipeline: "web", branch: "topic", repository: "https://dev.azure.com/shop/web/_git/web",
			env: "TF_BUILD=True BUILD_DEFINITIONNAME=web BUILD_BUILDID=812 BUILD_SOURCEBRANCH=refs/heads/topic BUILD_SOURCEVERSION=" + revision + " " +
				"BUILD_REPOSITORY_URI=https://ci:" + secret + "@dev.azure.com/shop/web/_git/web",
		},
		{
			provider: "bitbucket", pipeline: "shop/web", tag: "v1.2.3", repository: "https://bitbucket.org/shop/web",
			env: "BITBUCKET_COMMIT=" + revision + " BITBUCKET_REPO_FULL_NAME=shop/web BITBUCKET_BUILD_NUMBER=812 BITBUCKET_TAG=v1.2.3 " +
				"BITBUCKET_GIT_HTTP_ORIGIN=https://ci:" + secret + "@bitbucket.org/shop/web",
		},
		{
			provider: "buildkite", pipeline: "web", branch: "topic", repository: "https://git.example.com/shop/web",
			env: "BUILDKITE=true BUILDKITE_PIPELINE_SLUG=web BUILDKITE_BUILD_ID=b BUILDKITE_BUILD_NUMBER=812 BUILDKITE_BRANCH=topic BUILDKITE_PULL_REQUEST=false " +
				"BUILDKITE_COMMIT=" + revision + " BUILDKITE_REPO=https://ci:" + secret + "@git.example.com/shop/web.git",
		},
		{
			provider: "woodpecker", pipeline: "shop/web", branch: "topic", repository: "https://git.example.com/shop/web",
			env: "CI=woodpecker CI_REPO=shop/web CI_PIPELINE_NUMBER=812 CI_COMMIT_BRANCH=topic CI_COMMIT_SHA=" + revision + " " +
				"CI_REPO_CLONE_URL=https://ci:" + secret + "@git.example.com/shop/web.git",
		},
		{
			provider: "drone", pipeline: "shop/web", branch: "topic", repository: "https://git.example.com/shop/web",
			env: "DRONE=true DRONE_REPO=shop/web DRONE_BUILD_NUMBER=812 DRONE_BRANCH=topic DRONE_COMMIT_SHA=" + revision + " " +
				"DRONE_GIT_HTTP_URL=https://ci:" + secret + "@git.example.com/shop/web.git",
		},
		{
			provider: "teamcity", pipeline: "web",
			env: "TEAMCITY_VERSION=2026.1 TEAMCITY_PROJECT_NAME=web BUILD_NUMBER=812 BUILD_VCS_NUMBER=" + revision,
		},
		{
			provider: "jenkins", pipeline: "shop/web", branch: "topic", repository: "https://git.example.com/shop/web",
			env: "JENKINS_URL=https://ci:" + secret + "@ci.example.com/ BUILD_TAG=t BUILD_NUMBER=812 JOB_NAME=shop/web/topic BRANCH_NAME=topic " +
				"BUILD_URL=https://ci:" + secret + "@ci.example.com/job/web/812/ GIT_COMMIT=" + revision + " GIT_URL=https://ci:" + secret + "@git.example.com/shop/web.git",
		},
	} {
		t.Run(c.provider, func(t *testing.T) {
			t.Parallel()
			k := k6Run(t, tiny, s.out("run-id="+c.provider))
			k.env = strings.Fields(c.env)
			k.run(t, 0)
			d := s.run(t, c.provider)
			o := d.Origin()
			assert.Equal(t, ci.Provider(c.provider), o.Provider)
			assert.Equal(t, c.pipeline, o.PipelineName)
			assert.Equal(t, number, o.RunNumber)
			assert.Equal(t, c.branch, o.Branch)
			assert.Equal(t, c.tag, o.Tag)
			assert.Equal(t, revision, o.SHA)
			assert.Equal(t, c.change, o.ChangeID)
			assert.Equal(t, c.base, o.BaseBranch)
			assert.Equal(t, c.repository, o.RepositoryURL)
			assert.Contains(t, d.K6.Run.Name, "#"+number)
			assert.Contains(t, s.show(t, c.provider), number)
			s.requireNoSecret(t)
		})
	}
	t.Run("git", func(t *testing.T) {
		t.Parallel()
		k := k6Run(t, tiny, s.out("run-id=git"))
		k.dir = gitRepository(t)
		k.run(t, 0)
		o := s.run(t, "git").Origin()
		assert.Equal(t, "topic", o.Branch)
		assert.Regexp(t, `^[0-9a-f]{40}$`, o.SHA)
		assert.Equal(t, "https://git.example.com/shop/web", o.RepositoryURL)
		s.requireNoSecret(t)
	})
	t.Run("option before variables", func(t *testing.T) {
		t.Parallel()
		k := k6Run(t, tiny, s.out("run-id=option"))
		k.env = []string{"DRONE=true", "DRONE_BRANCH=topic", "DRONE_BUILD_NUMBER=812", "K6_ELASTICSEARCH_BRANCH=release", "K6_ELASTICSEARCH_RUN_NAME=nightly"}
		k.run(t, 0)
		d := s.run(t, "option")
		assert.Equal(t, "release", d.Origin().Branch)
		assert.Equal(t, number, d.Origin().RunNumber)
		assert.Equal(t, "nightly", d.K6.Run.Name)
		assert.Equal(t, map[string]runs.Status{"option": runs.Passed}, s.listed(t, "--branch", "release"))
	})
}

// gitRepository makes a repository with a commit, on branch topic.
func gitRepository(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range []string{
		"init --quiet", "checkout --quiet -b topic",
		"-c user.name=k6es -c user.email=k6es@example.com -c commit.gpgsign=false commit --quiet --allow-empty -m first",
		"remote add origin https://ci:" + secret + "@git.example.com/shop/web.git",
	} {
		command := exec.CommandContext(t.Context(), "git", strings.Fields(args)...)
		command.Dir, command.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		output, err := command.CombinedOutput()
		require.NoError(t, err, "git %s: %s", args, output)
	}
	return dir
}

var base64Text = regexp.MustCompile(`"([A-Za-z0-9+/]{40,}={0,2})"`)

// requireNoSecret looks through all that is stored, what is encoded too.
func (s store) requireNoSecret(t testing.TB) {
	t.Helper()
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPost, "/"+s.prefix+"-*/_refresh", nil, nil))
	var found struct {
		Hits struct{ Hits []json.RawMessage }
	}
	s.send(t, http.MethodPost, "/"+s.prefix+"-*/_search", object{"size": 10_000}, &found)
	require.NotEmpty(t, found.Hits.Hits)
	for _, hit := range found.Hits.Hits {
		assert.NotContains(t, string(hit), secret)
		for _, encoded := range base64Text.FindAllSubmatch(hit, -1) {
			text, err := base64.StdEncoding.DecodeString(string(encoded[1]))
			if err == nil {
				assert.NotContains(t, string(text), secret)
			}
		}
	}
}
