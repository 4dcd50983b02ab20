package config

import "runtime/debug"

// version is set by the linker for a release.
var version string

const module = "github.com/k6es/k6es"

// Version is the version of k6es in this program: the release's, else the module's, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "devel"
}
