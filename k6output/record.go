package k6output

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"go.k6.io/k6/v2/metrics"
	"go.k6.io/k6/v2/output"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/kibana"
	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/ci"
)

// SetThresholds takes the thresholds from k6, which evaluates them; it calls this before Start.
func (o *Output) SetThresholds(thresholds map[string]metrics.Thresholds) { o.thresholds = thresholds }

var _ output.WithThresholds = (*Output)(nil)

// claim makes sure that the run id is not that of a run that has ended: somebody chose it, then it is
// refused; or it is a tag testid that is the same in every run, then a new one is made from it. A server
// that does not answer is asked nothing.
func (o *Output) claim() error {
	if o.config.Append || o.away != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	ended, err := o.store.Ended(ctx, o.run.ID)
	if err != nil || ended == nil {
		return nil //nolint:nilerr // what keeps the server from answering is told when samples are sent
	}
	if o.config.RunID != "" {
		return errext.WithExitCodeIfNone(
			&runs.TakenError{RunID: o.run.ID, Test: ended.K6.Test, Name: ended.K6.Run.Name}, exitcodes.InvalidConfig)
	}
	taken := o.run.ID
	o.run.ID = fmt.Sprintf("%s-%08x", taken, o.run.Instance>>32)
	o.log.Warnf("run id %q (tag testid) already belongs to another run; this run is %q", taken, o.run.ID)
	return nil
}

// thresholdSources lists the thresholds, in a certain order.
func (o *Output) thresholdSources() []runs.ThresholdSource {
	var sources []runs.ThresholdSource
	for _, metric := range slices.Sorted(maps.Keys(o.thresholds)) {
		for _, t := range o.thresholds[metric].Thresholds {
			sources = append(sources, runs.ThresholdSource{Metric: metric, Expression: t.Source})
		}
	}
	return sources
}

// verdicts are k6's own. They are final once the test has ended.
func (o *Output) verdicts() []runs.Verdict {
	var verdicts []runs.Verdict
	evaluated := !o.params.RuntimeOptions.NoThresholds.Bool
	for metric, thresholds := range o.thresholds {
		for _, t := range thresholds.Thresholds {
			verdicts = append(verdicts, runs.Verdict{
				Metric: metric, Expression: t.Source, Crossed: evaluated && t.LastFailed, Evaluated: evaluated, By: "k6",
			})
		}
	}
	return verdicts
}

// facts are what is known of the run before it begins. Of the script's options only names, executors and
// a hash are kept.
func (o *Output) facts(origin ci.Origin) runs.Facts {
	f := runs.Facts{
		ID: o.run.ID, Name: o.run.Name, Test: o.run.Test, Note: o.config.RunNote, K6Version: k6Version(), Version: config.Version(),
		Service: o.config.Service, Environment: o.config.Environment, Labels: o.run.Labels, Origin: origin.Fields(),
	}
	f.Script, f.ScriptHash = o.script()
	scenarios := o.params.ScriptOptions.Scenarios
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		f.Scenarios = append(f.Scenarios, name+": "+scenarios[name].GetType())
	}
	if options, err := json.Marshal(scenarios); err == nil && len(scenarios) > 0 {
		f.OptionsHash = shortHash(options)
	}
	return f
}

// shortHash is the beginning of the SHA-256: enough to tell scripts apart.
func shortHash(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:8])
}

// maxScript bounds what is read of a script to hash it.
const maxScript = 64 << 20

// script is the script's file name and the hash of its content, as far as they can be had.
func (o *Output) script() (name, hash string) {
	location := o.params.ScriptPath
	if location == nil {
		return "", ""
	}
	name = path.Base(filepath.ToSlash(location.Path))
	if location.Scheme != "file" || o.params.FS == nil {
		return name, ""
	}
	file, err := o.params.FS.Open(filepath.FromSlash(location.Path))
	if err != nil {
		return name, ""
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxScript))
	if err != nil {
		return name, ""
	}
	return name, shortHash(content)
}

const k6Module = "go.k6.io/k6/v2"

// k6Version is the version of the k6 that this is built into.
func k6Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range append(info.Deps, &info.Main) {
		if module.Path == k6Module {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return ""
}

// statusOf tells how a test ended by the error that k6 ends it with.
func statusOf(err error, crossed bool) (status runs.Status, reason string) {
	if err == nil {
		if crossed {
			return runs.Failed, "thresholds were crossed"
		}
		return runs.Passed, ""
	}
	reason = shortReason(err.Error())
	var coded errext.HasExitCode
	if errors.As(err, &coded) && coded.ExitCode() == exitcodes.MarkedAsFailed {
		return runs.Failed, reason
	}
	var aborted errext.HasAbortReason
	if !errors.As(err, &aborted) {
		return runs.Aborted, reason
	}
	switch aborted.AbortReason() {
	case errext.AbortedByUser:
		return runs.Interrupted, reason
	case errext.AbortedByThresholdsAfterTestEnd:
		return runs.Failed, reason
	default:
		return runs.Aborted, reason
	}
}

// maxReason bounds how much of an error's text is kept, in bytes.
const maxReason = 500

func shortReason(text string) string {
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}

// outcome is what is to be said of the run beside its samples.
func (o *Output) outcome(status runs.Status, reason string) runs.Outcome {
	return runs.Outcome{
		Status: status, Reason: reason, Documents: int64(o.pipeline.Documents()), Stats: o.writer.Stats(), //nolint:gosec // a count
	}
}

// beat writes what is known of the running test; it returns false while that is nothing. The worker
// calls it; the writing itself happens in a goroutine of its own, and a beat is left out while the last
// one is still being written.
func (o *Output) beat() bool {
	select {
	case o.beating <- struct{}{}:
	default:
		return true
	}
	snapshot, err := o.recorder.Snapshot(o.outcome(runs.Running, ""), false, time.Now())
	if err != nil || snapshot == nil {
		<-o.beating
		return false
	}
	go func() {
		defer func() { <-o.beating }()
		ctx, cancel := context.WithTimeout(o.beats, runs.Heartbeat)
		defer cancel()
		// An error is not told: the writer tells of the same outage, and the next beat mends it.
		o.keepBeat(snapshot, o.record(ctx, snapshot))
	}()
	return true
}

// keepBeat is keep for a running test, unless the run's end was faster.
func (o *Output) keepBeat(snapshot *runs.Snapshot, recorded error) {
	o.keeping.Lock()
	defer o.keeping.Unlock()
	if o.beats.Err() == nil {
		_ = o.keep(snapshot, recorded)
	}
}

func (o *Output) record(ctx context.Context, snapshot *runs.Snapshot) error {
	if !o.prepared.Load() {
		if err := o.prepare(ctx); err != nil {
			return err
		}
	}
	return o.store.Record(ctx, snapshot)
}

// finalRecord writes the run's end, to the server or else to the spool; an error says that neither was
// possible. It waits for a beat that is under way, so as to come last.
func (o *Output) finalRecord(ctx context.Context, testErr error) error {
	verdicts := o.verdicts()
	crossed := slices.ContainsFunc(verdicts, func(v runs.Verdict) bool { return v.Crossed })
	status, reason := statusOf(testErr, crossed)
	outcome := o.outcome(status, reason)
	outcome.Verdicts = verdicts
	snapshot, err := o.recorder.Snapshot(outcome, true, time.Now())
	if err != nil || snapshot == nil {
		return err
	}
	part := snapshot.Part()
	o.ended = snapshot
	o.dashboard = o.config.Links().Dashboard(kibana.RunDashboard, runs.DashboardState(o.run.ID, part.Start, part.End))
	select {
	case o.beating <- struct{}{}:
	case <-ctx.Done():
	}
	o.endBeats()
	err = o.record(ctx, snapshot)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		err = fmt.Errorf("the run's own document was not written (%w)", err)
	}
	o.keeping.Lock()
	defer o.keeping.Unlock()
	return o.keep(snapshot, err)
}
