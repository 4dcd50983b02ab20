package ci

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	sha1 = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"
	sha2 = "99e0f1c2b3a4958677869504132231405f6e7d8c"
)

// event writes an event of GitHub's and returns its file.
func event(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// with is a copy of the variables with others on top.
func with(base map[string]string, more map[string]string) map[string]string {
	all := map[string]string{}
	for name, value := range base {
		all[name] = value
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func TestProviders(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/acme/shop/actions/runs/9753949763"
	github := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKFLOW": "load", "GITHUB_RUN_ID": "9753949763", "GITHUB_RUN_NUMBER": "812",
		"GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "k6", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/shop",
		"GITHUB_SHA": sha2,
	}
	onGitHub := Origin{
		Provider: GitHub, PipelineName: "load", RunID: "9753949763", RunNumber: "812", RunURL: page + "/attempts/2", TaskName: "k6",
		RepositoryURL: "https://github.com/acme/shop", RepositoryName: "shop",
	}
	pullEvent := `{"action":"synchronize","pull_request":{"number":77,"head":{"sha":"` + sha1 + `","ref":"faster"},"base":{"ref":"main"}}}`

	gitlab := map[string]string{
		"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/backend/shop", "CI_PIPELINE_ID": "4711", "CI_PIPELINE_IID": "812",
		"CI_PIPELINE_URL": "https://gitlab.example.com/acme/backend/shop/-/pipelines/4711", "CI_JOB_NAME": "k6", "CI_JOB_STAGE": "test",
		"CI_JOB_URL": "https://gitlab.example.com/acme/backend/shop/-/jobs/9", "CI_COMMIT_SHA": sha2,
		"CI_REPOSITORY_URL": "https://gitlab-ci-token:glcbt-64_SECRET@gitlab.example.com/acme/backend/shop.git",
	}
	onGitLab := Origin{
		Provider: GitLab, PipelineName: "acme/backend/shop", RunID: "4711", RunNumber: "812",
		RunURL: "https://gitlab.example.com/acme/backend/shop/-/pipelines/4711", TaskName: "k6",
		TaskURL:       "https://gitlab.example.com/acme/backend/shop/-/jobs/9",
		RepositoryURL: "https://gitlab.example.com/acme/backend/shop", RepositoryName: "shop", SHA: sha2,
	}

	circle := map[string]string{
		"CIRCLECI": "true", "CIRCLE_PROJECT_REPONAME": "shop", "CIRCLE_WORKFLOW_ID": "6a1f", "CIRCLE_BUILD_NUM": "812", "CIRCLE_JOB": "k6",
		"CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/shop/812", "CIRCLE_SHA1": sha1, "CIRCLE_REPOSITORY_URL": "git@github.com:acme/shop.git",
	}
	onCircle := Origin{
		Provider: CircleCI, PipelineName: "shop", RunID: "6a1f", RunNumber: "812", RunURL: "https://app.circleci.com/pipelines/workflows/6a1f",
		TaskName: "k6", TaskURL: "https://circleci.com/gh/acme/shop/812", SHA: sha1,
		RepositoryURL: "git@github.com:acme/shop.git", RepositoryName: "shop",
	}

	azure := map[string]string{
		"TF_BUILD": "True", "BUILD_DEFINITIONNAME": "load", "BUILD_BUILDID": "812", "BUILD_BUILDNUMBER": "20261122.3", "SYSTEM_JOBDISPLAYNAME": "k6",
		"SYSTEM_TEAMFOUNDATIONSERVERURI": "https://dev.azure.com/acme/", "SYSTEM_TEAMPROJECTID": "7d0c", "SYSTEM_JOBID": "12f1",
		"BUILD_SOURCEVERSION": sha2, "BUILD_REPOSITORY_URI": "https://acme@dev.azure.com/acme/web/_git/shop",
	}
	onAzure := Origin{
		Provider: Azure, PipelineName: "load", RunID: "812", RunNumber: "812", TaskName: "k6",
		RunURL:        "https://dev.azure.com/acme/7d0c/_build/results?buildId=812",
		TaskURL:       "https://dev.azure.com/acme/7d0c/_build/results?buildId=812&view=logs&j=12f1",
		RepositoryURL: "https://dev.azure.com/acme/web/_git/shop", RepositoryName: "shop", SHA: sha2,
	}

	bitbucket := map[string]string{
		"BITBUCKET_COMMIT": sha1, "BITBUCKET_PIPELINE_UUID": "{b8c1-22}", "BITBUCKET_BUILD_NUMBER": "812", "BITBUCKET_REPO_FULL_NAME": "acme/shop",
		"BITBUCKET_GIT_HTTP_ORIGIN": "http://bitbucket.org/acme/shop", "BITBUCKET_GIT_SSH_ORIGIN": "git@bitbucket.org:acme/shop.git",
	}
	onBitbucket := Origin{
		Provider: Bitbucket, PipelineName: "acme/shop", RunID: "b8c1-22", RunNumber: "812", SHA: sha1,
		RunURL:        "https://bitbucket.org/acme/shop/addon/pipelines/home#!/results/812",
		RepositoryURL: "http://bitbucket.org/acme/shop", RepositoryName: "shop",
	}

	buildkite := map[string]string{
		"BUILDKITE": "true", "BUILDKITE_PIPELINE_SLUG": "shop-load", "BUILDKITE_BUILD_ID": "b81e", "BUILDKITE_BUILD_NUMBER": "812",
		"BUILDKITE_BUILD_URL": "https://buildkite.com/acme/shop-load/builds/812", "BUILDKITE_JOB_ID": "d593", "BUILDKITE_LABEL": "k6",
		"BUILDKITE_REPO": "git@github.com:acme/shop.git", "BUILDKITE_COMMIT": sha1, "BUILDKITE_PULL_REQUEST": "false",
	}
	onBuildkite := Origin{
		Provider: Buildkite, PipelineName: "shop-load", RunID: "b81e", RunNumber: "812", RunURL: "https://buildkite.com/acme/shop-load/builds/812",
		TaskName: "k6", TaskURL: "https://buildkite.com/acme/shop-load/builds/812#d593", SHA: sha1,
		RepositoryURL: "git@github.com:acme/shop.git", RepositoryName: "shop",
	}

	woodpecker := map[string]string{
		"CI": "woodpecker", "DRONE": "true", "CI_REPO": "acme/shop", "CI_PIPELINE_NUMBER": "812", "CI_PIPELINE_URL": "https://ci.example.com/repos/7/pipeline/812",
		"CI_STEP_NAME": "k6", "CI_STEP_URL": "https://ci.example.com/repos/7/pipeline/812/2", "CI_COMMIT_SHA": sha1,
		"CI_REPO_URL": "https://git.example.com/acme/shop",
	}
	onWoodpecker := Origin{
		Provider: Woodpecker, PipelineName: "acme/shop", RunID: "812", RunNumber: "812", RunURL: "https://ci.example.com/repos/7/pipeline/812",
		TaskName: "k6", TaskURL: "https://ci.example.com/repos/7/pipeline/812/2", SHA: sha1,
		RepositoryURL: "https://git.example.com/acme/shop", RepositoryName: "shop",
	}

	drone := map[string]string{
		"CI": "true", "DRONE": "true", "DRONE_REPO": "acme/shop", "DRONE_BUILD_NUMBER": "812", "DRONE_BUILD_LINK": "https://drone.example.com/acme/shop/812",
		"DRONE_STEP_NAME": "k6", "DRONE_COMMIT_SHA": sha1, "DRONE_GIT_HTTP_URL": "https://git.example.com/acme/shop.git",
	}
	onDrone := Origin{
		Provider: Drone, PipelineName: "acme/shop", RunID: "812", RunNumber: "812", RunURL: "https://drone.example.com/acme/shop/812",
		TaskName: "k6", SHA: sha1, RepositoryURL: "https://git.example.com/acme/shop", RepositoryName: "shop",
	}

	teamcity := map[string]string{
		"TEAMCITY_VERSION": "2025.07", "TEAMCITY_PROJECT_NAME": "Shop", "TEAMCITY_BUILDCONF_NAME": "Load test", "BUILD_NUMBER": "812",
		"BUILD_URL":        "https://tc.example.com/viewLog.html?buildId=5&buildTypeId=Shop_Load&guest=1",
		"BUILD_VCS_NUMBER": sha1,
	}
	onTeamCity := Origin{
		Provider: TeamCity, PipelineName: "Shop", TaskName: "Load test", RunNumber: "812", SHA: sha1,
		RunURL: "https://tc.example.com/viewLog.html?buildId=5&buildTypeId=Shop_Load",
	}

	jenkins := map[string]string{
		"JENKINS_URL": "https://jenkins.example.com/", "BUILD_TAG": "jenkins-shop-main-812", "BUILD_NUMBER": "812",
		"BUILD_URL": "https://jenkins.example.com/job/shop/job/main/812/", "GIT_COMMIT": sha1,
		"GIT_URL": "https://ci-bot:s3cr3t@git.example.com/acme/shop.git",
	}
	onJenkins := Origin{
		Provider: Jenkins, RunID: "jenkins-shop-main-812", RunNumber: "812", RunURL: "https://jenkins.example.com/job/shop/job/main/812/",
		SHA: sha1, RepositoryURL: "https://git.example.com/acme/shop", RepositoryName: "shop",
	}

	type vars = map[string]string
	for name, c := range map[string]struct {
		base, more vars
		want       Origin
		adjust     func(*Origin)
		run        string
	}{
		"github, push": {github, vars{"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": event(t, `{"ref":"refs/heads/main"}`)}, onGitHub,
			func(o *Origin) { o.Branch, o.SHA = "main", sha2 }, "#812 main@99e0f1c"},
		"github, pull request": {github, vars{"GITHUB_REF": "refs/pull/77/merge", "GITHUB_HEAD_REF": "faster", "GITHUB_BASE_REF": "main",
			"GITHUB_EVENT_PATH": event(t, pullEvent), "JOB_CHECK_RUN_ID": "269"}, onGitHub,
			func(o *Origin) {
				o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha1, "77", "main"
				o.TaskURL = page + "/job/269"
			}, "#812 pr-77@a1b2c3d"},
		"github, pull request without its event": {github, vars{"GITHUB_REF": "refs/pull/77/merge", "GITHUB_HEAD_REF": "faster", "GITHUB_BASE_REF": "main",
			"GITHUB_EVENT_PATH": "/nowhere/event.json"}, onGitHub,
			func(o *Origin) { o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha2, "77", "main" }, "#812 pr-77@99e0f1c"},
		"github, pull request of a broken event": {github, vars{"GITHUB_REF": "refs/pull/77/merge", "GITHUB_HEAD_REF": "faster", "GITHUB_BASE_REF": "main",
			"GITHUB_EVENT_PATH": event(t, pullEvent[:60])}, onGitHub,
			func(o *Origin) { o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha2, "77", "main" }, "#812 pr-77@99e0f1c"},
		"github, pull request target": {github, vars{"GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "faster", "GITHUB_BASE_REF": "main",
			"GITHUB_EVENT_PATH": event(t, pullEvent)}, onGitHub,
			func(o *Origin) { o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha1, "77", "main" }, "#812 pr-77@a1b2c3d"},
		"github, review": {github, vars{"GITHUB_REF": "refs/pull/77/merge", "GITHUB_EVENT_PATH": event(t, pullEvent)}, onGitHub,
			func(o *Origin) { o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha1, "77", "main" }, "#812 pr-77@a1b2c3d"},
		"github, tag": {github, vars{"GITHUB_REF": "refs/tags/v1.2"}, onGitHub,
			func(o *Origin) { o.Tag, o.SHA = "v1.2", sha2 }, "#812 v1.2@99e0f1c"},

		"gitlab, push": {gitlab, vars{"CI_COMMIT_REF_NAME": "feature/x"}, onGitLab, func(o *Origin) { o.Branch = "feature/x" }, "#812 feature/x@99e0f1c"},
		"gitlab, merge request": {gitlab, vars{"CI_COMMIT_REF_NAME": "faster", "CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "faster",
			"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": ""}, onGitLab,
			func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "5", "main" }, "#812 mr-5@99e0f1c"},
		"gitlab, merged results": {gitlab, vars{"CI_COMMIT_REF_NAME": "refs/merge-requests/5/merge", "CI_MERGE_REQUEST_IID": "5",
			"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "faster", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
			"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": sha1}, onGitLab,
			func(o *Origin) { o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha1, "5", "main" }, "#812 mr-5@a1b2c3d"},
		"gitlab, pull request of another forge": {gitlab, vars{"CI_COMMIT_REF_NAME": "faster", "CI_EXTERNAL_PULL_REQUEST_IID": "77",
			"CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME": "faster", "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME": "main",
			"CI_PROJECT_URL": "https://gitlab.example.com/acme/backend/shop"}, onGitLab,
			func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "77", "main" }, "#812 mr-77@99e0f1c"},
		"gitlab, tag": {gitlab, vars{"CI_COMMIT_REF_NAME": "v1.2", "CI_COMMIT_TAG": "v1.2"}, onGitLab, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@99e0f1c"},

		"circleci, push": {circle, vars{"CIRCLE_BRANCH": "main"}, onCircle, func(o *Origin) { o.Branch = "main" }, "#812 main@a1b2c3d"},
		"circleci, pull request": {circle, vars{"CIRCLE_BRANCH": "faster", "CIRCLE_PULL_REQUEST": "https://github.com/acme/shop/pull/77"}, onCircle,
			func(o *Origin) { o.Branch, o.ChangeID = "faster", "77" }, "#812 pr-77@a1b2c3d"},
		"circleci, pull request of a fork": {circle, vars{"CIRCLE_BRANCH": "pull/77", "CIRCLE_PR_NUMBER": "77"}, onCircle,
			func(o *Origin) { o.ChangeID = "77" }, "#812 pr-77@a1b2c3d"},
		"circleci, tag": {circle, vars{"CIRCLE_TAG": "v1.2"}, onCircle, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@a1b2c3d"},
		"circleci, server of one's own": {circle, vars{"CIRCLE_BRANCH": "main", "CIRCLE_BUILD_URL": "https://circle.example.com/gh/acme/shop/812"}, onCircle,
			func(o *Origin) {
				o.Branch, o.RunURL, o.TaskURL = "main", "https://circle.example.com/gh/acme/shop/812", "https://circle.example.com/gh/acme/shop/812"
			}, "#812 main@a1b2c3d"},

		"azure, push": {azure, vars{"BUILD_SOURCEBRANCH": "refs/heads/feature/x"}, onAzure, func(o *Origin) { o.Branch = "feature/x" }, "#812 feature/x@99e0f1c"},
		"azure, pull request": {azure, vars{"BUILD_SOURCEBRANCH": "refs/pull/77/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID": "77",
			"SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/faster", "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
			"SYSTEM_PULLREQUEST_SOURCECOMMITID": sha1}, onAzure,
			func(o *Origin) { o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha1, "77", "main" }, "#812 pr-77@a1b2c3d"},
		"azure, pull request of GitHub": {azure, vars{"BUILD_SOURCEBRANCH": "refs/pull/77/merge", "SYSTEM_PULLREQUEST_PULLREQUESTID": "565712345",
			"SYSTEM_PULLREQUEST_PULLREQUESTNUMBER": "77", "SYSTEM_PULLREQUEST_SOURCEBRANCH": "faster", "SYSTEM_PULLREQUEST_TARGETBRANCH": "main",
			"SYSTEM_PULLREQUEST_SOURCECOMMITID": sha1, "BUILD_REPOSITORY_URI": "https://github.com/acme/shop"}, onAzure,
			func(o *Origin) {
				o.Branch, o.SHA, o.ChangeID, o.BaseBranch = "faster", sha1, "77", "main"
				o.RepositoryURL = "https://github.com/acme/shop"
			}, "#812 pr-77@a1b2c3d"},
		"azure, tag": {azure, vars{"BUILD_SOURCEBRANCH": "refs/tags/v1.2"}, onAzure, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@99e0f1c"},
		"azure, without the project": {azure, vars{"BUILD_SOURCEBRANCH": "refs/heads/main", "SYSTEM_TEAMPROJECTID": ""}, onAzure,
			func(o *Origin) { o.Branch, o.RunURL, o.TaskURL = "main", "", "" }, "#812 main@99e0f1c"},

		"bitbucket, push": {bitbucket, vars{"BITBUCKET_BRANCH": "main"}, onBitbucket, func(o *Origin) { o.Branch = "main" }, "#812 main@a1b2c3d"},
		"bitbucket, pull request": {bitbucket, vars{"BITBUCKET_BRANCH": "faster", "BITBUCKET_PR_ID": "77", "BITBUCKET_PR_DESTINATION_BRANCH": "main"}, onBitbucket,
			func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "77", "main" }, "#812 pr-77@a1b2c3d"},
		"bitbucket, tag": {bitbucket, vars{"BITBUCKET_TAG": "v1.2"}, onBitbucket, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@a1b2c3d"},

		"buildkite, push": {buildkite, vars{"BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": ""}, onBuildkite,
			func(o *Origin) { o.Branch = "main" }, "#812 main@a1b2c3d"},
		"buildkite, pull request": {buildkite, vars{"BUILDKITE_BRANCH": "faster", "BUILDKITE_PULL_REQUEST": "77", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"},
			onBuildkite, func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "77", "main" }, "#812 pr-77@a1b2c3d"},
		"buildkite, tag": {buildkite, vars{"BUILDKITE_BRANCH": "v1.2", "BUILDKITE_TAG": "v1.2"}, onBuildkite, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@a1b2c3d"},
		"buildkite, revision not resolved": {buildkite, vars{"BUILDKITE_BRANCH": "main", "BUILDKITE_COMMIT": "HEAD"}, onBuildkite,
			func(o *Origin) { o.Branch, o.SHA = "main", "" }, "#812 main"},

		"woodpecker, push": {woodpecker, vars{"CI_COMMIT_BRANCH": "main"}, onWoodpecker, func(o *Origin) { o.Branch = "main" }, "#812 main@a1b2c3d"},
		"woodpecker, pull request": {woodpecker, vars{"CI_COMMIT_BRANCH": "main", "CI_COMMIT_SOURCE_BRANCH": "faster", "CI_COMMIT_TARGET_BRANCH": "main",
			"CI_COMMIT_PULL_REQUEST": "77"}, onWoodpecker,
			func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "77", "main" }, "#812 pr-77@a1b2c3d"},
		"woodpecker, tag": {woodpecker, vars{"CI_COMMIT_TAG": "v1.2"}, onWoodpecker, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@a1b2c3d"},

		"drone, push": {drone, vars{"DRONE_BRANCH": "main", "DRONE_SOURCE_BRANCH": "main", "DRONE_TARGET_BRANCH": "main"}, onDrone,
			func(o *Origin) { o.Branch = "main" }, "#812 main@a1b2c3d"},
		"drone, pull request": {drone, vars{"DRONE_BRANCH": "main", "DRONE_SOURCE_BRANCH": "faster", "DRONE_TARGET_BRANCH": "main", "DRONE_PULL_REQUEST": "77"},
			onDrone, func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "77", "main" }, "#812 pr-77@a1b2c3d"},
		"drone, tag": {drone, vars{"DRONE_BRANCH": "main", "DRONE_TAG": "v1.2"}, onDrone, func(o *Origin) { o.Tag = "v1.2" }, "#812 v1.2@a1b2c3d"},

		"teamcity, push": {teamcity, nil, onTeamCity, func(*Origin) {}, "#812 a1b2c3d"},
		"teamcity, pull request": {teamcity, vars{"TEAMCITY_PULLREQUEST_NUMBER": "77", "TEAMCITY_PULLREQUEST_SOURCE_BRANCH": "faster",
			"TEAMCITY_PULLREQUEST_TARGET_BRANCH": "refs/heads/main"}, onTeamCity,
			func(o *Origin) { o.Branch, o.ChangeID, o.BaseBranch = "faster", "77", "main" }, "#812 pr-77@a1b2c3d"},

		"jenkins, push": {jenkins, vars{"JOB_NAME": "shop", "GIT_BRANCH": "origin/feature/x"}, onJenkins,
			func(o *Origin) { o.PipelineName, o.Branch = "shop", "feature/x" }, "#812 feature/x@a1b2c3d"},
		"jenkins, multibranch": {jenkins, vars{"JOB_NAME": "team/shop/feature%2Fx", "BRANCH_NAME": "feature/x", "GIT_BRANCH": "feature/x"}, onJenkins,
			func(o *Origin) { o.PipelineName, o.Branch = "team/shop", "feature/x" }, "#812 feature/x@a1b2c3d"},
		"jenkins, matrix": {jenkins, vars{"JOB_NAME": "shop/OS=linux,JDK=21/main", "GIT_BRANCH": "origin/main"}, onJenkins,
			func(o *Origin) { o.PipelineName, o.Branch = "shop", "main" }, "#812 main@a1b2c3d"},
		"jenkins, pull request": {jenkins, vars{"JOB_NAME": "shop/PR-77", "BRANCH_NAME": "PR-77", "GIT_BRANCH": "PR-77", "CHANGE_ID": "77",
			"CHANGE_BRANCH": "faster", "CHANGE_TARGET": "main"}, onJenkins,
			func(o *Origin) { o.PipelineName, o.Branch, o.ChangeID, o.BaseBranch = "shop", "faster", "77", "main" }, "#812 pr-77@a1b2c3d"},
		"jenkins, tag": {jenkins, vars{"JOB_NAME": "shop/v1.2", "BRANCH_NAME": "v1.2", "TAG_NAME": "v1.2"}, onJenkins,
			func(o *Origin) { o.PipelineName, o.Tag = "shop", "v1.2" }, "#812 v1.2@a1b2c3d"},
		"jenkins, tag as a branch": {jenkins, vars{"JOB_NAME": "shop", "GIT_BRANCH": "origin/tags/v1.2"}, onJenkins,
			func(o *Origin) { o.PipelineName, o.Tag = "shop", "v1.2" }, "#812 v1.2@a1b2c3d"},
		"jenkins, detached": {jenkins, vars{"JOB_NAME": "shop", "GIT_BRANCH": "detached"}, onJenkins,
			func(o *Origin) { o.PipelineName = "shop" }, "#812 a1b2c3d"},

		"nothing": {nil, vars{"CI": "true", "PATH": "/bin"}, Origin{}, func(*Origin) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.adjust(&c.want)
			got := Detect(t.Context(), with(c.base, c.more), "", nil, Overrides{})
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.run, got.RunName())
			assert.Equal(t, got, got.Fields().Origin(), "there and back")
		})
	}
}

func TestProviderVariablesMayAllBeEmptyOrOdd(t *testing.T) {
	t.Parallel()
	for _, system := range providers {
		value := first(system.value, "true")
		got := Detect(t.Context(), map[string]string{system.marker: value}, "", nil, Overrides{})
		assert.Equal(t, system.provider, got.Provider)
		got.Provider, got.SHA = "", ""
		assert.Equal(t, Origin{}, got, system.title)
		assert.Equal(t, system.title, system.provider.Title())
	}
	assert.Equal(t, "elsewhere", Provider("elsewhere").Title())
}

func TestOverridesWin(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "v1", "CI_COMMIT_TAG": "v1", "CI_COMMIT_SHA": sha2, "CI_PIPELINE_IID": "812",
		"CI_PROJECT_URL": "https://gitlab.com/acme/tests", "CI_JOB_NAME": "k6",
	}
	got := Detect(t.Context(), env, "", nil, Overrides{
		Branch: "refs/heads/main", SHA: sha1, BaseBranch: "origin/next", ChangeID: "https://github.com/acme/shop/pull/77/",
		RunURL: "https://me:pw@ci.example.com/run/5?token=x", RunNumber: "5", PipelineName: "nightly", RepositoryURL: "git@github.com:acme/shop.git",
	})
	assert.Equal(t, Origin{
		Provider: GitLab, PipelineName: "nightly", RunNumber: "5", RunURL: "https://ci.example.com/run/5", TaskName: "k6",
		Branch: "main", SHA: sha1, ChangeID: "77", BaseBranch: "next",
		RepositoryURL: "git@github.com:acme/shop.git", RepositoryName: "shop",
	}, got)

	tagged := Detect(t.Context(), map[string]string{"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main"}, "", nil, Overrides{Tag: "refs/tags/v2"})
	assert.Equal(t, "v2", tagged.Tag)
	assert.Empty(t, tagged.Branch)
}

func TestRunName(t *testing.T) {
	t.Parallel()
	for want, origin := range map[string]Origin{
		"":                   {},
		"#812":               {RunNumber: "812"},
		"#7.1":               {RunNumber: "#7.1"},
		"main":               {Branch: "main"},
		"a1b2c3d":            {SHA: sha1},
		"main@a1b2c3d":       {Branch: "main", SHA: sha1},
		"v1@a1b2c3d":         {Tag: "v1", SHA: sha1},
		"#812 pr-77@a1b2c3d": {RunNumber: "812", ChangeID: "77", Branch: "faster", SHA: sha1},
		"mr-5@a1b2c3d":       {Provider: GitLab, ChangeID: "5", SHA: sha1},
		"trunk@4711":         {Branch: "trunk", SHA: "4711"},
		"main@release-2026":  {Branch: "main", SHA: "release-2026"},
	} {
		assert.Equal(t, want, origin.RunName())
	}
}

func TestEventsThatAreNotRead(t *testing.T) {
	t.Parallel()
	assert.Zero(t, readPullRequest(""))
	assert.Zero(t, readPullRequest(t.TempDir()), "a folder")
	large := event(t, `{"filler":"`+strings.Repeat("x", maxEvent)+`","pull_request":{"number":77}}`)
	assert.Zero(t, readPullRequest(large), "too large")
	assert.Zero(t, readPullRequest(event(t, `{"pull_request":null}`)))
	assert.Zero(t, readPullRequest(event(t, `{"pull_request":{"number":"many"}}`)))
}

func TestGitIsGivenTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := func(ctx context.Context, _ string, _ ...string) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}
		start := time.Now()
		assert.Zero(t, Detect(t.Context(), nil, "", stuck, Overrides{}))
		assert.Equal(t, gitTimeout, time.Since(start))
	})
}
