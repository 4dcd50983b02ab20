package ci

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Git runs git with the arguments in a folder (empty: the current one) and returns what it printed.
// It must end soon after the context.
type Git func(ctx context.Context, dir string, args ...string) (string, error)

// gitTimeout is how long git may take, all questions together.
const gitTimeout = 2 * time.Second

// Command is the git that is installed. It asks nobody for a password and takes no locks.
func Command(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...) //nolint:gosec // the arguments are this package's own
	command.Dir = dir
	command.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	command.WaitDelay = gitTimeout / 10 // git's own children may hold the pipe for longer than git
	out, err := command.Output()
	return string(out), err
}

// fromGit is what git says about a folder; nothing if it is no repository, has no commit, belongs to
// somebody whom git does not trust, or git is not there.
func fromGit(ctx context.Context, git Git, dir string) Origin {
	ctx, cancel := context.WithTimeout(ctx, gitTimeout)
	defer cancel()
	ask := func(args ...string) string {
		out, err := git(ctx, dir, args...)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(out)
	}
	sha := revision(ask("rev-parse", "--verify", "--quiet", "HEAD"))
	if sha == "" {
		return Origin{}
	}
	origin := Origin{SHA: sha, Branch: ask("symbolic-ref", "--quiet", "HEAD")}
	if origin.Branch == "" {
		origin.Tag = onlyLine(ask("for-each-ref", "--points-at=HEAD", "--count=2", "--format=%(refname)", "refs/tags"))
	}
	origin.RepositoryURL = remote(ask("config", "--get-regexp", `^remote\..*\.url$`))
	return origin.cleaned()
}

// onlyLine is the line if there is one: of several tags, nobody knows which one was checked out.
func onlyLine(lines string) string {
	if strings.Contains(lines, "\n") {
		return ""
	}
	return lines
}

// remote is the address of origin among lines of name and address, or else of the first remote.
func remote(lines string) string {
	var found string
	for line := range strings.Lines(lines) {
		name, address, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "remote.origin.url" {
			return address
		}
		found = first(found, address)
	}
	return found
}
