package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/ingest/spool"
)

// found is what a doctor can find, one of each kind.
var found = []doctor.Finding{
	{Check: "options", Mark: doctor.OK, Text: "url (K6_ELASTICSEARCH_URL), index-prefix (k6es.yaml:3)"},
	{Check: "Elasticsearch", Mark: doctor.OK, Text: "http://es:9200 · OSS 7.10.2, cluster farm, green"},
	{Check: "credentials", Mark: doctor.OK, Text: "user \"k6\" may write k6-metrics-*, k6-runs, k6-series, k6-comparisons; delete runs"},
	{Check: "templates", Mark: doctor.Wrong, Text: "k6-metrics: version 3 is older than this k6es (version 4)", Fix: "k6es setup"},
	{Check: "retention", Mark: doctor.Off, Text: "the server has neither ILM nor ISM", Fix: "cron"},
	{Check: "clock", Mark: doctor.Warning, Text: "this machine is 4.2 s behind the server: samples stand earlier than the server's logs of the same moment", Fix: "let NTP set both clocks"},
	{Check: "blocks", Mark: doctor.Wrong, Text: "k6-metrics-2026.11 takes no documents: index.blocks.read_only_allow_delete is set, as when a disk is full",
		Fix: `make room on the disks, then PUT k6-metrics-2026.11/_settings {"index.blocks.read_only_allow_delete":null}`},
	{Check: "Kibana", Mark: doctor.OK, Text: "http://kibana:5601 · Kibana 7.10.2, 4 dashboards current"},
	{Check: "spool", Mark: doctor.Warning, Text: "bad\x1b[2Jname\nof a run", Fix: "k6es replay"},
}

func TestDoctorIn80Columns(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/look/doctor.txt")
	require.NoError(t, err)
	shown := lookAt(80).findings(found)
	assert.Equal(t, string(golden), shown)
	for line := range strings.Lines(shown) {
		assert.LessOrEqual(t, text.StringWidth(strings.TrimSuffix(line, "\n")), 80, line)
	}
}

func TestDoctorOnAWideTerminal(t *testing.T) {
	t.Parallel()
	l := lookAt(260)
	assert.Len(t, strings.Split(strings.TrimSpace(l.findings(found)), "\n"), len(found), "one line each")
	l.colour = true
	shown := l.findings(found)
	assert.Contains(t, shown, "\x1b[32m✓\x1b[0m Elasticsearch  http://es:9200")
	assert.Contains(t, shown, "\x1b[31m✗\x1b[0m templates")
	assert.NotContains(t, shown, "\x1b[2J")
}

func TestDoctorsVerdict(t *testing.T) {
	t.Parallel()
	require.EqualError(t, wrong(found), "2 checks failed")
	require.EqualError(t, wrong(found[:5]), "1 check failed")
	assert.NoError(t, wrong(found[:3]))
}

// The spool shows what waits, and who else could read it.
func TestDoctorLooksIntoTheSpool(t *testing.T) {
	t.Parallel()
	cfg := config.Config{SpoolDir: t.TempDir(), SpoolSize: 1 << 31}
	require.NoError(t, os.Chmod(cfg.SpoolDir, 0o700)) //nolint:gosec // a folder
	assert.Equal(t, doctor.Finding{Check: "spool", Mark: doctor.OK, Text: "empty (" + cfg.SpoolDir + ")"}, checkSpool(cfg))

	dir, err := cfg.Spool()
	require.NoError(t, err)
	run := dir.Create(spool.Info{RunID: "0193a1b2", Instance: "a"})
	_, err = run.Append(spool.Record{Documents: 1204, Time: time.Now(), Body: []byte("block")}, false)
	require.NoError(t, err)
	assert.Equal(t, doctor.OK, checkSpool(cfg).Mark, "the run goes on, and sends it")
	require.NoError(t, run.Close())
	finding := checkSpool(cfg)
	assert.Equal(t, doctor.Warning, finding.Mark)
	assert.Equal(t, "k6es replay", finding.Fix)
	assert.Regexp(t, `^`+cfg.SpoolDir+`, \d+ B of 2.0 GiB: 1,204 documents of 1 run wait, the oldest since 20\d\d-`, finding.Text)

	blocks, err := filepath.Glob(filepath.Join(cfg.SpoolDir, "*", "*.blocks"))
	require.NoError(t, err)
	require.Len(t, blocks, 1)
	require.NoError(t, os.Rename(blocks[0], blocks[0]+".damaged"))
	finding = checkSpool(cfg)
	assert.Equal(t, doctor.Warning, finding.Mark)
	assert.Regexp(t, `^`+cfg.SpoolDir+`, \d+ B of 2.0 GiB: 1 damaged place$`, finding.Text, "nothing waits")
	assert.Contains(t, finding.Fix, "*.damaged")

	require.NoError(t, os.Chmod(cfg.SpoolDir, 0o755)) //nolint:gosec // that is the point
	finding = checkSpool(cfg)
	assert.Equal(t, "chmod 700 "+cfg.SpoolDir, finding.Fix)
	assert.Contains(t, finding.Text, "; other users may look into it")
}
