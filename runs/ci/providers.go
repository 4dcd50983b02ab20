package ci

import (
	"net/url"
	"strings"
)

// Provider is a CI system.
type Provider string

// The CI systems that are known.
const (
	GitHub     Provider = "github"
	GitLab     Provider = "gitlab"
	CircleCI   Provider = "circleci"
	Azure      Provider = "azure"
	Bitbucket  Provider = "bitbucket"
	Buildkite  Provider = "buildkite"
	Woodpecker Provider = "woodpecker"
	Drone      Provider = "drone"
	TeamCity   Provider = "teamcity"
	Jenkins    Provider = "jenkins"
)

// Title is the provider's name for people, such as "GitHub Actions".
func (p Provider) Title() string {
	for _, system := range providers {
		if system.provider == p {
			return system.title
		}
	}
	return string(p)
}

// variables are the environment's.
type variables map[string]string

// first is the first variable of these that is not empty.
func (v variables) first(names ...string) string {
	for _, name := range names {
		if v[name] != "" {
			return v[name]
		}
	}
	return ""
}

// system is a CI system, how to tell it, and what its variables mean.
type system struct {
	provider Provider
	title    string
	marker   string // the variable that is set
	value    string // what it is set to; empty: anything
	facts    func(variables) Origin
}

// providers are looked for in this order. Those come last whose marker an agent's machine may carry
// for other reasons than a build.
var providers = []system{
	{GitHub, "GitHub Actions", "GITHUB_ACTIONS", "", fromGitHub},
	{GitLab, "GitLab CI", "GITLAB_CI", "", fromGitLab},
	{CircleCI, "CircleCI", "CIRCLECI", "", fromCircleCI},
	{Azure, "Azure Pipelines", "TF_BUILD", "", fromAzure},
	{Bitbucket, "Bitbucket Pipelines", "BITBUCKET_COMMIT", "", fromBitbucket},
	{Buildkite, "Buildkite", "BUILDKITE", "", fromBuildkite},
	{Woodpecker, "Woodpecker", "CI", "woodpecker", fromWoodpecker},
	{Drone, "Drone", "DRONE", "", fromDrone},
	{TeamCity, "TeamCity", "TEAMCITY_VERSION", "", fromTeamCity},
	{Jenkins, "Jenkins", "JENKINS_URL", "", fromJenkins},
}

// fromVariables is what the first CI system found says.
func fromVariables(env variables) Origin {
	for _, system := range providers {
		value := env[system.marker]
		if value == "" || system.value != "" && value != system.value {
			continue
		}
		origin := system.facts(env)
		origin.Provider = system.provider
		origin.SHA = revision(origin.SHA)
		origin = origin.cleaned()
		if origin.ChangeID == "" {
			origin.BaseBranch = "" // some set it at every push
		}
		return origin
	}
	return Origin{}
}

func fromGitLab(env variables) Origin {
	origin := Origin{
		PipelineName:  env["CI_PROJECT_PATH"],
		RunID:         env["CI_PIPELINE_ID"],
		RunNumber:     env["CI_PIPELINE_IID"],
		RunURL:        env["CI_PIPELINE_URL"],
		TaskName:      env["CI_JOB_NAME"],
		TaskURL:       env["CI_JOB_URL"],
		Tag:           env["CI_COMMIT_TAG"],
		Branch:        env["CI_COMMIT_REF_NAME"],
		SHA:           env["CI_COMMIT_SHA"],
		RepositoryURL: env.first("CI_PROJECT_URL", "CI_REPOSITORY_URL"),
	}
	for _, change := range []string{"CI_MERGE_REQUEST_", "CI_EXTERNAL_PULL_REQUEST_"} {
		if env[change+"IID"] == "" {
			continue
		}
		origin.ChangeID = env[change+"IID"]
		origin.Branch = first(env[change+"SOURCE_BRANCH_NAME"], origin.Branch)
		origin.BaseBranch = env[change+"TARGET_BRANCH_NAME"]
		// Set only where CI_COMMIT_SHA is a merge that GitLab made.
		origin.SHA = first(env[change+"SOURCE_BRANCH_SHA"], origin.SHA)
	}
	return origin
}

func fromCircleCI(env variables) Origin {
	origin := Origin{
		PipelineName:  env["CIRCLE_PROJECT_REPONAME"],
		RunID:         env["CIRCLE_WORKFLOW_ID"],
		RunNumber:     env["CIRCLE_BUILD_NUM"],
		RunURL:        env["CIRCLE_BUILD_URL"],
		TaskName:      env["CIRCLE_JOB"],
		TaskURL:       env["CIRCLE_BUILD_URL"],
		Tag:           env["CIRCLE_TAG"],
		Branch:        env["CIRCLE_BRANCH"],
		SHA:           env["CIRCLE_SHA1"],
		ChangeID:      env.first("CIRCLE_PR_NUMBER", "CIRCLE_PULL_REQUEST"),
		RepositoryURL: env["CIRCLE_REPOSITORY_URL"],
	}
	// The workflow's page is known on the public service only; a server of one's own has another host.
	page, err := url.Parse(origin.RunURL)
	public := err == nil && (page.Host == "" || page.Host == "circleci.com" || page.Host == "app.circleci.com")
	if public && origin.RunID != "" {
		origin.RunURL = "https://app.circleci.com/pipelines/workflows/" + origin.RunID
	}
	return origin
}

func fromAzure(env variables) Origin {
	origin := Origin{
		PipelineName: env["BUILD_DEFINITIONNAME"],
		RunID:        env["BUILD_BUILDID"],
		RunNumber:    env["BUILD_BUILDID"],
		TaskName:     env["SYSTEM_JOBDISPLAYNAME"],
		Branch:       env.first("SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH"),
		SHA:          env.first("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
		// The number is GitHub's; at other forges there is only the id.
		ChangeID:      env.first("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"),
		BaseBranch:    env["SYSTEM_PULLREQUEST_TARGETBRANCH"],
		RepositoryURL: env["BUILD_REPOSITORY_URI"],
	}
	server := strings.TrimRight(env.first("SYSTEM_TEAMFOUNDATIONSERVERURI", "SYSTEM_COLLECTIONURI"), "/")
	project := env["SYSTEM_TEAMPROJECTID"]
	if server == "" || project == "" || origin.RunID == "" {
		return origin
	}
	origin.RunURL = server + "/" + project + "/_build/results?buildId=" + url.QueryEscape(origin.RunID)
	if job := env["SYSTEM_JOBID"]; job != "" {
		origin.TaskURL = origin.RunURL + "&view=logs&j=" + url.QueryEscape(job)
	}
	return origin
}

func fromBitbucket(env variables) Origin {
	origin := Origin{
		PipelineName:  env["BITBUCKET_REPO_FULL_NAME"],
		RunID:         strings.Trim(env["BITBUCKET_PIPELINE_UUID"], "{}"),
		RunNumber:     env["BITBUCKET_BUILD_NUMBER"],
		Tag:           env["BITBUCKET_TAG"],
		Branch:        env["BITBUCKET_BRANCH"],
		SHA:           env["BITBUCKET_COMMIT"],
		ChangeID:      env["BITBUCKET_PR_ID"],
		BaseBranch:    env["BITBUCKET_PR_DESTINATION_BRANCH"],
		RepositoryURL: env.first("BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_GIT_SSH_ORIGIN"),
	}
	if origin.PipelineName != "" && origin.RunNumber != "" {
		origin.RunURL = "https://bitbucket.org/" + origin.PipelineName + "/addon/pipelines/home#!/results/" + origin.RunNumber
	}
	return origin
}

func fromBuildkite(env variables) Origin {
	origin := Origin{
		PipelineName:  env["BUILDKITE_PIPELINE_SLUG"],
		RunID:         env["BUILDKITE_BUILD_ID"],
		RunNumber:     env["BUILDKITE_BUILD_NUMBER"],
		RunURL:        env["BUILDKITE_BUILD_URL"],
		TaskName:      env.first("BUILDKITE_LABEL", "BUILDKITE_STEP_KEY", "BUILDKITE_JOB_ID"),
		Tag:           env["BUILDKITE_TAG"],
		Branch:        env["BUILDKITE_BRANCH"],
		SHA:           env["BUILDKITE_COMMIT"],
		RepositoryURL: env["BUILDKITE_REPO"],
	}
	if job := env["BUILDKITE_JOB_ID"]; job != "" && origin.RunURL != "" {
		origin.TaskURL = origin.RunURL + "#" + job
	}
	if change := env["BUILDKITE_PULL_REQUEST"]; change != "false" {
		origin.ChangeID = change
		origin.BaseBranch = env["BUILDKITE_PULL_REQUEST_BASE_BRANCH"]
	}
	return origin
}

func fromWoodpecker(env variables) Origin {
	return Origin{
		PipelineName: env["CI_REPO"],
		RunID:        env["CI_PIPELINE_NUMBER"],
		RunNumber:    env["CI_PIPELINE_NUMBER"],
		RunURL:       env["CI_PIPELINE_URL"],
		TaskName:     env["CI_STEP_NAME"],
		TaskURL:      env["CI_STEP_URL"],
		Tag:          env["CI_COMMIT_TAG"],
		// At a pull request CI_COMMIT_BRANCH is its base.
		Branch:        env.first("CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH"),
		SHA:           env["CI_COMMIT_SHA"],
		ChangeID:      env["CI_COMMIT_PULL_REQUEST"],
		BaseBranch:    env["CI_COMMIT_TARGET_BRANCH"],
		RepositoryURL: env.first("CI_REPO_URL", "CI_REPO_CLONE_URL"),
	}
}

func fromDrone(env variables) Origin {
	origin := Origin{
		PipelineName:  env["DRONE_REPO"],
		RunID:         env["DRONE_BUILD_NUMBER"],
		RunNumber:     env["DRONE_BUILD_NUMBER"],
		RunURL:        env["DRONE_BUILD_LINK"],
		TaskName:      env["DRONE_STEP_NAME"],
		Tag:           env["DRONE_TAG"],
		Branch:        env["DRONE_BRANCH"],
		SHA:           env["DRONE_COMMIT_SHA"],
		ChangeID:      env["DRONE_PULL_REQUEST"],
		BaseBranch:    env["DRONE_TARGET_BRANCH"],
		RepositoryURL: env["DRONE_GIT_HTTP_URL"],
	}
	if origin.ChangeID != "" { // then DRONE_BRANCH is the base
		origin.Branch = env["DRONE_SOURCE_BRANCH"]
	}
	return origin
}

// fromTeamCity lacks branch and repository, which TeamCity does not export: they are git's.
func fromTeamCity(env variables) Origin {
	return Origin{
		PipelineName: env["TEAMCITY_PROJECT_NAME"],
		RunNumber:    env["BUILD_NUMBER"],
		RunURL:       env["BUILD_URL"],
		TaskName:     env["TEAMCITY_BUILDCONF_NAME"],
		SHA:          env["BUILD_VCS_NUMBER"],
		Branch:       env["TEAMCITY_PULLREQUEST_SOURCE_BRANCH"],
		ChangeID:     env["TEAMCITY_PULLREQUEST_NUMBER"],
		BaseBranch:   env["TEAMCITY_PULLREQUEST_TARGET_BRANCH"],
	}
}

func fromJenkins(env variables) Origin {
	origin := Origin{
		RunID:         env["BUILD_TAG"],
		RunNumber:     env["BUILD_NUMBER"],
		RunURL:        env["BUILD_URL"],
		Tag:           env["TAG_NAME"],
		Branch:        env.first("CHANGE_BRANCH", "GIT_BRANCH", "BRANCH_NAME"),
		SHA:           env["GIT_COMMIT"],
		ChangeID:      env["CHANGE_ID"],
		BaseBranch:    env["CHANGE_TARGET"],
		RepositoryURL: env.first("GIT_URL", "GIT_URL_1"),
	}
	if origin.ChangeID != "" { // then the other names are Jenkins' own, such as PR-77
		origin.Branch = env["CHANGE_BRANCH"]
	}
	if origin.Branch == "detached" {
		origin.Branch = env["BRANCH_NAME"]
	}
	origin.PipelineName = jenkinsJob(env)
	return origin
}

// jenkinsJob is JOB_NAME without what tells one build of a job from another: the branch of a
// multibranch project and the axes (KEY=VALUE) of a matrix project.
func jenkinsJob(env variables) string {
	var kept []string
	for part := range strings.SplitSeq(env["JOB_NAME"], "/") {
		if !strings.Contains(part, "=") {
			kept = append(kept, part)
		}
	}
	name := strings.Join(kept, "/")
	for _, variable := range []string{"BRANCH_NAME", "TAG_NAME", "GIT_BRANCH", "CHANGE_BRANCH"} {
		ref := parseRef(env[variable])
		branch := first(ref.branch, ref.tag)
		for _, spelling := range []string{branch, url.PathEscape(branch)} {
			if job, found := strings.CutSuffix(name, "/"+spelling); found && spelling != "" {
				return job
			}
		}
	}
	return name
}
