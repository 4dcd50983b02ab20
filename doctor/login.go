package doctor

import (
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
	if !elastic.IsUnknown(err) {
		return unseen(credentials, err)
	}
	roles, secured, err := p.roles(ctx)
	if err != nil {
		return unseen(credentials, err)
	}
	if !secured {
		return Finding{credentials, OK, p.open(), ""}
	}
	return p.tried(ctx, roles)
}

// open is said of a server that anybody may use.
func (p Patient) open() string {
	if p.Login == "" {
		return "the server asks for no login"
	}
	return fmt.Sprintf("the server asks for no login; %s is not needed", p.Login)
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

// tried finds out by trying. Each attempt to write wants an alias of a name that is none: whoever may
// write is told so, and nothing comes to be.
func (p Patient) tried(ctx context.Context, roles string) Finding {
	var mayNotWrite, mayNotRead []string
	for _, name := range p.names() {
		index := strings.TrimSuffix(name, "*")
		if index != name {
			index += "doctor"
		}
		err := p.Client.JSON(ctx, http.MethodPut, "/"+index+"/_doc/doctor?op_type=create&require_alias=true", map[string]any{}, nil)
		if elastic.IsStatus(err, http.StatusForbidden) {
			mayNotWrite = append(mayNotWrite, name)
		}
		err = p.get(ctx, "/"+name+"/_search?size=0&ignore_unavailable=true&allow_no_indices=true", nil)
		if elastic.IsStatus(err, http.StatusForbidden) {
			mayNotRead = append(mayNotRead, name)
		}
	}
	const fix = "map a role that may to it (docs/access.md has roles)"
	switch {
	case len(mayNotWrite) > 0:
		return Finding{credentials, Wrong, fmt.Sprintf("%s may not write %s", roles, strings.Join(mayNotWrite, ", ")), fix}
	case len(mayNotRead) > 0:
		return Finding{
			credentials, Warning, fmt.Sprintf("%s may write, but not read %s: no runs, no comparisons", roles, strings.Join(mayNotRead, ", ")), fix,
		}
	default:
		return Finding{credentials, OK, fmt.Sprintf("%s may write %s", roles, strings.Join(p.names(), ", ")), ""}
	}
}
