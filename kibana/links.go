package kibana

import (
	"net/url"
	"strings"
)

// Links makes links to the dashboards. Its zero value makes none.
type Links struct {
	URL           string // of Kibana; empty: not known
	Space, Tenant string
	Prefix        string // index prefix
}

// Names of the dashboards, as Dashboard takes them.
const (
	RunsDashboard    = "runs"
	RunDashboard     = "run"
	CompareDashboard = "compare"
	LogsDashboard    = "logs"
)

// Dashboard returns the address of one of the dashboards, without a login; empty where Kibana is not
// known. The state is what the address ends with, "?_g=…&_a=…", or empty; its quotes and spaces are escaped,
// as terminals and logs end a link there.
func (l Links) Dashboard(name, state string) string {
	address := l.Address()
	if address == "" {
		return ""
	}
	address += "/app/dashboards"
	if l.Tenant != "" {
		address += "?security_tenant=" + url.QueryEscape(l.Tenant)
	}
	prefix := l.Prefix
	if prefix == "" {
		prefix = defaultPrefix
	}
	return address + "#/view/" + prefix + "-" + name + escaped.Replace(state)
}

var escaped = strings.NewReplacer(`"`, "%22", " ", "%20")

// Address returns the address of Kibana, within its space, without a login; empty where Kibana is not known.
func (l Links) Address() string {
	address := l.base()
	if space := realSpace(l.Space); address != "" && space != "" {
		address += "/s/" + space
	}
	return address
}

// base is the address of Kibana as a browser takes it: with a scheme, and without a login.
func (l Links) base() string {
	text := strings.TrimSpace(l.URL)
	if text == "" {
		return ""
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	address, err := url.Parse(text)
	if err != nil || address.Host == "" {
		return ""
	}
	return address.Scheme + "://" + address.Host + strings.TrimRight(address.EscapedPath(), "/")
}
