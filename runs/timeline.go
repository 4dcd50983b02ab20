package runs

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/k6es/k6es/ingest"
	"github.com/k6es/k6es/runs/series"
)

// Timeline is how a run went, in equal steps from its first sample to its last.
type Timeline struct {
	Step    time.Duration
	Moments []Moment
	// Of is what it is about: http_req_duration, or iteration_duration of a run without HTTP requests.
	Of string
	// Pruned tells that it comes from the run's series, as the samples are gone: in tenths, and without
	// failures.
	Pruned bool
}

// Moment is one step of a Timeline.
type Moment struct {
	Rate   float64  // requests, or iterations, a second
	Failed float64  // failed requests a second
	P95    *float64 // ms; nil where nothing was measured
}

const (
	duration  = "http_req_duration"
	iteration = "iteration_duration"
	failures  = "http_req_failed"
)

// subject is what the run's timeline is about: a trend, and the counter beside it.
func (d *Document) subject() (trend, counter string) {
	if d.K6.Summary.Requests > 0 {
		return duration, "http_reqs"
	}
	return iteration, "iterations"
}

// Timeline divides a run into steps, n of them at most and none shorter than a second.
func (s *Store) Timeline(ctx context.Context, d *Document, n int) (*Timeline, error) {
	whole := time.Duration(d.K6.Run.Duration * float64(time.Second))
	step := max(whole/time.Duration(n)+time.Millisecond, time.Second).Truncate(time.Millisecond)
	t := &Timeline{Step: step, Moments: make([]Moment, int(whole/step)+1)}
	trend, counter := d.subject()
	t.Of = trend
	s.catchUp(ctx, d)
	buckets, err := s.steps(ctx, term("k6.run.id", d.K6.Run.ID), d.Timestamp, step, map[string]any{
		"p95": p95Of(trend), "rate": sumOf(counter), "failed": sumOf(failures),
	})
	if err != nil {
		return nil, wrap(err, "reading the course of run %s", d.K6.Run.ID)
	}
	if len(buckets) == 0 {
		return s.fromTenths(ctx, d, trend)
	}
	for _, b := range buckets {
		i := int((b.Key - d.Timestamp.UnixMilli()) / step.Milliseconds())
		if i < 0 || i >= len(t.Moments) || len(b.P95.Values) == 0 {
			continue
		}
		t.Moments[i] = Moment{Rate: b.Rate.Value / step.Seconds(), Failed: b.Failed.Value / step.Seconds(), P95: b.P95.Values[0].Value}
	}
	return t, nil
}

// stepBucket is what the samples of a step add up to, as far as it was asked for.
type stepBucket struct {
	Key   int64 `json:"key"` // ms since 1970
	Count int64 `json:"doc_count"`
	P95   struct {
		Values []struct{ Value *float64 } `json:"values"`
	} `json:"p95"`
	Rate, Failed struct{ Value float64 }
}

// steps divides what a query finds into steps, one of which begins at a time; those without samples are left out.
func (s *Store) steps(ctx context.Context, query any, from time.Time, step time.Duration, aggs map[string]any) ([]stepBucket, error) {
	body := map[string]any{"size": 0, "track_total_hits": false, "query": query, "aggs": map[string]any{"steps": map[string]any{
		"date_histogram": map[string]any{
			"field": "@timestamp", "fixed_interval": millis(step), "min_doc_count": 1,
			"offset": millis(time.Duration(from.UnixMilli()%step.Milliseconds()) * time.Millisecond),
		},
		"aggs": aggs,
	}}}
	var answer struct {
		Aggregations struct {
			Steps struct {
				Buckets []stepBucket `json:"buckets"`
			} `json:"steps"`
		} `json:"aggregations"`
	}
	err := s.search(ctx, s.metricsIndex(), body, &answer)
	return answer.Aggregations.Steps.Buckets, err
}

func p95Of(metric string) any {
	return map[string]any{"percentiles": map[string]any{"field": "k6." + metric, "percents": []float64{95}, "keyed": false}}
}

func sumOf(metric string) any { return map[string]any{"sum": map[string]any{"field": "k6." + metric}} }

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// catchUp makes the last samples of a run visible that has only just ended.
func (s *Store) catchUp(ctx context.Context, d *Document) {
	if s.now().Sub(d.K6.Run.Heartbeat) < stale {
		_ = s.refresh(ctx, s.metricsIndex())
	}
}

// fromTenths makes a timeline of what the series of the whole run keeps of each tenth.
func (s *Store) fromTenths(ctx context.Context, d *Document, trend string) (*Timeline, error) {
	all, err := s.LoadSeries(ctx, d.K6.Run.ID, SeriesFilter{Scopes: []series.Scope{series.WholeRun}, Metrics: []string{trend}})
	if err != nil {
		return nil, err
	}
	t := &Timeline{Of: trend, Pruned: true}
	if len(all) == 0 {
		return t, nil
	}
	whole, err := all[0].Merged()
	if err != nil || len(whole.Tenths) == 0 {
		return t, err
	}
	t.Step = time.Duration(d.K6.Run.Duration * float64(time.Second) / float64(len(whole.Tenths)))
	for i := range whole.Tenths {
		var m Moment
		if value, ok := whole.Tenths[i].Quantile(.95); ok {
			m.P95 = &value
		}
		if t.Step > 0 {
			m.Rate = float64(whole.Tenths[i].Count()) / t.Step.Seconds()
		}
		t.Moments = append(t.Moments, m)
	}
	return t, nil
}

// Problem is one way in which requests failed.
type Problem struct {
	Name    string // of the request
	Status  int    // of the HTTP answer; 0 without one
	Code    string // k6's error code; may be empty; of a pruned run, the class of status: 5xx
	Message string // k6's error text; may be empty
	Count   int64
}

// Problems lists the ways in which requests of a run failed, the most frequent first. Of a run whose samples
// were pruned only the classes of status are known. A status of 400 and above that the script expected is no problem.
func (s *Store) Problems(ctx context.Context, d *Document) ([]Problem, error) {
	s.catchUp(ctx, d)
	terms := func(field string, size int, missing any, below map[string]any) map[string]any {
		agg := map[string]any{"terms": map[string]any{"field": field, "size": size, "missing": missing}}
		if below != nil {
			agg["aggs"] = map[string]any{"of": below}
		}
		return agg
	}
	body := map[string]any{
		"size": 0,
		"query": map[string]any{"bool": map[string]any{
			"filter":   term("k6.run.id", d.K6.Run.ID),
			"must_not": term("event.outcome", "success"),
			"should": []any{
				map[string]any{"exists": map[string]any{"field": "error.code"}},
				map[string]any{"exists": map[string]any{"field": "error.message"}},
				map[string]any{"range": map[string]any{"http.response.status_code": map[string]any{"gte": 400}}},
			},
			"minimum_should_match": 1,
		}},
		"aggs": map[string]any{"of": terms("k6.name", 100, "", terms("error.code", 10, "",
			terms("http.response.status_code", 10, 0, terms("error.message", 5, "", nil))))},
	}
	var answer struct {
		Aggregations level `json:"aggregations"`
	}
	if err := s.search(ctx, s.metricsIndex(), body, &answer); err != nil {
		return nil, wrap(err, "reading the errors of run %s", d.K6.Run.ID)
	}
	var problems []Problem
	for _, name := range answer.Aggregations.Of.Buckets {
		for _, code := range name.Of.Buckets {
			for _, status := range code.Of.Buckets {
				for _, message := range status.Of.Buckets {
					problems = append(problems, Problem{name.text(), int(status.number()), code.text(), message.text(), message.Count})
				}
			}
		}
	}
	if len(problems) == 0 && d.K6.Summary.Failed > 0 {
		var err error
		if problems, err = s.failedClasses(ctx, d); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return problems, nil
}

// failedClasses are the failed requests by name and class of status, from the run's series.
func (s *Store) failedClasses(ctx context.Context, d *Document) ([]Problem, error) {
	all, err := s.LoadSeries(ctx, d.K6.Run.ID, SeriesFilter{Scopes: []series.Scope{series.Request}, Metrics: []string{failures}})
	var problems []Problem
	for _, doc := range all {
		f := doc.K6.Series
		if f.Passes == nil || *f.Passes == 0 {
			continue
		}
		p := Problem{Name: doc.K6.Name, Code: f.Status, Count: *f.Passes}
		if f.Status == "none" {
			p.Code, p.Message = "", "no response"
		}
		problems = append(problems, p)
	}
	return problems, err
}

// level is one level of nested terms aggregations.
type level struct {
	Of struct {
		Buckets []bucket `json:"buckets"`
	} `json:"of"`
}

type bucket struct {
	level
	Key   any   `json:"key"`
	Count int64 `json:"doc_count"`
}

func (b bucket) text() string {
	text, _ := b.Key.(string)
	return text
}

func (b bucket) number() float64 {
	number, _ := b.Key.(float64)
	return number
}

// RequestStats is what a run's requests of one name and method add up to, whatever they were answered.
type RequestStats struct {
	Name               string // with the method before it
	Count, Failed      float64
	Judged             float64 // how many k6 called failed or not
	P50, P95, P99, Max float64 // ms
	RPS                float64
}

// Requests lists the requests of a run by name, the slowest first.
func (s *Store) Requests(ctx context.Context, d *Document) ([]RequestStats, error) {
	all, err := s.LoadSeries(ctx, d.K6.Run.ID, SeriesFilter{
		Scopes: []series.Scope{series.Request}, Metrics: []string{duration, failures},
	})
	if err != nil {
		return nil, err
	}
	type both struct{ durations, failed SeriesPart }
	byName := map[string]*both{}
	for _, doc := range all {
		key, _ := comparedKey(doc)
		if byName[key.Name] == nil {
			byName[key.Name] = &both{}
		}
		into := &byName[key.Name].durations
		if doc.K6.Metric.Name != duration {
			into = &byName[key.Name].failed
		}
		part, err := doc.Merged()
		if err != nil {
			return nil, err
		}
		if *into, err = mergeSeries([]SeriesPart{*into, part}); err != nil {
			return nil, err
		}
	}
	var requests []RequestStats
	for name, b := range byName {
		if b.durations.Count > 0 {
			requests = append(requests, b.durations.stats(name, b.failed, d.K6.Run.Duration))
		}
	}
	slices.SortFunc(requests, func(a, b RequestStats) int {
		return cmp.Or(cmp.Compare(b.P95, a.P95), cmp.Compare(a.Name, b.Name))
	})
	return requests, nil
}

func (p SeriesPart) stats(name string, failed SeriesPart, seconds float64) RequestStats {
	r := RequestStats{
		Name: name, Count: float64(p.Count), Failed: float64(failed.Passes), Judged: float64(failed.Count), Max: p.Max,
	}
	if seconds > 0 {
		r.RPS = r.Count / seconds
	}
	for _, q := range []struct {
		into *float64
		p    float64
	}{{&r.P50, .5}, {&r.P95, .95}, {&r.P99, .99}} {
		if value := p.at(q.p); value != nil {
			*q.into = *value
		}
	}
	return r
}

// CheckStats is what came of one check of a run.
type CheckStats struct {
	Name          string
	Count, Failed int64
}

// FailingChecks lists the checks that failed at least once, the one that failed most often first.
func (s *Store) FailingChecks(ctx context.Context, d *Document) ([]CheckStats, error) {
	if d.K6.Summary.ChecksFailed == 0 {
		return nil, nil
	}
	all, err := s.LoadSeries(ctx, d.K6.Run.ID, SeriesFilter{Scopes: []series.Scope{series.Check}, Metrics: []string{"checks"}})
	if err != nil {
		return nil, err
	}
	var failing []CheckStats
	for _, doc := range all {
		f := doc.K6.Series
		if f.Fails != nil && *f.Fails > 0 && doc.K6.Metric.Type == ingest.Rate.String() {
			failing = append(failing, CheckStats{doc.K6.Check, f.Count, *f.Fails})
		}
	}
	slices.SortStableFunc(failing, func(a, b CheckStats) int { return cmp.Compare(b.Failed, a.Failed) })
	return failing, nil
}
