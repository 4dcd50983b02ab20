package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
)

// unverified is the warning of insecure-skip-verify.
func unverified(from string) string {
	return "insecure-skip-verify (" + from + "): the certificate of the server is not looked at, so whoever is on " +
		"the way can read the login and change the data; name its CA by ca-cert-file instead"
}

func TestLoginsExcludeEachOther(t *testing.T) {
	t.Parallel()
	for arguments, message := range map[string]string{
		"user=u,bearer-token=hush":                  "more than one way to log in: user (ARG) and bearer-token (ARG); give only one",
		"sigv4-region=eu,api-key=hush":              "more than one way to log in: api-key (ARG) and sigv4-region (ARG); give only one",
		"http://u:hush@es,sigv4-region=eu":          "more than one way to log in: a user in url (ARG) and sigv4-region (ARG); give only one",
		"header=authorization=hush,sigv4-region=eu": "more than one way to log in: Authorization in headers (ARG) and sigv4-region (ARG); give only one",
		"sigv4-profile=p":                           "sigv4-profile (ARG) is given without sigv4-region",
		"sigv4-service=aoss":                        "sigv4-service (ARG) is given without sigv4-region",
		"sigv4-region=eu,sigv4-access-key=a":        "sigv4-access-key (ARG) is given without sigv4-secret-key",
		"sigv4-region=eu,sigv4-secret-key=hush":     "sigv4-secret-key (ARG) is given without sigv4-access-key",
		"sigv4-region=eu,sigv4-session-token=hush":  "sigv4-session-token (ARG) is given without sigv4-access-key",
		"sigv4-region=eu,sigv4-service=s3":          `ARG: sigv4-service: "s3" is not one of es, aoss`,
		"proxy=ftp://u:hush@proxy":                  "ARG: proxy: is not the address of a proxy (like http://proxy:3128)",
		"proxy=ftp://proxy":                         `ARG: proxy: "ftp://proxy" is not the address of a proxy (like http://proxy:3128)`,
		"client-cert-file=c":                        "client-cert-file (ARG) is given without client-key-file",
		"cloud-id=a:b,http://es":                    "more than one address: cloud-id (ARG) and url (ARG); give only one",
		"sigv4-region=eu,sigv4-profile=p,sigv4-access-key=a,sigv4-secret-key=hush": "more than one source of AWS keys: sigv4-access-key (ARG) and sigv4-profile (ARG); give only one",
	} {
		_, err := config.Load(config.Sources{Argument: arguments})
		require.Error(t, err, arguments)
		assert.EqualError(t, err, strings.ReplaceAll(message, "ARG", "--out elasticsearch=…"), arguments)
		assert.NotContains(t, err.Error(), "hush")
	}
}

func TestAccessIsHandedOn(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Env: env(
		"K6_ELASTICSEARCH_SIGV4_REGION=eu", "K6_ELASTICSEARCH_SIGV4_SERVICE=aoss", "K6_ELASTICSEARCH_SIGV4_ACCESS_KEY=a",
		"K6_ELASTICSEARCH_SIGV4_SECRET_KEY=b", "K6_ELASTICSEARCH_SIGV4_SESSION_TOKEN=c", "K6_ELASTICSEARCH_PROXY=proxy:3128")})
	require.NoError(t, err)
	assert.Equal(t, elastic.SigV4{Region: "eu", Service: "aoss", AccessKey: "a", SecretKey: "b", SessionToken: "c"}, c.Elastic().SigV4)
	assert.Equal(t, "proxy:3128", c.Elastic().Proxy)
	assert.Empty(t, c.Warnings)

	c, err = config.Load(config.Sources{JSON: json.RawMessage(`{"sigv4Region":"eu","sigv4Profile":"p"}`)})
	require.NoError(t, err)
	assert.Equal(t, elastic.SigV4{Region: "eu", Service: "es", Profile: "p"}, c.Elastic().SigV4)

	c, err = config.Load(config.Sources{Env: env("K6_ELASTICSEARCH_BEARER_TOKEN=a")})
	require.NoError(t, err)
	assert.Equal(t, "a", c.Elastic().BearerToken)
}

func TestSecretsOnTheCommandLineAreWarnedOf(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{
		{"--user=u", "--password=hush"}, {"--api-key=hush"}, {"--service-account-token=hush"}, {"--bearer-token=hush"},
		{"--header=X-Token=hush"}, {"--url=http://u:hush@es"}, {"--proxy=http://u:hush@proxy"}, {"--kibana-url=http://u:hush@kibana"},
		{"--sigv4-region=eu", "--sigv4-access-key=a", "--sigv4-secret-key=hush"}, {"--kibana-user=u", "--kibana-password=hush"},
	} {
		c, err := config.Load(config.Sources{Flags: flags(t, arguments...)})
		require.NoError(t, err, arguments)
		require.Len(t, c.Warnings, 1, arguments)
		assert.Contains(t, c.Warnings[0], " holds a secret that the list of processes shows: give it by K6_", arguments)
		assert.NotContains(t, c.Warnings[0], "hush")
	}
	c, err := config.Load(config.Sources{Flags: flags(t, "--proxy=http://proxy:3128", "--url=http://es:9200")})
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
}

func TestInsecureSkipVerifyIsWarnedOf(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Sources{Env: env("K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY=true")})
	require.NoError(t, err)
	assert.Equal(t, []string{unverified("K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY")}, c.Warnings)
	c, err = config.Load(config.Sources{Env: env("K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY=false")})
	require.NoError(t, err)
	assert.Empty(t, c.Warnings)
}

func TestAConfigFileThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // it says in another way who may read a file
	}
	for i, test := range []struct {
		text  string
		mode  os.FileMode
		warns bool
	}{
		{"password: hush\nuser: u", 0o644, true},
		{"password: hush\nuser: u", 0o640, true},
		{"url: http://u:hush@es", 0o604, true},
		{"headers: {X-Token: hush}", 0o644, true},
		{"password: hush\nuser: u", 0o600, false},
		{"url: http://es", 0o644, false},
		{"password: ''", 0o644, false},
	} {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("k6es-%d.yaml", i))
		require.NoError(t, os.WriteFile(file, []byte(test.text), 0o600))
		require.NoError(t, os.Chmod(file, test.mode))
		c, err := config.Load(config.Sources{Env: env("K6ES_CONFIG=" + file)})
		require.NoError(t, err)
		var want []string
		if test.warns {
			want = []string{file + " holds a secret and can be read by other users of this machine: chmod 600 " + file}
		}
		assert.Equal(t, want, c.Warnings, test.text)
	}
}
