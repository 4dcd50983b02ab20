package notify

import (
	"context"
	"slices"
	"time"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// Notice is what there is to tell: how a run ended, or what a comparison came to.
type Notice struct {
	Run        *runs.Document   // nil for a comparison that somebody asked for
	Comparison *runs.Comparison // of the run with its baseline; nil where there is none
	Numbers    compare.Run      // what was measured of the run, or of the comparison's contender
	Uncompared string           // why a run has no Comparison
	Unstored   bool             // the run's own document is not on the server
	Dashboard  string           // link into Kibana; empty: not known
}

// judging bounds how long a run's baseline is looked for: a notice without it is better than none.
const judging = 3 * time.Second

// ofRun is the notice of a run, from what was recorded of it, without a comparison.
func ofRun(snapshot *runs.Snapshot, dashboard string) (*Notice, error) {
	n := &Notice{Run: snapshot.Stored(), Dashboard: dashboard}
	var err error
	if n.Run == nil {
		n.Unstored = true
		if n.Run, err = snapshot.Document(); err != nil {
			return nil, err
		}
	}
	n.Numbers, err = runs.Comparable(n.Run, snapshot.Series())
	return n, err
}

// judge compares the run with its baseline. Without one, the notice says why; but what an error says stays with
// whoever ran the test.
func (n *Notice) judge(ctx context.Context, store *runs.Store) error {
	if n.Unstored {
		n.Uncompared = "the server did not take it"
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, judging)
	defer cancel()
	err := n.complete(ctx, store)
	var comparison *runs.Comparison
	if err == nil {
		comparison, err = store.Judge(ctx, n.Run, n.Numbers)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		n.Uncompared = "the server did not give the earlier runs in time"
	case err != nil:
		n.Uncompared = "the earlier runs could not be read"
	case comparison == nil:
		n.Uncompared = "there is no earlier run to compare it with"
	default:
		n.Comparison = comparison
	}
	return err
}

// complete reads what was measured of a run of several k6 processes: what one of them recorded lacks the requests
// that only others made.
func (n *Notice) complete(ctx context.Context, store *runs.Store) error {
	if len(n.Run.K6.Run.Instances) < 2 {
		return nil
	}
	numbers, err := store.Comparable(ctx, n.Run, runs.Window{})
	if err == nil {
		n.Numbers = numbers
	}
	return err
}

// subject is the run that the notice is about.
func (n *Notice) subject() runs.Compared {
	if n.Run != nil {
		return n.Run.Compared()
	}
	return n.Comparison.Contender
}

// endedBadly says whether the run failed or was broken off, or crossed a threshold.
func (n *Notice) endedBadly() bool {
	run := n.subject()
	return slices.Contains([]runs.Status{runs.Failed, runs.Aborted, runs.Interrupted}, run.Status) || len(run.Crossed) > 0
}

// failed says whether the run did not end well, or is not stored whole.
func (n *Notice) failed() bool { return n.endedBadly() || n.Unstored || n.lacking() > 0 }

// lacking is how many documents of the run are not on the server.
func (n *Notice) lacking() int64 {
	if n.Run == nil {
		return 0
	}
	return n.Run.K6.Summary.Rejected + n.Run.K6.Summary.Undelivered
}

// worse says whether the run is worse than its baseline.
func (n *Notice) worse() bool {
	return n.Comparison != nil && n.Comparison.Report.Verdict == compare.Worse
}
