package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run runs git in a folder, with nobody's configuration.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// checkout makes a repository with one commit on feature/x, and returns its folder and the commit.
func checkout(t *testing.T) (dir, sha string) {
	t.Helper()
	dir = t.TempDir()
	run(t, dir, "init", "--quiet", "--initial-branch=feature/x")
	run(t, dir, "commit", "--quiet", "--allow-empty", "--message=first")
	return dir, run(t, dir, "rev-parse", "HEAD")
}

func detect(t *testing.T, dir string, env map[string]string) Origin {
	t.Helper()
	return Detect(t.Context(), env, dir, Command, Overrides{})
}

func TestGitOnABranch(t *testing.T) {
	t.Parallel()
	dir, sha := checkout(t)
	run(t, dir, "tag", "v1")
	assert.Equal(t, Origin{Branch: "feature/x", SHA: sha}, detect(t, dir, nil), "without a remote, and on a branch a tag is not what ran")

	run(t, dir, "remote", "add", "fork", "https://me:ghp_SECRET@github.com/me/fork.git")
	want := Origin{Branch: "feature/x", SHA: sha, RepositoryURL: "https://github.com/me/fork", RepositoryName: "fork"}
	assert.Equal(t, want, detect(t, dir, nil))

	run(t, dir, "remote", "add", "origin", "ssh://git:pw@git.example.com:7999/acme/shop.git")
	want.RepositoryURL, want.RepositoryName = "ssh://git@git.example.com:7999/acme/shop.git", "shop"
	assert.Equal(t, want, detect(t, dir, nil))
	assert.Equal(t, "feature/x@"+sha[:7], want.RunName())

	folder := filepath.Join(dir, "deeper")
	require.NoError(t, os.Mkdir(folder, 0o750))
	assert.Equal(t, want, detect(t, folder, nil), "from a folder within")
}

func TestGitOnADetachedHead(t *testing.T) {
	t.Parallel()
	dir, sha := checkout(t)
	run(t, dir, "checkout", "--quiet", "--detach")
	assert.Equal(t, Origin{SHA: sha}, detect(t, dir, nil))
	run(t, dir, "tag", "--annotate", "--message=first", "v1")
	assert.Equal(t, Origin{SHA: sha, Tag: "v1"}, detect(t, dir, nil))
	run(t, dir, "tag", "latest")
	assert.Equal(t, Origin{SHA: sha}, detect(t, dir, nil), "which of two tags is not known")
}

func TestGitWithALocalRemote(t *testing.T) {
	t.Parallel()
	dir, sha := checkout(t)
	run(t, dir, "remote", "add", "origin", "/srv/git/shop.git")
	assert.Equal(t, Origin{Branch: "feature/x", SHA: sha, RepositoryName: "shop"}, detect(t, dir, nil))
}

func TestGitWithoutARepositoryOrCommit(t *testing.T) {
	t.Parallel()
	assert.Zero(t, detect(t, t.TempDir(), nil), "no repository")
	assert.Zero(t, detect(t, filepath.Join(t.TempDir(), "gone"), nil), "no folder")
	dir := t.TempDir()
	run(t, dir, "init", "--quiet")
	assert.Zero(t, detect(t, dir, nil), "no commit")
}

func TestGitFillsGaps(t *testing.T) {
	t.Parallel()
	dir, sha := checkout(t)
	run(t, dir, "remote", "add", "origin", "https://git.example.com/acme/shop.git")
	teamcity := map[string]string{"TEAMCITY_VERSION": "2025.07", "BUILD_NUMBER": "812", "BUILD_VCS_NUMBER": strings.ToUpper(sha)}
	want := Origin{
		Provider: TeamCity, RunNumber: "812", SHA: sha, Branch: "feature/x",
		RepositoryURL: "https://git.example.com/acme/shop", RepositoryName: "shop",
	}
	assert.Equal(t, want, detect(t, dir, teamcity))

	delete(teamcity, "BUILD_VCS_NUMBER")
	assert.Equal(t, want, detect(t, dir, teamcity), "the revision, too")

	teamcity["BUILD_VCS_NUMBER"] = sha1
	assert.Equal(t, Origin{Provider: TeamCity, RunNumber: "812", SHA: sha1}, detect(t, dir, teamcity), "another revision: another repository, perhaps")

	stated := Detect(t.Context(), nil, dir, Command, Overrides{SHA: sha[:10]})
	assert.Equal(t, Origin{SHA: sha[:10], Branch: "feature/x", RepositoryURL: want.RepositoryURL, RepositoryName: "shop"}, stated)
}

func TestGitOfSomebodyElse(t *testing.T) {
	dir, sha := checkout(t)
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull) // it may trust every folder
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	require.Equal(t, sha, detect(t, dir, nil).SHA)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
	_, err := Command(t.Context(), dir, "rev-parse", "HEAD")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Contains(t, string(exit.Stderr), "dubious ownership")
	assert.Zero(t, detect(t, dir, nil))
}

func TestGitMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Command(t.Context(), "", "version")
	require.ErrorIs(t, err, exec.ErrNotFound)
	assert.Zero(t, detect(t, "", nil))
}
