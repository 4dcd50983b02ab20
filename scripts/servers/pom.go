//go:build unix

package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The download of a server is a Maven build of its own: one project for the distribution and one
// for each module and plugin, so that a single call of mvn fetches all, and each module's libraries apart.
const (
	distributionProject = "distribution"
	moduleProjects      = "modules"
	pluginProjects      = "plugins"
	jarFolder           = "jars"
)

type pom struct {
	XMLName      xml.Name     `xml:"http://maven.apache.org/POM/4.0.0 project"`
	ModelVersion string       `xml:"modelVersion"`
	GroupID      string       `xml:"groupId"`
	ArtifactID   string       `xml:"artifactId"`
	Version      string       `xml:"version"`
	Packaging    string       `xml:"packaging"`
	Modules      []string     `xml:"modules>module,omitempty"`
	Dependencies []dependency `xml:"dependencies>dependency,omitempty"`
}

type dependency struct {
	GroupID    string `xml:"groupId"`
	ArtifactID string `xml:"artifactId"`
	Version    string `xml:"version"`
	Type       string `xml:"type"`
}

func newPom(artifact string) pom {
	return pom{ModelVersion: "4.0.0", GroupID: "k6es.servers", ArtifactID: artifact, Version: "1", Packaging: "pom"}
}

// newDependency takes coordinates of the form group:artifact:version.
func newDependency(coordinates, packaging string) (dependency, error) {
	parts := strings.Split(coordinates, ":")
	if len(parts) != 3 {
		return dependency{}, fmt.Errorf("coordinates %q are not group:artifact:version", coordinates)
	}
	return dependency{parts[0], parts[1], parts[2], packaging}, nil
}

// poms returns the server's Maven projects, by folder.
func (s server) poms() (map[string]pom, error) {
	root := newPom("all")
	poms := make(map[string]pom, len(s.Modules)+2)
	add := func(folder, coordinates, packaging string) error {
		dep, err := newDependency(coordinates, packaging)
		if err != nil {
			return err
		}
		p := newPom(filepath.Base(folder))
		p.Dependencies = []dependency{dep}
		poms[folder] = p
		root.Modules = append(root.Modules, folder)
		return nil
	}

	if err := add(distributionProject, s.Zip+":"+s.Version, "zip"); err != nil {
		return nil, err
	}
	for _, m := range s.Modules {
		if err := add(filepath.Join(moduleProjects, m.Name), m.Artifact, "jar"); err != nil {
			return nil, err
		}
	}
	for _, p := range s.Plugins {
		if err := add(filepath.Join(pluginProjects, pluginName(p)), p, "zip"); err != nil {
			return nil, err
		}
	}
	poms["."] = root
	return poms, nil
}

// writePoms writes the server's Maven projects below dir.
func (s server) writePoms(dir string) error {
	poms, err := s.poms()
	if err != nil {
		return err
	}
	for folder, p := range poms {
		text, err := xml.MarshalIndent(p, "", "  ")
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "pom.xml"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
