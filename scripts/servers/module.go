//go:build unix

package main

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// annotations are libraries that nothing needs at run time, and that would clash between modules.
var annotations = []string{"error_prone_annotations", "jspecify"}

// install makes the jars of a module into modules/NAME of the distribution.
func (s server) install(m module, jars, dist string) error {
	into := filepath.Join(dist, "modules", m.Name)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	lib, err := libraries(filepath.Join(dist, "lib"))
	if err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return err
	}
	class := ""
	for _, jar := range found {
		name := library(jar)
		// Servers refuse to start when two jars hold the same class.
		if slices.Contains(lib, name) || slices.Contains(annotations, name) {
			continue
		}
		if strings.HasPrefix(name, m.Name) {
			if class, err = pluginClass(jar); err != nil {
				return fmt.Errorf("module %s: %w", m.Name, err)
			}
		}
		if err := os.Rename(jar, filepath.Join(into, filepath.Base(jar))); err != nil {
			return err
		}
	}
	if class == "" {
		return fmt.Errorf("module %s: no plugin class in %s", m.Name, m.Artifact)
	}
	return s.describe(m, class, into)
}

// describe writes the files that tell the server what the module is and may do.
func (s server) describe(m module, class, into string) error {
	lines := []string{
		"description=" + m.Name,
		"name=" + m.Name,
		"version=" + s.Version,
		s.Kind.VersionKey + "=" + s.Version,
		"classname=" + class,
		fmt.Sprintf("java.version=%d", s.JDK.Min),
	}
	if m.Extends != "" {
		lines = append(lines, "extended.plugins="+m.Extends)
	}
	text := strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(into, "plugin-descriptor.properties"), []byte(text), 0o644); err != nil {
		return err
	}
	if m.Policy == "" {
		return nil
	}
	policy := m.Policy
	if s.Kind == opensearch {
		policy = strings.ReplaceAll(policy, "org.elasticsearch.", "org.opensearch.")
	}
	return os.WriteFile(filepath.Join(into, "plugin-security.policy"), []byte(policy), 0o644)
}

// libraries lists the libraries in a folder, without versions.
func libraries(dir string) ([]string, error) {
	jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	for i := range jars {
		jars[i] = library(jars[i])
	}
	return jars, err
}

var jarVersion = regexp.MustCompile(`-\d[\w.-]*\.jar$`)

// library is the name of a jar without folder and version: asm for lib/asm-7.2.jar.
func library(jar string) string {
	return jarVersion.ReplaceAllString(filepath.Base(jar), "")
}

var pluginFile = regexp.MustCompile(`^(.+/[A-Za-z]+Plugin)\.class$`)

// pluginClass finds the class by which a server loads a module: each module has one that is named
// so. Empty when there is none.
func pluginClass(jar string) (string, error) {
	archive, err := zip.OpenReader(jar)
	if err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(jar), err)
	}
	defer archive.Close()
	class := ""
	err = fs.WalkDir(archive, ".", func(path string, _ fs.DirEntry, err error) error {
		if match := pluginFile.FindStringSubmatch(path); match != nil {
			if class != "" {
				return fmt.Errorf("%s holds two plugin classes", filepath.Base(jar))
			}
			class = strings.ReplaceAll(match[1], "/", ".")
		}
		return err
	})
	return class, err
}
