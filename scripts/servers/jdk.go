//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// jdkRange is a range of Java major versions, both ends included. Max 0 means no upper end.
type jdkRange struct{ Min, Max int }

func (r jdkRange) contains(major int) bool {
	return major >= r.Min && (r.Max == 0 || major <= r.Max)
}

func (r jdkRange) String() string {
	if r.Max == 0 {
		return fmt.Sprintf("%d or later", r.Min)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

// recommended is the long-term version within the range that systems most likely offer.
func (r jdkRange) recommended() int {
	if r.contains(17) {
		return 17
	}
	return r.Min
}

// jdk is an installed Java.
type jdk struct {
	home  string
	major int
}

func (j jdk) hasCompiler() bool { return executable(j.tool("javac")) }

func (j jdk) tool(name string) string { return filepath.Join(j.home, "bin", name) }

// installedJDKs lists the installed Javas that the servers' user can run: that of JAVA_HOME first,
// then that of PATH, then those where systems keep them.
func installedJDKs(runAs user) []jdk {
	var jdks []jdk
	for _, home := range javaHomes() {
		home, err := filepath.EvalSymlinks(home)
		known := slices.ContainsFunc(jdks, func(j jdk) bool { return j.home == home })
		if err != nil || known || !runAs.reaches(home) || !executable(filepath.Join(home, "bin", "java")) {
			continue
		}
		if major, ok := javaMajor(home); ok {
			jdks = append(jdks, jdk{home, major})
		}
	}
	return jdks
}

func javaHomes() []string {
	var homes []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		homes = append(homes, home)
	}
	if java, err := exec.LookPath("java"); err == nil {
		if java, err = filepath.EvalSymlinks(java); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(java)))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/jvm/*",
		"/Library/Java/JavaVirtualMachines/*/Contents/Home",
		"/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
		"/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
	} {
		found, _ := filepath.Glob(pattern) // fails on a malformed pattern only
		homes = append(homes, found...)
	}
	return homes
}

// javaMajor reads the major version from the release file that every Java carries, and asks java
// itself where there is none.
func javaMajor(home string) (int, bool) {
	if f, err := os.Open(filepath.Join(home, "release")); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if version, ok := strings.CutPrefix(lines.Text(), "JAVA_VERSION="); ok {
				return parseJavaMajor(version)
			}
		}
	}
	out, err := exec.Command(filepath.Join(home, "bin", "java"), "-version").CombinedOutput()
	if err != nil {
		return 0, false
	}
	return parseJavaMajor(string(out))
}

var quotedVersion = regexp.MustCompile(`"(?:1\.)?(\d+)[^"]*"`)

// parseJavaMajor finds the first quoted version: "17.0.15" is 17, "1.8.0_392" is 8.
func parseJavaMajor(text string) (int, bool) {
	match := quotedVersion.FindStringSubmatch(text)
	if match == nil {
		return 0, false
	}
	major, err := strconv.Atoi(match[1])
	return major, err == nil
}

// chooseJDK returns the first fitting Java. Its error says what is missing and how to install it.
func (s server) chooseJDK(jdks []jdk, compiler bool) (jdk, error) {
	var found []string
	for _, j := range jdks {
		if s.JDK.contains(j.major) && (!compiler || j.hasCompiler()) {
			return j, nil
		}
		found = append(found, fmt.Sprintf("%d in %s", j.major, j.home))
	}
	what := "java"
	if compiler {
		what = "javac (a JDK, not only a Java runtime)"
	}
	have := "there is none"
	if len(found) > 0 {
		have = "there is only " + strings.Join(found, ", ")
	}
	v := s.JDK.recommended()
	return jdk{}, fmt.Errorf("%s needs %s %s, but %s; install it with\n"+
		"  apt-get install -y openjdk-%d-jdk-headless   (Debian, Ubuntu)\n"+
		"  brew install openjdk@%d                      (macOS)\n"+
		"or let JAVA_HOME point to one that other users can read, too", s.Name, what, s.JDK, have, v, v)
}

// possible picks the servers for which a Java is installed, and says of the others that they are left out.
func possible(servers []server, jdks []jdk, progress progress) []server {
	var picked []server
	for _, s := range servers {
		if _, err := s.chooseJDK(jdks, s.RestRoot != nil); err != nil {
			progress("NOT STARTED: %v", err)
			continue
		}
		picked = append(picked, s)
	}
	return picked
}

// findMaven returns the path of mvn. Its error says how to install it.
func findMaven() (string, error) {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("mvn is needed to download servers, but is not in PATH; install it with\n" +
			"  apt-get install -y maven   (Debian, Ubuntu)\n" +
			"  brew install maven         (macOS)")
	}
	return mvn, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
