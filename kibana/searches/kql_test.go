package searches

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKQL(t *testing.T) {
	t.Parallel()
	const bad, warn = `{"match":{"level":"error"}}`, `{"match":{"level":"warn"}}`
	for query, want := range map[string]string{
		``:                            `null`,
		`level:error`:                 bad,
		`level: error`:                bad,
		`level:"an error"`:            `{"match_phrase":{"level":"an error"}}`,
		`run:"say \"hi\""`:            `{"match_phrase":{"run":"say \"hi\""}}`,
		`level:*`:                     `{"exists":{"field":"level"}}`,
		`level:err*`:                  `{"query_string":{"fields":["level"],"query":"err*"}}`,
		`status >= 500`:               `{"range":{"status":{"gte":"500"}}}`,
		`status<400`:                  `{"range":{"status":{"lt":"400"}}}`,
		`level:error or level:warn`:   `{"bool":{"should":[` + bad + `,` + warn + `],"minimum_should_match":1}}`,
		`level:(error or warn)`:       `{"bool":{"should":[` + bad + `,` + warn + `],"minimum_should_match":1}}`,
		`level:error AND level:warn`:  `{"bool":{"filter":[` + bad + `,` + warn + `]}}`,
		`not level:error`:             `{"bool":{"must_not":[` + bad + `]}}`,
		`level:(not error)`:           `{"bool":{"must_not":[` + bad + `]}}`,
		`(level:error) and (level:*)`: `{"bool":{"filter":[` + bad + `,{"exists":{"field":"level"}}]}}`,
		`run:"x" or not run:*`: `{"bool":{"should":[{"match_phrase":{"run":"x"}},{"bool":{"must_not":[{"exists":{"field":"run"}}]}}],` +
			`"minimum_should_match":1}}`,
		`timeout`: `{"multi_match":{"lenient":true,"query":"timeout","type":"best_fields"}}`,
	} {
		got, err := KQL(query)
		require.NoError(t, err, query)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(text), query)
	}
	for _, query := range []string{`level:`, `(level:error`, `level:error)`, `or`, `and level:error`, `not`} {
		_, err := KQL(query)
		assert.Error(t, err, query)
	}
}

func FuzzKQL(f *testing.F) {
	for _, query := range []string{`level:(error or "fatal") and not status >= 500`, `a:*`, `"`, `\`, `((((`, `not not a`} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got, err := KQL(query)
		if err != nil {
			return
		}
		_, err = json.Marshal(got)
		require.NoError(t, err)
	})
}

// TestEmpty: what a panel without data looks like.
func TestEmpty(t *testing.T) {
	t.Parallel()
	search := Search{Body: map[string]any{"size": 0, "aggs": map[string]any{
		"name": map[string]any{"terms": map[string]any{"field": "k6.name"}, "aggs": map[string]any{
			"p95": map[string]any{"percentiles": map[string]any{"field": "k6.http_req_duration"}},
			"top": map[string]any{"top_hits": map[string]any{}},
		}},
	}}}
	bucket := func(p95, hits string) string {
		return `{"hits":{"total":{"value":3}},"aggregations":{"name":{"buckets":[{"key":"a","doc_count":0},{"key":"b","doc_count":3,` +
			`"p95":{"values":{"95.0":` + p95 + `}},"top":{"hits":{"hits":[` + hits + `]}}}]}}}`
	}
	for answer, want := range map[string]string{
		bucket("12.5", "{}"): "",
		bucket("null", ""):   "name>p95 has no value\nname>top has no value",
		`{"hits":{"total":{"value":3}},"aggregations":{"name":{"buckets":[{"key":"a","doc_count":0}]}}}`: "name has no bucket with a document",
		`{"hits":{"total":{"value":3}}}`:                        "name has no bucket with a document",
		`{"hits":{"total":{"value":0}}}`:                        "no document",
		`{"_shards":{"failed":1},"hits":{"total":{"value":3}}}`: "the server did not search all of it",
		`{"timed_out":true,"hits":{"total":{"value":3}}}`:       "the server did not search all of it",
	} {
		err := Empty(search, []byte(answer))
		if want == "" {
			assert.NoError(t, err, answer)
			continue
		}
		assert.EqualError(t, err, want, answer)
	}
	columns := Search{Body: map[string]any{"_source": []any{"a.b", "c", "rare"}, "docvalue_fields": []any{map[string]any{"field": "d"}}}}
	const hits = `{"hits":{"total":{"value":1},"hits":[{"_source":{"a":{"b":1}},"fields":{"d":[1]}}]}}`
	assert.EqualError(t, Empty(columns, []byte(hits), "rare"), "no document has the field c")
}
