//go:build unix

package cmd

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/doctor"
	"github.com/k6es/k6es/ingest/spool/spooltest"
)

// A run that cannot be read is not passed over in silence: replay ends with the exit code of what is left, and
// the list and the doctor say why.
func TestARunThatCannotBeRead(t *testing.T) {
	t.Parallel()
	root, runID := spooltest.Unreadable(t)
	replay := func(args ...string) (code ExitCode, out, told string) {
		var stdout, stderr bytes.Buffer
		env := Env{Out: &stdout, Err: &stderr, Name: "k6es", Vars: map[string]string{
			"K6_ELASTICSEARCH_URL": "http://127.0.0.1:1", "K6_ELASTICSEARCH_SPOOL_DIR": root,
		}}
		code = Main(t.Context(), env, append([]string{"replay"}, args...))
		return code, stdout.String(), stderr.String()
	}
	for _, args := range [][]string{nil, {runID}, {"--output=json"}} {
		code, _, told := replay(args...)
		assert.Equal(t, ExitUndelivered, code, "%v", args)
		assert.Contains(t, told, "k6es: run "+runID+": looking into the spool: ", "%v", args)
		assert.Contains(t, told, "file name too long", "%v", args)
	}
	code, out, _ := replay("--list", "--width=300")
	assert.Equal(t, ExitOK, code)
	assert.Contains(t, out, "cannot be read")
	_, out, _ = replay("--list", "--output=json")
	var listed []spooled
	require.NoError(t, json.Unmarshal([]byte(out), &listed))
	require.Len(t, listed, 1)
	assert.Contains(t, listed[0].Error, "looking into the spool: ")

	finding := checkSpool(config.Config{SpoolDir: root, SpoolSize: 1 << 31})
	assert.Equal(t, doctor.Wrong, finding.Mark)
	assert.Contains(t, finding.Text, ": run "+runID+" cannot be read (looking into the spool: ")
	assert.Equal(t, "let this user read "+filepath.Join(root, runID+"-0123456789abcdef")+", then k6es replay", finding.Fix)
}
