//go:build unix && !linux

package main

import "syscall"

// dieWithParent does nothing: what outlives a killed `run` here is ended by the next one's sweep.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
