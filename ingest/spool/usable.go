package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Check says why the folder cannot be the spool, nil if it can as far as can be told without writing: it, or the
// nearest folder above it that is there, must be one in which this user may write.
func (d Dir) Check() error {
	folder, info, err := nearest(d.Root)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", folder)
	} else if err == nil {
		err = writable(folder)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be the spool: %w", d.Root, err)
	}
	return nil
}

// nearest is the path itself or what is there of the way to it.
func nearest(path string) (string, fs.FileInfo, error) {
	for {
		info, err := os.Stat(path)
		missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
		parent := filepath.Dir(path)
		if !missing || parent == path {
			return path, info, err
		}
		path = parent
	}
}
