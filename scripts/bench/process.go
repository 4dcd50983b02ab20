package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process took.
type usage struct {
	CPU  time.Duration // of all its threads, user and system, its children that ended included
	Wall time.Duration
	RSS  int64 // the most memory that it had, in bytes
}

// runProcess runs a command to its end and says what it took, also when it failed. The error tells the end
// of what it wrote to standard error, if nobody else takes that.
func runProcess(ctx context.Context, cmd *exec.Cmd) (usage, error) {
	var said bytes.Buffer
	if cmd.Stderr == nil {
		cmd.Stderr = &said
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	took := usage{time.Since(begin), time.Since(begin), <-peak}
	took.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		err = fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.Join(lines[max(0, len(lines)-5):], "\n"))
	}
	return took, errors.Join(err, ctx.Err())
}

// watchPeak looks at the most memory that a process ever had, in bytes, until the process is gone. What
// wait4 tells would not do: it counts the memory of this program, from which the process was forked.
func watchPeak(pid int) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		var most int64
		for range time.Tick(20 * time.Millisecond) {
			now, err := statusBytes(pid, "VmHWM")
			if err != nil {
				break
			}
			most = now
		}
		peak <- most
	}()
	return peak
}

// statusBytes reads a size out of /proc/<pid>/status.
func statusBytes(pid int, key string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kB int64
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			_, err := fmt.Sscanf(value, "%d kB", &kB)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, key)
}

// ticksPerSecond is the unit of times in /proc; Linux shows them so on every machine.
const ticksPerSecond = 100

// processCPU is the processor time that a running process and its children that ended have taken so far.
func processCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(stat))
}

// parseStat reads utime, stime, cutime and cstime, the 14th to 17th field, see proc(5). The second field,
// a name in parentheses, may hold anything.
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/…/stat is not understood: %q", stat)
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/…/stat is not understood: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / ticksPerSecond), nil
}
