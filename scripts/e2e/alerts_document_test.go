package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Who does as docs/alarms.md says has a first alarm: its commands are run as they stand there, in their order,
// but for the addresses. The last of them runs until the alarm has come.
func TestFirstAlarm(t *testing.T) {
	t.Parallel()
	s := firstClass(t)
	elastalert := newElastAlert2(t)
	r := newReceivers(t)
	home := t.TempDir()
	programs := filepath.Join(home, "programs")
	require.NoError(t, os.Mkdir(programs, 0o750))
	for _, name := range []string{k6, k6es} {
		require.NoError(t, os.Symlink(program(t, name), filepath.Join(programs, name)))
	}
	// python3 -m venv makes no new environment, but one that leads to that of the tests, where pip finds all
	// that it is asked for.
	python := "#!/bin/sh\nmkdir -p \"$3/bin\"\necho 'PATH=" + elastalert.bin + ":$PATH' > \"$3/bin/activate\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(programs, "python3"), []byte(python), 0o700)) //nolint:gosec // a program

	script := strings.NewReplacer(
		"http://localhost:9200", s.url, "https://hooks.slack.com/services/T000/B000/XXXX", r.url+"/slack",
	).Replace(firstAlarm(t))
	require.NotContains(t, script, "hooks.slack.com")
	c := exec.Command("bash", "-euc", script)
	c.Dir = home
	c.Env = []string{
		"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + home, "K6_NO_USAGE_REPORT=true", "PIP_NO_INDEX=1",
		"K6_ELASTICSEARCH_INDEX_PREFIX=" + s.prefix,
	}
	background(t, c)
	for _, title := range []string{"A load test failed", "A load test crossed a threshold"} {
		require.Eventually(t, func() bool { return strings.Contains(strings.Join(r.messages("slack"), "\n"), title) },
			soon, 100*time.Millisecond, title)
	}
	require.Equal(t, 200, s.send(t, "GET", "/"+s.prefix+"-elastalert_status", nil, nil), "its own index has the prefix")
}

// firstAlarm is the commands of the document's first chapter.
func firstAlarm(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "alarms.md"))
	require.NoError(t, err)
	_, chapter, found := strings.Cut(string(text), "## The first alarm")
	require.True(t, found)
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	var script string
	for i, part := range strings.Split(chapter, "\n```") {
		if i%2 == 1 {
			script += strings.TrimPrefix(part, "sh") + "\n"
		}
	}
	require.NotEmpty(t, script)
	return script
}
