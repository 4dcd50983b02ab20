package alerts

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite what the tests compare with")

// link makes links as kibana.Links does.
func link(dashboard, state string) string {
	return "https://kibana/app/dashboards#/view/load-" + dashboard + state
}

// written are the files that are made of alarms.
func written(t *testing.T, e ElastAlert2, alarms map[string]Alarm) map[string]string {
	t.Helper()
	var list []Alarm
	for _, alarm := range alarms {
		list = append(list, alarm)
	}
	files, err := e.Files(list)
	require.NoError(t, err)
	byPath := map[string]string{}
	for _, file := range files {
		require.NotContains(t, byPath, file.Path)
		byPath[file.Path] = string(file.Text)
	}
	return byPath
}

func TestElastAlert2Golden(t *testing.T) {
	t.Parallel()
	e := ElastAlert2{
		Server:    ElastAlert2Server{Host: "elk", Port: 9200, Path: "/es/", TLS: true, CA: "/etc/ca.pem", SkipVerify: true},
		Writeback: "elastalert", Link: link, Version: "1.0.0",
	}
	for _, text := range []string{"slack", "teams", "email=a@example.org,b@example.org", "webhook=https://hooks.example.org/x", "webhook"} {
		receiver, err := ParseReceiver(text)
		require.NoError(t, err)
		e.Receivers = append(e.Receivers, receiver)
	}
	var archive txtar.Archive
	for path, text := range written(t, e, make13(t, nil)) {
		archive.Files = append(archive.Files, txtar.File{Name: path, Data: []byte(text)})
	}
	slices.SortFunc(archive.Files, func(a, b txtar.File) int { return strings.Compare(a.Name, b.Name) })
	golden := filepath.Join("testdata", "elastalert2.txtar")
	got := txtar.Format(&archive)
	if *update {
		require.NoError(t, os.WriteFile(golden, got, 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "go test ./alerts -update, if that is what is meant")
}

func TestElastAlert2FilesAreYAML(t *testing.T) {
	t.Parallel()
	for path, text := range written(t, ElastAlert2{Link: link, Writeback: "elastalert"}, make13(t, nil)) {
		var content map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &content), path)
		switch {
		case path == "receivers.yaml":
			assert.Equal(t, map[string]any{"alert": "debug"}, content, "nobody is told")
		case strings.HasPrefix(path, "rules/"):
			for _, key := range []string{"name", "type", "index", "timestamp_field", "filter", "realert"} {
				assert.Contains(t, content, key, path)
			}
			assert.NotContains(t, content, "http_post2_payload", path)
		}
	}
}

var (
	variable = regexp.MustCompile(`\$\{?\w`)
	braces   = regexp.MustCompile(`'\$\{ELASTALERT_\w+\}'`)
)

// Whatever ElastAlert2 would put an environment variable for is a reference of ours.
func TestElastAlert2KeepsDollars(t *testing.T) {
	t.Parallel()
	logs := shape()
	logs.Pattern = "logs-$HOME-*"
	logs.Choices[2].Field = "${USER}.name"
	alarms, left, err := Make(Target{Prefix: "k6", Logs: logs}, map[string]string{"run-slow.test": "$PATH: it's \"odd\""})
	require.NoError(t, err)
	require.Empty(t, left)
	files, err := ElastAlert2{Receivers: []Receiver{{Slack, "${ELASTALERT_SLACK}"}}, Version: "$HOME"}.Files(alarms)
	require.NoError(t, err)
	seen := ""
	for _, file := range files {
		assert.Empty(t, variable.FindString(braces.ReplaceAllString(string(file.Text), "")), file.Path)
		var content any
		require.NoError(t, yaml.Unmarshal(bytes.ReplaceAll(file.Text, []byte("'${ELASTALERT_SLACK}'"), []byte("slack")), &content), file.Path)
		text, err := yaml.Marshal(content)
		require.NoError(t, err)
		seen += string(text)
	}
	for _, text := range []string{"logs-$HOME-*", "${USER}.name", `k6.test: '$PATH: it''s "odd"'`} {
		assert.Contains(t, seen, text, "what is read is what was meant")
	}
}

func TestReceivers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Receiver{
		"slack":                     {Slack, "${ELASTALERT_SLACK}"},
		"teams=${TEAMS_OF_SHOP}":    {Teams, "${TEAMS_OF_SHOP}"},
		"webhook=http://host/a?b=c": {Webhook, "http://host/a?b=c"},
		"email=a@example.org":       {Email, "a@example.org"},
	} {
		receiver, err := ParseReceiver(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, receiver, text)
	}
	assert.Equal(t, "TEAMS_OF_SHOP", Receiver{Teams, "${TEAMS_OF_SHOP}"}.Reference())
	for text, want := range map[string]string{
		"pager":                         `there is no receiver "pager"; there are slack, teams, email, webhook`,
		"slack=hooks/T0/secret":         "receiver slack has no address such as https://host/path, or ${VARIABLE}",
		"slack=ftp://hooks/secret":      "receiver slack has no address",
		"webhook=":                      "receiver webhook has no address",
		"slack=http://%zz@hooks/secret": "receiver slack has no address",
		"email=secret":                  "receiver email is no mail address",
	} {
		_, err := ParseReceiver(text)
		require.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "secret", text)
	}
}

// It is written down that certificates are not verified; and rules get no ca_certs where it is not said at all.
func TestElastAlert2SkipsVerification(t *testing.T) {
	t.Parallel()
	server := ElastAlert2Server{Host: "elk", Port: 9200, TLS: true, SkipVerify: true, CA: "/etc/ca.pem"}
	files := written(t, ElastAlert2{Server: server}, nil)
	assert.Contains(t, files["config.yaml"], "use_ssl: true\nverify_certs: false\nca_certs: /etc/ca.pem\n")
	files = written(t, ElastAlert2{Server: ElastAlert2Server{Host: "elk", Port: 9200}}, nil)
	assert.Contains(t, files["config.yaml"], "es_host: elk\nes_port: 9200\nverify_certs: true\n")
}

// A rule that counts looks back from now, by all of its time, also after ElastAlert2 was away.
func TestElastAlert2LooksBackFromNow(t *testing.T) {
	t.Parallel()
	for path, text := range written(t, ElastAlert2{Writeback: "elastalert"}, make13(t, nil)) {
		if !strings.HasPrefix(path, "rules/") {
			continue
		}
		var rule map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &rule), path)
		if rule["type"] == "any" {
			assert.NotContains(t, rule, "scan_entire_timeframe", "%s: what happened meanwhile is told", path)
			continue
		}
		assert.Equal(t, true, rule["scan_entire_timeframe"], path)
		assert.NotEmpty(t, rule["buffer_time"], path)
		assert.Equal(t, rule["buffer_time"], rule["timeframe"], path)
	}
}
