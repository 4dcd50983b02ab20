package cmd

import "runtime/debug"

// version is set by the linker for a release.
var version string

// Version is the version of this build: the release's, else the module's, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
