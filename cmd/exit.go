package cmd

import (
	"errors"
	"fmt"
)

// ExitCode is what the process ends with.
type ExitCode int

// The exit codes.
const (
	ExitOK          ExitCode = 0
	ExitError       ExitCode = 1
	ExitUsage       ExitCode = 2
	ExitRegression  ExitCode = 3 // a run is worse than its baseline
	ExitUndelivered ExitCode = 4 // not everything could be read or delivered
)

// CodedError is an error with an exit code of its own.
type CodedError struct {
	Code ExitCode
	Err  error
}

// Error implements error.
func (e *CodedError) Error() string { return e.Err.Error() }

// Unwrap returns the error without its code.
func (e *CodedError) Unwrap() error { return e.Err }

func usageError(format string, args ...any) error {
	return &CodedError{ExitUsage, fmt.Errorf(format, args...)}
}

// CodeOf is the exit code that an error stands for.
func CodeOf(err error) ExitCode {
	var exit *CodedError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.Code
	default:
		return ExitError
	}
}
