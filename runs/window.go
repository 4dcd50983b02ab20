package runs

import (
	"fmt"
	"strings"
	"time"
)

// Window is a part of a run, from its start. The zero value is all of it.
type Window struct {
	From time.Duration // 0: from the start
	To   time.Duration // 0: to the end; else the first moment that is not part of it
}

// ParseWindow reads FROM:TO, both durations from the run's start, of which either may be left out: 30s:,
// :5m, 1m:4m30s.
func ParseWindow(text string) (w Window, err error) {
	from, to, ok := strings.Cut(text, ":")
	if !ok {
		return w, fmt.Errorf("%q is no window: write FROM:TO, such as 30s: or 30s:5m", text)
	}
	for _, side := range []struct {
		text string
		at   *time.Duration
	}{{from, &w.From}, {to, &w.To}} {
		if side.text == "" {
			continue
		}
		if *side.at, err = time.ParseDuration(side.text); err != nil || *side.at < 0 {
			return Window{}, fmt.Errorf("%q is no duration: write it like 30s or 1m30s", side.text)
		}
	}
	if to != "" && w.To <= w.From {
		return Window{}, fmt.Errorf("the window %q ends before it begins", text)
	}
	return w, nil
}

// All says whether the window is all of the run.
func (w Window) All() bool { return w == Window{} }

// Has says whether a moment is in the window, counted from the run's start.
func (w Window) Has(elapsed time.Duration) bool {
	return elapsed >= w.From && (w.To == 0 || elapsed < w.To)
}

// String is the window as ParseWindow reads it; empty when it is all of the run.
func (w Window) String() string {
	switch {
	case w.All():
		return ""
	case w.To == 0:
		return Span(w.From) + ":"
	case w.From == 0:
		return ":" + Span(w.To)
	default:
		return Span(w.From) + ":" + Span(w.To)
	}
}

// Span writes a duration without what is zero at its end: 5m rather than 5m0s.
func Span(d time.Duration) string {
	text := d.String()
	for _, zero := range []struct{ long, short string }{{"m0s", "m"}, {"h0m", "h"}} {
		if strings.HasSuffix(text, zero.long) {
			text = strings.TrimSuffix(text, zero.long) + zero.short
		}
	}
	return text
}
