package k6output

import (
	"fmt"

	"github.com/k6es/k6es/ingest/spool"
	"github.com/k6es/k6es/runs"
)

// newSpool is the run's place in the spool, nil if there is to be none. The disk is not touched before
// something is to be kept.
func (o *Output) newSpool() *spool.Run {
	if o.config.SpoolSize == 0 {
		return nil
	}
	dir, err := o.config.Spool()
	if err != nil {
		o.log.Warnf("%v; what the server does not take in time waits in memory", err)
		return nil
	}
	if err := dir.Check(); err != nil {
		o.log.Warnf("%v; set spool-dir or K6_ELASTICSEARCH_SPOOL_DIR; documents wait in memory", err)
		return nil
	}
	return dir.Create(spool.Info{
		RunID: o.run.ID, Instance: fmt.Sprintf("%016x", o.run.Instance), Prefix: o.config.IndexPrefix, Test: o.run.Test, Name: o.run.Name,
	})
}

// spooledError is a run's own document that is in the spool instead of on the server.
type spooledError struct{ error }

func (e *spooledError) Unwrap() error { return e.error }

// keep puts a run's document into the spool if the server did not take it (recorded says why), or if
// documents are there whose arrival will change it; else what was there of it is forgotten. The error is
// recorded, as a *spooledError where that did the spool good.
func (o *Output) keep(snapshot *runs.Snapshot, recorded error) error {
	if o.spool == nil {
		return recorded
	}
	if recorded == nil && snapshot.Spooled() == 0 {
		o.spool.DropRun()
		return nil
	}
	lines, err := snapshot.Encode(recorded != nil)
	if err == nil {
		err = o.spool.SaveRun(lines)
	}
	switch {
	case recorded == nil:
		return err
	case err != nil:
		return fmt.Errorf("%w, and is not in the spool either (%w)", recorded, err)
	default:
		return &spooledError{recorded}
	}
}
