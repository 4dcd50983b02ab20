package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/config"
)

// planted has the word hush wherever a secret can be.
func planted() config.Config {
	return config.Config{
		URLs: []string{"http://u:hush@es:9200", "hush:hush@es", "http://es:9200/hush@"}, User: "someone", Password: "hush", APIKey: "hush",
		ServiceAccountToken: "hush", BearerToken: "hush", SigV4SecretKey: "hush", SigV4SessionToken: "hush", KibanaPassword: "hush",
		Proxy: "http://u:hush@proxy:3128", KibanaURL: "http://u:hush@kibana:5601", PipelineURL: "https://hush@ci/1", Headers: map[string]string{"Authorization": "hush"}, RunID: "seen",
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	c := planted()
	holder := struct {
		Config  config.Config
		Pointer *config.Config
	}{c, &c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T %v"} {
		for _, value := range []any{c, &c, holder, []config.Config{c}, map[string]config.Config{"a": c}} {
			text := fmt.Sprintf(verb, value, value) //nolint:govet // the verbs are the test
			assert.NotContains(t, text, "hush", verb)
			assert.NotContains(t, text, "68757368", verb)
		}
	}
	assert.NotContains(t, c.Address(), "hush")
	assert.Contains(t, fmt.Sprint(c), "run-id=seen")
	assert.Contains(t, fmt.Sprint(c), "password=****")

	encoded, err := json.Marshal(holder)
	require.NoError(t, err)
	assert.NotContains(t, string(encoded), "hush")
	assert.Contains(t, string(encoded), `"api-key":"****"`)

	var printed bytes.Buffer
	require.NoError(t, c.Print(&printed))
	slog.New(slog.NewTextHandler(&printed, nil)).Info("", "config", c, "pointer", &c)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("", "config", c, "pointer", &c)
	assert.NotContains(t, printed.String(), "hush")
	assert.NotContains(t, fmt.Sprint(c.Masked()), "hush")
}

func TestSecretsAreNotInFlags(t *testing.T) {
	t.Parallel()
	set := flags(t, "--password=hush", "--header=a=hush", "--api-key=hush", "--url=http://u:hush@a", "--proxy=http://u:hush@b")
	assert.Equal(t, "http://****@b", set.Lookup("proxy").Value.String())
	assert.Equal(t, "****", set.Lookup("password").Value.String())
	assert.NotContains(t, set.FlagUsages(), "hush")
}

func TestPrint(t *testing.T) {
	t.Parallel()
	path := file(t, "\nlabels: {team: shop}\n")
	c, err := config.Load(config.Sources{
		Files: []string{path},
		JSON:  json.RawMessage(`{"inFlight":4}`),
		Env:   env("K6_ELASTICSEARCH_USERNAME=someone", "K6_ELASTICSEARCH_PASSWORD=hush"),
		Flags: flags(t, "--label=build=7", "--url=http://u:p@es:9200/x"),
	})
	require.NoError(t, err)
	var printed bytes.Buffer
	require.NoError(t, c.Print(&printed))
	for _, line := range []string{
		`config +` + path + ` +found\n`,
		`url +http://\*\*\*\*@es:9200/x +--url\n`,
		`user +someone +K6_ELASTICSEARCH_USERNAME\n`,
		`password +\*\*\*\* +K6_ELASTICSEARCH_PASSWORD\n`,
		`api-key +- +not set\n`,
		`labels +build=7,team=shop +` + path + `:2, --label\n`,
		`in-flight +4 +collectors.elasticsearch\n`,
		`bulk-size +5MiB +default\n`,
		`flush-period +1s +default\n`,
	} {
		assert.Regexp(t, `(?m)^`+line, printed.String())
	}
	assert.NotContains(t, printed.String(), "index-name")
	assert.Equal(t, "config="+path+" url=http://****@es:9200/x user=someone password=**** labels=build=7,team=shop in-flight=4", c.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestPrintReportsAFailedWrite(t *testing.T) {
	t.Parallel()
	assert.EqualError(t, config.Config{}.Print(brokenWriter{}), "print options: broken")
}
