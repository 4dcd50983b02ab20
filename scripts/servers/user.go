//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
)

// user is who the servers run as. The zero value means: whoever runs this program.
type user struct {
	credential *syscall.Credential
}

// nobody is the unprivileged user of most systems. It need not exist as an account.
const nobody = 65534

// serverUser is nobody for root, as Elasticsearch and OpenSearch refuse to run as root.
func serverUser() user {
	if os.Geteuid() != 0 {
		return user{}
	}
	return user{&syscall.Credential{Uid: nobody, Gid: nobody}}
}

// own makes the user the owner of path and of all below.
func (u user) own(path string) error {
	if u.credential == nil {
		return nil
	}
	return filepath.WalkDir(path, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, int(u.credential.Uid), int(u.credential.Gid))
	})
}

// reaches says whether the user may enter dir and all folders above it.
func (u user) reaches(dir string) bool {
	if u.credential == nil {
		return true
	}
	for {
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}
