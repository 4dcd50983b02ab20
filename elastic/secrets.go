package elastic

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// secrets hides what must not be shown in texts that come from elsewhere. It is safe for concurrent use.
type secrets struct {
	mu       sync.Mutex
	known    []string
	replacer *strings.Replacer
}

// shortestSecret keeps masking from eating ordinary words, such as a header's value "1".
const shortestSecret = 4

func newSecrets(texts ...string) *secrets {
	s := &secrets{}
	s.add(texts...)
	return s
}

// add learns secrets, which may be known already.
func (s *secrets) add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range texts {
		if len(text) >= shortestSecret && !slices.Contains(s.known, text) {
			s.known = append(s.known, text)
			s.replacer = nil
		}
	}
	if s.replacer != nil {
		return
	}
	// The longest first: of two secrets that begin alike, the replacer takes the one that it knows first.
	slices.SortFunc(s.known, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(s.known))
	for _, text := range s.known {
		pairs = append(pairs, text, "****")
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// hide masks the secrets in a text.
func (s *secrets) hide(text string) string {
	s.mu.Lock()
	replacer := s.replacer
	s.mu.Unlock()
	return replacer.Replace(text)
}

// secrets lists what of the configuration must not be shown, in each of the forms in which it is sent.
func (c Config) secrets(addresses []*url.URL) []string {
	secrets := []string{
		c.APIKey, c.encodedAPIKey(), c.ServiceToken, c.BearerToken, c.SigV4.SecretKey, c.SigV4.SessionToken,
	}
	add := func(user, password string) {
		secrets = append(secrets, password, url.QueryEscape(password), url.PathEscape(password),
			base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	if c.Password != "" {
		add(c.User, c.Password)
	}
	for _, address := range addresses {
		if password, ok := address.User.Password(); ok {
			add(address.User.Username(), password)
		}
	}
	for _, login := range c.proxyLogins() {
		secrets = append(secrets, login[1])
		user, userErr := url.PathUnescape(login[0])
		password, err := url.PathUnescape(login[1])
		if userErr == nil && err == nil {
			add(user, password)
		}
	}
	for _, value := range c.Headers {
		secrets = append(secrets, value)
	}
	return secrets
}
