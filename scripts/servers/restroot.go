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

// shimAnalysis is the Java source of the module security-analysis: the index in which Elasticsearch
// keeps users and roles is made with parts of a module that the distributions lack, too.
const shimAnalysis = "shim/analysis"

// shimModule is a module that is compiled here.
type shimModule struct {
	name, class string
	sources     []string // files in shim
}

// shims lists the modules that the server needs compiled.
func (s server) shims() ([]shimModule, error) {
	if s.RestRoot == nil {
		return nil, nil
	}
	sources, err := s.RestRoot.sources()
	if err != nil {
		return nil, err
	}
	modules := []shimModule{{"rest-root", "k6es.RestRootPlugin", sources}}
	if s.Secured {
		sources, err := fs.Glob(shim, shimAnalysis+"/*.java")
		if err != nil {
			return nil, err
		}
		modules = append(modules, shimModule{"security-analysis", "k6es.SecurityAnalysisPlugin", sources})
	}
	return modules, nil
}

// hashShims adds the source of the server's own modules to the digest.
func (s server) hashShims(digest hash.Hash) error {
	modules, err := s.shims()
	if err != nil {
		return err
	}
	var files []string
	for _, m := range modules {
		files = append(files, m.sources...)
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

// compileShims adds the modules to the distribution.
func (f fetched) compileShims(ctx context.Context, dist, work string) error {
	sources := filepath.Join(work, "shims")
	if err := os.CopyFS(sources, shim); err != nil {
		return err
	}
	modules, err := f.shims()
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := f.compileShim(ctx, m, dist, sources); err != nil {
			return err
		}
	}
	return nil
}

func (f fetched) compileShim(ctx context.Context, m shimModule, dist, sources string) error {
	classes := filepath.Join(sources, "classes", m.name)
	args := []string{
		"-nowarn", "--release", strconv.Itoa(f.RestRoot.Release),
		"-classpath", filepath.Join(dist, "lib", "*"), "-d", classes,
	}
	cmd := exec.CommandContext(ctx, f.jdk.tool("javac"), append(args, m.sources...)...)
	cmd.Dir = sources
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("compile %s: %w\n%s", m.name, err, lastLines(out, 15)))
	}

	into := filepath.Join(dist, "modules", m.name)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	if err := writeJar(filepath.Join(into, m.name+".jar"), classes); err != nil {
		return err
	}
	return f.describe(module{Name: m.name}, m.class, into)
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
