package ci

import (
	"context"
	"strings"
)

// Origin is where a run came from. Every field may be empty, which means not known; no field holds
// control characters, credentials, or more than 1 KiB.
type Origin struct {
	Provider     Provider // the CI system; empty outside of one
	PipelineName string   // the workflow, project or job that has runs
	RunID        string   // the pipeline run, as the CI system identifies it
	RunNumber    string   // the pipeline run, as people call it; not always a number
	RunURL       string
	TaskName     string // the job or step within the pipeline run
	TaskURL      string

	Branch     string // without refs/heads/ and origin/; of a change, its own branch; empty at a tag
	Tag        string // without refs/tags/
	SHA        string // the revision; of a change, its head and not the merge that CI made, where known
	ChangeID   string // number of the pull or merge request
	BaseBranch string // what the change wants to be merged into

	RepositoryURL  string // https://host/path without .git, or git@host:path as it was
	RepositoryName string // last part of the repository's path
}

// Overrides are the facts that the user states. They win over whatever is detected; an empty one is
// not stated. Branch and Tag are one fact: with either stated, the other is not detected.
type Overrides struct {
	PipelineName, RunNumber, RunURL        string
	Branch, Tag, SHA, ChangeID, BaseBranch string
	RepositoryURL                          string
}

func (o Overrides) origin() Origin {
	return Origin{
		PipelineName: o.PipelineName, RunNumber: o.RunNumber, RunURL: o.RunURL,
		Branch: o.Branch, Tag: o.Tag, SHA: o.SHA, ChangeID: o.ChangeID, BaseBranch: o.BaseBranch,
		RepositoryURL: o.RepositoryURL,
	}.cleaned()
}

// Detect gathers the facts: the overrides, then the variables in env (name to value), then git run in
// dir. A nil git is not asked, and an answer takes two seconds at most. Git fills gaps only if it
// stands at the revision known by then: a script may well lie in another repository than the
// service that it tests.
func Detect(ctx context.Context, env map[string]string, dir string, git Git, overrides Overrides) Origin {
	origin := overrides.origin()
	origin.fill(fromVariables(env))
	if git == nil {
		return origin
	}
	if local := fromGit(ctx, git, dir); strings.HasPrefix(local.SHA, strings.ToLower(origin.SHA)) {
		origin.fill(local)
	}
	return origin
}

// fill takes over what is not known yet.
func (o *Origin) fill(from Origin) {
	if o.Branch == "" && o.Tag == "" {
		o.Branch, o.Tag = from.Branch, from.Tag
	}
	if o.RepositoryURL == "" && o.RepositoryName == "" {
		o.RepositoryURL, o.RepositoryName = from.RepositoryURL, from.RepositoryName
	}
	if o.Provider == "" {
		o.Provider = from.Provider
	}
	for _, fact := range []struct {
		known *string
		found string
	}{
		{&o.PipelineName, from.PipelineName},
		{&o.RunID, from.RunID},
		{&o.RunNumber, from.RunNumber},
		{&o.RunURL, from.RunURL},
		{&o.TaskName, from.TaskName},
		{&o.TaskURL, from.TaskURL},
		{&o.SHA, from.SHA},
		{&o.ChangeID, from.ChangeID},
		{&o.BaseBranch, from.BaseBranch},
	} {
		if *fact.known == "" {
			*fact.known = fact.found
		}
	}
}

// cleaned brings raw facts into the form that Origin promises.
func (o Origin) cleaned() Origin {
	head, tag := parseRef(o.Branch), parseRef(o.Tag)
	o.Tag = first(tag.tag, tag.branch, head.tag)
	o.Branch = ""
	if o.Tag == "" {
		o.Branch = head.branch
	}
	o.ChangeID = first(changeID(o.ChangeID), head.change)
	o.BaseBranch = parseRef(o.BaseBranch).branch
	o.RepositoryURL, o.RepositoryName = repository(o.RepositoryURL)
	o.RunURL, o.TaskURL = link(o.RunURL), link(o.TaskURL)
	o.PipelineName, o.TaskName = text(o.PipelineName), text(o.TaskName)
	o.RunID, o.RunNumber, o.SHA = text(o.RunID), text(o.RunNumber), text(o.SHA)
	return o
}

// RunName is a name for people, such as "#812 pr-77@a1b2c3d" or "main@a1b2c3d"; empty if neither
// number nor revision is known.
func (o Origin) RunName() string {
	if o.RunNumber == "" {
		return o.Head()
	}
	return strings.TrimSpace("#" + strings.TrimPrefix(o.RunNumber, "#") + " " + o.Head())
}

// shortSHA is how many digits of a revision people are shown.
const shortSHA = 7

// Head is what ran, for people: change, tag or branch, and the beginning of the revision, such as
// "pr-77@a1b2c3d", "mr-5@a1b2c3d", "main@a1b2c3d" or "a1b2c3d"; empty if none of it is known.
func (o Origin) Head() string {
	name := first(o.Tag, o.Branch)
	if o.ChangeID != "" {
		name = "pr-" + o.ChangeID
		if o.Provider == GitLab {
			name = "mr-" + o.ChangeID
		}
	}
	sha := o.SHA
	if revision(sha) != "" {
		sha = sha[:min(len(sha), shortSHA)]
	}
	if name == "" || sha == "" {
		return name + sha
	}
	return name + "@" + sha
}

// first is the first that is not empty.
func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
