//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// fileLock is an exclusive lock between processes. The system releases it when its holder ends,
// however that happens.
type fileLock struct{ file *os.File }

var errLocked = errors.New("locked by another process")

// tryLock takes the lock or returns errLocked at once.
func tryLock(path string) (*fileLock, error) {
	return flock(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

// waitLock takes the lock, and calls waiting first when another process holds it.
func waitLock(path string, waiting func()) (*fileLock, error) {
	lock, err := tryLock(path)
	if !errors.Is(err, errLocked) {
		return lock, err
	}
	waiting()
	return flock(path, syscall.LOCK_EX)
}

func flock(path string, how int) (*fileLock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return &fileLock{file}, nil
	}
	_ = file.Close() // nothing was written
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

func (l *fileLock) release() { _ = l.file.Close() } // closing is what releases the lock
