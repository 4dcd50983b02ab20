//go:build unix

package main

import (
	"archive/zip"
	"context"
	"embed"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
)

// shim is the Java source of the module rest-root. The distributions of Elasticsearch 8 and 9 lack
// it, and so do not answer GET /, which is how clients find out what server they talk to.
//
//go:embed shim
var shim embed.FS

const shimCommon = "shim/rest"

// restRoot says how to compile the module for a server.
type restRoot struct {
	Source  string // folder below shim that fits the server's plugin interface
	Release int    // Java version of the server's own classes
}

// sources lists the module's source files in shim.
func (r *restRoot) sources() ([]string, error) {
	var files []string
	for _, dir := range []string{shimCommon, path.Join("shim", r.Source)} {
		found, err := fs.Glob(shim, dir+"/*.java")
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// hash adds the module's source to the digest. A nil restRoot adds nothing.
func (r *restRoot) hash(digest hash.Hash) error {
	if r == nil {
		return nil
	}
	files, err := r.sources()
	if err != nil {
		return err
	}
	for _, file := range files {
		source, err := shim.ReadFile(file)
		if err != nil {
			return err
		}
		digest.Write(source)
	}
	return nil
}

// compileRestRoot adds the module to the distribution.
func (f fetched) compileRestRoot(ctx context.Context, dist, work string) error {
	sources := filepath.Join(work, "rest-root")
	if err := os.CopyFS(sources, shim); err != nil {
		return err
	}
	files, err := f.RestRoot.sources()
	if err != nil {
		return err
	}
	classes := filepath.Join(sources, "classes")
	args := []string{
		"-nowarn", "--release", strconv.Itoa(f.RestRoot.Release),
		"-classpath", filepath.Join(dist, "lib", "*"), "-d", classes,
	}
	cmd := exec.CommandContext(ctx, f.jdk.tool("javac"), append(args, files...)...)
	cmd.Dir = sources
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("compile rest-root: %w\n%s", err, lastLines(out, 15)))
	}

	into := filepath.Join(dist, "modules", "rest-root")
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	if err := writeJar(filepath.Join(into, "rest-root.jar"), classes); err != nil {
		return err
	}
	return f.describe(module{Name: "rest-root"}, "k6es.RestRootPlugin", into)
}

func writeJar(jar, classes string) (err error) {
	file, err := os.Create(jar)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	archive := zip.NewWriter(file)
	if err := archive.AddFS(os.DirFS(classes)); err != nil {
		return err
	}
	return archive.Close()
}
