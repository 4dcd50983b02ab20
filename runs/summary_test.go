package runs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadSummary(t *testing.T) {
	t.Parallel()
	want := []Verdict{
		{Metric: "http_req_duration", Expression: "p(95)<200", Crossed: true, Evaluated: true, By: "k6"},
		{Metric: "http_req_duration{name:home}", Expression: "avg<5", Crossed: false, Evaluated: true, By: "k6"},
	}
	for name, text := range map[string]string{
		"handleSummary": `{"root_group":{},"options":{},"state":{"testRunDurationMs":1},"metrics":{
			"http_req_duration":{"type":"trend","contains":"time","values":{"avg":1},"thresholds":{"p(95)<200":{"ok":false}}},
			"http_req_duration{name:home}":{"type":"trend","thresholds":{"avg<5":{"ok":true}}},"vus":{"type":"gauge"}}}`,
		"--summary-export": `{"root_group":{},"metrics":{
			"http_req_duration":{"avg":1,"thresholds":{"p(95)<200":true}},
			"http_req_duration{name:home}":{"avg":1,"thresholds":{"avg<5":false}},"vus":{"value":1}}}`,
	} {
		verdicts, err := ReadSummary(strings.NewReader(text))
		require.NoError(t, err, name)
		assert.Equal(t, want, verdicts, name)
	}
}

func TestReadSummaryExplainsWhatIsNone(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		``:        "it is not a summary of k6: it is not a JSON object",
		`[1]`:     "it is not a summary of k6: it is not a JSON object",
		`{"a":1}`: "it is not a summary of k6: it has no metrics",
		`{"version":"1.0.0","results":{"metrics":[]}}`: "it is k6's machine-readable summary, which has no verdicts on thresholds; " +
			"use what handleSummary is given, or --summary-export",
		`{"metrics":{"a":{"thresholds":{"x<1":"no"}}}}`: `the threshold "x<1" of "a": it is neither true, false, nor an object with ok`,
	} {
		_, err := ReadSummary(strings.NewReader(text))
		assert.EqualError(t, err, message, text)
	}
}
