package ingest_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

const (
	ms   = time.Millisecond
	home = "expected_response=true|group=::home|method=GET|name=GET /items|proto=HTTP/1.1|scenario=browse|status=200|url=http://shop/items?page=2"
)

// What each kind of sample becomes. The files under testdata/golden are the expected bulk bodies:
// read the difference before you commit what -update writes.
func TestGoldenDocuments(t *testing.T) {
	t.Parallel()
	plain := ingest.DefaultOptions()
	cases := []struct {
		name    string
		stream  *stream
		run     ingest.Run
		options ingest.Options
	}{
		{"http", newStream().request(0, 0, home).request(10*ms, 1, "method=POST|name=POST /orders|proto=HTTP/2.0|scenario=browse|status=503|tls_version=tls1.3|ip=10.0.0.7|ocsp_status=good|url=POST /orders|error_code=1503|expected_response=false"), testRun, plain},
		{"redirects", newStream().request(0, 0, home).request(0, 0, home), testRun, plain},
		{"no-response", newStream().request(0, 1, "error=dial: connection refused|error_code=1212|expected_response=false|method=GET|name=http://down/|status=0|url=http://down/"), testRun, plain},
		{"status", newStream().define("orders", ingest.Trend).
			request(0, 0, "status=fine|name=a").request(ms, 0, "status=600|name=a").request(2*ms, 0, "status=0200|name=a").
			add("orders", 3*ms, 1, "status=200"), testRun, plain},
		{"outcome", newStream().request(0, 0, "name=failed is 0").request(ms, 1, "name=failed is 1").
			request(2*ms, 1, "name=expected wins|expected_response=true").request(3*ms, 0, "name=own value|expected_response=maybe").
			add("http_req_duration", 4*ms, 1, "name=nobody knows").add("http_req_failed", 5*ms, 1, "name=alone"), testRun, plain},
		{"grpc", newStream().add("grpc_req_duration", 0, 2.7, "method=Check|name=health|service=grpc.health.v1.Health|status=0|url=grpc://shop/grpc.health.v1.Health/Check").
			add("grpc_req_duration", 10*ms, 3.5, "method=Check|name=health|service=grpc.health.v1.Health|status=14").
			add("grpc_streams", 20*ms, 1, "method=List|service=shop.Items").add("grpc_streams_msgs_sent", 30*ms, 1, "method=List|service=shop.Items").
			add("grpc_streams_msgs_sent", 40*ms, 1, "method=List|service=shop.Items").add("grpc_streams_msgs_received", 50*ms, 4, "method=List|service=shop.Items"), testRun, plain},
		{"ws", newStream().add("ws_sessions", 0, 1, "name=chat|status=101|subproto=v1|url=ws://shop/chat").add("ws_connecting", 0, 1.6, "name=chat|status=101|subproto=v1|url=ws://shop/chat").
			add("ws_msgs_sent", 5*ms, 1, "name=chat|status=101").add("ws_msgs_sent", 6*ms, 1, "name=chat|status=101").add("ws_ping", 7*ms, 0.412, "name=chat|status=101").
			add("ws_session_duration", 8*ms, 103.476861, "name=chat|status=101"), testRun, plain},
		{"browser", newStream().add("browser_data_sent", 0, 512, "url=http://shop/").add("browser_data_received", 0, 90210, "url=http://shop/").
			add("browser_http_req_duration", 0, 12.5, "url=http://shop/").add("browser_http_req_failed", 0, 1, "url=http://shop/").
			add("browser_web_vital_cls", 9*ms, 0.04210987, "rating=good").add("browser_web_vital_lcp", 9*ms, 1320.70001, "rating=good"), testRun, plain},
		{"groups", newStream().add("group_duration", 0, 310.25, "group=::checkout::payment|scenario=buy").add("group_duration", ms, 1, "group=").
			add("group_duration", 2*ms, 1, "group=::").add("group_duration", 3*ms, 298.4, "group=::checkout::payment|scenario=buy").
			add("group_duration", 4*ms, 305.1, "group=::checkout::payment|scenario=buy", "vu=3|iter=1").
			add("group_duration", time.Second, 7, "group=::checkout::payment|scenario=buy"), testRun, plain},
		{"checks", newStream().add("checks", 0, 1, "check=status is 200|group=::home").add("checks", 100*ms, 0, "check=status is 200|group=::home").
			add("checks", 200*ms, 1, "check=status is 200|group=::home").add("checks", 300*ms, 1, "check=has \"items\"\n").
			add("checks", 500*ms, 1, "check=status is 200|group=::home"), testRun, plain},
		{"vus", newStream().add("vus", 0, 3, "").add("vus_max", 0, 10, "").add("vus", 300*ms, 5, "").add("vus", 400*ms, 4, "").
			add("vus", time.Second, 0, "").add("vus_max", 2*time.Second, 12, ""), testRun, plain},
		{"custom", newStream().define("orders", ingest.Counter).define("ok", ingest.Rate).define("queue", ingest.Gauge).define("size", ingest.Trend).
			add("orders", 0, 1, "kind=x").add("orders", ms, 2.5, "kind=x").add("orders", 2*ms, 1, "kind=y").
			add("ok", 3*ms, 1, "").add("ok", 4*ms, 0, "").add("ok", 5*ms, 7, "").
			add("queue", 6*ms, -3.25, "").add("queue", 7*ms, 8.5, "").add("queue", 8*ms, -10.5, "").
			add("size", 9*ms, 1e-9, "", "vu=3|iter=1").add("size", 10*ms, 17.25, "").add("size", 11*ms, 16, "").add("size", 12*ms, 17.25, "").
			add("nobody", 12*ms, 4, "").add("nobody", 13*ms, 4, ""), testRun, plain},
		{"custom-own-name", newStream().define("http_reqs", ingest.Trend).define("quoted \" name", ingest.Counter).
			add("http_reqs", 0, 1, "name=x").add("quoted \" name", ms, 1, ""), testRun, plain},
		{"numbers", newStream().define("n", ingest.Trend).
			add("n", 0, -1, "").add("n", 0, 0.1, "").add("n", 0, 1e300, "").add("n", 0, 1234567890123456, "").add("n", 0, 1.7976931348623157e308, "").
			add("http_req_duration", 0, -0.0004, "name=a").add("http_req_duration", ms, -1.2345, "name=a").add("http_req_duration", 2*ms, 1e13, "name=a").
			add("http_req_duration", 3*ms, 0.0005, "name=a").add("data_sent", 4*ms, 0.5, ""), testRun, plain},
		{"iteration", newStream().add("data_sent", 0, 80, "scenario=browse").add("data_received", 0, 120, "scenario=browse").
			add("iteration_duration", 0, 1204.3, "scenario=browse").add("iterations", 0, 1, "scenario=browse").
			add("dropped_iterations", 10*ms, 3, "scenario=browse").add("dropped_iterations", 11*ms, 2, "scenario=browse"), testRun, plain},
		{"iteration-interleaved", newStream().add("data_sent", 0, 80, "scenario=a").add("data_received", 0, 120, "scenario=a").
			request(0, 0, home).
			add("iteration_duration", 0, 1204.3, "scenario=a").add("iterations", 0, 1, "scenario=a"), testRun, plain},
		{"seconds", newStream().add("data_sent", 0, 1, "").add("data_sent", 432*ms, 2, "").add("data_sent", 433*ms, 4, "").
			add("data_sent", 1432*ms, 8, "").add("data_sent", 500*ms, 16, "").request(1433*ms, 0, "name=closes the first second").
			add("data_sent", 100*ms, 32, "").request(1434*ms, 0, "name=closes the late one").
			add("data_sent", 3600*time.Second, 64, ""), testRun, plain},
		{"clock-back", newStream().add("data_sent", 0, 1, "").add("data_sent", -time.Hour, 2, "").add("data_sent", -time.Hour+ms, 4, "").
			add("data_sent", -time.Hour+3*time.Second, 8, "").request(-time.Hour+3*time.Second, 0, "name=back"), testRun, plain},
		{"labels", newStream().add("iteration_duration", 0, 1, "journey=buy|two words=x|x.y=1|x_y=2|=no key|  =blank|a\tb=tab|é=è|bad\xff=1|empty=|.=dot|value=a\u0001\x7f\xff\"\\"),
			ingest.Run{ID: "run-1", Labels: map[string]string{"team": "shop", "journey": "of the run", "a.b": "c"}}, plain},
		{"label-cap", newStream().add("iteration_duration", 0, 1, "a=1|b=2|c=3").add("iteration_duration", ms, 1, "b=1|c=2|d=3|e=4"), testRun, withLabels(2)},
		{"urls", newStream().request(0, 0, "name=a|url=a").request(ms, 0, "name=a|url=http://1").request(2*ms, 0, "url=http://2").request(3*ms, 0, "name=a|url=").
			request(4*ms, 0, "name=a|url=http://3").request(5*ms, 0, "name=a|url=http://1"), testRun, withURLs(ingest.URLAuto, 2)},
		{"urls-on", newStream().request(0, 0, "name=a|url=http://1").request(ms, 0, "name=a|url=http://2"), testRun, withURLs(ingest.URLOn, 1)},
		{"urls-off", newStream().request(0, 0, "name=a|url=http://1"), testRun, withURLs(ingest.URLOff, 1)},
		{"metadata", newStream().add("iteration_duration", 0, 1, "scenario=a", "vu=3|iter=0|trace_id=4bf92f|flow=x|iter2=1").
			add("iteration_duration", 0, 2, "scenario=a", "vu=4").add("iteration_duration", ms, 2, "scenario=a", "vu=four").
			add("iteration_duration", 2*ms, 2, "vu=5|iter=7", "vu=6|iter=7|flow=x").add("iteration_duration", 3*ms, 2, "vu=five"), testRun, plain},
		{"odd-system-tags", newStream().request(0, 0, "tls_version=tls1.2|name=a").request(ms, 0, "tls_version=ssl3.0|name=a").request(2*ms, 0, "tls_version=1.3|name=a").
			request(3*ms, 0, "ip=::1|name=a").request(4*ms, 0, "ip=fe80::1%eth0|name=a").request(5*ms, 0, "ip=shop|name=a").
			request(6*ms, 0, "service=shop|method=|proto=|error=|error_code=|status=|ip=|tls_version=|expected_response=|group=|scenario="), testRun, plain},
		{"days", newStream().add("iteration_duration", 0, 1, "").add("iteration_duration", 12*time.Hour, 1, ""), testRun, ingest.Options{Prefix: "load", Period: ingest.Day, MaxLabels: 100}},
		{"run", newStream().add("iteration_duration", 0, 1, ""), ingest.Run{ID: "a\"b", Name: "größe\n", Test: "t\\", Instance: 1}, plain},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := c.stream.bulk(t, c.run, c.options)
			parseDocuments(t, got)
			file := filepath.Join("testdata", "golden", c.name+".ndjson")
			if *update {
				require.NoError(t, os.WriteFile(file, got, 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got))
		})
	}
}

func withLabels(most int) ingest.Options {
	o := ingest.DefaultOptions()
	o.MaxLabels = most
	return o
}

func withURLs(policy ingest.URLPolicy, most int) ingest.Options {
	o := ingest.DefaultOptions()
	o.URLs, o.MaxURLs = policy, most
	return o
}

// No file without its case: what nobody compares with is no test.
func TestGoldenFilesAreUsed(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("golden_test.go")
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/golden/*.ndjson")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := filepath.Base(file[:len(file)-len(".ndjson")])
		assert.True(t, bytes.Contains(source, []byte(`{"`+name+`", `)), file)
	}
}
