package logs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

func connect(t *testing.T, url string) *elastic.Client {
	t.Helper()
	client, err := elastic.New(elastic.Config{URLs: []string{url}})
	require.NoError(t, err)
	return client
}

type m = map[string]any

func TestShapes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		for _, shape := range logstest.Shapes {
			t.Run(shape.Name, func(t *testing.T) {
				t.Parallel()
				client, prefix := connect(t, url), servertest.Prefix(t, url)
				logstest.Fill(t, client, prefix+"-"+shape.Index, shape.Mappings, shape.Lines)
				pattern := prefix + "-*"
				found, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{})
				require.NoError(t, err)
				checkShape(t, shape, found)
				checkCounts(t, client, pattern, found)
			})
		}
	})
}

func checkShape(t *testing.T, shape logstest.Shape, found logs.Shape) {
	t.Helper()
	assert.Equal(t, logstest.LineCount, found.Documents)
	chosen, shown, missing := map[logs.Role]string{}, map[logs.Role]string{}, []logs.Role(nil)
	for _, choice := range found.Choices {
		assert.NotEmpty(t, choice.Why, choice.Role)
		if !choice.Found() {
			missing = append(missing, choice.Role)
			continue
		}
		chosen[choice.Role] = choice.Field
		if choice.Show != choice.Field {
			shown[choice.Role] = choice.Show
		}
	}
	assert.Equal(t, shape.Fields, chosen)
	assert.Equal(t, shape.Show, shown)
	assert.Equal(t, shape.Missing, missing)
	assert.Equal(t, shape.Unit, found.Unit)
	assert.Equal(t, shape.Errors, found.Errors.KQL)
	assert.Equal(t, shape.Warnings, found.Warnings.KQL)
	assert.Empty(t, found.Notes)
}

// checkCounts asks the server with what was found: one line in ten is an error, one a warning.
func checkCounts(t *testing.T, client *elastic.Client, pattern string, found logs.Shape) {
	t.Helper()
	if found.Errors.Query != nil {
		assert.Equal(t, logstest.LineCount/10, count(t, client, pattern, found.Errors.Query), "errors")
		assert.Equal(t, logstest.LineCount/10, count(t, client, pattern, found.Warnings.Query), "warnings")
	}
	if found.ServerErrors.Query != nil {
		assert.Equal(t, logstest.LineCount/10, count(t, client, pattern, found.ServerErrors.Query), "server errors")
	}
	for _, condition := range []logs.Condition{found.Errors, found.Warnings, found.ServerErrors, found.Failures, found.FailuresOf} {
		if condition.Query != nil {
			lucene := m{"query_string": m{"query": condition.Lucene}}
			assert.Equal(t, count(t, client, pattern, condition.Query), count(t, client, pattern, lucene), condition.Lucene)
		}
	}
	for _, choice := range found.Choices {
		if choice.Field == "" || choice.Role == logs.Time {
			continue
		}
		var answer struct {
			Aggregations struct{ Values struct{ Buckets []any } }
		}
		terms := m{"values": m{"terms": m{"field": choice.Field}}}
		require.NoError(t, client.JSON(t.Context(), "POST", "/"+pattern+"/_search", m{"size": 0, "aggs": terms}, &answer), choice.Role)
		assert.NotEmpty(t, answer.Aggregations.Values.Buckets, choice.Role)
	}
	if latency := found.Choice(logs.Latency); latency.Found() {
		var answer struct {
			Aggregations struct{ Mean struct{ Value float64 } }
		}
		mean := m{"mean": m{"avg": m{"field": latency.Field}}}
		require.NoError(t, client.JSON(t.Context(), "POST", "/"+pattern+"/_search", m{"size": 0, "aggs": mean}, &answer))
		assert.InDelta(t, 6.6, answer.Aggregations.Mean.Value*found.Unit.Factor(), 0.6, "ms")
	}
}

func count(t *testing.T, client *elastic.Client, pattern string, query m) int {
	t.Helper()
	var answer struct{ Count int }
	require.NoError(t, client.JSON(context.WithoutCancel(t.Context()), "POST", "/"+pattern+"/_count", m{"query": query}, &answer))
	return answer.Count
}
