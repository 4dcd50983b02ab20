//go:build unix

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// commandLine is the command line of a process, empty when there is no such process.
func commandLine(pid int) string {
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err == nil {
		return string(text)
	}
	if _, err := os.Stat("/proc/self/cmdline"); err == nil {
		return ""
	}
	text, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return string(text)
}

func ownedByMe(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
