package cmd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/cmd"
)

// receive starts a receiver of notifications, at HOOK_URL, that answers with a status and appends what it gets to
// the file "told", a line each: receive STATUS
func receive(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs("told"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = file.Write(append(body, '\n'))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no_service")
	}))
	ts.Defer(func() {
		server.Close()
		_ = file.Close()
	})
	ts.Setenv("HOOK_URL", server.URL)
	ts.Setenv("HOOK_HOST", strings.TrimPrefix(server.URL, "http://"))
}

// receiver keeps what it is told.
type receiver struct {
	url string

	mu   sync.Mutex
	told []told
}

type told struct {
	Kind, Status, Verdict, Text string
	Worst                       struct{ Name string } `json:"worst_request"`
	Links                       struct{ Dashboard string }
	Run                         *struct{ K6 any }
	Comparison                  *comparison
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		var one told
		body, _ := io.ReadAll(request.Body)
		assert.NoError(t, json.Unmarshal(body, &one), "%s", body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, one)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// next is what the receiver was told since it was asked last.
func (r *receiver) next() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.told
	r.told = nil
	return all
}

func TestCompareNotifies(t *testing.T) {
	t.Parallel()
	dir, flags := baselineFiles(t, 4)
	slow := synthetic{seed: 99, start: monday.AddDate(0, 0, 7), factor: map[string]float64{"POST /orders": 1.6}}
	compare := func(file, on string, hook *receiver) ended {
		return execute(t, nowhere, slices.Concat([]string{"compare", "--contender", file, "--notify", hook.url, "--notify-on", on, "--test", "shop"}, flags)...)
	}
	hook, worse := newReceiver(t), slow.write(t, dir, "worse.json")
	got := compare(worse, "worse", hook)
	require.Equal(t, cmd.ExitRegression, got.code, got.err)
	assert.Contains(t, got.err, "notified "+strings.TrimPrefix(hook.url, "http://")+"\n")
	all := hook.next()
	require.Len(t, all, 1)
	assert.Equal(t, "comparison", all[0].Kind)
	assert.Equal(t, "worse", all[0].Verdict)
	assert.Equal(t, "POST /orders", all[0].Worst.Name)
	assert.Equal(t, 3, all[0].Comparison.ExitCode)
	assert.Len(t, all[0].Comparison.Baseline, 4)

	got = compare(synthetic{seed: 98, start: slow.start}.write(t, dir, "equal.json"), "failed,worse", hook)
	require.Equal(t, cmd.ExitOK, got.code, got.err)
	assert.Empty(t, hook.next())
	got = compare(worse, "failed", hook)
	require.Equal(t, cmd.ExitRegression, got.code, got.err)
	assert.Empty(t, hook.next(), "it became worse, but crossed no threshold")
}

// An upload is compared with its baseline where somebody is to be told.
func TestUploadNotifiesWithItsBaseline(t *testing.T) {
	t.Parallel()
	s, hook, dir := newStored(t), newReceiver(t), t.TempDir()
	write := func(day int, factor map[string]float64) string {
		run := synthetic{seed: uint64(day), start: monday.AddDate(0, 0, day), factor: factor} //nolint:gosec // small
		return run.write(t, dir, fmt.Sprintf("shop-%d.json", day), "p(95)<200")
	}
	upload := func(file string, args ...string) []told {
		vars := map[string]string{
			"K6_ELASTICSEARCH_URL": s.url, "K6_ELASTICSEARCH_INDEX_PREFIX": s.Prefix, "K6_ELASTICSEARCH_NOTIFY_URL": hook.url, "K6_KIBANA_URL": "http://kibana",
		}
		got := execute(t, vars, append([]string{"upload", file}, args...)...)
		require.Equal(t, cmd.ExitOK, got.code, got.err)
		s.refresh(t)
		return hook.next()
	}
	monday := write(0, nil)
	first := upload(monday)
	require.Len(t, first, 1)
	assert.Equal(t, "run", first[0].Kind)
	assert.Equal(t, "shop passed", first[0].Text)
	assert.Nil(t, first[0].Comparison)
	assert.NotNil(t, first[0].Run)
	assert.Contains(t, first[0].Links.Dashboard, "http://kibana/app/dashboards#/view/"+s.Prefix+"-run?_g=")
	assert.Empty(t, upload(monday), "the same file again adds nothing, and tells nobody")

	for day := range 3 {
		assert.Empty(t, upload(write(day+1, nil), "--notify-on", "failed", "--notify-on", "worse"))
	}
	slow := upload(write(5, map[string]float64{"POST /orders": 2}), "--notify-on", "worse")
	require.Len(t, slow, 1)
	assert.Equal(t, "shop failed: 1 of 1 thresholds crossed, and is worse than its baseline", slow[0].Text)
	assert.Equal(t, "worse", slow[0].Verdict)
	assert.Len(t, slow[0].Comparison.Baseline, 4)
	assert.Equal(t, "POST /orders", slow[0].Worst.Name)
}
