package config

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
)

// TestKibanaLogin: Kibana gets the login of the server, unless it has one of its own.
func TestKibanaLogin(t *testing.T) {
	t.Parallel()
	server := func(c Config) elastic.Config { return c.Kibana().Server }
	withUser := server(Config{KibanaURL: "http://kibana", URLs: []string{"http://es"}, User: "k6", Password: "pw", CACertFile: "ca.pem"})
	assert.Equal(t, []string{"http://kibana"}, withUser.URLs)
	assert.Equal(t, []string{"k6", "pw", "ca.pem"}, []string{withUser.User, withUser.Password, withUser.CACertFile})

	inURL := server(Config{KibanaURL: "http://kibana", URLs: []string{"http://es", "http://k6:p%40w@es2"}})
	assert.Equal(t, []string{"k6", "p@w"}, []string{inURL.User, inURL.Password})

	withKey := server(Config{KibanaURL: "http://kibana", CloudID: "a:b", APIKey: "key", BearerToken: "token", SigV4Region: "eu-west-1"})
	assert.Equal(t, []string{"", "key", "token", "eu-west-1"}, []string{withKey.CloudID, withKey.APIKey, withKey.BearerToken, withKey.SigV4.Region})

	headers := map[string]string{"authorization": "Basic x", "X-Team": "load"}
	own := server(Config{
		KibanaURL: "http://kibana", KibanaUser: "kib", KibanaPassword: "pw", User: "k6", APIKey: "key", ServiceAccountToken: "token",
		BearerToken: "token", SigV4Region: "eu-west-1", Headers: headers,
	})
	assert.Equal(t, elastic.Config{
		URLs: []string{"http://kibana"}, User: "kib", Password: "pw", Headers: map[string]string{"X-Team": "load"},
	}, own)
	assert.Len(t, headers, 2, "those of the server stay")
}

func TestKibanaPlace(t *testing.T) {
	t.Parallel()
	c := Config{KibanaURL: "http://kibana/kb", KibanaSpace: "load", KibanaTenant: "team", IndexPrefix: "perf"}
	assert.Equal(t, "load", c.Kibana().Space)
	assert.Equal(t, "team", c.Kibana().Tenant)
	assert.Equal(t, kibana.Links{URL: "http://kibana/kb", Space: "load", Tenant: "team", Prefix: "perf"}, c.Links())
	assert.Error(t, validSpace("a/b"))
	assert.Error(t, validSpace("Load"))
	assert.NoError(t, validSpace("load-tests_2"))
}

// TestKibanaURLFromTheBrowser: only the address and the base path count.
func TestKibanaURLFromTheBrowser(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                                      "",
		"http://kibana:5601":                    "http://kibana:5601",
		"http://kibana:5601/app/home#/":         "http://kibana:5601",
		"http://kibana:5601/app/dashboards":     "http://kibana:5601",
		"kibana:5601/app":                       "kibana:5601",
		"https://host/kb/app/dashboards?a=b#/c": "https://host/kb",
		"http://app/kb":                         "http://app/kb",
		"http://app/app#/":                      "http://app",
		"http://host/apples":                    "http://host/apples",
	} {
		c, err := Load(Sources{Env: map[string]string{"K6_KIBANA_URL": given}})
		assert.NoError(t, err)
		assert.Equal(t, want, c.KibanaURL, given)
	}
}
