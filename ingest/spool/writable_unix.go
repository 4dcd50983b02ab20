//go:build unix

package spool

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// writable says why this user cannot make files in a folder, nil if nothing is known to be in the way.
func writable(folder string) error {
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "writing to", Path: folder, Err: err}
	}
	return ordinary(folder)
}
