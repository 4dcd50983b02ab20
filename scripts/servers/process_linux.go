package main

import "syscall"

// dieWithParent lets the kernel send the signal to the child when this process ends, be it by kill -9.
func dieWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
