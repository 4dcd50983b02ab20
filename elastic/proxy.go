package elastic

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// proxyError is a proxy that did not connect us.
type proxyError struct {
	proxy  string // scheme and host
	status int
}

func (e *proxyError) Error() string {
	if e.status == http.StatusProxyAuthRequired {
		return fmt.Sprintf("the proxy %s wants another login (407). Check K6_ELASTICSEARCH_PROXY, or HTTPS_PROXY", e.proxy)
	}
	return fmt.Sprintf("the proxy %s answered %d %s", e.proxy, e.status, http.StatusText(e.status))
}

// useProxy sets the proxy of the configuration; without one that of the environment stays.
func (c Config) useProxy(transport *http.Transport) error {
	if c.Proxy != "" {
		proxy, err := parseAddress(c.Proxy)
		if err != nil {
			return fmt.Errorf("the proxy %w", err)
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	transport.OnProxyConnectResponse = func(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		return &proxyError{address(proxy), answer.StatusCode}
	}
	return nil
}

// proxyLogins are the logins of proxies that may be used, as pairs of user and password as they are
// written. The addresses need not be well-formed: Go's error about one that is not repeats all of it.
func (c Config) proxyLogins() [][2]string {
	var logins [][2]string
	for _, address := range []string{
		c.Proxy, os.Getenv("HTTP_PROXY"), os.Getenv("http_proxy"), os.Getenv("HTTPS_PROXY"), os.Getenv("https_proxy"),
	} {
		end := strings.LastIndexByte(address, '@')
		if end < 0 {
			continue
		}
		user, password, _ := strings.Cut(withoutScheme(address[:end]), ":")
		logins = append(logins, [2]string{user, password})
	}
	return logins
}

func withoutScheme(address string) string {
	if _, rest, found := strings.Cut(address, "://"); found {
		return rest
	}
	return address
}
