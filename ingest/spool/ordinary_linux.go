package spool

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ordinary refuses the kernel's own file systems: root has the right to write there, and yet cannot make a file.
func ordinary(folder string) error {
	var system unix.Statfs_t
	if unix.Statfs(folder, &system) != nil {
		return nil
	}
	switch int64(system.Type) { //nolint:unconvert // its type differs between architectures
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC:
		return fmt.Errorf("%s takes no files: it is the kernel's", folder)
	default:
		return nil
	}
}
