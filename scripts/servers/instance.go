//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	defaultHeap  = "512m"
	readyTimeout = 5 * time.Minute // ten that start at once share two cores
	stopTimeout  = 15 * time.Second
)

// startOptions are what the user can choose about an instance.
type startOptions struct {
	heap string // in Java's notation, such as 512m
	port int    // 0 takes a free one
	jit  bool   // with the optimising compiler, as in production; else it is quick to start
}

// instance is a server that was started, with configuration, data and logs of its own. It is
// recorded in its folder, so that another process can find and stop it.
type instance struct {
	Name     string
	Kind     kind
	Java     string // home of the Java that it runs on
	Port     int
	Secured  bool // wants TLS and a login
	Detached bool // left running by start, not owned by a process
	Pid      int  // the process that was started; a launcher in Elasticsearch 8 and later

	dir   string
	runAs user
	lock  *fileLock // held by the owner; nil when detached
}

func (i *instance) url() string {
	scheme := "http"
	if i.Secured {
		scheme = "https"
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, i.Port)
}

// home is the server's installation as the server sees it.
func (i *instance) home() string { return filepath.Join(i.dir, "home") }

func (i *instance) output() string     { return filepath.Join(i.dir, "output.log") }
func (i *instance) socket() string     { return filepath.Join(i.dir, "again.sock") }
func (i *instance) recordFile() string { return filepath.Join(i.dir, "instance.json") }
func (i *instance) ownerFile() string  { return filepath.Join(i.dir, "owner.lock") }
func (i *instance) pidFile() string    { return filepath.Join(i.home(), "data", "server.pid") }

// newInstance makes an instance of a fetched server. Nothing is started yet.
func (h home) newInstance(f fetched, opts startOptions, detached bool) (inst *instance, err error) {
	lock, err := h.lockInstances()
	if err != nil {
		return nil, err
	}
	defer lock.release()

	dir, err := os.MkdirTemp(h.instances, f.Name+"-*")
	if err != nil {
		return nil, err
	}
	inst = &instance{
		Name: f.Name, Kind: f.Kind, Java: f.jdk.home, Port: opts.port, Secured: f.Secured, Detached: detached, dir: dir, runAs: h.runAs,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, inst.remove())
		}
	}()
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if !detached {
		if inst.lock, err = tryLock(inst.ownerFile()); err != nil {
			return nil, err
		}
	}
	// Recorded at once, so that a sweep finds it even if this process is killed in the next moment.
	if err := inst.record(); err != nil {
		return nil, err
	}
	if err := linkTree(f.dir, inst.home()); err != nil {
		return nil, err
	}
	if err := inst.configure(f, opts); err != nil {
		return nil, err
	}
	return inst, inst.record()
}

// linkTree makes a second tree of the same files. Files are linked where possible, but those of the
// configuration are copied, as they are going to be changed.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.Mkdir(target, 0o755)
		}
		if strings.HasPrefix(relative, "config"+string(filepath.Separator)) || os.Link(path, target) != nil {
			return copyFile(path, target)
		}
		return nil
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// configure writes the configuration and hands the folders that the server writes to over to it.
func (i *instance) configure(f fetched, opts startOptions) error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	if i.Port == 0 {
		i.Port = ports[0]
	}
	lines := append([]string{
		"cluster.name: k6es",
		"node.name: " + i.Name,
		"network.host: 127.0.0.1",
		fmt.Sprintf("http.port: %d", i.Port),
		fmt.Sprintf("transport.port: %d", ports[1]),
		"discovery.type: single-node",
		"cluster.routing.allocation.disk.threshold_enabled: false",
	}, f.Settings...)
	config := filepath.Join(i.home(), "config")
	if f.Secured {
		if err := secure(f.Kind, config); err != nil {
			return err
		}
		lines = append(lines, securitySettings(f.Kind)...)
	}
	jvm := fmt.Sprintf("-Xms%s\n-Xmx%s\n", opts.heap, opts.heap)
	if !opts.jit { // a server of tests lives for minutes, in which that compiler costs far more than it gives
		jvm += "-XX:TieredStopAtLevel=1\n"
	}
	files := map[string]string{
		filepath.Join(config, i.Kind.Program+".yml"):           strings.Join(lines, "\n") + "\n",
		filepath.Join(config, "jvm.options.d", "k6es.options"): jvm,
	}
	for file, text := range files {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, folder := range []string{"config", "data", "logs", "tmp"} {
		folder = filepath.Join(i.home(), folder)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := i.runAs.own(folder); err != nil {
			return err
		}
	}
	return nil
}

// freePorts finds n ports that nothing listens on. They are below the range from which the system
// takes ports for outgoing connections, so they are still free when the server gets to them.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 100 {
		port := 20000 + rand.IntN(10000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		// Closed at return, so that no port is found twice.
		defer listener.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free port on 127.0.0.1 between 20000 and 29999")
}

// spawn starts the server and returns a channel that is closed when it ends. It must be called from
// the main goroutine.
func (i *instance) spawn() (<-chan struct{}, error) {
	output, err := os.OpenFile(i.output(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	if err := os.Remove(i.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(i.home(), "bin", i.Kind.Program), "-p", i.pidFile())
	cmd.Dir = i.home()
	cmd.Stdout, cmd.Stderr = output, output
	// Nothing of the user's environment may change how the server behaves.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + i.home(),
		"JAVA_HOME=" + i.Java, // what older versions read
		i.Kind.EnvPrefix + "_JAVA_HOME=" + i.Java,
		i.Kind.EnvPrefix + "_TMPDIR=" + filepath.Join(i.home(), "tmp"),
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: i.runAs.credential, Setsid: true}
	if !i.Detached {
		dieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", i.Name, err)
	}
	i.Pid = cmd.Process.Pid
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its output
		close(ended)
	}()
	return ended, i.record()
}

// waitReady returns when the server answers and its cluster is healthy. Its error shows the end of
// the server's output.
func (i *instance) waitReady(ctx context.Context, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready after %s", readyTimeout))
	defer cancel()
	client, err := i.client()
	if err != nil {
		return err
	}
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return i.failed(context.Cause(ctx))
		case <-ended:
			return i.failed(errors.New("the server ended"))
		case <-poll.C:
			if i.answers(ctx, client, "/") && i.answers(ctx, client, "/_cluster/health?wait_for_status=yellow&timeout=1s") {
				return nil
			}
		}
	}
}

func (i *instance) failed(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return cause
	}
	out, err := os.ReadFile(i.output())
	return errors.Join(fmt.Errorf("start %s: %w; it said last:\n%s", i.Name, cause, lastLines(out, 25)), err)
}

func (i *instance) answers(ctx context.Context, client *http.Client, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url()+path, nil)
	if err != nil {
		return false
	}
	if i.Secured {
		request.SetBasicAuth(administrator, administratorPassword)
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close()) == nil && response.StatusCode == http.StatusOK
}

// serverPid is the process that serves, as the server itself wrote it down, or else the one that was
// started.
func (i *instance) serverPid() int {
	text, err := os.ReadFile(i.pidFile())
	if err != nil {
		return i.Pid
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return i.Pid
	}
	return pid
}

// alive lists the instance's processes. Every one has the instance's folder in its command line, so
// a process that happens to have got the number of an earlier one is not among them.
func (i *instance) alive() []int {
	var pids []int
	for _, pid := range []int{i.Pid, i.serverPid()} {
		if pid > 0 && (len(pids) == 0 || pids[0] != pid) && strings.Contains(commandLine(pid), i.home()+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stop ends the server's processes, by force if they do not end in time.
func (i *instance) stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for _, pid := range i.alive() {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop %s (pid %d): %w", i.Name, pid, err)
			}
		}
		for deadline := time.Now().Add(stopTimeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if len(i.alive()) == 0 {
				return nil
			}
		}
	}
	return fmt.Errorf("stop %s: processes %v do not end", i.Name, i.alive())
}

// remove deletes the instance's folder.
func (i *instance) remove() error {
	err := os.RemoveAll(i.dir)
	if i.lock != nil {
		i.lock.release()
	}
	return err
}

func (i *instance) stopAndRemove() error {
	if err := i.stop(); err != nil {
		return err
	}
	return i.remove()
}

func (i *instance) record() error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(i.recordFile(), text, 0o644)
}

func (h home) lockInstances() (*fileLock, error) {
	return waitLock(filepath.Join(h.instances, "create.lock"), func() {})
}

// recorded lists the instances on this machine, running or not.
func (h home) recorded() ([]*instance, error) {
	files, err := filepath.Glob(filepath.Join(h.instances, "*", "instance.json"))
	if err != nil {
		return nil, err
	}
	var instances []*instance
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // stopped in this moment
		}
		if err != nil {
			return nil, err
		}
		inst := &instance{dir: filepath.Dir(file), runAs: h.runAs}
		if err := json.Unmarshal(text, inst); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		instances = append(instances, inst)
	}
	return instances, nil
}

// detached lists what start left, running or not.
func (h home) detached() ([]*instance, error) {
	instances, err := h.recorded()
	var left []*instance
	for _, inst := range instances {
		if inst.Detached {
			left = append(left, inst)
		}
	}
	return left, err
}

// sweep ends and deletes the instances whose owner was killed.
func (h home) sweep() error {
	lock, err := h.lockInstances()
	if err != nil {
		return err
	}
	defer lock.release()
	instances, err := h.recorded()
	if err != nil {
		return err
	}
	for _, inst := range instances {
		if inst.Detached {
			continue
		}
		inst.lock, err = tryLock(inst.ownerFile())
		if errors.Is(err, errLocked) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := inst.stopAndRemove(); err != nil {
			return err
		}
	}
	return nil
}

func lastLines(text []byte, n int) []byte {
	lines := bytes.SplitAfter(bytes.TrimRight(text, "\n"), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], nil)
}
