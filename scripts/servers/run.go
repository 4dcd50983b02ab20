//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
)

// commandGrace is how long the command may take to end after a signal.
const commandGrace = 10 * time.Second

// run starts the servers, runs the command and stops the servers. The error of a command that ran
// is an *exec.ExitError.
func run(ctx context.Context, h home, servers []server, opts startOptions, command []string, progress progress) (err error) {
	ctx, cancel := withParent(ctx)
	defer cancel()
	if _, err := exec.LookPath(command[0]); err != nil {
		return err
	}
	if err := h.sweep(); err != nil {
		return fmt.Errorf("clean up after an earlier run: %w", err)
	}
	all, err := h.fetchAll(ctx, servers, progress)
	if err != nil {
		return err
	}

	var instances []*instance
	defer func() {
		var stopping errgroup.Group
		for _, inst := range instances {
			stopping.Go(inst.stopAndRemove)
		}
		if stopErr := stopping.Wait(); stopErr != nil {
			err = errors.Join(err, stopErr)
		}
	}()
	ready, readyCtx := errgroup.WithContext(ctx)
	for _, f := range all {
		inst, err := h.newInstance(f, opts, false)
		if err != nil {
			return err
		}
		instances = append(instances, inst)
		ended, err := inst.launch(progress)
		if err != nil {
			return err
		}
		ready.Go(func() error { return inst.reportReady(readyCtx, ended, progress) })
	}
	if err := ready.Wait(); err != nil {
		return err
	}
	return runCommand(ctx, instances, command)
}

// launch spawns the server and says so.
func (i *instance) launch(progress progress) (<-chan struct{}, error) {
	progress("starting %s …", i.Name)
	return i.spawn()
}

func (i *instance) reportReady(ctx context.Context, ended <-chan struct{}, progress progress) error {
	begin := time.Now()
	if err := i.waitReady(ctx, ended); err != nil {
		return err
	}
	progress("%s ready in %.1f s at %s", i.Name, time.Since(begin).Seconds(), i.url())
	return nil
}

// withParent makes a context that ends when the process that started this one is gone, so that
// servers do not outlive a killed `go run` or make.
func withParent(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		for ctx.Err() == nil {
			if os.Getppid() != parent {
				cancel()
			}
			time.Sleep(500 * time.Millisecond)
		}
	}()
	return ctx, cancel
}

// runCommand runs the command and meanwhile starts crashed servers again when it asks for that.
func runCommand(ctx context.Context, instances []*instance, command []string) error {
	requests := make(chan againRequest)
	for _, inst := range instances {
		listener, err := net.Listen("unix", inst.socket())
		if err != nil {
			return err
		}
		defer listener.Close()
		go serveAgain(ctx, listener, inst, requests)
	}
	env, err := environment(instances)
	if err != nil {
		return err
	}

	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = commandGrace
	// On a terminal the command stays in this process's group, so that it may read from the terminal
	// and gets its Ctrl-C. Elsewhere a group of its own lets a signal reach all of its children.
	group := !term.IsTerminal(int(os.Stdin.Fd()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: group}
	dieWithParent(cmd.SysProcAttr, syscall.SIGTERM)
	cmd.Cancel = func() error {
		if group {
			return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		}
		return cmd.Process.Signal(syscall.SIGTERM)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return err
		case request := <-requests:
			serverEnded, err := request.instance.spawn()
			request.spawned <- spawned{serverEnded, err}
		}
	}
}

// environment tells the command about the servers.
func environment(instances []*instance) ([]string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	env := []string{"ELASTICSEARCH_URL=" + instances[0].url()}
	for _, inst := range instances {
		name := server{Name: inst.Name}.variable()
		env = append(env,
			name+"="+inst.url(),
			fmt.Sprintf("%s_PID=%d", name, inst.serverPid()),
			fmt.Sprintf("%s_START=%s again %s", name, shellQuote(program), shellQuote(inst.socket())),
		)
		if inst.Secured {
			env = append(env, name+"_CA="+inst.authority(),
				name+"_USER="+administrator, name+"_PASSWORD="+administratorPassword)
		}
	}
	return env, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// againRequest asks the main goroutine, the only one that starts processes, to spawn the server again.
type againRequest struct {
	instance *instance
	spawned  chan spawned
}

type spawned struct {
	ended <-chan struct{}
	err   error
}

// serveAgain answers each connection with the new process id, or with an error. It ends when the
// listener is closed, by runCommand.
func serveAgain(ctx context.Context, listener net.Listener, inst *instance, requests chan<- againRequest) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		pid, err := inst.again(ctx, requests)
		if err != nil {
			_, _ = fmt.Fprintf(conn, "error %v\n", err)
		} else {
			_, _ = fmt.Fprintf(conn, "pid %d\n", pid)
		}
		_ = conn.Close() // whoever asked sees the missing answer
	}
}

func (i *instance) again(ctx context.Context, requests chan<- againRequest) (int, error) {
	// A killed launcher takes its server along in a moment; the data is only free afterwards.
	for deadline := time.Now().Add(5 * time.Second); len(i.alive()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%s still runs (pid %v)", i.Name, i.alive())
		}
	}
	request := againRequest{i, make(chan spawned, 1)}
	select {
	case requests <- request:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	result := <-request.spawned
	if result.err != nil {
		return 0, result.err
	}
	if err := i.waitReady(ctx, result.ended); err != nil {
		return 0, err
	}
	return i.serverPid(), nil
}

// askAgain is the other end of serveAgain. It returns when the server is ready.
func askAgain(socket string) (int, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0, fmt.Errorf("the servers that this command belongs to are gone: %w", err)
	}
	defer conn.Close()
	answer, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		return 0, err
	}
	pid, ok := strings.CutPrefix(string(answer), "pid ")
	if !ok {
		return 0, errors.New(strings.TrimSpace(strings.TrimPrefix(string(answer), "error ")))
	}
	return strconv.Atoi(strings.TrimSpace(pid))
}

// start starts a server that stays, or finds the one that start left running before.
func start(ctx context.Context, h home, s server, opts startOptions, progress progress) (*instance, error) {
	left, err := h.detached()
	if err != nil {
		return nil, err
	}
	for _, inst := range left {
		if inst.Name == s.Name && (opts.port == 0 || opts.port == inst.Port) && len(inst.alive()) > 0 {
			progress("%s runs already at %s", inst.Name, inst.url())
			return inst, nil
		}
	}
	all, err := h.fetchAll(ctx, []server{s}, progress)
	if err != nil {
		return nil, err
	}
	inst, err := h.newInstance(all[0], opts, true)
	if err != nil {
		return nil, err
	}
	ended, err := inst.launch(progress)
	if err == nil {
		err = inst.reportReady(ctx, ended, progress)
	}
	if err != nil {
		return nil, errors.Join(err, inst.stopAndRemove())
	}
	return inst, nil
}

// stop stops what start left running: all of it, or the instances of the given servers.
func stop(h home, servers []server, all bool, progress progress) error {
	left, err := h.detached()
	if err != nil {
		return err
	}
	wanted := make(map[string]bool, len(servers))
	for _, s := range servers {
		wanted[s.Name] = true
	}
	stopped := 0
	for _, inst := range left {
		if !all && !wanted[inst.Name] {
			continue
		}
		if err := inst.stopAndRemove(); err != nil {
			return err
		}
		progress("stopped %s at %s", inst.Name, inst.url())
		stopped++
	}
	if stopped == 0 {
		progress("nothing to stop")
	}
	return nil
}

// list prints the table with what this machine has of it.
func list(out io.Writer, h home) error {
	left, err := h.detached()
	if err != nil {
		return err
	}
	running := make(map[string][]string)
	for _, inst := range left {
		if pids := inst.alive(); len(pids) > 0 {
			running[inst.Name] = append(running[inst.Name], inst.url())
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tVERSION\tJDK\tDOWNLOAD\tRUNNING AT")
	for _, s := range table {
		download := fmt.Sprintf("%d MB", s.Size)
		if h.isFetched(s) {
			download = "done"
		}
		at := strings.Join(running[s.Name], " ")
		if at == "" {
			at = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Version, s.JDK, download, at)
	}
	fmt.Fprintln(w, "\nEach server listens on a free port of 127.0.0.1; start --port chooses one.")
	return w.Flush()
}
