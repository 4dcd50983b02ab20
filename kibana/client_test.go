package kibana

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana/kibanatest"
)

// clientOf is a client of a fake Kibana that does not wait long.
func clientOf(t *testing.T, fake *kibanatest.Kibana, config Config) *Client {
	t.Helper()
	config.Server.URLs = []string{fake.URL}
	client, err := New(config)
	require.NoError(t, err)
	client.poll = time.Millisecond
	return client
}

// rendered is what setup would import.
func rendered(t *testing.T, prefix string, values Values) []Object {
	t.Helper()
	objects, _, err := Rendered(prefix, values)
	require.NoError(t, err)
	return objects
}

// TestStatus: what answers of real servers mean; those of versions that this was not run on are made from
// their documentation.
func TestStatus(t *testing.T) {
	t.Parallel()
	const elsewhere = "Check K6_KIBANA_URL"
	for name, test := range map[string]struct {
		answer kibanatest.Answer
		want   string // Server.String, or a part of the error
		state  string // where it is not ready
	}{
		"Kibana OSS 7.10.2": {kibanatest.Says(200, kibanatest.Green, "kbn-name", "vm"), "Kibana 7.10.2", ""},
		"Kibana 7, red": {kibanatest.Says(200, `{"version":{"number":"7.17.0"},"status":{"overall":{"state":"red"},"statuses":[`+
			`{"id":"core:elasticsearch@7.17.0","state":"red","message":"Unable to connect"},{"id":"core:savedObjects@7.17.0","state":"green"}]}}`),
			"Kibana 7.17.0", "elasticsearch is red: Unable to connect"},
		"Kibana 8": {kibanatest.Says(200, `{"name":"k","version":{"number":"8.19.1","build_flavor":"traditional"},"status":{"overall":`+
			`{"level":"degraded","summary":"1 service is degraded"},"core":{"elasticsearch":{"level":"available"},"savedObjects":{"level":"available"}}}}`),
			"Kibana 8.19.1", ""},
		"Kibana 8, elasticsearch gone": {kibanatest.Says(503, `{"version":{"number":"8.19.1"},"status":{"overall":{"level":"critical"},"core":`+
			`{"elasticsearch":{"level":"critical","summary":"no living connections"},"savedObjects":{"level":"available"}}}}`),
			"Kibana 8.19.1", "elasticsearch is critical: no living connections"},
		"OpenSearch Dashboards by header": {kibanatest.Says(200, `{"version":{"number":"2.19.1"},"status":{"overall":{"state":"green"},"statuses":[]}}`,
			"osd-name", "osd"), "OpenSearch Dashboards 2.19.1", ""},
		"OpenSearch Dashboards by its parts": {kibanatest.Says(200, `{"version":{"number":"1.0.0"},"status":{"overall":{"state":"green"},"statuses":[`+
			`{"id":"core:opensearch@1.0.0","state":"green"}]}}`), "OpenSearch Dashboards 1.0.0", ""},
		"a snapshot":        {kibanatest.Says(200, `{"version":{"number":"9.2.0-SNAPSHOT"},"status":{"overall":{"level":"available"}}}`), "Kibana 9.2.0", ""},
		"too old":           {kibanatest.Says(200, `{"version":{"number":"7.9.3"},"status":{"overall":{"state":"green"}}}`), "is Kibana 7.9.3; k6es needs Kibana 7.10.0 or later", ""},
		"without a login":   {kibanatest.Says(200, `{"status":{"overall":{"level":"available"}}}`), "tells its version only to those who log in", ""},
		"wrong login":       {kibanatest.Says(401, `{"statusCode":401,"error":"Unauthorized","message":"[security_exception] unable to authenticate"}`), "K6_KIBANA_USER", ""},
		"login page":        {kibanatest.Says(302, "", "Location", "/login?next=%2Fapi%2Fstatus"), "leads to a login page", ""},
		"base path missing": {kibanatest.Says(302, "", "Location", "/kb"), `leads to "/kb". Check K6_KIBANA_URL: it needs the base path`, ""},
		"starting":          {kibanatest.Says(503, "Kibana server is not ready yet"), "is not ready (Kibana server is not ready yet)", ""},
		"starting, as page": {kibanatest.Says(503, "<!DOCTYPE html><html>"), "is not ready (it starts)", ""},
		"Elasticsearch": {kibanatest.Says(405, `{"error":"Incorrect HTTP method for uri [/api/status] and method [GET], allowed: [POST]","status":405}`),
			elsewhere, ""},
		"a web page": {kibanatest.Says(200, "<html>hello</html>"), elsewhere, ""},
		"other JSON": {kibanatest.Says(200, `{"ok":true}`), elsewhere, ""},
		"not found":  {kibanatest.Says(404, "not here"), elsewhere, ""},
		"no number":  {kibanatest.Says(200, `{"version":{"number":"seven"},"status":{"overall":{"state":"green"}}}`), elsewhere, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := kibanatest.New(t, "")
			fake.Status = []kibanatest.Answer{test.answer}
			server, err := clientOf(t, fake, Config{}).Status(t.Context())
			if err != nil {
				assert.ErrorContains(t, err, test.want)
				assert.ErrorContains(t, err, fake.URL)
				return
			}
			assert.Equal(t, test.want, server.String())
			assert.Equal(t, test.state, server.State)
			assert.Equal(t, test.state == "", server.Ready)
		})
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	starting := kibanatest.Says(503, "Kibana server is not ready yet")
	t.Run("until it is ready", func(t *testing.T) {
		t.Parallel()
		fake := kibanatest.New(t, "")
		fake.Status = []kibanatest.Answer{starting, starting, kibanatest.Says(200, kibanatest.Green)}
		told := 0
		server, err := clientOf(t, fake, Config{}).Wait(t.Context(), time.Minute, false, func(why error) {
			told++
			assert.ErrorContains(t, why, "not ready yet")
		})
		require.NoError(t, err)
		assert.Equal(t, "Kibana 7.10.2", server.String())
		assert.Equal(t, 1, told)
	})
	t.Run("no longer than asked", func(t *testing.T) {
		t.Parallel()
		fake := kibanatest.New(t, "")
		fake.Status = []kibanatest.Answer{starting}
		_, err := clientOf(t, fake, Config{}).Wait(t.Context(), 20*time.Millisecond, false, func(error) {})
		assert.ErrorContains(t, err, "is not ready (Kibana server is not ready yet) after 20ms")
	})
	t.Run("not for nobody", func(t *testing.T) {
		t.Parallel()
		client, err := New(Config{Server: elastic.Config{URLs: []string{"127.0.0.1:1"}}})
		require.NoError(t, err)
		_, err = client.Wait(t.Context(), time.Hour, false, func(error) { t.Error("it waits") })
		assert.ErrorContains(t, err, "does not answer (connection refused)")
	})
	t.Run("for nobody, where asked", func(t *testing.T) {
		t.Parallel()
		client, err := New(Config{Server: elastic.Config{URLs: []string{"127.0.0.1:1"}}})
		require.NoError(t, err)
		client.poll = time.Millisecond
		told := false
		_, err = client.Wait(t.Context(), 20*time.Millisecond, true, func(error) { told = true })
		assert.ErrorContains(t, err, "does not answer (connection refused)")
		assert.True(t, told)
	})
	t.Run("not after an interrupt", func(t *testing.T) {
		t.Parallel()
		fake := kibanatest.New(t, "")
		fake.Status = []kibanatest.Answer{starting}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := clientOf(t, fake, Config{}).Wait(ctx, time.Hour, false, func(error) { cancel() })
		assert.ErrorIs(t, err, context.Canceled)
	})
	t.Run("not for a wrong login", func(t *testing.T) {
		t.Parallel()
		fake := kibanatest.New(t, "")
		fake.Status = []kibanatest.Answer{kibanatest.Says(401, "{}")}
		client := clientOf(t, fake, Config{Server: elastic.Config{User: "reader", Password: "secret"}})
		_, err := client.Wait(t.Context(), time.Hour, true, func(error) { t.Error("it waits") })
		assert.ErrorContains(t, err, `wrong user or password for "reader"`)
	})
}

func TestSpaces(t *testing.T) {
	t.Parallel()
	fake := kibanatest.New(t, "")
	server := Server{Product: Kibana}
	require.NoError(t, clientOf(t, fake, Config{Space: "load"}).CheckSpace(t.Context(), server))
	require.NoError(t, clientOf(t, fake, Config{Space: "default"}).CheckSpace(t.Context(), server))
	assert.ErrorContains(t, clientOf(t, fake, Config{Space: "none"}).CheckSpace(t.Context(), server), `has no space "none"`)
	assert.ErrorContains(t, clientOf(t, fake, Config{Space: "load"}).CheckSpace(t.Context(), Server{Product: OpenSearchDashboards}), "--kibana-tenant")
}

// TestImportWhereItBelongs: base path, space, tenant, and both kinds of header.
func TestImportWhereItBelongs(t *testing.T) {
	t.Parallel()
	fake := kibanatest.New(t, "/kb")
	fake.Header = map[string]string{"kbn-xsrf": "k6es", "osd-xsrf": "k6es", "securitytenant": "team"}
	objects := rendered(t, "", nil)
	require.NoError(t, clientOf(t, fake, Config{Space: "load", Tenant: "team"}).Import(t.Context(), objects))
	assert.Equal(t, len(objects), fake.Len())
}

func TestImportFailures(t *testing.T) {
	t.Parallel()
	fake := kibanatest.New(t, "")
	fake.Refuse = map[string]string{"visualization:k6-run-about": "missing_references"}
	objects := rendered(t, "", nil)
	err := clientOf(t, fake, Config{}).Import(t.Context(), objects)
	assert.EqualError(t, err, fake.URL+` did not take visualization:k6-run-about ("k6 · Run: about"): missing references index-pattern:gone`)
	assert.Equal(t, len(objects)-1, fake.Len(), "the others are there")
}

func TestImportAnswers(t *testing.T) {
	t.Parallel()
	client, err := New(Config{Server: elastic.Config{URLs: []string{"http://kibana:5601"}}})
	require.NoError(t, err)
	for body, want := range map[string]string{
		`{"successCount":2,"success":true,"successResults":[]}`: "",
		`{"success":false,"successCount":0}`:                    "says that the import failed, and not why",
		`{"message":"hello"}`:                                   "without saying whether it went well",
		`<html>`:                                                "not the expected JSON",
		`{"success":false,"errors":[{"type":"lens","id":"a","error":{"type":"unsupported_type"}},` +
			`{"type":"dashboard","id":"b","meta":{"title":"B"},"error":{"type":"unknown","message":"mapping set to strict"}}]}`: "http://kibana:5601 did not take lens:a: unsupported type\n" +
			"http://kibana:5601 did not take dashboard:b (\"B\"): unknown mapping set to strict",
	} {
		err := client.readImport([]byte(body))
		if want == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, want, body)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	fake := kibanatest.New(t, "")
	client := clientOf(t, fake, Config{})
	objects := rendered(t, "", nil)
	server := Server{Product: Kibana, Version: elastic.Version{Major: 7, Minor: 10, Patch: 2}}
	states := func(server Server) map[State]int {
		findings, err := client.Check(t.Context(), server, objects)
		require.NoError(t, err)
		require.Len(t, findings, len(objects))
		count := map[State]int{}
		for _, finding := range findings {
			count[finding.State]++
		}
		return count
	}
	assert.Equal(t, map[State]int{Missing: len(objects)}, states(server), "nothing is there")
	require.NoError(t, client.Import(t.Context(), objects))
	assert.Equal(t, map[State]int{Current: len(objects)}, states(server), "all is there")

	fake.Edit("dashboard:k6-run", func(attributes map[string]any) { attributes["title"] = "mine" })
	fake.Edit("dashboard:k6-runs", func(attributes map[string]any) { // what Kibana itself adds on saving
		attributes["version"], attributes["hits"] = 1, 0
	})
	fake.Edit("index-pattern:k6-series", func(attributes map[string]any) { attributes["fields"] = "[]" })
	fake.Delete("index-pattern:k6-comparisons")
	assert.Equal(t, map[State]int{Current: len(objects) - 3, Differs: 2, Missing: 1}, states(server))
	assert.Equal(t, map[State]int{Present: len(objects) - 1, Missing: 1}, states(Server{Product: Kibana, Version: elastic.Version{Major: 8}}))

	findings, err := client.Check(t.Context(), server, objects)
	require.NoError(t, err)
	for _, finding := range findings {
		if finding.Object.Key() == "dashboard:k6-run" {
			assert.Equal(t, `dashboard:k6-run: differs (title is "mine", not "k6 · Run")`, finding.String())
		}
	}
}

// A text that there is no room for is not held against itself.
func TestLongDifference(t *testing.T) {
	t.Parallel()
	ours, theirs := map[string]any{"a": strings.Repeat("x", 90)}, map[string]any{"a": strings.Repeat("y", 90)}
	assert.Equal(t, "a is another text", firstDifference(ours, theirs, ""))
	assert.Equal(t, `a is "mine"`, firstDifference(ours, map[string]any{"a": "mine"}, ""))
}

func TestExportAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]kibanatest.Answer{
		"the server said 400":         kibanatest.Says(400, `{"statusCode":400,"message":"the server said 400"}`),
		"with what is no JSON":        kibanatest.Says(400, `<html>`),
		"answered 500":                kibanatest.Says(500, `{"message":"broken"}`),
		"is not the expected JSON":    kibanatest.Says(200, "{\n"),
		"may not POST /api/saved_obj": kibanatest.Says(403, `{"message":"Unable to get dashboard"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
			defer server.Close()
			client, err := New(Config{Server: elastic.Config{URLs: []string{server.URL}}})
			require.NoError(t, err)
			_, err = client.Export(t.Context(), []string{"dashboard:a"}, false)
			assert.ErrorContains(t, err, name)
		})
	}
}
