// Package cmd is the command line: one file a command, each of which parses, validates, and calls what
// does the work.
//
// It is not a stable Go API; what is stable are commands, flags, exit codes and JSON output.
package cmd

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/k6es/k6es/config"
)

// Env is what a command sees of the world around it.
type Env struct {
	In       io.Reader
	Out, Err io.Writer
	Vars     map[string]string // environment variables
	Files    []string          // config files that are looked for when none is named
	Terminal bool              // Err is a terminal: progress moves and lines have colour
	Name     string            // how the program is called, for messages: "k6es" or "k6 x es"
}

// OSEnv is the environment of this process.
func OSEnv() Env {
	vars := config.Environ(os.Environ())
	return Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Vars: vars, Files: config.DefaultFiles(), Name: "k6es",
		Terminal: term.IsTerminal(int(os.Stderr.Fd())) && vars["TERM"] != "dumb",
	}
}

// Interruptible returns a context that ends at the first SIGINT or SIGTERM; the second one kills as
// usual.
func Interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// printJSON writes a value for programs.
func (env Env) printJSON(value any) error {
	encoder := json.NewEncoder(env.Out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
