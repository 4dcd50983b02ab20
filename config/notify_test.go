package config

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/notify"
)

func TestNotifications(t *testing.T) {
	t.Parallel()
	const slack, own = "https://hooks.slack.com/services/s3cr3t", "json+https://ops.example/s3cr3t?a=1"
	c, err := Load(Sources{
		Env:      map[string]string{"K6_ELASTICSEARCH_NOTIFY_URL": slack, "K6_ELASTICSEARCH_NOTIFY_SECRET": "s3cr3t"},
		Argument: "notify=" + slack + ",notify=" + own + ",notify-on=failed,notify-on=worse",
	})
	require.NoError(t, err)
	assert.Equal(t, notify.Options{URLs: []string{slack, own}, On: []string{notify.Failed, notify.Worse}, Secret: "s3cr3t"}, c.Notifications())
	assert.Equal(t, []string{"--out elasticsearch=…: notify holds a secret that the list of processes shows: " +
		"give it by K6_ELASTICSEARCH_NOTIFY_URL or in a config file"}, c.Warnings)
	var printed bytes.Buffer
	require.NoError(t, c.Print(&printed))
	assert.Regexp(t, `notify +\*\*\*\*,\*\*\*\* +--out elasticsearch=…\n`, printed.String())
	for _, text := range []string{printed.String(), c.String(), fmt.Sprintf("%#v", c)} {
		assert.NotContains(t, text, "s3cr3t")
	}

	c, err = Load(Sources{})
	require.NoError(t, err)
	assert.Equal(t, notify.Options{On: []string{notify.Always}}, c.Notifications())
}

func TestAddressesOfReceiversAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, s := range []Sources{
		{Env: map[string]string{"K6_ELASTICSEARCH_NOTIFY_URL": "https://hooks.slack.com/s3cr3t, hooks.slack.com/s3cr3t"}},
		{Argument: "notify=https://ok.example,notify=s3cr3t"},
		{JSON: []byte(`{"notify":["https://ok.example","ftp://s3cr3t"]}`)},
	} {
		_, err := Load(s)
		require.ErrorContains(t, err, "number 2 is not an address like https://hooks.slack.com/services/…")
		assert.NotContains(t, err.Error(), "s3cr3t")
	}
	_, err := Load(Sources{Env: map[string]string{"K6_ELASTICSEARCH_NOTIFY_ON": "never"}})
	require.ErrorContains(t, err, `"never" is not one of always, failed, worse`)
}
