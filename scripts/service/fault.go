package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// fault is an error that the server answers with a status and logs with the stack on which it
// arose.
type fault struct {
	status  int
	message string
	stack   string
}

func newFault(status int, message string) *fault {
	return &fault{status: status, message: message, stack: "Error: " + message + callers()}
}

func (f *fault) Error() string { return f.message }

// callers writes the stack of newFault's caller as Node.js does, innermost call first.
func callers() string {
	const depth, skipped = 8, 3 // runtime.Callers, callers and newFault are of no interest
	pcs := make([]uintptr, depth)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skipped, pcs)])
	var b strings.Builder
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "\n    at %s (%s:%d)", f.Function, filepath.Base(f.File), f.Line)
		if !more {
			return b.String()
		}
	}
}
