package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// grace is how long a command may take to end after a signal.
const grace = 20 * time.Second

// command is a command in the module's root that writes to the user, and is told to end with ctx.
func (d *demo) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = d.root, slices.Clone(d.environ)
	cmd.Stdout, cmd.Stderr = d.out, d.out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// show runs a command as the user would.
func (d *demo) show(ctx context.Context, name string, args ...string) error {
	fmt.Fprintf(d.out, "$ %s %s\n", name, strings.Join(args, " "))
	if err := d.command(ctx, name, args...).Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return nil
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// build builds all programs that the demo runs. The first time takes minutes, so it counts aloud.
func (d *demo) build(ctx context.Context) error {
	args := []string{"build", "-v", "-ldflags", "-s -w", "-o", d.bin + string(filepath.Separator),
		"./cmd/k6es", "./cmd/k6", "./scripts/service"}
	build := d.command(ctx, "go", args...)
	build.Stderr = nil
	report, err := build.StderrPipe()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := build.Start(); err != nil {
		return err
	}
	errorText := d.countPackages(report)
	if err := build.Wait(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, errorText)
	}
	fmt.Fprintf(d.out, "%s and %s are ready (%.1f s)\n", d.program("k6es"), d.program("k6"), time.Since(begin).Seconds())
	return nil
}

// countEvery is how often the count of compiled packages is shown.
const countEvery = 5 * time.Second

// countPackages reads what `go build -v` says: a line for each package that it compiled, and errors,
// which it returns.
func (d *demo) countPackages(report io.Reader) string {
	compiled, errorText, shown := 0, "", time.Now()
	for lines := bufio.NewScanner(report); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "go: downloading ") {
			fmt.Fprintln(d.out, line)
			continue
		}
		if strings.ContainsAny(line, " #:") {
			errorText += line + "\n"
			continue
		}
		compiled++
		if time.Since(shown) > countEvery {
			fmt.Fprintf(d.out, "… %d packages compiled\n", compiled)
			shown = time.Now()
		}
	}
	return errorText
}

// service is the running sample service.
type service struct {
	url string
	cmd *exec.Cmd
}

// startTimeout is how long the sample service may take to listen.
const startTimeout = 20 * time.Second

func (d *demo) startService(ctx context.Context) (*service, error) {
	addresses := filepath.Join(d.temp, "addresses")
	args := []string{"-addr-file", addresses, "-log", filepath.Join(d.temp, "shop.log")}
	if d.logging {
		args = append(args, "-log-elasticsearch", d.client.URL(), "-log-index", d.logsIndex()+"-YYYY.MM.DD")
	}
	s := &service{cmd: d.command(ctx, d.program("service"), args...)}
	s.cmd.Stdout = nil
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the sample service: %w", err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		if content, err := os.ReadFile(addresses); err == nil {
			first, _, _ := strings.Cut(string(content), "\n")
			s.url = "http://" + strings.TrimPrefix(first, "http=")
			return s, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, errors.Join(errors.New("the sample service does not start"), s.stop())
		}
	}
}

// stop ends the service. That it was signalled is no error.
func (s *service) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	err := s.cmd.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
