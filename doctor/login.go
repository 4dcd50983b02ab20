package doctor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
)

const credentials = "credentials"

// names are the indices that are written.
func (p Patient) names() []string {
	names := make([]string, 0, len(mappings.Families()))
	for _, family := range mappings.Families() {
		names = append(names, p.prefix()+"-"+family.Pattern)
	}
	return names
}

func (p Patient) prefix() string {
	if p.Mappings.Prefix == "" {
		return mappings.DefaultPrefix
	}
	return p.Mappings.Prefix
}

// credentials tells what the login may do. Elasticsearch says so; OpenSearch only says who one is, so it is
// tried out, with requests that cannot succeed.
func (p Patient) credentials(ctx context.Context) Finding {
	finding, err := p.privileges(ctx)
	if err == nil {
		return finding
	}
	if strings.Contains(answered(err).Reason, "unknown index privilege") {
		return Finding{credentials, Off, "this version cannot tell what its users may do", ""}
	}
	if shut(err) {
		return p.tried(ctx, p.Client.Login(), "allow it in the proxy in front of the server, or in a role (docs/access.md has roles)")
	}
	if !elastic.IsUnknown(err) {
		return unseen(credentials, err)
	}
	roles, secured, err := p.roles(ctx)
	if err != nil {
		return unseen(credentials, err)
	}
	if !secured {
		return p.unsecured(ctx)
	}
	return p.tried(ctx, roles, "map a role that may to it (docs/access.md has roles)")
}

// unsecured looks at a server that knows no users. What stands in front of it may: it is asked without the login,
// too.
func (p Patient) unsecured(ctx context.Context) Finding {
	const fix = "allow it in the proxy in front of the server: the server itself has no users"
	login := p.Client.Login()
	finding := p.tried(ctx, login, fix)
	if finding.Mark != OK {
		return finding
	}
	if login == "" {
		finding.Text = "the server asks for no login"
		return finding
	}
	switch needed, known := p.needed(ctx); {
	case needed:
		finding.Text += "; the login is needed"
	case known:
		finding.Text = fmt.Sprintf("the server asks for no login; %s is not needed", login)
	default:
		finding.Text += "; whether the login is needed could not be told"
	}
	return finding
}

// needed tells whether somebody who does not log in is turned away, at the door, when writing or when reading. It is
// known only where that was said, or where all went as with the login.
func (p Patient) needed(ctx context.Context) (needed, known bool) {
	server, err := p.Stranger.Probe(ctx)
	if err != nil {
		return denied(err), denied(err)
	}
	stranger := p.try(ctx, p.Stranger)
	needed = len(stranger.mayNotWrite)+len(stranger.mayNotRead) > 0
	return needed, needed || server == p.Server && stranger.unclear == nil && stranger.unread == nil
}

// The privileges of Elasticsearch by what they are for. Samples are only added; the other documents change.
var (
	adding     = []string{"create_doc", "auto_configure"}
	writing    = []string{"index", "auto_configure"}
	reading    = []string{"read"}
	deleting   = []string{"delete", "delete_index"}
	installing = "manage_index_templates"
)

// toWrite is what is needed to write to an index of that name.
func toWrite(name string) []string {
	if strings.HasSuffix(name, "*") {
		return adding
	}
	return writing
}

// privileges asks Elasticsearch ("Has privileges API").
func (p Patient) privileges(ctx context.Context) (Finding, error) {
	ask := map[string]any{
		"cluster": []string{installing},
		"index":   []any{map[string]any{"names": p.names(), "privileges": slices.Concat(adding, writing[:1], reading, deleting)}},
	}
	var answer struct {
		User    string                     `json:"username"`
		Cluster map[string]bool            `json:"cluster"`
		Index   map[string]map[string]bool `json:"index"`
	}
	if err := p.Client.JSON(ctx, http.MethodGet, "/_security/user/_has_privileges", ask, &answer); err != nil {
		return Finding{}, err
	}
	lacking := func(needed func(name string) []string) (names, privileges []string) {
		for _, name := range p.names() {
			before := len(privileges)
			for _, privilege := range needed(name) {
				if !answer.Index[name][privilege] {
					privileges = append(privileges, privilege)
				}
			}
			if len(privileges) > before {
				names = append(names, name)
			}
		}
		slices.Sort(privileges)
		return names, slices.Compact(privileges)
	}
	may := []string{"may write " + strings.Join(p.names(), ", ")}
	if names, privileges := lacking(toWrite); len(names) > 0 {
		return Finding{
			credentials, Wrong, fmt.Sprintf("%s may not write %s", who(answer.User), strings.Join(names, ", ")),
			fmt.Sprintf("grant %s on them (docs/access.md has roles)", strings.Join(privileges, ", ")),
		}, nil
	}
	if names, privileges := lacking(func(string) []string { return reading }); len(names) > 0 {
		return Finding{
			credentials, Warning, fmt.Sprintf("%s may write, but not read %s: no runs, no comparisons", who(answer.User), strings.Join(names, ", ")),
			fmt.Sprintf("grant %s on them (docs/access.md has roles)", strings.Join(privileges, ", ")),
		}, nil
	}
	if names, _ := lacking(func(string) []string { return deleting }); len(names) == 0 {
		may = append(may, "delete runs")
	}
	if answer.Cluster[installing] {
		may = append(may, "install templates")
	}
	return Finding{credentials, OK, who(answer.User) + " " + strings.Join(may, "; "), ""}, nil
}

func who(user string) string { return fmt.Sprintf("user %q", user) }

// roles asks the security plugin of OpenSearch, or of Open Distro, who one is.
func (p Patient) roles(ctx context.Context) (roles string, secured bool, err error) {
	for _, path := range []string{"/_plugins/_security/authinfo", "/_opendistro/_security/authinfo"} {
		var answer struct {
			User  string   `json:"user_name"`
			Roles []string `json:"roles"`
		}
		err := p.get(ctx, path, &answer)
		if err == nil {
			return fmt.Sprintf("%s (roles %s)", who(answer.User), strings.Join(answer.Roles, ", ")), true, nil
		}
		if !elastic.IsUnknown(err) {
			return "", true, err
		}
	}
	return "", false, nil
}

// tried finds out by trying; what to do about a refusal is the fix.
func (p Patient) tried(ctx context.Context, who, fix string) Finding {
	if who == "" {
		who = "a user without a login"
	}
	tried := p.try(ctx, p.Client)
	switch {
	case len(tried.mayNotWrite) > 0:
		return Finding{credentials, Wrong, fmt.Sprintf("%s may not write %s", who, strings.Join(tried.mayNotWrite, ", ")), fix}
	case tried.unclear != nil:
		return Finding{credentials, Warning, "whether it may write could not be tried: " + tried.unclear.Error(), ""}
	case len(tried.mayNotRead) > 0:
		return Finding{
			credentials, Warning,
			fmt.Sprintf("%s may write, but not read %s: no runs, no comparisons", who, strings.Join(tried.mayNotRead, ", ")), fix,
		}
	case tried.unread != nil:
		return Finding{credentials, Warning, "whether it may read could not be tried: " + tried.unread.Error(), ""}
	default:
		return Finding{credentials, OK, fmt.Sprintf("%s may write %s", who, strings.Join(p.names(), ", ")), ""}
	}
}
