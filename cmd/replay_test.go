package cmd_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/runs"
)

// body is a sink that makes the body of a bulk request.
type body struct{ bytes.Buffer }

// Add implements ingest.Sink.
func (b *body) Add(entry []byte) error {
	_, err := b.Write(entry)
	return err
}

// leave puts the samples of shop.json into the spool, as a live run leaves them whose server was away, and
// with "document" the run's own document too: leave RUN INSTANCE [document]
func leave(ts *testscript.TestScript, _ bool, args []string) {
	instance, err := strconv.ParseUint(args[1], 16, 64)
	ts.Check(err)
	prefix := ts.Getenv("K6_ELASTICSEARCH_INDEX_PREFIX")
	run := ingest.Run{ID: args[0], Name: "nightly main", Test: "checkout", Instance: instance}
	recorder := runs.NewRecorder(runs.Facts{ID: run.ID, Name: run.Name, Test: run.Test}, instance, nil)
	documents := leaveBlock(ts, run, prefix, recorder)

	dir := spool.Dir{Root: ts.Getenv("K6_ELASTICSEARCH_SPOOL_DIR"), Size: 1 << 30}
	left := dir.Create(spool.Info{RunID: run.ID, Instance: args[1], Prefix: prefix, Test: run.Test, Name: run.Name})
	_, err = left.Append(documents, false)
	ts.Check(err)
	if len(args) > 2 {
		snapshot, err := recorder.Snapshot(runs.Outcome{
			Status: runs.Passed, Documents: int64(documents.Documents), Stats: ingest.Stats{Spooled: int64(documents.Documents)},
		}, true, time.Now())
		ts.Check(err)
		lines, err := snapshot.Encode(true)
		ts.Check(errors.Join(err, left.SaveRun(lines)))
	}
	ts.Check(left.Close())
}

// leaveBlock makes a block of the samples of shop.json.
func leaveBlock(ts *testscript.TestScript, run ingest.Run, prefix string, recorder *runs.Recorder) spool.Record {
	source, err := ingest.Open(ts.MkAbs("shop.json"), nil, nil)
	ts.Check(err)
	defer source.Close()
	registry := ingest.NewRegistry()
	reader := source.Samples(registry)
	options := ingest.DefaultOptions()
	options.Prefix = prefix
	var block body
	pipeline := ingest.NewPipeline(run, registry, options, &block)
	for {
		var sample ingest.Sample
		err := reader.Read(&sample)
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		ts.Check(pipeline.Add(&sample))
		recorder.Add(&sample)
	}
	ts.Check(pipeline.Close())
	return spool.Record{
		Kind: spool.Bulk, Documents: int(pipeline.Documents()), Raw: block.Len(), Time: time.Now(), Body: block.Bytes(), //nolint:gosec // few
	}
}

// harm changes a byte near the end of a run's blocks: harm RUN
func harm(ts *testscript.TestScript, _ bool, args []string) {
	files, err := filepath.Glob(filepath.Join(ts.Getenv("K6_ELASTICSEARCH_SPOOL_DIR"), args[0]+"-*", "*.blocks"))
	ts.Check(err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		ts.Check(err)
		content[len(content)-10] ^= 1
		ts.Check(os.WriteFile(file, content, 0o600))
	}
}

// hold has a run's folder locked to the end of the script, as a live run does: hold RUN
func hold(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := spool.List(ts.Getenv("K6_ELASTICSEARCH_SPOOL_DIR"))
	ts.Check(err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.RunID, args[0]) {
			run, err := spool.Open(entry.Path)
			ts.Check(err)
			ts.Defer(func() { _ = run.Close() })
		}
	}
}
