package ci

import (
	"encoding/json"
	"io"
	"os"
)

// maxEvent is how large an event may be; GitHub's own limit for one is 25 MB, a usual one has 30 KB.
const maxEvent = 10 << 20

// pullRequest is what GitHub's event says about a pull request, which the variables do not: at
// pull_request GITHUB_SHA is a merge that GitHub made, at pull_request_target it is the base.
type pullRequest struct {
	Number json.Number `json:"number"`
	Head   struct {
		SHA string `json:"sha"`
		Ref string `json:"ref"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
}

// readPullRequest reads it from the file of the event. It is zero if there is no such file, or it is
// about something else, or broken, or too large.
func readPullRequest(file string) pullRequest {
	// Only of a regular file: opening a pipe would wait for somebody to write.
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || info.Size() > maxEvent {
		return pullRequest{}
	}
	f, err := os.Open(file)
	if err != nil {
		return pullRequest{}
	}
	defer func() { _ = f.Close() }() // nothing was written
	var event struct {
		PullRequest pullRequest `json:"pull_request"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxEvent)).Decode(&event); err != nil {
		return pullRequest{}
	}
	return event.PullRequest
}

func fromGitHub(env variables) Origin {
	pull := readPullRequest(env["GITHUB_EVENT_PATH"])
	origin := Origin{
		PipelineName: env["GITHUB_WORKFLOW"],
		RunID:        env["GITHUB_RUN_ID"],
		RunNumber:    env["GITHUB_RUN_NUMBER"],
		TaskName:     env["GITHUB_JOB"],
		Branch:       first(pull.Head.Ref, env.first("GITHUB_HEAD_REF", "GITHUB_REF")),
		SHA:          first(revision(pull.Head.SHA), env["GITHUB_SHA"]),
		ChangeID:     first(pull.Number.String(), parseRef(env["GITHUB_REF"]).change),
		BaseBranch:   first(env["GITHUB_BASE_REF"], pull.Base.Ref),
	}
	if env["GITHUB_SERVER_URL"] == "" || env["GITHUB_REPOSITORY"] == "" {
		return origin
	}
	origin.RepositoryURL = env["GITHUB_SERVER_URL"] + "/" + env["GITHUB_REPOSITORY"]
	if origin.RunID == "" {
		return origin
	}
	run := origin.RepositoryURL + "/actions/runs/" + origin.RunID
	origin.RunURL = run
	if attempt := env["GITHUB_RUN_ATTEMPT"]; attempt != "" {
		origin.RunURL += "/attempts/" + attempt
	}
	// No variable by default: a workflow maps job.check_run_id to it, as for other tools.
	if job := env["JOB_CHECK_RUN_ID"]; job != "" {
		origin.TaskURL = run + "/job/" + job
	}
	return origin
}
