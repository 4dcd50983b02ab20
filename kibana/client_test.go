package kibana

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// TestStatus: what answers of real servers mean; those of versions that this was not run on are made from
// their documentation.
func TestStatus(t *testing.T) {
	t.Parallel()
	const elsewhere = "Check K6_KIBANA_URL"
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string // Server.String, or a part of the error
		state  string // where it is not ready
	}{
		"Kibana OSS 7.10.2": {status(200, green, "kbn-name", "vm"), "Kibana 7.10.2", ""},
		"Kibana 7, red": {status(200, `{"version":{"number":"7.17.0"},"status":{"overall":{"state":"red"},"statuses":[`+
			`{"id":"core:elasticsearch@7.17.0","state":"red","message":"Unable to connect"},{"id":"core:savedObjects@7.17.0","state":"green"}]}}`),
			"Kibana 7.17.0", "elasticsearch is red: Unable to connect"},
		"Kibana 8": {status(200, `{"name":"k","version":{"number":"8.19.1","build_flavor":"traditional"},"status":{"overall":`+
			`{"level":"degraded","summary":"1 service is degraded"},"core":{"elasticsearch":{"level":"available"},"savedObjects":{"level":"available"}}}}`),
			"Kibana 8.19.1", ""},
		"Kibana 8, elasticsearch gone": {status(503, `{"version":{"number":"8.19.1"},"status":{"overall":{"level":"critical"},"core":`+
			`{"elasticsearch":{"level":"critical","summary":"no living connections"},"savedObjects":{"level":"available"}}}}`),
			"Kibana 8.19.1", "elasticsearch is critical: no living connections"},
		"OpenSearch Dashboards by header": {status(200, `{"version":{"number":"2.19.1"},"status":{"overall":{"state":"green"},"statuses":[]}}`,
			"osd-name", "osd"), "OpenSearch Dashboards 2.19.1", ""},
		"OpenSearch Dashboards by its parts": {status(200, `{"version":{"number":"1.0.0"},"status":{"overall":{"state":"green"},"statuses":[`+
			`{"id":"core:opensearch@1.0.0","state":"green"}]}}`), "OpenSearch Dashboards 1.0.0", ""},
		"a snapshot":        {status(200, `{"version":{"number":"9.2.0-SNAPSHOT"},"status":{"overall":{"level":"available"}}}`), "Kibana 9.2.0", ""},
		"too old":           {status(200, `{"version":{"number":"7.9.3"},"status":{"overall":{"state":"green"}}}`), "is Kibana 7.9.3; k6es needs Kibana 7.10.0 or later", ""},
		"without a login":   {status(200, `{"status":{"overall":{"level":"available"}}}`), "tells its version only to those who log in", ""},
		"wrong login":       {status(401, `{"statusCode":401,"error":"Unauthorized","message":"[security_exception] unable to authenticate"}`), "K6_KIBANA_USER", ""},
		"login page":        {status(302, "", "Location", "/login?next=%2Fapi%2Fstatus"), "leads to a login page", ""},
		"base path missing": {status(302, "", "Location", "/kb"), `leads to "/kb". Check K6_KIBANA_URL: it needs the base path`, ""},
		"starting":          {status(503, "Kibana server is not ready yet"), "is not ready (Kibana server is not ready yet)", ""},
		"starting, as page": {status(503, "<!DOCTYPE html><html>"), "is not ready (it starts)", ""},
		"Elasticsearch": {status(405, `{"error":"Incorrect HTTP method for uri [/api/status] and method [GET], allowed: [POST]","status":405}`),
			elsewhere, ""},
		"a web page": {status(200, "<html>hello</html>"), elsewhere, ""},
		"other JSON": {status(200, `{"ok":true}`), elsewhere, ""},
		"not found":  {status(404, "not here"), elsewhere, ""},
		"no number":  {status(200, `{"version":{"number":"seven"},"status":{"overall":{"state":"green"}}}`), elsewhere, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			fake.status = []func(http.ResponseWriter){test.answer}
			server, err := fake.client(Config{}).Status(t.Context())
			if err != nil {
				assert.ErrorContains(t, err, test.want)
				assert.ErrorContains(t, err, fake.url)
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
	starting := status(503, "Kibana server is not ready yet")
	t.Run("until it is ready", func(t *testing.T) {
		t.Parallel()
		fake := newFake(t)
		fake.status = []func(http.ResponseWriter){starting, starting, status(200, green)}
		told := 0
		server, err := fake.client(Config{}).Wait(t.Context(), time.Minute, false, func(why error) {
			told++
			assert.ErrorContains(t, why, "not ready yet")
		})
		require.NoError(t, err)
		assert.Equal(t, "Kibana 7.10.2", server.String())
		assert.Equal(t, 1, told)
	})
	t.Run("no longer than asked", func(t *testing.T) {
		t.Parallel()
		fake := newFake(t)
		fake.status = []func(http.ResponseWriter){starting}
		_, err := fake.client(Config{}).Wait(t.Context(), 20*time.Millisecond, false, func(error) {})
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
		fake := newFake(t)
		fake.status = []func(http.ResponseWriter){starting}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := fake.client(Config{}).Wait(ctx, time.Hour, false, func(error) { cancel() })
		assert.ErrorIs(t, err, context.Canceled)
	})
	t.Run("not for a wrong login", func(t *testing.T) {
		t.Parallel()
		fake := newFake(t)
		fake.status = []func(http.ResponseWriter){status(401, "{}")}
		client := fake.client(Config{Server: login("reader", "secret")})
		_, err := client.Wait(t.Context(), time.Hour, true, func(error) { t.Error("it waits") })
		assert.ErrorContains(t, err, `wrong user or password for "reader"`)
	})
}

func TestSpaces(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	server := Server{Product: Kibana}
	require.NoError(t, fake.client(Config{Space: "load"}).CheckSpace(t.Context(), server))
	require.NoError(t, fake.client(Config{Space: "default"}).CheckSpace(t.Context(), server))
	assert.ErrorContains(t, fake.client(Config{Space: "none"}).CheckSpace(t.Context(), server), `has no space "none"`)
	assert.ErrorContains(t, fake.client(Config{Space: "load"}).CheckSpace(t.Context(), Server{Product: OpenSearchDashboards}), "--kibana-tenant")
}

// TestImportWhereItBelongs: base path, space, tenant, and both kinds of header.
func TestImportWhereItBelongs(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.base = "/kb"
	fake.header = map[string]string{"kbn-xsrf": "k6es", "osd-xsrf": "k6es", "securitytenant": "team"}
	objects := rendered(t, "", nil)
	require.NoError(t, fake.client(Config{Space: "load", Tenant: "team"}).Import(t.Context(), objects))
	assert.Len(t, fake.objects, len(objects))
}

func TestImportFailures(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.refuse = map[string]string{"visualization:k6-run-about": "missing_references"}
	objects := rendered(t, "", nil)
	err := fake.client(Config{}).Import(t.Context(), objects)
	assert.EqualError(t, err, fake.url+` did not take visualization:k6-run-about ("k6 · Run: about"): missing references index-pattern:gone`)
	assert.Len(t, fake.objects, len(objects)-1, "the others are there")
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
	fake := newFake(t)
	client := fake.client(Config{})
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

	fake.edit("dashboard:k6-run", func(saved *SavedObject) { saved.Attributes["title"] = "mine" })
	fake.edit("dashboard:k6-runs", func(saved *SavedObject) { // what Kibana itself adds on saving
		saved.Attributes["version"], saved.Attributes["hits"] = 1, 0
	})
	fake.edit("index-pattern:k6-series", func(saved *SavedObject) { saved.Attributes["fields"] = "[]" })
	delete(fake.objects, "index-pattern:k6-comparisons")
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

func TestExportAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(http.ResponseWriter){
		"the server said 400":         status(400, `{"statusCode":400,"message":"the server said 400"}`),
		"with what is no JSON":        status(400, `<html>`),
		"answered 500":                status(500, `{"message":"broken"}`),
		"is not the expected JSON":    status(200, "{\n"),
		"may not POST /api/saved_obj": status(403, `{"message":"Unable to get dashboard"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			fake.base = "/never"
			client := fake.client(Config{})
			server := newAnswering(t, answer)
			client.server = server
			_, err := client.Export(t.Context(), []string{"dashboard:a"}, false)
			assert.ErrorContains(t, err, name)
		})
	}
}
