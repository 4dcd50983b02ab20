package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/scripts/servers/servertest"
)

func connect(t *testing.T, url string) *elastic.Client {
	t.Helper()
	client, err := elastic.New(elastic.Config{URLs: []string{url}})
	require.NoError(t, err)
	return client
}

// fill makes an index, and puts lines into it.
func fill(t *testing.T, client *elastic.Client, index string, mappings m, lines []m) {
	t.Helper()
	settings := m{"number_of_shards": 1, "number_of_replicas": 0}
	require.NoError(t, client.JSON(t.Context(), "PUT", "/"+index, m{"settings": settings, "mappings": mappings}, nil))
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, line := range lines {
		require.NoError(t, encoder.Encode(m{"create": m{}}))
		require.NoError(t, encoder.Encode(line))
	}
	var answer struct{ Errors bool }
	require.NoError(t, client.JSON(t.Context(), "POST", "/"+index+"/_bulk?refresh=true", body.Bytes(), &answer))
	require.False(t, answer.Errors)
}

func TestShapes(t *testing.T) {
	t.Parallel()
	servertest.Each(t, func(t *testing.T, url string) {
		for _, shape := range shapes {
			t.Run(shape.name, func(t *testing.T) {
				t.Parallel()
				client, prefix := connect(t, url), servertest.Prefix(t, url)
				fill(t, client, prefix+"-"+shape.index, shape.mappings, shape.lines)
				pattern := prefix + "-*"
				found, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{})
				require.NoError(t, err)
				shape.check(t, found)
				checkCounts(t, client, pattern, found)
			})
		}
	})
}

func (shape logShape) check(t *testing.T, found logs.Shape) {
	t.Helper()
	assert.Equal(t, lineCount, found.Documents)
	chosen, shown, missing := map[string]string{}, map[string]string{}, []string(nil)
	for _, choice := range found.Choices {
		assert.NotEmpty(t, choice.Why, choice.Role)
		if !choice.Found() {
			missing = append(missing, string(choice.Role))
			continue
		}
		chosen[string(choice.Role)] = choice.Field
		if choice.Show != choice.Field || shape.show[string(choice.Role)] != "" {
			shown[string(choice.Role)] = choice.Show
		}
	}
	assert.Equal(t, shape.fields, chosen)
	if shape.show == nil {
		shape.show = map[string]string{}
	}
	assert.Equal(t, shape.show, shown)
	assert.Equal(t, shape.missing, missing)
	assert.Equal(t, shape.unit, string(found.Unit))
	assert.Equal(t, shape.errors, found.Errors.KQL)
	assert.Equal(t, shape.warnings, found.Warnings.KQL)
	if shape.lacks == "" {
		assert.Empty(t, found.Notes)
	}
}

// checkCounts asks the server with what was found: one line in ten is an error, one a warning.
func checkCounts(t *testing.T, client *elastic.Client, pattern string, found logs.Shape) {
	t.Helper()
	if found.Errors.Query != nil {
		assert.Equal(t, lineCount/10, count(t, client, pattern, found.Errors.Query), "errors")
		assert.Equal(t, lineCount/10, count(t, client, pattern, found.Warnings.Query), "warnings")
	}
	if found.ServerErrors.Query != nil {
		assert.Equal(t, lineCount/10, count(t, client, pattern, found.ServerErrors.Query), "server errors")
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
