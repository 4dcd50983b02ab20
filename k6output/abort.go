package k6output

import (
	"fmt"
	"time"

	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"go.k6.io/k6/v2/output"

	"github.com/k6es/k6es/ingest"
)

// abort is the value of the option on-error that ends the test.
const abort = "abort"

// How often it is looked whether the test is to be ended, and how long the server may take nothing before
// that is a reason.
const (
	watchPeriod   = time.Second
	abortPatience = time.Minute
)

var _ output.WithTestRunStop = (*Output)(nil)

// SetTestRunStopCallback takes from k6 what ends the test; it calls this before Start.
func (o *Output) SetTestRunStopCallback(stop func(error)) { o.abort = stop }

// watch ends the test, once, when the option on-error says so and there is a reason.
func (o *Output) watch() {
	if o.config.OnError != abort || o.abort == nil || o.aborted {
		return
	}
	if err := o.failure(); err != nil {
		o.aborted = true
		err = fmt.Errorf("elasticsearch: %w; the option on-error ends the test", err)
		o.abort(errext.WithAbortReasonIfNone(errext.WithExitCodeIfNone(err, exitcodes.ExternalAbort), errext.AbortedByOutput))
	}
}

// failure is why the run is not what the index will show of it, nil if there is nothing wrong: documents
// or samples that are lost or were refused, a server that lets nobody in, and one that has taken nothing
// for too long, though what it did not take is in the spool.
func (o *Output) failure() error {
	stats := o.writer.Stats()
	since, away := o.writer.Outage()
	lost := o.queue.lost()
	switch {
	case stats.Rejected > 0:
		return fmt.Errorf("the server refused %d documents (kept in %s)", stats.Rejected, o.rejects.Path)
	case stats.Undelivered > 0:
		return fmt.Errorf("%d documents are lost", stats.Undelivered)
	case lost > 0:
		return fmt.Errorf("%d samples are lost, because the memory for them was full", lost)
	case away != nil && !ingest.Passing(away):
		return away
	case away != nil && time.Since(since) >= abortPatience:
		return fmt.Errorf("%w, for %s", away, time.Since(since).Round(time.Second))
	default:
		return nil
	}
}
