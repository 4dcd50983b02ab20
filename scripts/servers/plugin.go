//go:build unix

package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pluginName is the artifact of group:artifact:version.
func pluginName(coordinates string) string {
	_, rest, _ := strings.Cut(coordinates, ":")
	name, _, _ := strings.Cut(rest, ":")
	return name
}

// installPlugin does what the server's own installer does, without starting a Java: it unpacks the one
// archive in the folder into plugins/NAME, and what that holds in config into config/NAME.
func installPlugin(folder, dist string) error {
	name := filepath.Base(filepath.Dir(folder))
	archives, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil {
		return err
	}
	if len(archives) != 1 {
		return fmt.Errorf("mvn left %d archives of plugin %s instead of one", len(archives), name)
	}
	archive, err := zip.OpenReader(archives[0])
	if err != nil {
		return err
	}
	defer archive.Close()
	into := filepath.Join(dist, "plugins", name)
	if err := os.CopyFS(into, archive); err != nil {
		return fmt.Errorf("unpack plugin %s: %w", name, err)
	}
	err = os.Rename(filepath.Join(into, "config"), filepath.Join(dist, "config", name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
