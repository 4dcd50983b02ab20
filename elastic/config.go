package elastic

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	defaultURL     = "http://localhost:9200"
	defaultTimeout = 30 * time.Second
)

// Config says where the server is and how to log in. The zero value means http://localhost:9200
// without a login.
//
// One login is used, the first of: SigV4, an Authorization header, credentials inside a URL, APIKey,
// ServiceToken, BearerToken, User with Password.
type Config struct {
	// URLs are the addresses of one or more nodes of one cluster; requests go to them in turn.
	// "http://" is assumed where no scheme is given. A URL may hold credentials and a path prefix.
	URLs []string
	// CloudID names an Elastic Cloud deployment. It wins over URLs.
	CloudID string

	User     string
	Password string
	// APIKey is the encoded key, or "id:key".
	APIKey string
	// ServiceToken is the token of an Elasticsearch service account, sent as a bearer token.
	ServiceToken string
	// BearerToken is sent as "Authorization: Bearer".
	BearerToken string
	// SigV4 signs requests for Amazon OpenSearch Service.
	SigV4 SigV4
	// Headers are added to every request.
	Headers map[string]string

	// CACertFile holds the PEM certificates that are trusted; empty means those of the system.
	CACertFile string
	// ClientCertFile and ClientKeyFile hold the PEM pair that this side shows; both or none.
	ClientCertFile string
	ClientKeyFile  string
	// InsecureSkipVerify accepts any server certificate.
	InsecureSkipVerify bool

	// Proxy is the address of an HTTP proxy, with its login if it wants one; empty means what HTTP_PROXY,
	// HTTPS_PROXY and NO_PROXY say.
	Proxy string

	// Timeout bounds one request, from dialling to the last byte of the answer; 0 means 30 s.
	Timeout time.Duration
}

// addresses parses the URLs of the nodes. Errors name an address without what may be a secret.
func (c Config) addresses() ([]*url.URL, error) {
	raw := c.URLs
	if c.CloudID != "" {
		address, err := cloudAddress(c.CloudID)
		if err != nil {
			return nil, err
		}
		raw = []string{address}
	}
	if len(raw) == 0 {
		raw = []string{defaultURL}
	}
	addresses := make([]*url.URL, 0, len(raw))
	for _, r := range raw {
		address, err := parseAddress(r)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func parseAddress(raw string) (*url.URL, error) {
	address := strings.TrimSpace(raw)
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	// The parser's own message is left out: it quotes the password.
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not an address like http://host:9200 or https://user:password@host:9200 "+
			"(special characters in user and password must be percent-encoded)", maskAddress(raw))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath, u.RawQuery, u.Fragment = "", "", ""
	return u, nil
}

// maskAddress hides everything that could be a user or a password in an address that does not parse.
func maskAddress(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	return "****" + raw[at:]
}

// cloudAddress decodes a cloud id, "label:base64(domain$elasticsearch$kibana)". The label may hold colons
// or be left out, the padding too; a port stands behind the domain or, which counts more, behind the id of
// Elasticsearch.
func cloudAddress(id string) (string, error) {
	wrong := errors.New(`the cloud id does not look like "name:base64…"; copy it from the deployment's page in Elastic Cloud`)
	encoded := strings.TrimSpace(id)
	encoded = strings.TrimRight(encoded[strings.LastIndex(encoded, ":")+1:], "=")
	decoded, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return "", wrong
	}
	parts := strings.Split(string(decoded), "$")
	if len(parts) < 2 {
		return "", wrong
	}
	domain, port := cutPort(parts[0], "443")
	name, port := cutPort(parts[1], port)
	address, err := url.Parse("https://" + name + "." + domain + ":" + port)
	if err != nil || name == "" || domain == "" || address.Path != "" || address.User != nil {
		return "", wrong
	}
	return address.String(), nil
}

func cutPort(text, otherwise string) (name, port string) {
	if name, port, found := strings.Cut(text, ":"); found {
		return name, port
	}
	return text, otherwise
}

// encodedAPIKey accepts the key in both forms in which it is handed out.
func (c Config) encodedAPIKey() string {
	if strings.Contains(c.APIKey, ":") {
		return base64.StdEncoding.EncodeToString([]byte(c.APIKey))
	}
	return c.APIKey
}
