package ci

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFact is how many bytes of a fact are kept.
const maxFact = 1 << 10

// printable takes what cannot be shown out of a value.
func printable(value string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(value, "")))
}

// text is what can be shown of a value, cut to maxFact.
func text(value string) string {
	value = printable(value)
	if len(value) <= maxFact {
		return value
	}
	end := maxFact
	for !utf8.RuneStart(value[end]) {
		end--
	}
	return strings.TrimSpace(value[:end])
}

// ref is what the name of a git ref says. At most one of branch and tag is set.
type ref struct{ branch, tag, change string }

// changeRef matches the refs under which forges keep pull and merge requests, and Gerrit its changes.
var changeRef = regexp.MustCompile(
	`^(?:refs/)?(?:pull|pull-requests|merge-requests)/(\d+)(?:/(?:head|merge|from|train))?$|^refs/changes/\d+/(\d+)/\d+$`)

// parseRef takes refs/heads/, refs/tags/, origin/ and the like off, and tells changes apart. A bare
// name is a branch.
func parseRef(name string) ref {
	name = text(name)
	if match := changeRef.FindStringSubmatch(name); match != nil {
		return ref{change: match[1] + match[2]}
	}
	name = trimPrefixes(name, "refs/heads/", "refs/remotes/", "remotes/", "origin/")
	if tag := trimPrefixes(name, "refs/tags/", "tags/"); tag != name {
		return ref{tag: tag}
	}
	if name == "HEAD" {
		return ref{}
	}
	return ref{branch: name}
}

// trimPrefixes takes prefixes off for as long as there are any.
func trimPrefixes(name string, prefixes ...string) string {
	for before := ""; before != name; {
		before = name
		for _, prefix := range prefixes {
			name = strings.TrimSpace(strings.TrimPrefix(name, prefix))
		}
	}
	return name
}

// changeID is the number of a change given as such, as #77 or !77, or as its page's address.
func changeID(value string) string {
	value = strings.TrimRight(text(value), "/")
	return strings.TrimLeft(value[strings.LastIndexByte(value, '/')+1:], "#!")
}

// hash matches an abbreviated or full git hash, and other systems' revision numbers.
var hash = regexp.MustCompile(`^(?:[0-9a-fA-F]{7,64}|\d+)$`)

// revision is the value if it is a revision; CI systems also hand over what was asked for, such as
// HEAD or a branch.
func revision(value string) string {
	if value = strings.TrimSpace(value); hash.MatchString(value) {
		return strings.ToLower(value)
	}
	return ""
}

// scpLike matches the short form of ssh addresses behind the user: host:path.
var scpLike = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*:[^:@\s]+$`)

// repository is the address without credentials, query and fragment, and the last part of its path.
// An address that is none, such as a local path, or that cannot be taken apart, is empty; a local
// path still gives a name.
func repository(raw string) (address, name string) {
	raw = printable(raw)
	name = repositoryName(raw)
	if !strings.Contains(raw, "://") {
		return bounded(scpAddress(raw)), name
	}
	u := parseAddress(raw)
	if u == nil {
		return "", name
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	if u.Scheme == "http" || u.Scheme == "https" {
		u.Path, u.RawPath = trimGit(u.Path), trimGit(u.RawPath)
	}
	return bounded(u.String()), name
}

// scpAddress is user@host:path, with the user only if that is git: any other may be a token.
func scpAddress(raw string) string {
	raw, _, _ = strings.Cut(raw, "?")
	raw, _, _ = strings.Cut(raw, "#")
	at := strings.LastIndexByte(raw, '@')
	if at < 0 || !scpLike.MatchString(raw[at+1:]) {
		return ""
	}
	if user, _, _ := strings.Cut(raw[:at], ":"); user == gitUser {
		return gitUser + raw[at:]
	}
	return raw[at+1:]
}

// repositoryName is the last part of a repository's path.
func repositoryName(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		raw = u.Path
	} else if strings.Contains(raw, "://") {
		return ""
	}
	raw, _, _ = strings.Cut(raw, "?")
	raw, _, _ = strings.Cut(raw, "#")
	raw = trimGit(strings.ReplaceAll(raw, `\`, "/"))
	name := raw[strings.LastIndexAny(raw, "/:")+1:]
	if name == "." || name == ".." || strings.Contains(name, "@") {
		return ""
	}
	return text(name)
}

func trimGit(location string) string {
	return strings.TrimSuffix(strings.TrimRight(location, "/"), ".git")
}

// shownParameters are what addresses of pipeline runs need; any other parameter may be a secret.
var shownParameters = map[string]bool{
	"buildid": true, "buildtypeid": true, "view": true, "j": true, "t": true, "s": true, "tab": true,
	"build": true, "job": true, "pipeline": true, "run": true, "runid": true, "pr": true,
}

// place matches a fragment that is a place in a page, or a path within one.
var place = regexp.MustCompile(`^[\w!/.-]*$`)

// link is the address of a page without credentials; empty if it is no http(s) address.
func link(raw string) string {
	u := parseAddress(printable(raw))
	if u == nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	var shown []string
	for parameter := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if shownParameters[strings.ToLower(name)] {
			shown = append(shown, parameter)
		}
	}
	u.RawQuery = strings.Join(shown, "&")
	if !place.MatchString(u.Fragment) {
		u.Fragment, u.RawFragment = "", ""
	}
	return bounded(u.String())
}

// gitUser is the one user name in an address that is no secret.
const gitUser = "git"

// nested matches, in a path, another address or a user with a password.
var nested = regexp.MustCompile(`:/|:[^/]*@`)

// parseAddress parses an address of a host and takes the user off. It is nil if there is no scheme or host,
// or if the path may hold credentials.
func parseAddress(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" || nested.MatchString(u.Path) {
		return nil
	}
	user := u.User
	u.User = nil
	if user.Username() == gitUser && strings.Contains(u.Scheme, "ssh") {
		u.User = url.User(gitUser)
	}
	u.ForceQuery = false
	return u
}

// host is the host in a repository's address.
func host(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		address = rest
	}
	address = strings.TrimPrefix(address, gitUser+"@")
	if end := strings.IndexAny(address, ":/"); end >= 0 {
		address = address[:end]
	}
	return address
}

// bounded drops an address that is too long: half of one leads nowhere, and may show a password
// whose end told that it was one.
func bounded(address string) string {
	if len(address) > maxFact {
		return ""
	}
	return address
}
