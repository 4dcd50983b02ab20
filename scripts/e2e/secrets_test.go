package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic/elastictest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

// plants are secrets, by what they are for. They hold characters that addresses encode.
type plants map[string]string

func (p plants) secret(name string) string {
	if p[name] == "" {
		p[name] = "Pl4nt/" + rand.Text()[:12] + "+" + rand.Text()[:4]
	}
	return p[name]
}

// escaped is the secret as it stands in an address.
func (p plants) escaped(name string) string { return url.QueryEscape(p.secret(name)) }

// leaks names the secrets that a text shows, in any of the forms in which they are sent.
func (p plants) leaks(text []byte) []string {
	var found []string
	for name, secret := range p {
		for _, form := range []string{
			secret, url.QueryEscape(secret), strings.ReplaceAll(secret, "/", `\/`), strings.ReplaceAll(secret, "+", `\u002b`),
			encoded(secret), encoded("gate:" + secret), encoded("k6:" + secret),
		} {
			if bytes.Contains(text, []byte(form)) {
				found = append(found, name)
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

// encoded is base64 without its end, which depends on what follows.
func encoded(text string) string {
	return base64.RawStdEncoding.EncodeToString([]byte(text[:len(text)/3*3]))
}

// leftBehind is all that is below a folder, by name; what is compressed is there unpacked, too.
func leftBehind(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := entry.Info(); err == nil && strings.Contains(path, "k6es") && runtime.GOOS != "windows" {
			assert.Zero(t, info.Mode().Perm()&0o077, "others may read %s", path)
		}
		if entry.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		files[path] = append(content, unpacked(content)...)
		return err
	}))
	return files
}

// unpacked is whatever of a file is gzip.
func unpacked(content []byte) []byte {
	var plain bytes.Buffer
	magic := []byte{0x1f, 0x8b, 8}
	for at := bytes.Index(content, magic); at >= 0; {
		if packed, err := gzip.NewReader(bytes.NewReader(content[at:])); err == nil {
			packed.Multistream(false)
			_, _ = io.CopyN(&plain, packed, 16<<20) // it ends with what was gzip
		}
		next := bytes.Index(content[at+1:], magic)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return plain.Bytes()
}

// target is a server as a planted command sees it.
type target struct {
	name, url string
	vars      []string // what else is needed to get there
	documents func(t *testing.T, prefix string) string
	succeeds  bool
	spools    bool // a live run leaves documents in the spool
}

// way is how secrets are handed to a program.
type way struct {
	name     string
	commands [][]string // that are run besides a run, an upload, and a list
	// plant returns flags of k6es, the argument of --out, and variables.
	plant func(t *testing.T, p plants, to target) (flags []string, argument string, vars []string)
}

// more are commands that say something about options, server, or runs.
var more = [][]string{{"options"}, {"setup"}, {"doctor", "--output=json"}, {"compare", "--format=json"}}

// control is no secret: it shows that what is looked through is what was written.
const control = "control-that-is-stored"

func TestSecretsStayWhereTheyArePut(t *testing.T) {
	t.Parallel()
	first := firstClass(t)
	secured := newAdministrator(t, servertest.SecuredElasticsearch)
	forbidden := plants{}
	secured.must(t, http.MethodPut, "/_security/role/"+secured.Prefix+"nothing", `{"cluster":[],"indices":[]}`)
	secured.must(t, http.MethodPut, "/_security/user/"+secured.Prefix+"nobody",
		fmt.Sprintf(`{"password":%q,"roles":[%q]}`, forbidden.secret("password"), secured.Prefix+"nothing"))

	works := target{name: "works", url: first.url, succeeds: true, documents: func(t *testing.T, prefix string) string {
		var answer object
		first.send(t, http.MethodPost, "/"+prefix+"-*/_refresh", nil, nil)
		first.send(t, http.MethodPost, "/"+prefix+"-*/_search?size=10000", nil, &answer)
		return fmt.Sprint(answer)
	}}
	login := target{name: "refuses the login", url: secured.URL, vars: secured.place()[1:2], documents: func(t *testing.T, prefix string) string {
		return secured.must(t, http.MethodPost, "/"+prefix+"-*/_search?size=10000", "")
	}}
	others := []target{
		{name: "is not there", url: "http://" + closedPort(t), spools: true},
		{name: "is not trusted", url: secured.URL, spools: true},
		{name: "has no TLS", url: strings.Replace(first.url, "http://", "https://", 1), spools: true},
		{name: "has no address", url: "http://unknown.invalid:9200", spools: true},
	}

	for _, w := range ways() {
		w.check(t, plants{}, works)
		w.check(t, plants{}, login)
	}
	for _, to := range others {
		ways()[0].check(t, plants{}, to) // by a proxy
		ways()[3].check(t, plants{}, to)
	}
	for _, option := range []string{"api-key", "service-account-token", "bearer-token", "sigv4-secret-key"} {
		loginWay(option).check(t, plants{}, login)
	}
	mayNot := way{"a login without rights", more, func(_ *testing.T, p plants, _ target) ([]string, string, []string) {
		return nil, "", []string{"K6_ELASTICSEARCH_USER=" + secured.Prefix + "nobody", "K6_ELASTICSEARCH_PASSWORD=" + p.secret("password")}
	}}
	mayNot.check(t, forbidden, login)
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// options are the options that hold a secret, and those that go with them.
func (p plants) options(t *testing.T) map[string]string {
	proxy := elastictest.NewProxy(t, "gate:"+p.secret("proxy"))
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "nothing here: "+r.URL.String(), http.StatusNotFound)
	}))
	t.Cleanup(hook.Close)
	return map[string]string{
		"user": "k6", "password": p.secret("password"), "headers": "X-Gateway=" + p.secret("header"),
		"proxy":       "http://gate:" + p.escaped("proxy") + "@" + proxy.Address,
		"kibana-user": "k6", "kibana-password": p.secret("kibana"), "kibana-url": "http://k6:" + p.escaped("kibana URL") + "@127.0.0.1:1",
		"pipeline-url": "https://ci:" + p.escaped("pipeline URL") + "@ci.example.com/7",
		"notify":       hook.URL + "/services/" + p.escaped("notify"), "notify-secret": p.secret("notify secret"),
	}
}

func variable(option, value string) string {
	name := "K6_ELASTICSEARCH_" + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
	return strings.Replace(name, "K6_ELASTICSEARCH_KIBANA", "K6_KIBANA", 1) + "=" + value
}

func ways() []way {
	return []way{
		{"variables", more, func(t *testing.T, p plants, to target) (flags []string, argument string, vars []string) {
			for option, value := range p.options(t) {
				vars = append(vars, variable(option, value))
			}
			return nil, "", append(vars, "K6_ELASTICSEARCH_URL="+to.url)
		}},
		{"command line", more, func(t *testing.T, p plants, to target) (flags []string, argument string, vars []string) {
			argument = to.url
			for option, value := range p.options(t) {
				flags = append(flags, "--"+option+"="+value)
				argument += "," + option + "=" + value
			}
			return append(flags, "--url="+to.url), argument, nil
		}},
		{"config file", nil, func(t *testing.T, p plants, to target) (flags []string, argument string, vars []string) {
			file, text := filepath.Join(t.TempDir(), "k6es.yaml"), "url: "+to.url+"\n"
			for option, value := range p.options(t) {
				if name, header, ok := strings.Cut(value, "="); ok && option == "headers" {
					value = fmt.Sprintf("{%s: %q}", name, header)
				}
				text += option + ": " + value + "\n"
			}
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			return nil, "", []string{"K6ES_CONFIG=" + file}
		}},
		{"address", nil, func(_ *testing.T, p plants, to target) ([]string, string, []string) {
			return nil, "", []string{"K6_ELASTICSEARCH_URL=" + strings.Replace(to.url, "://", "://k6:"+p.escaped("address")+"@", 1)}
		}},
	}
}

func loginWay(option string) way {
	return way{option, nil, func(_ *testing.T, p plants, _ target) ([]string, string, []string) {
		vars := []string{variable(option, p.secret(option))}
		if option == "sigv4-secret-key" {
			vars = append(vars, variable("sigv4-region", "eu-west-1"), variable("sigv4-access-key", "AKIDEXAMPLE"), variable("sigv4-session-token", p.secret("session token")))
		}
		return nil, "", vars
	}}
}

// check runs the programs with planted secrets, and looks for these in all that the programs said and
// left behind.
func (w way) check(t *testing.T, p plants, to target) {
	t.Run(w.name+" where the server "+to.name, func(t *testing.T) {
		t.Parallel()
		dir, prefix := t.TempDir(), "k6t-"+strings.ToLower(rand.Text()[:10])
		if to.succeeds {
			prefix = servertest.Prefix(t, to.url)
		}
		flags, argument, vars := w.plant(t, p, to)
		vars = slices.Concat([]string{"K6_ELASTICSEARCH_URL=" + to.url}, to.vars, vars, []string{
			"TMPDIR=" + dir, "K6_ELASTICSEARCH_INDEX_PREFIX=" + prefix, "K6_ELASTICSEARCH_RUN_NOTE=" + control,
			// What is in a pipeline's environment besides.
			"GITLAB_CI=true", "CI_JOB_TOKEN=" + p.secret("job token"), "CI_COMMIT_REF_NAME=main", "CI_PIPELINE_URL=https://ci:" + p.escaped("CI URL") + "@ci.example.com/9",
			"CI_REPOSITORY_URL=https://gitlab-ci-token:" + p.escaped("job token") + "@git.example.com/shop.git", "DATABASE_PASSWORD=" + p.secret("database"),
		})
		if argument != "" {
			vars = slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, "K6_ELASTICSEARCH_URL=") })
			argument = "=" + argument
		}
		if !to.succeeds {
			vars = append(vars, "K6_ELASTICSEARCH_STOP_TIMEOUT=1s", "K6_ELASTICSEARCH_RETRY_TIMEOUT=1s")
		}

		said := map[string][]byte{}
		run := func(c command) outcome {
			c.env, c.dir = vars, dir
			process := c.start(t)
			title := titleOf(process.Process.Pid)
			o := process.wait()
			name := c.program + " " + c.args[0]
			said[name] = []byte(o.stdout + o.stderr)
			if argument == "" {
				said["title of "+name] = bytes.ReplaceAll(title, []byte(p.secret("script")), nil) // given by -e
			}
			return o
		}
		live := k6Run(t, tiny, "--out=elasticsearch"+argument, "-e", "API_TOKEN="+p.secret("script"))
		ran, file := run(live), write(t, dir, "checkout.json", load{requests: 20, seed: 1}.text(t))
		k6esRun := func(words []string, more ...string) outcome {
			return run(command{program: k6es, args: slices.Concat(words, known(t, words, flags), more)})
		}
		loaded := k6esRun([]string{"upload", "--output=json"}, file)
		for _, words := range w.commands {
			k6esRun(words)
		}
		listed := k6esRun([]string{"runs", "list", "--output=json"})
		if to.succeeds {
			assert.Zero(t, ran.code, ran.stderr)
			assert.Zero(t, loaded.code, loaded.stderr)
			assert.Contains(t, listed.stdout, control, listed.stderr)
		} else {
			assert.NotZero(t, loaded.code, loaded.stdout)
		}
		if argument != "" {
			assert.Contains(t, loaded.stderr, "--password holds a secret that the list of processes shows")
			assert.Contains(t, ran.stderr, "password holds a secret that the list of processes shows")
			assert.Contains(t, ran.stderr, "notify holds a secret that the list of processes shows")
		}
		if to.documents != nil {
			stored := to.documents(t, prefix)
			assert.Equal(t, to.succeeds, strings.Contains(stored, control), "the documents of the run: %s", stored)
			said["the documents"] = []byte(stored)
		}
		left := leftBehind(t, dir)
		if to.spools {
			assert.Contains(t, string(bytes.Join(slices.Collect(maps.Values(left)), nil)), control, "the spool")
		}
		maps.Copy(said, left)
		for _, where := range slices.Sorted(maps.Keys(said)) {
			assert.Empty(t, p.leaks(said[where]), "in %s: %s", where, said[where])
		}
	})
}

// known are those of the flags that a command has: not each asks Kibana, or tells somebody.
func known(t *testing.T, words, flags []string) []string {
	t.Helper()
	help := command{program: k6es, args: append(slices.Clone(words), "--help")}.run(t, 0).stdout
	return slices.DeleteFunc(slices.Clone(flags), func(flag string) bool {
		name, _, _ := strings.Cut(flag, "=")
		special := strings.HasPrefix(name, "--kibana") || strings.HasPrefix(name, "--pipeline") || strings.HasPrefix(name, "--notify")
		return special && !strings.Contains(help, name+" ")
	})
}

// titleOf is what the list of processes shows of a process.
func titleOf(pid int) []byte {
	if runtime.GOOS != "linux" {
		return nil
	}
	title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have ended
	return title
}

// TestLeaksAreFound makes sure that the test above could fail.
func TestLeaksAreFound(t *testing.T) {
	t.Parallel()
	p, dir := plants{}, t.TempDir()
	secret := p.secret("password")
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = io.WriteString(writer, `{"note":"`+secret+`"}`)
	require.NoError(t, writer.Close())
	for name, content := range map[string]string{
		"plain": "x" + secret + "x", "address": "http://k6:" + p.escaped("password") + "@es", "json": strings.ReplaceAll(secret, "/", `\/`),
		"basic": "Basic " + base64.StdEncoding.EncodeToString([]byte("k6:"+secret)), "base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"deep/spool": "\x1f\x8b\x08 not gzip" + packed.String() + "and more", "deep/twice": packed.String() + packed.String(),
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	files := leftBehind(t, dir)
	require.Len(t, files, 7)
	for name, content := range files {
		assert.Equal(t, []string{"password"}, p.leaks(content), name)
	}
	assert.Empty(t, p.leaks([]byte("nothing of the kind")))
}

// TestProxyOfTheEnvironment goes to a real server, by the name that only the proxy knows.
func TestProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	proxy := elastictest.NewProxy(t, "gate:the/word")
	secured := newAdministrator(t, servertest.SecuredElasticsearch)
	through := secured
	through.URL = strings.Replace(secured.URL, "127.0.0.1", elastictest.Host, 1)
	for name, vars := range map[string][]string{
		"option":      {"K6_ELASTICSEARCH_PROXY=http://gate:the%2Fword@" + proxy.Address},
		"environment": {"HTTPS_PROXY=http://gate:the%2Fword@" + proxy.Address},
	} {
		before := proxy.Connected.Load()
		for _, c := range []command{through.k6es("setup"), through.live(t)} {
			c.env = append(c.env, vars...)
			o := c.run(t, 0)
			assert.NotContains(t, o.stderr, "level=warning", name)
		}
		assert.Greater(t, proxy.Connected.Load(), before+1, name)
	}
	wrong := through.k6es("setup")
	wrong.env = append(wrong.env, "HTTPS_PROXY=http://gate:another%2Fword@"+proxy.Address)
	o := wrong.run(t, 1)
	assert.Contains(t, o.stderr, "wants another login (407). Check K6_ELASTICSEARCH_PROXY, or HTTPS_PROXY")
	assert.NotContains(t, o.stderr, "another%2Fword")
	assert.NotContains(t, o.stderr, "another/word")
}
