package runs

import (
	"context"
	"time"

	"github.com/k6es/k6es/runs/compare"
)

// Judge compares a run that has ended, by the default settings, with the runs that Baseline finds for it, and
// stores nothing. The contender is what was measured of the run. The comparison is nil, without an error, where
// there is no such run.
func (s *Store) Judge(ctx context.Context, d *Document, contender compare.Run) (*Comparison, error) {
	found, err := s.Baseline(ctx, d.Candidate())
	if err != nil || len(found) == 0 {
		return nil, err
	}
	baseline, err := s.Comparables(ctx, found, Window{})
	if err != nil {
		return nil, wrap(err, "comparing run %s with its baseline", d.K6.Run.ID)
	}
	verdicts, err := d.Verdicts()
	if err != nil {
		return nil, err
	}
	settings := compare.Defaults()
	settings.Directions = Directions(verdicts)
	c := &Comparison{Test: d.K6.Test, Created: s.now().UTC().Truncate(time.Millisecond), Contender: d.Compared()}
	for _, one := range found {
		c.Baseline = append(c.Baseline, one.Compared())
	}
	c.Report, err = compare.Compare(baseline, contender, settings)
	return c, err
}
