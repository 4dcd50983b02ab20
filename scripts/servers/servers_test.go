//go:build unix

package main

import (
	"archive/zip"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTableIsSound(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range table {
		assert.False(t, names[s.Name], "%s is there twice", s.Name)
		names[s.Name] = true
		name, secured := strings.CutSuffix(s.Name, "-security")
		assert.Equal(t, s.Secured, secured, s.Name)
		name, tight := strings.CutSuffix(name, "-tight")
		assert.Equal(t, s.Tight, tight, s.Name)
		assert.True(t, strings.HasSuffix(name, "-"+s.Version), "%s does not end in its version", s.Name)
		assert.Positive(t, s.Size, s.Name)
		assert.True(t, s.JDK.contains(s.JDK.recommended()), s.Name)
		if s.RestRoot != nil {
			assert.GreaterOrEqual(t, s.JDK.Min, s.RestRoot.Release, "%s could not load its rest-root", s.Name)
			files, err := s.RestRoot.sources()
			require.NoError(t, err)
			assert.Len(t, files, 2, s.Name)
		}

		modules := map[string]bool{}
		for _, m := range s.Modules {
			assert.False(t, modules[m.Name], "%s has %s twice", s.Name, m.Name)
			modules[m.Name] = true
		}
		for _, m := range s.Modules {
			assert.True(t, m.Extends == "" || modules[m.Extends], "%s: %s extends what is not there", s.Name, m.Name)
		}
	}
}

func TestFindServers(t *testing.T) {
	t.Parallel()
	found, err := findServers([]string{"opensearch-2.19.6", "es-oss-7.10.2"})
	require.NoError(t, err)
	assert.Equal(t, "2.19.6", found[0].Version)
	assert.Equal(t, "7.10.2", found[1].Version)

	_, err = findServers([]string{"es-1"})
	require.ErrorContains(t, err, "es-oss-7.10.2")
	_, err = findServers([]string{"es-oss-7.10.2", "es-oss-7.10.2"})
	require.ErrorContains(t, err, "twice")
}

func TestVariable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"es-oss-7.10.2":     "K6ES_TEST_ES_OSS_7_10_2",
		"opensearch-2.19.6": "K6ES_TEST_OPENSEARCH_2_19_6",
	} {
		assert.Equal(t, want, server{Name: name}.variable())
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	env, err := environment([]*instance{
		{Name: "es-oss-7.10.2", Port: 1234, Pid: 11, dir: "/tmp/it's here"},
		{Name: "es-9.5.3", Port: 5678, Pid: 12, dir: "/tmp/b"},
	})
	require.NoError(t, err)
	assert.Contains(t, env, "ELASTICSEARCH_URL=http://127.0.0.1:1234")
	assert.Contains(t, env, "K6ES_TEST_ES_OSS_7_10_2=http://127.0.0.1:1234")
	assert.Contains(t, env, "K6ES_TEST_ES_OSS_7_10_2_PID=11")
	assert.Contains(t, env, "K6ES_TEST_ES_9_5_3=http://127.0.0.1:5678")

	for _, line := range env {
		if command, ok := strings.CutPrefix(line, "K6ES_TEST_ES_OSS_7_10_2_START="); ok {
			_, args, _ := strings.Cut(command, " again ")
			out, err := exec.Command("sh", "-c", "printf %s "+args).Output()
			require.NoError(t, err)
			assert.Equal(t, "/tmp/it's here/again.sock", string(out))
			return
		}
	}
	assert.Fail(t, "no command to start the server again", env)
}

func TestPoms(t *testing.T) {
	t.Parallel()
	s := server{
		Version: "7.10.2", Zip: "org.example:elasticsearch",
		Modules: []module{{Name: "reindex", Artifact: "org.example.module:reindex-client:7.10.2"}},
	}
	dir := t.TempDir()
	require.NoError(t, s.writePoms(dir))

	read := func(folder string) pom {
		var p pom
		text, err := os.ReadFile(filepath.Join(dir, folder, "pom.xml"))
		require.NoError(t, err)
		require.NoError(t, xml.Unmarshal(text, &p))
		return p
	}
	assert.Equal(t, []string{"distribution", "modules/reindex"}, read(".").Modules)
	assert.Equal(t, []dependency{{"org.example", "elasticsearch", "7.10.2", "zip"}}, read("distribution").Dependencies)
	assert.Equal(t, []dependency{{"org.example.module", "reindex-client", "7.10.2", "jar"}},
		read("modules/reindex").Dependencies)

	s.Modules[0].Artifact = "org.example:reindex"
	require.ErrorContains(t, s.writePoms(dir), "group:artifact:version")
}

func TestFolderChangesWithTheRecipe(t *testing.T) {
	t.Parallel()
	h := home{cache: "/cache"}
	s, err := findServers([]string{"es-8.19.21"})
	require.NoError(t, err)
	first, err := h.folder(s[0])
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(first, "/cache/es-8.19.21-"), first)

	changed := s[0]
	changed.Modules = []module{{Name: "reindex"}}
	second, err := h.folder(changed)
	require.NoError(t, err)
	assert.NotEqual(t, first, second)

	changed = s[0]
	changed.RestRoot = nil
	third, err := h.folder(changed)
	require.NoError(t, err)
	assert.NotEqual(t, first, third)
}

func TestInstallModule(t *testing.T) {
	t.Parallel()
	jars, dist := t.TempDir(), t.TempDir()
	writeZip(t, filepath.Join(dist, "lib", "lucene-core-9.12.2.jar"))
	writeZip(t, filepath.Join(jars, "lucene-core-9.12.3.jar"))
	writeZip(t, filepath.Join(jars, "jspecify-1.0.0.jar"))
	writeZip(t, filepath.Join(jars, "httpcore-nio-4.4.12.jar"))
	writeZip(t, filepath.Join(jars, "reindex-client-2.19.6.jar"),
		"org/opensearch/index/reindex/ReindexPlugin.class", "org/opensearch/index/reindex/ReindexPlugin$1.class")

	s := server{Kind: opensearch, Version: "2.19.6", JDK: jdkRange{11, 21}}
	m := module{Name: "reindex", Extends: "lang-painless", Policy: `permission org.elasticsearch.script.X "*";`}
	require.NoError(t, s.install(m, jars, dist))

	into := filepath.Join(dist, "modules", "reindex")
	installed, err := libraries(into)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"httpcore-nio", "reindex-client"}, installed)
	descriptor, err := os.ReadFile(filepath.Join(into, "plugin-descriptor.properties"))
	require.NoError(t, err)
	assert.Equal(t, `description=reindex
name=reindex
version=2.19.6
opensearch.version=2.19.6
classname=org.opensearch.index.reindex.ReindexPlugin
java.version=11
extended.plugins=lang-painless
`, string(descriptor))
	policy, err := os.ReadFile(filepath.Join(into, "plugin-security.policy"))
	require.NoError(t, err)
	assert.Equal(t, `permission org.opensearch.script.X "*";`, string(policy))

	err = s.install(module{Name: "percolator", Artifact: "a:b:1"}, jars, dist)
	require.ErrorContains(t, err, "no plugin class")
}

// writeZip makes an archive of empty files.
func writeZip(t *testing.T, path string, names ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	file, err := os.Create(path)
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	for _, name := range names {
		_, err := archive.Create(name)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	f := fetched{server: server{Kind: elasticsearch, Version: "1"}}
	work := t.TempDir()
	_, err := f.unpack(work)
	require.ErrorContains(t, err, "0 distributions")

	writeZip(t, filepath.Join(work, "distribution", "jars", "elasticsearch-1.zip"), "elasticsearch-1/lib/a.jar")
	dist, err := f.unpack(work)
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(dist, "lib", "a.jar"))

	other := t.TempDir()
	writeZip(t, filepath.Join(other, "distribution", "jars", "elasticsearch-2.zip"), "elasticsearch-2/a.jar")
	_, err = f.unpack(other)
	require.ErrorContains(t, err, "no folder elasticsearch-1")
}

func TestParseJavaMajor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`"17.0.15"`:                             17,
		`"25"`:                                  25,
		`"21-ea"`:                               21,
		`openjdk version "1.8.0_392"`:           8,
		"openjdk version \"11.0.2\" 2019-01-15": 11,
	} {
		major, ok := parseJavaMajor(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, major, text)
	}
	_, ok := parseJavaMajor("command not found")
	assert.False(t, ok)
}

func TestChooseJDK(t *testing.T) {
	t.Parallel()
	runtimeOnly := fakeJDK(t, "17.0.1", "java")
	full := fakeJDK(t, "17.0.1", "java", "javac")
	late := fakeJDK(t, "25", "java", "javac")
	s := server{Name: "es-x", JDK: jdkRange{11, 17}}

	chosen, err := s.chooseJDK([]jdk{late, runtimeOnly, full}, false)
	require.NoError(t, err)
	assert.Equal(t, runtimeOnly, chosen)
	chosen, err = s.chooseJDK([]jdk{late, runtimeOnly, full}, true)
	require.NoError(t, err)
	assert.Equal(t, full, chosen)

	_, err = s.chooseJDK([]jdk{late}, false)
	require.ErrorContains(t, err, "es-x needs java 11 to 17, but there is only 25 in "+late.home)
	require.ErrorContains(t, err, "apt-get install -y openjdk-17-jdk-headless")
	_, err = server{Name: "es-y", JDK: jdkRange{21, 0}}.chooseJDK(nil, true)
	require.ErrorContains(t, err, "21 or later, but there is none")
	require.ErrorContains(t, err, "brew install openjdk@21")
}

func TestServersWithoutJavaAreLeftOut(t *testing.T) {
	t.Parallel()
	old, late := server{Name: "es-x", JDK: jdkRange{11, 17}}, server{Name: "es-y", JDK: jdkRange{21, 0}, RestRoot: &restRoot{}}
	var said []string
	progress := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	jdks := []jdk{fakeJDK(t, "17.0.1", "java"), fakeJDK(t, "25", "java")}
	assert.Equal(t, []server{old}, possible([]server{old, late}, jdks, progress))
	require.Len(t, said, 1)
	assert.Contains(t, said[0], "NOT STARTED: es-y needs javac")
}

// fakeJDK makes a folder that looks like an installed Java.
func fakeJDK(t *testing.T, version string, tools ...string) jdk {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	for _, tool := range tools {
		require.NoError(t, os.WriteFile(filepath.Join(home, "bin", tool), nil, 0o755))
	}
	release := "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(home, "release"), []byte(release), 0o644))
	major, ok := javaMajor(home)
	require.True(t, ok)
	return jdk{home, major}
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := tryLock(path)
	require.NoError(t, err)
	_, err = tryLock(path)
	require.ErrorIs(t, err, errLocked)

	waiting, taken := make(chan struct{}), make(chan error)
	go func() {
		second, err := waitLock(path, func() { close(waiting) })
		if err == nil {
			second.release()
		}
		taken <- err
	}()
	<-waiting
	first.release()
	require.NoError(t, <-taken)
}

func TestReaches(t *testing.T) {
	t.Parallel()
	closed := t.TempDir()
	inner := filepath.Join(closed, "inner")
	require.NoError(t, os.Mkdir(inner, 0o755))
	require.NoError(t, os.Chmod(closed, 0o700))
	other := user{&syscall.Credential{Uid: nobody, Gid: nobody}}
	assert.True(t, user{}.reaches(inner))
	assert.False(t, other.reaches(inner))
	assert.True(t, other.reaches("/"))
}

func TestLinkTreeCopiesConfiguration(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "home")
	for _, file := range []string{"lib/a.jar", "config/es.yml", "config/deep/roles.yml"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(from, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(from, file), []byte(file), 0o644))
	}
	require.NoError(t, linkTree(from, to))
	for file, linked := range map[string]bool{"lib/a.jar": true, "config/es.yml": false, "config/deep/roles.yml": false} {
		a, err := os.Stat(filepath.Join(from, file))
		require.NoError(t, err)
		b, err := os.Stat(filepath.Join(to, file))
		require.NoError(t, err)
		assert.Equal(t, linked, os.SameFile(a, b), file)
	}
}

func TestFreePorts(t *testing.T) {
	t.Parallel()
	ports, err := freePorts(5)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, port := range ports {
		assert.False(t, seen[port])
		seen[port] = true
	}
}

func TestInstances(t *testing.T) {
	t.Parallel()
	dist := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dist, "bin"), 0o755))
	// A server that never gets ready. Its name is in its command line, as that of a real one is.
	script := "#!/bin/sh\necho cannot start; while :; do sleep 0.1; done\n"
	require.NoError(t, os.WriteFile(filepath.Join(dist, "bin", "elasticsearch"), []byte(script), 0o755))
	h := home{instances: t.TempDir()}
	f := fetched{server: server{Name: "es-x", Kind: elasticsearch, Settings: []string{"a.b: c"}}, dir: dist}

	owned, err := h.newInstance(f, startOptions{heap: "64m"}, false)
	require.NoError(t, err)
	config, err := os.ReadFile(filepath.Join(owned.home(), "config", "elasticsearch.yml"))
	require.NoError(t, err)
	assert.Contains(t, string(config), "\ndiscovery.type: single-node\n")
	assert.Contains(t, string(config), "\na.b: c\n")
	left, err := h.newInstance(f, startOptions{heap: "64m", port: 1}, true)
	require.NoError(t, err)
	_, err = owned.spawn()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(owned.alive()) == 1 }, 5*time.Second, 10*time.Millisecond)

	// A sweep leaves alone what has an owner and what start left, and ends what lost its owner.
	require.NoError(t, h.sweep())
	assert.Len(t, owned.alive(), 1)
	owned.lock.release()
	require.NoError(t, h.sweep())
	assert.Empty(t, owned.alive())
	assert.NoDirExists(t, owned.dir)

	found, err := h.detached()
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, "http://127.0.0.1:1", found[0].url())
	// The number of a foreign process is not believed.
	left.Pid = os.Getpid()
	require.NoError(t, left.record())
	require.NoError(t, stop(h, nil, true, func(string, ...any) {}))
	assert.NoDirExists(t, left.dir)
}

func TestWaitReadyShowsTheOutputOfAServerThatEnds(t *testing.T) {
	t.Parallel()
	inst := &instance{Name: "es-x", Port: 1, dir: t.TempDir()}
	require.NoError(t, os.WriteFile(inst.output(), []byte("fatal: bad setting\n"), 0o644))
	ended := make(chan struct{})
	close(ended)
	err := inst.waitReady(t.Context(), ended)
	require.ErrorContains(t, err, "start es-x: the server ended")
	require.ErrorContains(t, err, "fatal: bad setting")
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 0, exitCode(nil))
	assert.Equal(t, 7, exitCode(exec.Command("sh", "-c", "exit 7").Run()))
	assert.Equal(t, 128+15, exitCode(exec.Command("sh", "-c", "kill -TERM $$").Run()))
	assert.Equal(t, 1, exitCode(errors.New("no such server")))
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "b\nc", string(lastLines([]byte("a\nb\nc\n"), 2)))
	assert.Equal(t, "a", string(lastLines([]byte("a"), 2)))
	assert.Empty(t, lastLines(nil, 2))
}

func TestInstallPlugin(t *testing.T) {
	t.Parallel()
	folder, dist := filepath.Join(t.TempDir(), "guard", jarFolder), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dist, "config"), 0o755))
	require.ErrorContains(t, installPlugin(folder, dist), "0 archives of plugin guard")
	writeZip(t, filepath.Join(folder, "guard-1.zip"), "plugin-descriptor.properties", "guard.jar", "config/roles.yml")
	require.NoError(t, installPlugin(folder, dist))
	assert.FileExists(t, filepath.Join(dist, "plugins", "guard", "guard.jar"))
	assert.FileExists(t, filepath.Join(dist, "config", "guard", "roles.yml"))
	assert.NoDirExists(t, filepath.Join(dist, "plugins", "guard", "config"))
	assert.Equal(t, "guard", pluginName("org.example:guard:1"))
}

func TestSecuredServersHaveAnAuthorityOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{elasticsearch, opensearch} {
		inst := &instance{Name: "guarded-1", Kind: k, Secured: true, Port: 1, dir: t.TempDir()}
		config := filepath.Join(inst.home(), "config")
		require.NoError(t, secure(k, config))
		pair, err := tls.LoadX509KeyPair(filepath.Join(config, "certs", "node.pem"), filepath.Join(config, "certs", "node.key"))
		require.NoError(t, err)
		roots := x509.NewCertPool()
		authority, err := os.ReadFile(inst.authority())
		require.NoError(t, err)
		require.True(t, roots.AppendCertsFromPEM(authority))
		for _, name := range []string{"localhost", "127.0.0.1"} {
			_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
			require.NoError(t, err)
		}
		env, err := environment([]*instance{inst})
		require.NoError(t, err)
		assert.Contains(t, env, "K6ES_TEST_GUARDED_1=https://127.0.0.1:1")
		assert.Contains(t, env, "K6ES_TEST_GUARDED_1_CA="+inst.authority())
		assert.Contains(t, env, "K6ES_TEST_GUARDED_1_USER="+administrator)
	}
}
