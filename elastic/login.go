package elastic

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// login says in words who we are, for messages. The zero value is nobody.
type login struct {
	who     string // as in: `user "k6" may not …`
	refused string // as in: answered 401 (…)
	remedy  string // what to set
}

// nobody is who we are without a login.
const nobody = "nobody"

const setUser = "Set K6_ELASTICSEARCH_USER and K6_ELASTICSEARCH_PASSWORD"

func (c Config) login(addresses []*url.URL) login {
	inURL := userOf(addresses)
	switch {
	case c.SigV4.Region != "":
		return login{
			"the owner of the AWS credentials", "the AWS credentials are not accepted",
			"Check K6_ELASTICSEARCH_SIGV4_REGION, the credentials, and the clock of this machine",
		}
	case c.header().Get("Authorization") != "":
		return login{"the Authorization header", "the Authorization header is not accepted", "Check K6_ELASTICSEARCH_HEADERS"}
	case inURL != "":
		return userLogin(inURL)
	case c.APIKey != "":
		return login{"the API key", "the API key is not accepted", "Check K6_ELASTICSEARCH_API_KEY"}
	case c.ServiceToken != "":
		return login{"the service account", "the service account token is not accepted", "Check K6_ELASTICSEARCH_SERVICE_ACCOUNT_TOKEN"}
	case c.BearerToken != "":
		return login{"the bearer token", "the bearer token is not accepted", "Check K6_ELASTICSEARCH_BEARER_TOKEN"}
	case c.User != "":
		return userLogin(c.User)
	default:
		return login{nobody, "it wants a login", setUser + ", or K6_ELASTICSEARCH_API_KEY"}
	}
}

// WithoutLogin is the same connection for somebody who does not log in. What a proxy wants stays, and so does a
// client certificate.
func (c Config) WithoutLogin() Config {
	c.User, c.Password, c.APIKey, c.ServiceToken, c.BearerToken, c.SigV4 = "", "", "", "", "", SigV4{}
	c.URLs = slices.Clone(c.URLs)
	for i, raw := range c.URLs {
		if address, err := parseAddress(raw); err == nil {
			address.User = nil
			c.URLs[i] = address.String()
		}
	}
	headers := c.header()
	headers.Del("Authorization")
	c.Headers = make(map[string]string, len(headers))
	for name := range headers {
		c.Headers[name] = headers.Get(name)
	}
	return c
}

// Login says in words who this client is, as in: user "k6"; empty without a login.
func (c *Client) Login() string {
	if c.login.who == nobody {
		return ""
	}
	return c.login.who
}

// userOf returns the first user named in a URL.
func userOf(addresses []*url.URL) string {
	for _, address := range addresses {
		if user := address.User.Username(); user != "" {
			return user
		}
	}
	return ""
}

func userLogin(user string) login {
	return login{fmt.Sprintf("user %q", user), fmt.Sprintf("wrong user or password for %q", user), setUser}
}

func (c Config) header() http.Header {
	header := make(http.Header, len(c.Headers))
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	return header
}
