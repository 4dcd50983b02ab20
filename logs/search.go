package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many searches are under way at a time.
const atOnce = 4

// searcher asks the logs, of one shape.
type searcher struct {
	client Client
	shape  Shape
	time   string // field

	mu    sync.Mutex
	notes []string
}

// inquiry is a search, and what takes its answer.
type inquiry struct {
	body map[string]any
	take func(answer) error
}

// answer is what the server says to a search.
type answer struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total, Failed int
		Failures      []struct {
			Reason struct{ Type, Reason string } `json:"reason"`
		} `json:"failures"`
	} `json:"_shards"`
	Hits struct {
		Total struct{ Value int64 } `json:"total"`
		Hits  []hit                 `json:"hits"`
	} `json:"hits"`
	Aggregations map[string]json.RawMessage `json:"aggregations"`
}

type hit struct {
	Source map[string]any      `json:"_source"`
	Fields map[string][]string `json:"fields"`
}

// aggregation decodes one aggregation of the answer; one that is missing leaves the value as it is.
func (a answer) aggregation(name string, into any) error {
	if a.Aggregations[name] == nil {
		return nil
	}
	return json.Unmarshal(a.Aggregations[name], into)
}

// ask makes all searches, several at a time. The answers are taken one after the other.
func (s *searcher) ask(ctx context.Context, inquiries ...inquiry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, one := range inquiries {
		group.Go(func() error {
			var a answer
			path := "/" + pathOf(s.shape.Pattern) + "/_search?ignore_unavailable=true&allow_no_indices=true"
			if err := s.client.JSON(ctx, "POST", path, one.body, &a); err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := s.check(a); err != nil {
				return err
			}
			return one.take(a)
		})
	}
	return group.Wait()
}

// check notes what is missing in an answer. It is an error if all is.
func (s *searcher) check(a answer) error {
	if a.Shards.Failed == 0 {
		if a.TimedOut {
			s.note("the server gave up a search before its end: counts are too low")
		}
		return nil
	}
	why := "it does not say why"
	if len(a.Shards.Failures) > 0 {
		why = a.Shards.Failures[0].Reason.Reason
	}
	if a.Shards.Failed == a.Shards.Total {
		return errors.New("no shard answered: " + why)
	}
	s.note(fmt.Sprintf("%d of %d shards did not answer, so some lines are not counted: %s", a.Shards.Failed, a.Shards.Total, why))
	return nil
}

// note keeps a sentence for the user, once.
func (s *searcher) note(text string) {
	if !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

type object = map[string]any

// within finds lines of a span for which the conditions hold.
func (s *searcher) within(span Span, conditions ...object) object {
	inSpan := object{"range": object{s.time: object{
		"gte": span.From.UTC().Format(time.RFC3339Nano), "lt": span.To.UTC().Format(time.RFC3339Nano),
		"format": "strict_date_optional_time",
	}}}
	return object{"bool": object{"filter": append([]object{inSpan}, conditions...)}}
}

// aggregate asks what those lines of a span add up to for which the conditions hold.
func (s *searcher) aggregate(span Span, aggs object, conditions ...object) object {
	return object{"size": 0, "track_total_hits": false, "query": s.within(span, conditions...), "aggs": aggs}
}

// none finds lines for which no condition holds.
func none(conditions ...object) object {
	return object{"bool": object{"must_not": conditions}}
}

// lineFields are what is read of a line.
func (s *searcher) lineFields() []string {
	fields := []string{}
	for _, role := range []Role{Level, Host, Service, Route} {
		if show := s.shape.Choice(role).Show; show != "" {
			fields = append(fields, show)
		}
	}
	return append(fields, s.messageFields()...)
}

// messageFields are those that may have a line's message, the best first: services that log in different
// ways have it in different ones.
func (s *searcher) messageFields() []string {
	message := s.shape.Choice(Message)
	if !message.Found() {
		return nil
	}
	return append([]string{message.Show}, message.Alternatives...)
}

// linesOf asks for lines with what Line has.
func (s *searcher) linesOf(size int, query any) object {
	return object{
		"size": size, "query": query, "track_total_hits": true, "_source": s.lineFields(),
		"docvalue_fields": []any{object{"field": s.time, "format": "epoch_millis"}},
	}
}

// lines are the hits as lines.
func (s *searcher) lines(hits []hit, class Class) []Line {
	lines := make([]Line, len(hits))
	for i, h := range hits {
		values := map[string][]any{}
		flatten(values, "", h.Source)
		text := func(field string) string {
			if found := values[field]; len(found) > 0 {
				return fmt.Sprint(found[0])
			}
			return ""
		}
		line := Line{
			Class: class, Host: text(s.shape.Choice(Host).Show), Service: text(s.shape.Choice(Service).Show),
			Route: text(s.shape.Choice(Route).Show),
		}
		if level := s.shape.Choice(Level); !level.Numeric {
			line.Level = text(level.Show)
		}
		for _, field := range s.messageFields() {
			said := text(field)
			if line.Message = firstLine(said, longestText); line.Message != "" {
				line.pattern = Pattern(said)
				break
			}
		}
		if at := h.Fields[s.time]; len(at) > 0 {
			whole, _, _ := strings.Cut(at[0], ".")
			if ms, err := strconv.ParseInt(whole, 10, 64); err == nil {
				line.Time = time.UnixMilli(ms).UTC()
			}
		}
		lines[i] = line
	}
	return lines
}

// extent is the time of the first and of the last line; zero where there is none.
type extent struct{ first, last time.Time }

// extentAggregations ask for it.
func (s *searcher) extentAggregations() object {
	return object{"first": object{"min": object{"field": s.time}}, "last": object{"max": object{"field": s.time}}}
}

func (a answer) extent() (e extent, err error) {
	for name, into := range map[string]*time.Time{"first": &e.first, "last": &e.last} {
		var found struct{ Value *float64 }
		if err := a.aggregation(name, &found); err != nil {
			return e, err
		}
		if found.Value != nil {
			*into = time.UnixMilli(int64(*found.Value)).UTC()
		}
	}
	return e, nil
}

// value is a term of a terms aggregation.
type value struct {
	Key         any    `json:"key"`
	KeyAsString string `json:"key_as_string"`
	Count       int64  `json:"doc_count"`
}

func (v value) text() string {
	switch key := v.Key.(type) {
	case string:
		return key
	case float64:
		if v.KeyAsString != "" {
			return v.KeyAsString
		}
		return strconv.FormatFloat(key, 'f', -1, 64)
	default:
		return v.KeyAsString
	}
}

// values are what a terms aggregation found, and how many lines have none of those values.
type values struct {
	Buckets []value `json:"buckets"`
	Other   int64   `json:"sum_other_doc_count"`
}

// mostValues is how many values of a field are counted.
const mostValues = 1000

func terms(field string) object { return object{"terms": object{"field": field, "size": mostValues}} }
