package elastic_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/k6es/k6es/elastic"
)

func TestAdvice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"http://es:9200 does not answer (no such host \"es.\")":         {"http://es:9200 does not answer (no such host \"es.\")", ""},
		"http://es:9200 answered 401 (it wants a login). Set X. Or Y":   {"http://es:9200 answered 401 (it wants a login)", "Set X. Or Y"},
		"it needs Elasticsearch 7.10 or later. see that it is upgraded": {"it needs Elasticsearch 7.10 or later. see that it is upgraded", ""},
	} {
		what, advice := elastic.Advice(text)
		assert.Equal(t, want, [2]string{what, advice})
	}
}
