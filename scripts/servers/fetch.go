//go:build unix

package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// copyDependencies is the goal that downloads what a Maven project depends on.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

// progress reports a line to the user, in the manner of fmt.Sprintf.
type progress func(format string, args ...any)

// home is where everything lives on this machine. It is safe for use by several processes at once.
type home struct {
	cache     string // unpacked servers, shared and read only
	instances string // one folder for each server that was started
	runAs     user
}

// fetched is a server that is unpacked and has a Java to run on.
type fetched struct {
	server
	dir string
	jdk jdk
}

// newHome finds and creates the folders: $K6ES_SERVERS_DIR, or k6es/servers in the user's cache.
func newHome() (home, error) {
	h := home{cache: os.Getenv("K6ES_SERVERS_DIR"), runAs: serverUser()}
	if h.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return home{}, fmt.Errorf("no folder for servers: %w; name one in K6ES_SERVERS_DIR", err)
		}
		h.cache = filepath.Join(dir, "k6es", "servers")
	}
	var err error
	if h.cache, err = filepath.Abs(h.cache); err != nil {
		return home{}, err
	}
	if err := os.MkdirAll(h.cache, 0o755); err != nil {
		return home{}, fmt.Errorf("create folder for servers: %w", err)
	}
	h.instances, err = instancesFolder(h.cache, h.runAs)
	return h, err
}

// instancesFolder is below the cache, so that files can be linked instead of copied. When the
// servers' user cannot get there (root's cache, say) it is below the folder for temporary files.
func instancesFolder(cache string, runAs user) (string, error) {
	dir := filepath.Join(cache, "instances")
	if !runAs.reaches(cache) {
		if !runAs.reaches(os.TempDir()) {
			return "", fmt.Errorf("servers do not run as root, and other users can enter neither %s nor %s: "+
				"let K6ES_SERVERS_DIR name a folder that they can", cache, os.TempDir())
		}
		dir = filepath.Join(os.TempDir(), "k6es-servers")
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || !ownedByMe(info) {
		return "", fmt.Errorf("%s is not a folder of yours: remove it, or set K6ES_SERVERS_DIR or TMPDIR", dir)
	}
	return dir, nil
}

// folder is where the server is unpacked. Its name changes with all that goes into the server, so
// one that was fetched by another version of this program is never mistaken for it.
func (h home) folder(s server) (string, error) {
	recipe, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	digest.Write(recipe)
	if err := s.hashShims(digest); err != nil {
		return "", err
	}
	return filepath.Join(h.cache, s.Name+"-"+hex.EncodeToString(digest.Sum(nil))[:8]), nil
}

func (h home) isFetched(s server) bool {
	dir, err := h.folder(s)
	return err == nil && isFolder(dir)
}

// fetchAll downloads what is not there yet. All that could be missing on this machine is looked for
// before the first download.
func (h home) fetchAll(ctx context.Context, servers []server, progress progress) ([]fetched, error) {
	jdks := installedJDKs(h.runAs)
	result := make([]fetched, len(servers))
	for i, s := range servers {
		dir, err := h.folder(s)
		if err != nil {
			return nil, err
		}
		missing := !isFolder(dir)
		if missing {
			if _, err := findMaven(); err != nil {
				return nil, err
			}
		}
		java, err := s.chooseJDK(jdks, missing && s.RestRoot != nil)
		if err != nil {
			return nil, err
		}
		result[i] = fetched{s, dir, java}
	}
	for _, f := range result {
		if err := h.fetch(ctx, f, progress); err != nil {
			return nil, fmt.Errorf("fetch %s: %w", f.Name, err)
		}
	}
	return result, nil
}

// fetch unpacks the server into its folder, unless that exists: the folder appears by a rename, so
// it is either whole or not there.
func (h home) fetch(ctx context.Context, f fetched, progress progress) error {
	if isFolder(f.dir) {
		return nil
	}
	lock, err := waitLock(filepath.Join(h.cache, "fetch.lock"), func() {
		progress("waiting for another process that is fetching servers …")
	})
	if err != nil {
		return err
	}
	defer lock.release()
	if isFolder(f.dir) {
		return nil
	}

	// Only the holder of the lock has such a folder: this one is what a killed process left.
	work := filepath.Join(h.cache, "unfinished")
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	progress("fetching %s (about %d MB) …", f.Name, f.Size)
	begin := time.Now()
	if err := f.download(ctx, work); err != nil {
		return err
	}
	dist, err := f.unpack(work)
	if err != nil {
		return err
	}
	for _, m := range f.Modules {
		if err := f.install(m, filepath.Join(work, moduleProjects, m.Name, jarFolder), dist); err != nil {
			return err
		}
	}
	for _, p := range f.Plugins {
		if err := installPlugin(filepath.Join(work, pluginProjects, pluginName(p), jarFolder), dist); err != nil {
			return err
		}
	}
	if f.RestRoot != nil {
		if err := f.compileShims(ctx, dist, work); err != nil {
			return err
		}
	}
	if err := os.Rename(dist, f.dir); err != nil {
		return err
	}
	progress("fetched %s in %.1f s", f.Name, time.Since(begin).Seconds())
	return nil
}

// download fills the jar folders of the server's Maven projects below work.
func (f fetched) download(ctx context.Context, work string) error {
	if err := f.writePoms(work); err != nil {
		return err
	}
	mvn, err := findMaven()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", copyDependencies,
		"-DincludeScope=runtime", "-DoutputDirectory="+jarFolder)
	cmd.Dir = work
	if os.Getenv("JAVA_HOME") == "" {
		cmd.Env = append(os.Environ(), "JAVA_HOME="+f.jdk.home)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("mvn: %w\n%s", err, lastLines(out, 15)))
	}
	return nil
}

// unpack returns the folder of the unpacked distribution.
func (f fetched) unpack(work string) (string, error) {
	zips, err := filepath.Glob(filepath.Join(work, distributionProject, jarFolder, "*.zip"))
	if err != nil {
		return "", err
	}
	if len(zips) != 1 {
		return "", fmt.Errorf("mvn left %d distributions instead of one", len(zips))
	}
	archive, err := zip.OpenReader(zips[0])
	if err != nil {
		return "", err
	}
	defer archive.Close()
	to := filepath.Join(work, "unpacked")
	if err := os.CopyFS(to, archive); err != nil {
		return "", fmt.Errorf("unpack %s: %w", filepath.Base(zips[0]), err)
	}
	dist := filepath.Join(to, f.Kind.Program+"-"+f.Version)
	if !isFolder(dist) {
		return "", fmt.Errorf("%s has no folder %s", filepath.Base(zips[0]), filepath.Base(dist))
	}
	return dist, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
