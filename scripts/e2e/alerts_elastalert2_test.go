package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/alerts"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// Of each alarm rule a real ElastAlert2 tells when it must, and not when it must not. There are three teams: a
// loud one with whom everything is abnormal, a quiet one whose numbers are in part the same, but usual, and an
// idle one that has the loud one's logs and no load test.
func TestElastAlert2(t *testing.T) {
	t.Parallel()
	elastalert := newElastAlert2(t)
	w := newAlarmWorld(t)
	w.makeLoud(t)
	w.makeQuiet(t)

	dir := t.TempDir()
	r := newReceivers(t)
	kinds := []string{"slack", "email", "webhook"}
	if elastalert.hasTeams() {
		kinds = append(kinds, "teams")
	} else {
		t.Log("NOT TESTED: Teams: ElastAlert2 2.19.0 cannot tell it; a later one needs Python 3.12")
	}
	for team, logs := range map[store]string{w.loud: w.logs(w.loud), w.quiet: w.logs(w.quiet), w.idle: w.logs(w.loud)} {
		team.exportAlerts(t, filepath.Join(dir, team.prefix), w.loud.prefix+"-elastalert", logs, kinds)
	}
	w.writeConfig(t, dir)
	elastalert.run(t, dir, "elastalert-create-index", "--config", "config.yaml")
	rules, err := alerts.Rules()
	require.NoError(t, err)
	w.wasAway(t, rules)
	elastalert.start(t, dir, "ELASTALERT_SLACK="+r.url+"/slack", "ELASTALERT_TEAMS="+r.url+"/teams", "ELASTALERT_WEBHOOK="+r.url+"/webhook",
		"ELASTALERT_EMAIL=oncall@example.org", "ELASTALERT_MAIL_FROM=k6es@example.org", "ELASTALERT_SMTP_HOST="+r.smtp)

	require.Len(t, rules, len(aboutLoud), "each rule has a situation")
	for _, rule := range rules {
		alarm := w.loud.prefix + "-" + rule.Name
		require.Eventually(t, func() bool { return len(r.of(alarm)) > 0 }, soon, 100*time.Millisecond, "%s must be told", alarm)
		for _, told := range r.of(alarm) {
			w.requireTold(t, rule, told)
		}
	}
	w.requireRun(t, r, rules)
	for _, kind := range kinds[:2] {
		require.NotEmpty(t, r.messages(kind), kind)
	}
	if elastalert.hasTeams() {
		require.Contains(t, strings.Join(r.messages("teams"), "\n"), "AdaptiveCard")
	}
	assert.Contains(t, strings.Join(r.messages("slack"), "\n"), "[critical] A load test failed")
}

// alarmWorld is the three teams.
type alarmWorld struct{ loud, quiet, idle store }

func newAlarmWorld(t *testing.T) *alarmWorld {
	t.Helper()
	url := servertest.URL(t, servertest.FirstClass)
	return &alarmWorld{loud: newStore(t, url), quiet: newStore(t, url), idle: newStore(t, url)}
}

// logs are the indices of a team's production logs.
func (w *alarmWorld) logs(team store) string { return team.prefix + "-logs-*" }

const (
	alarmScript = "testdata/alarm.js"
	prober      = "127.0.0.9"
	silentHost  = "web-2"
)

// aboutLoud is what the alarm of each rule is about, with the loud team; empty: about no value of a field; *: this
// machine.
var aboutLoud = map[string]string{
	"run-failed": "crossed", "threshold-crossed": "crossed", "comparison-worse": "slower", "run-lost": "killed",
	"run-missing": "nightly", "run-failures": "shop-load", "run-slow": "shop-load", "client-probing": prober,
	"host-silent": silentHost, "production-errors": "", "production-errors-during-test": "", "server-stopped": "*", "service-slow": "",
}

// makeLoud makes everything abnormal.
func (w *alarmWorld) makeLoud(t *testing.T) {
	s := w.loud
	logFile := filepath.Join(t.TempDir(), "shop.log")
	address := ownShop(t, "--error-rate=0", "--log", logFile)
	live := func(out string, flags ...string) command {
		return k6With(t, alarmScript, slices.Concat([]string{"--quiet", out, "-e", "BASE_URL=" + address}, flags)...)
	}

	killed := live(s.out("run-id=killed", "test=killed")).start(t)
	s.waitFor(t, "killed", isRunning)
	require.NoError(t, killed.Process.Kill())
	_ = killed.Wait()

	live(s.out("run-id=live", "test=shop-load"), "-e", "FAIL=1", "-e", "SLOW=1").start(t)
	k6Run(t, "testdata/ending.js", s.out("run-id=crossed", "test=ending"), "-e", "ENDING=crossed").run(t, 99)
	live(s.out("run-id=probe", "test=probe"), "-e", "PROBE=40", "--local-ips="+prober).run(t, 0)
	o := command{program: shop, args: []string{"--addr", strings.TrimPrefix(address, "http://"), "--log", logFile}}.start(t).wait()
	require.Equal(t, 1, o.code, "there is one on this port already")

	s.load(t, "--run-id", "usual", "--test", "checkout", moved(t, time.Now().Add(-time.Hour), 1))
	s.load(t, "--run-id", "slower", "--test", "checkout", moved(t, time.Now().Add(-30*time.Minute), 2))
	s.compare("slower", "--baseline", "usual").run(t, 3)
	w.loadNightly(t, s, 2, 3, 4)

	startFilebeat(t, s, logFile, s.prefix+"-logs-%{+yyyy.MM.dd}")
	w.waitLines(t, object{"range": object{"status": object{"gte": 500}}}, 30)
	w.waitLines(t, object{"match": object{"level": "fatal"}}, 1)
	w.waitLines(t, object{"term": object{"status": 404}}, 40)
	w.waitLines(t, object{"range": object{"IntervalTime": object{"gte": 1000}}}, 20)
	var past []object
	for _, line := range w.lines(t, object{"term": object{"status": 200}}, 120) {
		past = append(past, ofHost(shift(line, -time.Hour), silentHost))
	}
	s.writeLines(t, s.prefix+"-logs-past", past)
}

// makeQuiet makes a usual day, of lines of the loud team's logs: as many failures, but no more than on the days
// before; fewer unknown routes; both hosts log; a server was stopped on purpose.
func (w *alarmWorld) makeQuiet(t *testing.T) {
	s := w.quiet
	k6Run(t, alarmScript, s.out("run-id=live", "test=shop-load")).start(t)
	k6Run(t, alarmScript, s.out("run-id=passed", "test=ending"), "-e", "DURATION=2s").run(t, 0)
	s.load(t, "--run-id", "usual", "--test", "checkout", moved(t, time.Now().Add(-time.Hour), 1))
	s.load(t, "--run-id", "same", "--test", "checkout", moved(t, time.Now().Add(-30*time.Minute), 1))
	s.compare("same", "--baseline", "usual").run(t, 0)
	w.loadNightly(t, s, 0, 1, 2, 3)

	var lines []object
	good := w.lines(t, object{"bool": object{"filter": []object{{"term": object{"status": 200}}, {"range": object{"IntervalTime": object{"lt": 500}}}}}}, 120)
	for _, line := range good {
		lines = append(lines, line, ofHost(shift(line, -time.Hour), silentHost), ofHost(line, silentHost))
	}
	for _, line := range w.lines(t, object{"range": object{"status": object{"gte": 500}}}, 1000) {
		for day := range 8 {
			lines = append(lines, shift(line, -time.Duration(day)*24*time.Hour))
		}
	}
	lines = append(lines, w.lines(t, object{"term": object{"status": 404}}, 10)...)
	lines = append(lines, w.lines(t, object{"match_phrase": object{"message": "server started"}}, 1)...)
	s.writeLines(t, s.prefix+"-logs-1", lines)
}

// loadNightly loads runs of a pipeline, so many days ago each.
func (w *alarmWorld) loadNightly(t *testing.T, s store, days ...int) {
	t.Helper()
	for _, day := range days {
		at := time.Now().Add(-time.Duration(day)*24*time.Hour - 2*time.Minute)
		upload := s.upload("--run-id", fmt.Sprintf("nightly-%d", day), "--test", "nightly", moved(t, at, 1))
		upload.env = []string{"GITHUB_ACTIONS=true", "GITHUB_RUN_ID=1"}
		upload.run(t, 0)
	}
}

// moved is the recorded run, moved to end at that time, and with its response times multiplied.
func moved(t *testing.T, end time.Time, factor float64) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(gunzip(t, sampleFile)))
	var lines []object
	var last time.Time
	for decoder.More() {
		var line object
		require.NoError(t, decoder.Decode(&line))
		lines = append(lines, line)
		if at, ok := timeOf(line); ok && at.After(last) {
			last = at
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, line := range lines {
		if at, ok := timeOf(line); ok {
			data := line["data"].(object)
			data["time"] = at.Add(end.Sub(last)).Format(time.RFC3339Nano)
			if value, number := data["value"].(float64); number && strings.HasPrefix(line["metric"].(string), "http_req_") && line["metric"] != "http_req_failed" {
				data["value"] = value * factor
			}
		}
		require.NoError(t, encoder.Encode(line))
	}
	return write(t, t.TempDir(), "run.json", text.String())
}

// timeOf is the time of a line of a recorded run, if it is a sample.
func timeOf(line object) (time.Time, bool) {
	data, _ := line["data"].(object)
	text, _ := data["time"].(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil && line["type"] == "Point"
}

// found is how many documents a query finds; none while an index comes to be.
func (s store) found(t *testing.T, indices string, query object) int {
	t.Helper()
	s.send(t, http.MethodPost, "/"+indices+"/_refresh", nil, nil)
	if s.send(t, http.MethodPost, "/"+indices+"/_count", query, nil) != http.StatusOK {
		return 0
	}
	var answer struct{ Count int }
	s.send(t, http.MethodPost, "/"+indices+"/_count", query, &answer)
	return answer.Count
}

// waitLines waits until so many lines of the loud team's logs have come.
func (w *alarmWorld) waitLines(t *testing.T, query object, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return w.loud.found(t, w.logs(w.loud), object{"query": query}) >= count },
		soon, 200*time.Millisecond, "%v", query)
}

// lines are lines of the loud team's logs.
func (w *alarmWorld) lines(t *testing.T, query object, most int) []object {
	t.Helper()
	var answer struct {
		Hits struct {
			Hits []struct {
				Source object `json:"_source"`
			}
		}
	}
	w.loud.send(t, http.MethodPost, "/"+w.logs(w.loud)+"/_search", object{"query": query, "size": most, "sort": []object{{"@timestamp": "desc"}}}, &answer)
	var lines []object
	for _, hit := range answer.Hits.Hits {
		lines = append(lines, hit.Source)
	}
	require.NotEmpty(t, lines, "%v", query)
	return lines
}

// shift moves a line in time.
func shift(line object, by time.Duration) object {
	line = maps.Clone(line)
	at, err := time.Parse(time.RFC3339Nano, line["@timestamp"].(string))
	if err == nil {
		line["@timestamp"] = at.Add(by).Format(time.RFC3339Nano)
	}
	return line
}

// ofHost makes a line one of another host.
func ofHost(line object, host string) object {
	line = maps.Clone(line)
	line["host"] = object{"name": host}
	return line
}

// exportAlerts writes the rules of a team.
func (s store) exportAlerts(t *testing.T, dir, writeback, logs string, receivers []string) {
	t.Helper()
	args := []string{
		"export", "alerts", "--for", "elastalert2", "--dir", dir, "--logs-index", logs, "--kibana-url", "http://kibana:5601",
		"--writeback-index", writeback, "--alarm", "host-silent.least=100",
	}
	for _, receiver := range receivers {
		args = append(args, "--receiver", receiver)
	}
	o := s.command(args...).run(t, 0)
	require.NotContains(t, o.stdout, "left out", "these logs support every rule")
}

// writeConfig makes one configuration of the teams' own, for one ElastAlert2: all rules, and every few seconds.
func (w *alarmWorld) writeConfig(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, w.loud.prefix, "config.yaml"))
	require.NoError(t, err)
	var folders []string
	for _, team := range []store{w.loud, w.quiet, w.idle} {
		folders = append(folders, team.prefix+"/rules")
	}
	config := strings.NewReplacer(
		"rules_folder: rules", "rules_folder: ["+strings.Join(folders, ", ")+"]",
		"run_every:\n  minutes: 1", "run_every:\n  seconds: 10",
	).Replace(string(text))
	require.Contains(t, config, "seconds: 10")
	write(t, dir, "config.yaml", config)
}

// wasAway makes ElastAlert2 one that judged the quiet team's rules two hours ago, and was then stopped. It must
// not take that time for the present one, in which nothing would have been heard of anybody.
func (w *alarmWorld) wasAway(t *testing.T, rules []*alerts.Rule) {
	t.Helper()
	ago := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339Nano)
	var looks []object
	for _, rule := range rules {
		for _, name := range []string{rule.Name, rule.Name + "-rise"} {
			looks = append(looks, object{"rule_name": w.quiet.prefix + "-" + name, "endtime": ago, "@timestamp": ago})
		}
	}
	w.loud.writeLines(t, w.loud.prefix+"-elastalert_status", looks)
}

// requireTold looks at what was told of an alarm.
func (w *alarmWorld) requireTold(t *testing.T, rule *alerts.Rule, told told) {
	t.Helper()
	if about := aboutLoud[rule.Name]; about == "*" {
		assert.NotEmpty(t, told.About, rule.Name)
	} else {
		assert.Equal(t, about, told.About, rule.Name)
	}
	assert.Equal(t, rule.Title, told.Title)
	assert.Equal(t, string(rule.Severity), told.Severity)
	assert.Contains(t, told.Text, rule.Question)
	assert.Contains(t, told.Text, rule.Look.Advice)
	assert.NotContains(t, told.Text, "{{", "a template")
	assert.Contains(t, told.Text, told.Link)
	assert.Regexp(t, `^http://kibana:5601/app/dashboards#/view/\S+-`+rule.Look.Dashboard+`\?_g=\(\S*time:\(from:%272\S+$`, told.Link)
}

// requireRun demands that ElastAlert2 has judged every rule of every team after the last alarm, and told nothing
// of the quiet ones.
func (w *alarmWorld) requireRun(t *testing.T, r *receivers, rules []*alerts.Rule) {
	t.Helper()
	for _, rule := range rules {
		w.requireHits(t, w.quiet, rule)
		assert.Empty(t, r.of(w.quiet.prefix+"-"+rule.Name), "a usual day")
	}
	assert.Empty(t, r.of(w.idle.prefix+"-production-errors-during-test"), "no load test runs")
	assert.NotEmpty(t, r.of(w.idle.prefix+"-production-errors"), "though it is as loud")
}

// requireHits waits until ElastAlert2 has judged a rule, by documents where it is about numbers.
func (w *alarmWorld) requireHits(t *testing.T, team store, rule *alerts.Rule) {
	t.Helper()
	query := object{
		"query": object{"bool": object{"filter": []object{{"term": object{"rule_name": team.prefix + "-" + rule.Name}}}}},
		"aggs":  object{"hits": object{"max": object{"field": "hits"}}, "matches": object{"max": object{"field": "matches"}}}, "size": 0,
	}
	var answer struct {
		Aggregations struct{ Hits, Matches struct{ Value *float64 } }
	}
	require.Eventually(t, func() bool {
		w.loud.send(t, http.MethodPost, "/"+w.loud.prefix+"-elastalert_status/_search", query, &answer)
		return answer.Aggregations.Hits.Value != nil
	}, soon, 200*time.Millisecond, "%s must be judged", rule.Name)
	assert.Zero(t, *answer.Aggregations.Matches.Value, rule.Name)
	if len(rule.Facts) == 0 {
		assert.Positive(t, *answer.Aggregations.Hits.Value, "%s is judged by something", rule.Name)
	}
}
