package cmd

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/terminal"
)

// said is a server that gives every question the same answer.
type said string

func (s said) JSON(_ context.Context, _, _ string, _, out any) error {
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(s), out)
}

// FuzzStory: whatever is stored as a run is listed and shown, at any width, in nothing but text.
func FuzzStory(f *testing.F) {
	failed, err := json.Marshal(failedRun())
	require.NoError(f, err)
	evil := strings.ReplaceAll(string(failed), "checkout", `a\u001b[2J\n\u202e\u009b1A`)
	steps := `{"aggregations":{"steps":{"buckets":[{"key":1795339867000,"p95":{"values":[{"value":214.2}]},"rate":{"value":10},"failed":{"value":2}},` +
		`{"key":1795339900000,"p95":{"values":[{"value":1e300}]},"rate":{"value":-1}}]},"of":{"buckets":[{"key":"\u001bGET","of":{"buckets":[{"key":"1050","of":{"buckets":[` +
		`{"key":503,"of":{"buckets":[{"key":"dial: \n","doc_count":3}]}}]}}]}}]}}}`
	f.Add(string(failed), steps, 80)
	f.Add(evil, steps, 120)
	f.Add(`{"@timestamp":"9999-12-31T23:59:59Z","k6":{"run":{"duration":1e300,"pinned":true,"status":"\u001b[1m"},"summary":{"http_reqs":-1e308,"p50":1e308,"p95":-5,"failed_rate":1e300}}}`, `{}`, 1)
	f.Add(`{}`, `null`, 1<<40)
	f.Fuzz(func(t *testing.T, source, answer string, width int) {
		var d runs.Document
		if width < 1 || json.Unmarshal([]byte(source), &d) != nil {
			t.Skip()
		}
		l := lookAt(width)
		shown := l.runs([]*runs.Document{&d, failedRun()})
		s, err := readStory(t.Context(), &runs.Store{Client: said(answer), Prefix: "k6", Now: func() time.Time { return evening }}, &d, l.chartColumns())
		if err == nil {
			shown += l.story(s)
		} else {
			shown += l.story(story{run: &d, timeline: &runs.Timeline{}})
		}
		require.Equal(t, terminal.Lines(shown), shown)
		require.NotContains(t, shown, "\t")
		_ = text.StringWidth(shown)
	})
}

// FuzzAge: a span of time is positive, and a moment is in the past unless it is a date.
func FuzzAge(f *testing.F) {
	for _, seed := range []string{"90d", "2w", "99999999999999999999d", "106752d", "0m", "2026-11-01", "2026-11-01T10:30", "-1d", "1.5h"} {
		f.Add(seed)
	}
	r := runsCommand{now: func() time.Time { return evening }, zone: zone}
	f.Fuzz(func(t *testing.T, text string) {
		age, err := parseAge(text)
		require.GreaterOrEqual(t, age, time.Duration(0))
		since, sinceErr := r.parseSince(text)
		if err == nil {
			require.NoError(t, sinceErr)
			require.False(t, since.After(evening))
		}
	})
}
