package runs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of what is read of a summary: its bytes, and the thresholds that it may name.
const (
	maxSummary           = 64 << 20
	maxSummaryThresholds = 5_000
)

// ReadSummary takes the verdicts on thresholds out of one of k6's end-of-test summaries:
//
//   - what handleSummary is given: metrics.<name>.thresholds.<expression>.ok, true where it held;
//   - --summary-export: metrics.<name>.thresholds.<expression>, true where it was CROSSED;
//   - the machine-readable summary, which has no verdicts: an error says so.
func ReadSummary(r io.Reader) ([]Verdict, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSummary+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxSummary:
		return nil, fmt.Errorf("it is not a summary of k6: it has more than %d MiB", maxSummary>>20)
	}
	var summary struct {
		Results json.RawMessage `json:"results"`
		Metrics map[string]struct {
			Thresholds map[string]json.RawMessage `json:"thresholds"`
		} `json:"metrics"`
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return nil, errors.New("it is not a summary of k6: it is not a JSON object")
	}
	if summary.Metrics == nil && summary.Results != nil {
		return nil, errors.New("it is k6's machine-readable summary, which has no verdicts on thresholds; " +
			"use what handleSummary is given, or --summary-export")
	}
	if summary.Metrics == nil {
		return nil, errors.New("it is not a summary of k6: it has no metrics")
	}
	var verdicts []Verdict
	for metric, m := range summary.Metrics {
		for expression, raw := range m.Thresholds {
			crossed, err := crossedIn(raw)
			if err != nil {
				return nil, fmt.Errorf("the threshold %q of %q: %w", shortText(expression), shortText(metric), err)
			}
			verdicts = append(verdicts, Verdict{Metric: metric, Expression: expression, Crossed: crossed, Evaluated: true, By: "k6"})
		}
		if len(verdicts) > maxSummaryThresholds {
			return nil, fmt.Errorf("it names more than %d thresholds", maxSummaryThresholds)
		}
	}
	slices.SortFunc(verdicts, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Expression, b.Expression))
	})
	return verdicts, nil
}

// shortText makes a text fit for a message.
func shortText(text string) string {
	const most = 100
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// crossedIn reads a verdict in either form.
func crossedIn(raw json.RawMessage) (bool, error) {
	var crossed bool
	if json.Unmarshal(raw, &crossed) == nil {
		return crossed, nil
	}
	var object struct {
		OK *bool `json:"ok"`
	}
	if err := json.Unmarshal(raw, &object); err != nil || object.OK == nil {
		return false, errors.New("it is neither true, false, nor an object with ok")
	}
	return !*object.OK, nil
}
