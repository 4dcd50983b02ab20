package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// serverVariable is where scripts/servers run puts the address of the server; with _PID behind it, its
// process id.
const serverVariable = "K6ES_TEST_ES_OSS_7_10_2"

// server is the Elasticsearch that experiments run against. Its zero value is that of scripts/servers run.
type server struct {
	url string
	pid int // 0: its processor time is not known
}

// addFlags lets the user name another server than the one that scripts/servers started.
func (s *server) addFlags(flags *pflag.FlagSet) {
	pid, _ := strconv.Atoi(os.Getenv(serverVariable + "_PID"))
	flags.StringVar(&s.url, "url", os.Getenv(serverVariable), "address of the server; default: the one of scripts/servers run")
	flags.IntVar(&s.pid, "pid", pid, "process id of the server, for its processor time")
}

func (s *server) check() error {
	if s.url == "" || s.pid == 0 {
		return errors.New("no server: go run ./scripts/servers run --heap 1g --jit es-oss-7.10.2 -- go run ./scripts/bench …, " +
			"or name one with --url and --pid")
	}
	return nil
}

// do sends a request and decodes the answer into out, unless that is nil.
func (s *server) do(ctx context.Context, method, path string, body, out any) error {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, sent)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// bulk sends log lines as one bulk request, encoded as HTTP's Content-Encoding says; "" for plain.
func (s *server) bulk(ctx context.Context, index string, body io.Reader, encoding string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/"+index+"/_bulk?filter_path=errors", body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Errors bool }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK || answer.Errors {
		return fmt.Errorf("%s did not take the lines: %s", s.url, response.Status)
	}
	return nil
}

// settle makes everything of the indices searchable and durable and waits until nothing is merged any
// more: what the documents cost the server is then paid.
func (s *server) settle(ctx context.Context, indices string) error {
	for _, step := range []string{"_refresh", "_flush?wait_if_ongoing=true"} {
		if err := s.do(ctx, http.MethodPost, "/"+indices+"/"+step, nil, nil); err != nil {
			return err
		}
	}
	for {
		var stats struct {
			All struct {
				Primaries struct {
					Merges struct{ Current int }
				}
			} `json:"_all"`
		}
		if err := s.do(ctx, http.MethodGet, "/"+indices+"/_stats/merge", nil, &stats); err != nil {
			return err
		}
		if stats.All.Primaries.Merges.Current == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// merge merges the indices into one segment each.
func (s *server) merge(ctx context.Context, indices string) error {
	if err := s.do(ctx, http.MethodPost, "/"+indices+"/_forcemerge?max_num_segments=1&flush=true", nil, nil); err != nil {
		return err
	}
	return s.settle(ctx, indices)
}

// size is how many documents the indices hold, and what their segments take on disk, in bytes. Index
// statistics would not do: they are up to ten seconds old.
func (s *server) size(ctx context.Context, indices string) (documents, disk float64, err error) {
	var segments []struct {
		Documents float64 `json:"docs.count,string"`
		Size      float64 `json:"size,string"`
	}
	path := "/_cat/segments/" + indices + "?format=json&bytes=b&h=docs.count,size"
	if err := s.do(ctx, http.MethodGet, path, nil, &segments); err != nil {
		return 0, 0, err
	}
	for _, segment := range segments {
		documents, disk = documents+segment.Documents, disk+segment.Size
	}
	return documents, disk, nil
}

// remove deletes indices.
func (s *server) remove(ctx context.Context, indices string) error {
	return s.do(ctx, http.MethodDelete, "/"+indices+"?ignore_unavailable=true", nil, nil)
}

// cpu is the processor time that the server has taken since it started.
func (s *server) cpu() (time.Duration, error) { return processCPU(s.pid) }
