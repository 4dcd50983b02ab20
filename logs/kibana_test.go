package logs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/logs"
	"github.com/k6es/k6es/logs/logstest"
)

// TestKibanaFields compares with the list that a Kibana 7.10.2 made of the same indices.
func TestKibanaFields(t *testing.T) {
	t.Parallel()
	client, prefix, pattern := onServer(t)
	keywordToo := m{"type": "text", "fields": m{"keyword": m{"type": "keyword"}}}
	logstest.Fill(t, client, prefix+"-a", properties(m{
		"@timestamp": date, "level": keyword, "n": long, "o": properties(m{"x": m{"type": "keyword", "index": false}}),
		"nest": m{"type": "nested", "properties": m{"q": keyword}}, "al": m{"type": "alias", "path": "level"}, "gp": m{"type": "geo_point"},
		"bin": m{"type": "binary"}, "ip": m{"type": "ip"}, "tk": keywordToo, "dn": m{"type": "date_nanos"},
		"nd": m{"type": "keyword", "doc_values": false}, "sf": m{"type": "scaled_float", "scaling_factor": 10},
	}), nil)
	logstest.Fill(t, client, prefix+"-b", properties(m{
		"@timestamp": date, "level": keywordToo, "n": keyword, "o": keyword, "sf": m{"type": "double"}, "nd": keyword,
	}), nil)
	text, err := os.ReadFile(filepath.Join("testdata", "kibana-7.10.2-fields.json"))
	require.NoError(t, err)
	var want []m
	require.NoError(t, json.Unmarshal(text, &want))
	shape, err := logs.Probe(t.Context(), client, pattern, logs.Overrides{})
	require.NoError(t, err)
	text, err = json.Marshal(shape.KibanaFields())
	require.NoError(t, err)
	var got []m
	require.NoError(t, json.Unmarshal(text, &got))
	for _, field := range got {
		delete(field, "count")
		delete(field, "scripted")
		if conflict, ok := field["conflictDescriptions"].(m); ok {
			for esType, indices := range conflict {
				conflict[esType] = []any{map[any]string{prefix + "-a": "a", prefix + "-b": "b"}[indices.([]any)[0]]}
			}
		}
	}
	assert.Equal(t, want, got)
}
