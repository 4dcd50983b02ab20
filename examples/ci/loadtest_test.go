// Package ci_test runs the examples.
package ci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

// workDir holds the programs, for as long as the tests run.
var workDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "k6es-ci-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	workDir = dir
	defer os.RemoveAll(dir)
	return m.Run()
}

// build builds k6 with the output, k6es and the sample service.
var build = sync.OnceValue(func() error {
	command := exec.Command("go", "build", "-o", workDir+string(filepath.Separator), "./cmd/k6", "./cmd/k6es", "./scripts/service")
	command.Dir = filepath.Join("..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, output)
	}
	return nil
})

// loadtest runs loadtest.sh in a folder, and returns its exit code and what it printed.
func loadtest(t *testing.T, dir string, vars map[string]string, args ...string) (code int, output string) {
	t.Helper()
	script, err := filepath.Abs("loadtest.sh")
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), "bash", append([]string{script}, args...)...)
	command.Dir = dir
	command.Env = []string{"HOME=" + dir, "K6_NO_USAGE_REPORT=true", "PATH=" + workDir + ":" + os.Getenv("PATH")}
	for name, value := range vars {
		command.Env = append(command.Env, name+"="+value)
	}
	var b bytes.Buffer
	command.Stdout, command.Stderr = &b, &b
	err = command.Run()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, b.String())
	}
	return command.ProcessState.ExitCode(), b.String()
}

// TestExitCodes runs the script with programs that only end with an exit code.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ k6, k6es, want int }{
		{0, 0, 0}, {0, 3, 3}, {99, 0, 99}, {99, 3, 99}, {0, 1, 1}, {99, 1, 1}, {107, 3, 107}, {0, 2, 2},
	} {
		t.Run(fmt.Sprintf("k6 %d k6es %d", test.k6, test.k6es), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			vars := map[string]string{"K6": program(t, dir, "k6", test.k6), "K6ES": program(t, dir, "k6es", test.k6es), "COMPARE_FLAGS": "--delta 7%"}
			code, output := loadtest(t, dir, vars, "test.js", "--vus", "2 3")
			assert.Equal(t, test.want, code, output)
			id := strings.TrimSpace(read(t, filepath.Join(dir, "k6.id")))
			assert.Regexp(t, `^\d{8}T\d{6}Z-[0-9a-f]{8}$`, id)
			assert.Equal(t, "run --out elasticsearch --vus 2 3 test.js\n", read(t, filepath.Join(dir, "k6.args")))
			if test.k6 == 107 {
				assert.NoFileExists(t, filepath.Join(dir, "k6es.args"))
				return
			}
			assert.Equal(t, "compare --contender "+id+" --format junit -o reports/compare.xml --pr-comment-file reports/compare.md --delta 7%\n",
				read(t, filepath.Join(dir, "k6es.args")))
		})
	}
	code, output := loadtest(t, t.TempDir(), nil)
	assert.Equal(t, 2, code)
	assert.Contains(t, output, "usage: ")
}

// program makes one that notes its arguments and the run's id, and ends with an exit code.
func program(t *testing.T, dir, name string, code int) string {
	t.Helper()
	path := filepath.Join(dir, name)
	text := fmt.Sprintf("#!/bin/sh\necho \"$@\" > %[1]s.args\necho \"$K6_ELASTICSEARCH_RUN_ID\" > %[1]s.id\nexit %[2]d\n", path, code)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o700)) //nolint:gosec // a program
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// script is a load of 12 seconds, which is long enough to be compared.
const script = `import http from 'k6/http';
export const options = {
  scenarios: { browse: { executor: 'constant-arrival-rate', rate: 90, duration: '12s', preAllocatedVUs: 10 } },
  thresholds: { http_req_duration: [__ENV.LIMIT || 'p(95)<60000'] },
};
export default () => http.get(__ENV.BASE_URL + '/api/items', { tags: { name: 'GET /items' } });
`

// providers are the variables of CI systems at a change of main. CircleCI does not tell the base of a
// change: it is at main itself.
var providers = map[string]map[string]string{
	"github": {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "1", "GITHUB_RUN_NUMBER": "812", "GITHUB_REF": "refs/pull/77/merge",
		"GITHUB_HEAD_REF": "feature", "GITHUB_BASE_REF": "main", "GITHUB_SHA": sha, "GITHUB_REPOSITORY": "shop/api", "GITHUB_SERVER_URL": "https://github.com"},
	"gitlab": {"GITLAB_CI": "true", "CI_PIPELINE_IID": "812", "CI_COMMIT_REF_NAME": "feature", "CI_COMMIT_SHA": sha,
		"CI_MERGE_REQUEST_IID": "77", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"},
	"jenkins": {"JENKINS_URL": "https://ci.example/", "BUILD_NUMBER": "812", "JOB_NAME": "shop/PR-77", "GIT_COMMIT": sha,
		"CHANGE_ID": "77", "CHANGE_BRANCH": "feature", "CHANGE_TARGET": "main"},
	"azure": {"TF_BUILD": "True", "BUILD_BUILDID": "812", "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/feature",
		"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main", "SYSTEM_PULLREQUEST_PULLREQUESTID": "77", "BUILD_SOURCEVERSION": sha},
	"circleci":  {"CIRCLECI": "true", "CIRCLE_BUILD_NUM": "812", "CIRCLE_BRANCH": "main", "CIRCLE_SHA1": sha},
	"bitbucket": {"BITBUCKET_COMMIT": sha, "BITBUCKET_BUILD_NUMBER": "812", "BITBUCKET_BRANCH": "feature", "BITBUCKET_PR_ID": "77", "BITBUCKET_PR_DESTINATION_BRANCH": "main"},
	"buildkite": {"BUILDKITE": "true", "BUILDKITE_BUILD_NUMBER": "812", "BUILDKITE_BRANCH": "feature", "BUILDKITE_COMMIT": sha,
		"BUILDKITE_PULL_REQUEST": "77", "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main"},
	"drone": {"DRONE": "true", "DRONE_BUILD_NUMBER": "812", "DRONE_SOURCE_BRANCH": "feature", "DRONE_BRANCH": "main",
		"DRONE_TARGET_BRANCH": "main", "DRONE_PULL_REQUEST": "77", "DRONE_COMMIT_SHA": sha},
}

const sha = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"

// TestLoadtest runs a load test on main, and then one as each CI system would: real k6, real server. How fast the
// service is on a busy machine decides nothing.
func TestLoadtest(t *testing.T) {
	t.Parallel()
	url := servertest.URL(t, servertest.FirstClass)
	require.NoError(t, build())
	prefix := servertest.Prefix(t, url)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "shop.js"), []byte(script), 0o600))
	common := map[string]string{
		"K6_ELASTICSEARCH_URL": url, "K6_ELASTICSEARCH_INDEX_PREFIX": prefix, "K6_ELASTICSEARCH_ENVIRONMENT": "staging", "BASE_URL": startService(t),
	}
	with := func(more map[string]string) map[string]string {
		vars := map[string]string{}
		for _, some := range []map[string]string{common, more} {
			for name, value := range some {
				vars[name] = value
			}
		}
		return vars
	}

	first := with(map[string]string{"K6_ELASTICSEARCH_BRANCH": "main", "K6_ELASTICSEARCH_RUN_ID": "first"})
	code, output := loadtest(t, dir, first, "shop.js")
	require.Zero(t, code, output)
	assert.Contains(t, output, "verdict: not judged · exit 0", "there is nothing to compare the first run with")

	for provider, vars := range providers {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			own := t.TempDir()
			mine := with(vars)
			mine["K6_ELASTICSEARCH_RUN_ID"], mine["GITHUB_STEP_SUMMARY"], mine["COMPARE_FLAGS"] = "run-"+provider, filepath.Join(own, "summary.md"), "--fail-on never"
			want := 0
			if provider == "gitlab" { // one of them crosses a threshold
				mine["LIMIT"], want = "p(95)<0.0001", 99
			}
			code, output := loadtest(t, own, mine, filepath.Join(dir, "shop.js"))
			require.Equal(t, want, code, output)
			assert.Contains(t, output, "verdict: ")

			assert.Contains(t, read(t, filepath.Join(own, "reports", "compare.xml")), "<testsuites ")
			assert.Contains(t, read(t, filepath.Join(own, "reports", "compare.md")), "<!-- k6es comparison: shop -->\n")
			if provider == "github" {
				assert.Contains(t, read(t, filepath.Join(own, "summary.md")), "### k6es compare · `shop`: ")
			}
			stored := found(t, url+"/"+prefix+"-runs", "run-"+provider)
			assert.Contains(t, stored, fmt.Sprintf(`"provider":{"name":%q}`, provider))
			stored = found(t, url+"/"+prefix+"-comparisons", "run-"+provider)
			assert.Contains(t, stored, `"first"`, "the baseline")
			assert.NotContains(t, stored, `"verdict":"not judged"`)
		})
	}
}

// startService starts the sample service, and returns its address.
func startService(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addresses")
	service := exec.Command(filepath.Join(workDir, "service"), "--addr-file", file) //nolint:gosec,noctx // our own program, which is told to end
	service.Stderr = os.Stderr
	require.NoError(t, service.Start())
	t.Cleanup(func() {
		assert.NoError(t, errors.Join(service.Process.Signal(syscall.SIGINT), service.Wait()))
	})
	var address string
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		_, scanned := fmt.Sscanf(string(text), "http=%s", &address)
		return err == nil && scanned == nil
	}, 20*time.Second, 20*time.Millisecond)
	return "http://" + address
}

// found returns the document of a run in an index.
func found(t *testing.T, index, id string) string {
	t.Helper()
	for _, request := range []string{index + "/_refresh", index + `/_search?filter_path=hits.hits._source&q=k6.run.id:"` + id + `"`} {
		escaped := strings.ReplaceAll(request, `"`, "%22")
		response, err := http.Get(escaped) //nolint:gosec,noctx // the test's own server
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", text)
		if strings.HasSuffix(request, "_refresh") {
			continue
		}
		var answer struct {
			Hits struct{ Hits []json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(text, &answer))
		require.Len(t, answer.Hits.Hits, 1, "%s", text)
		return string(answer.Hits.Hits[0])
	}
	return ""
}

// TestExamplesAreYAML: what this test cannot run can at least be read, and runs the same script.
func TestExamplesAreYAML(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"github-actions.yml", "gitlab-ci.yml"} {
		var content map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(read(t, file)), &content), file)
		assert.Contains(t, content, map[string]string{"github-actions.yml": "jobs", "gitlab-ci.yml": "load-test"}[file])
	}
	for _, file := range []string{"github-actions.yml", "gitlab-ci.yml", "Jenkinsfile"} {
		assert.Contains(t, read(t, file), "ci/loadtest.sh load/checkout.js", file)
		assert.Contains(t, read(t, file), "reports/compare.", file)
	}
}
