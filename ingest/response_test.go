package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzBulkAnswer: an answer is understood for all documents, or not at all.
func FuzzBulkAnswer(f *testing.F) {
	f.Add([]byte(`{"errors":false,"items":[{"create":{"status":201}}]}`), 1)
	f.Add([]byte(`{"took":3,"errors":true,"items":[{"create":{"status":400,"error":{"type":"a","reason":"b","caused_by":{"reason":"c"}}}}]}`), 1)
	f.Add([]byte(`{"errors":true,"items":[{"create":{"status":429}},{}]}`), 2)
	f.Add([]byte(`{"errors":true,"items":[{"create":{"status":409},"index":{"status":201}},{}]}`), 2)
	f.Add([]byte(`<html>`), 1)
	f.Fuzz(func(t *testing.T, body []byte, docs int) {
		items, err := parseBulk(body, docs)
		if err != nil {
			require.Nil(t, items)
			return
		}
		if items == nil {
			require.Contains(t, string(bytes.ToLower(body)), "errors")
			return
		}
		require.Len(t, items, docs)
		require.True(t, json.Valid(body))
		for i := range items {
			_ = items[i].verdict()
			require.NotEmpty(t, items[i].Error.String())
		}
	})
}

// What a parser quotes of the request, other documents included, is of no use to anybody.
func TestReasonIsOneLine(t *testing.T) {
	t.Parallel()
	err := &itemError{Type: "mapper_parsing_exception", Reason: "failed to parse\n at [Source: x]", CausedBy: &itemError{Reason: "out of range\n at [Source: {\"create\":…"}}
	assert.Equal(t, "mapper_parsing_exception: failed to parse (out of range)", err.String())
	err.CausedBy = nil
	assert.Equal(t, "mapper_parsing_exception: failed to parse", err.String())
}

func TestFieldLimitIsKnownInEachForm(t *testing.T) {
	t.Parallel()
	limit := itemError{Type: "illegal_argument_exception", Reason: "Limit of total fields [103] has been exceeded while adding new fields [4]"}
	wrapped := itemError{Type: "mapper_parsing_exception", Reason: "failed to parse", CausedBy: &limit}
	for _, e := range []*itemError{&limit, &wrapped} {
		assert.Equal(t, relabel, (&bulkItem{Status: 400, Error: e}).verdict())
	}
	assert.Equal(t, refused, (&bulkItem{Status: 400, Error: &itemError{Reason: "failed to parse"}}).verdict())
	assert.Equal(t, refused, (&bulkItem{Status: 400}).verdict())
}

func answer(docs int, failed string) []byte {
	var body strings.Builder
	fmt.Fprintf(&body, `{"errors":%t,"items":[`, failed != "")
	for i := range docs {
		if i > 0 {
			body.WriteByte(',')
		}
		if failed != "" && i%100 == 0 {
			body.WriteString(failed)
		} else {
			body.WriteString(`{"create":{"status":201}}`)
		}
	}
	return []byte(body.String() + "]}")
}

// An answer for 10,000 documents. Budget: nothing when all were created, 1 µs a document otherwise.
func BenchmarkParseBulk(b *testing.B) {
	const docs = 10_000
	for name, failed := range map[string]string{"created": "", "existing": `{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"document already exists"}}}`} {
		body := answer(docs, failed)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				items, err := parseBulk(body, docs)
				require.NoError(b, err)
				require.Equal(b, failed == "", items == nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*docs), "ns/document")
		})
	}
}
