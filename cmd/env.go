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
	"slices"
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

// typed tells whether a person types what is read.
func (env Env) typed() bool {
	in, isFile := env.In.(*os.File)
	return isFile && term.IsTerminal(int(in.Fd()))
}

// checkTyped refuses to wait for samples that nobody will type, where standard input is one of the files.
func (env Env) checkTyped(files ...string) error {
	if slices.Contains(files, "-") && env.typed() {
		return usageError("standard input (-) is a terminal. Give it what k6 writes: k6 run --out json=- script.js | %s …", env.Name)
	}
	return nil
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
