package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// Levels as winston names them; fatal is what teams add for the end of a process.
const (
	levelInfo  = "info"
	levelWarn  = "warn"
	levelError = "error"
	levelFatal = "fatal"
)

// timestampFormat is Date.toISOString.
const timestampFormat = "2006-01-02T15:04:05.000Z"

// logger writes log lines to a file and to Elasticsearch, each if it is there.
// It is safe for concurrent use.
type logger struct {
	hostname   string
	instanceID string
	now        func() time.Time
	report     io.Writer // what became of the lines, when the log is closed

	mu      sync.Mutex // guards file and failed
	file    io.WriteCloser
	failed  int      // lines that could not be written to the file
	shipper *shipper // nil = no Elasticsearch
}

func newLogger(report io.Writer) *logger {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	return &logger{hostname: hostname, instanceID: strconv.Itoa(os.Getpid()), now: time.Now, report: report}
}

// line is what every log line has.
type line struct {
	Timestamp  string `json:"timestamp"`
	Level      string `json:"level"`
	Message    string `json:"message"`
	Hostname   string `json:"hostname"`
	InstanceID string `json:"instanceId"`
}

// requestLine is the log line of a request. IntervalTime is in milliseconds.
type requestLine struct {
	line
	IP           string  `json:"ip"` // of the client
	Method       string  `json:"method"`
	Route        string  `json:"route"`
	Status       int     `json:"status"`
	IntervalTime float64 `json:"IntervalTime"`
	Stack        string  `json:"stack,omitempty"`
}

// request logs one request; err is what went wrong, if anything.
func (l *logger) request(r *http.Request, route string, status int, took time.Duration, err error) {
	now := l.now()
	entry := requestLine{
		line: l.line(now, levelOf(status), fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, status)),
		IP:   clientOf(r), Method: r.Method, Route: route, Status: status,
		IntervalTime: math.Round(took.Seconds()*1e6) / 1e3,
	}
	if f := (*fault)(nil); entry.Level == levelError && errors.As(err, &f) {
		entry.Message += ": " + f.message
		entry.Stack = f.stack
	}
	l.write(now, entry)
}

// clientOf is the address that a request comes from, without the port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// lifecycle logs the start or the end of the service.
func (l *logger) lifecycle(level, message string) {
	now := l.now()
	l.write(now, l.line(now, level, message))
}

func (l *logger) line(now time.Time, level, message string) line {
	return line{
		Timestamp: now.UTC().Format(timestampFormat), Level: level, Message: message,
		Hostname: l.hostname, InstanceID: l.instanceID,
	}
}

func levelOf(status int) string {
	switch {
	case status >= 500:
		return levelError
	case status >= 400:
		return levelWarn
	default:
		return levelInfo
	}
}

func (l *logger) write(now time.Time, entry any) {
	text, err := json.Marshal(entry)
	if err != nil {
		return // cannot be: a line holds strings and finite numbers
	}
	if l.shipper != nil {
		l.shipper.add(now, text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return
	}
	if _, err := l.file.Write(append(text, '\n')); err != nil {
		l.failed++
	}
}

// close writes out what is still on its way to Elasticsearch and reports what was lost.
func (l *logger) close() error {
	if l.shipper != nil {
		fmt.Fprintln(l.report, l.shipper.close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	if l.failed > 0 {
		fmt.Fprintf(l.report, "log file: %d lines could not be written\n", l.failed)
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close log file: %w", err)
	}
	return nil
}
