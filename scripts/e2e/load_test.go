package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load is a made-up run, as k6 would write it with --out json. The same load is always the same text.
type load struct {
	requests int
	seed     uint64 // of the durations; it makes runs differ
	padding  int    // bytes of a tag that makes lines longer
	labels   int    // how many tags of its own each request has, from label_0
	testID   string // of the tag testid; empty: none
	longLine int    // bytes of a tag value that one sample in the middle has; 0: none does
}

// loadStart is when every load begins.
var loadStart = time.Date(2026, 11, 22, 12, 43, 56, 567_890_123, time.UTC)

// requestsPerSecond is the pace of a load.
const requestsPerSecond = 50

var requestParts = []string{"duration", "blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving"}

// text returns the load as one string.
func (l load) text(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, l.write(&b))
	return b.String()
}

// write writes the load's lines.
func (l load) write(out io.Writer) error {
	w := bufio.NewWriterSize(out, 1<<20)
	random := rand.New(rand.NewPCG(l.seed, 1))
	for name, typ := range map[string]string{"orders": "counter"} {
		fmt.Fprintf(w, `{"type":"Metric","data":{"name":%q,"type":%q,"contains":"default","thresholds":[],"submetrics":null},"metric":%[1]q}`+"\n", name, typ)
	}
	tags := l.tags()
	for i := range l.requests {
		at := loadStart.Add(time.Duration(i) * time.Second / requestsPerSecond).Format(time.RFC3339Nano)
		point(w, "http_reqs", at, 1, tags)
		for _, part := range requestParts {
			point(w, "http_req_"+part, at, random.Float64()*100, tags)
		}
		point(w, "http_req_failed", at, 0, tags)
		if i%3 == 0 {
			point(w, "checks", at, float64(i%2), `"check":"is \"200\"",`+tags)
			point(w, "orders", at, 1.5, tags)
		}
		if i%requestsPerSecond == 0 {
			point(w, "vus", at, float64(i%7), "")
			point(w, "vus_max", at, 7, "")
		}
		if i == l.requests/2 && l.longLine > 0 {
			point(w, "orders", at, 1, `"payload":"`+strings.Repeat("x", l.longLine)+`"`)
		}
	}
	return w.Flush()
}

func (l load) tags() string {
	tags := `"expected_response":"true","group":"::shop","method":"GET","name":"GET /items","proto":"HTTP/1.1","scenario":"browse","status":"200","url":"http://shop/items"`
	if l.padding > 0 {
		tags += fmt.Sprintf(`,"padding":%q`, strings.Repeat("x", l.padding))
	}
	for i := range l.labels {
		tags += fmt.Sprintf(`,"label_%d":"value %[1]d"`, i)
	}
	if l.testID != "" {
		tags += fmt.Sprintf(`,"testid":%q`, l.testID)
	}
	return tags
}

func point(w io.Writer, metric, at string, value float64, tags string) {
	fmt.Fprintf(w, `{"metric":%q,"type":"Point","data":{"time":%q,"value":%v,"tags":{%s}}}`+"\n", metric, at, value, tags)
}
