package config

import (
	"errors"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
)

// Kibana is what the connection to Kibana needs to know: its address, and the login of the server unless
// it has one of its own. Certificates, headers and the proxy are those of the server.
func (c Config) Kibana() kibana.Config {
	server := c.Elastic()
	server.URLs, server.CloudID = []string{c.KibanaURL}, ""
	switch {
	case c.KibanaUser != "":
		server.User, server.Password = c.KibanaUser, c.KibanaPassword
		server.APIKey, server.ServiceToken, server.BearerToken, server.SigV4 = "", "", "", elastic.SigV4{}
		server.Headers = maps.Clone(server.Headers)
		maps.DeleteFunc(server.Headers, func(name, _ string) bool { return strings.EqualFold(name, "Authorization") })
	case server.User == "":
		server.User, server.Password = c.userInURL()
	}
	return kibana.Config{Server: server, Space: c.KibanaSpace, Tenant: c.KibanaTenant}
}

// userInURL is the login in the first address of the server that has one.
func (c Config) userInURL() (user, password string) {
	for _, address := range c.URLs {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			password, _ = u.User.Password()
			return u.User.Username(), password
		}
	}
	return "", ""
}

// Links is what links to the dashboards are made from.
func (c Config) Links() kibana.Links {
	return kibana.Links{URL: c.KibanaURL, Space: c.KibanaSpace, Tenant: c.KibanaTenant, Prefix: c.IndexPrefix}
}

// withoutApp is the address of Kibana in one copied from the browser, such as http://kibana:5601/app/home#/.
func withoutApp(address string) string {
	if app := appPattern.FindStringIndex(address); app != nil {
		return address[:app[0]+1]
	}
	return address
}

// appPattern begins before the slash, so that a host called app is none.
var appPattern = regexp.MustCompile(`[^/]/app(?:[/?#]|$)`)

// validSpace looks at the id of a Kibana space, which is a part of URLs.
func validSpace(text string) error {
	if !spacePattern.MatchString(text) {
		return errors.New("is no id of a Kibana space: those have a–z, 0–9, - and _ (Kibana shows it in the address, /s/ID/)")
	}
	return nil
}

var spacePattern = regexp.MustCompile(`^[a-z0-9_-]+$`)
