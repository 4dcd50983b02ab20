package doctor

import (
	"cmp"
	"context"
	"errors"
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
	var answer *elastic.Error
	if errors.As(err, &answer) && strings.Contains(answer.Reason, "unknown index privilege") {
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
	switch {
	case finding.Mark != OK:
	case login == "":
		finding.Text = "the server asks for no login"
	case p.needed(ctx):
		finding.Text += "; without a login nobody may"
	default:
		finding.Text = fmt.Sprintf("the server asks for no login; %s is not needed", login)
	}
	return finding
}

// needed tells whether somebody who does not log in is turned away, at the door or when writing.
func (p Patient) needed(ctx context.Context) bool {
	_, err := p.Stranger.Probe(ctx)
	return denied(err) || denied(bulk(ctx, p.Stranger, "/_bulk", p.trial(p.names()[0])))
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

// tried finds out by trying, what to do about a refusal is the fix. Each attempt to write wants an alias of a name
// that is none, and a version of a document that is not there: whoever may write is told so, and nothing comes to be.
func (p Patient) tried(ctx context.Context, who, fix string) Finding {
	if who == "" {
		who = "a user without a login"
	}
	var mayNotWrite, mayNotRead []string
	var unclear error
	for _, name := range p.names() {
		write := p.write(ctx, name)
		if denied(write) {
			mayNotWrite = append(mayNotWrite, name)
		}
		unclear = cmp.Or(unclear, failed(write))
		if denied(p.get(ctx, "/"+name+"/_search?size=0&ignore_unavailable=true&allow_no_indices=true", nil)) {
			mayNotRead = append(mayNotRead, name)
		}
	}
	switch {
	case len(mayNotWrite) > 0:
		return Finding{credentials, Wrong, fmt.Sprintf("%s may not write %s", who, strings.Join(mayNotWrite, ", ")), fix}
	case unclear != nil:
		return Finding{credentials, Warning, "whether it may write could not be tried: " + unclear.Error(), ""}
	case len(mayNotRead) > 0:
		return Finding{
			credentials, Warning, fmt.Sprintf("%s may write, but not read %s: no runs, no comparisons", who, strings.Join(mayNotRead, ", ")), fix,
		}
	default:
		return Finding{credentials, OK, fmt.Sprintf("%s may write %s", who, strings.Join(p.names(), ", ")), ""}
	}
}

// trial is the index that is written to for a name.
func (p Patient) trial(name string) string {
	if index, pattern := strings.CutSuffix(name, "*"); pattern {
		return index + "doctor"
	}
	return name
}

// write tries to write to an index of that name, in the ways of k6es: what stands in front of a server may refuse
// one of them by its path. The error is the first no, else the server's last answer.
func (p Patient) write(ctx context.Context, name string) error {
	index := p.trial(name)
	path := "/" + index + "/_doc/doctor?require_alias=true&if_seq_no=0&if_primary_term=1"
	err := p.Client.JSON(ctx, http.MethodPut, path, map[string]any{}, nil)
	switch {
	case denied(err):
		return err
	case index != name: // samples
		return bulk(ctx, p.Client, "/_bulk", index)
	default:
		return bulk(ctx, p.Client, "/"+index+"/_bulk", index)
	}
}

// bulk is the attempt to write by a bulk request.
func bulk(ctx context.Context, client *elastic.Client, path, index string) error {
	lines := fmt.Sprintf(`{"index":{"_index":%q,"_id":"doctor","if_seq_no":0,"if_primary_term":1}}`+"\n{}\n", index)
	return client.JSON(ctx, http.MethodPost, path+"?require_alias=true", []byte(lines), nil)
}

// shut tells whether the answer is that one may not.
func shut(err error) bool {
	return elastic.IsStatus(err, http.StatusUnauthorized) || elastic.IsStatus(err, http.StatusForbidden)
}

// denied tells it of a request that every server knows: a proxy may also say that nobody may.
func denied(err error) bool { return shut(err) || elastic.IsStatus(err, http.StatusMethodNotAllowed) }

// failed is why it could not be found out whether one may write: any other answer than the server's own no.
func failed(err error) error {
	var answer *elastic.Error
	if errors.As(err, &answer) && answer.Status < http.StatusInternalServerError {
		return nil
	}
	return err
}
