package runs

import (
	"context"
	"time"
)

// Worst is the part of a run in which it went worst: where most requests failed, or, if none did, where the
// 95th percentile was highest.
type Worst struct {
	From     time.Time
	Length   time.Duration
	Requests int64   // iterations in a run without HTTP requests
	Failed   int64   // of them; 0 in a run without HTTP requests
	P95      float64 // ms
}

// mostSteps is how many parts of a run are looked at in one go.
const mostSteps = 720

// leastJudged is how many requests a part must have for its percentile to be held against others.
const leastJudged = 5

// Worst finds the worst part of a run, of a length that is at least a second. It is nil where there are no
// samples, as of a run that was pruned.
func (s *Store) Worst(ctx context.Context, d *Document, length time.Duration) (*Worst, error) {
	s.catchUp(ctx, d)
	whole := time.Duration(d.K6.Run.Duration*float64(time.Second)) + time.Millisecond
	from, span := d.Timestamp, max(whole, length)
	if d.K6.Run.Status == Running {
		span = max(span, s.now().Sub(from))
	}
	step := length
	for step*mostSteps < span {
		step *= mostSteps
	}
	for {
		worst, err := s.worstStep(ctx, d, from, span, step)
		if err != nil || worst == nil || step == length {
			return worst, err
		}
		from, span = worst.From, worst.Length
		step /= mostSteps
	}
}

// worstStep divides a part of a run into steps, and finds the worst of them.
func (s *Store) worstStep(ctx context.Context, d *Document, from time.Time, span, step time.Duration) (*Worst, error) {
	trend, _ := d.subject()
	query := map[string]any{"bool": map[string]any{"filter": []any{
		term("k6.run.id", d.K6.Run.ID),
		map[string]any{"exists": map[string]any{"field": "k6." + trend}},
		map[string]any{"range": map[string]any{"@timestamp": map[string]any{"gte": from.UTC(), "lt": from.Add(span).UTC()}}},
	}}}
	buckets, err := s.steps(ctx, query, from, step, map[string]any{"p95": p95Of(trend), "failed": sumOf(failures)})
	if err != nil {
		return nil, wrap(err, "looking for the worst seconds of run %s", d.K6.Run.ID)
	}
	var worst *Worst
	for _, b := range buckets {
		one := Worst{From: time.UnixMilli(b.Key).UTC(), Length: step, Requests: b.Count, Failed: int64(b.Failed.Value)}
		if len(b.P95.Values) > 0 && b.P95.Values[0].Value != nil {
			one.P95 = *b.P95.Values[0].Value
		}
		if worst == nil || one.worse(*worst) {
			worst = &one
		}
	}
	return worst, nil
}

// worse tells whether one part of a run went worse than another.
func (w Worst) worse(other Worst) bool {
	switch {
	case w.Failed != other.Failed:
		return w.Failed > other.Failed
	case (w.Requests < leastJudged) != (other.Requests < leastJudged):
		return other.Requests < leastJudged
	default:
		return w.P95 > other.P95
	}
}
