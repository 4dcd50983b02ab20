package mappings_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/mappings"
)

// exampleDocument has every field of a family, with the value of its example.
func exampleDocument(t *testing.T, family string) []byte {
	t.Helper()
	document := map[string]any{}
	for _, field := range mappings.Fields(family) {
		object := document
		path := strings.Split(strings.ReplaceAll(field.Name, "*", "journey"), ".")
		for _, parent := range path[:len(path)-1] {
			if object[parent] == nil {
				object[parent] = map[string]any{}
			}
			object = object[parent].(map[string]any)
		}
		object[path[len(path)-1]] = json.RawMessage(field.Example)
	}
	text, err := json.Marshal(document)
	require.NoError(t, err)
	return text
}

func TestTheExamplesAreValid(t *testing.T) {
	t.Parallel()
	for _, family := range mappings.Families() {
		require.NoError(t, mappings.Validate(family.Name, exampleDocument(t, family.Name)))
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`{}`:                      "",
		`{"k6":{"tags":"one"}}`:   "",
		`{"k6":{"tags":[]}}`:      "",
		`{"labels":{"a b":"x"}}`:  "",
		`{"labels":{"ünï":"日本"}}`: "",
		`{"k6":{"http_req_duration":1e3,"vu":9007199254740993}}`: "",
		`{"server":{"ip":"::1"}}`:                                "",

		``:                                      "the document is not a JSON object",
		`[]`:                                    "the document is not a JSON object",
		`{"k6":{}`:                              "EOF",
		`{} {}`:                                 "something follows the document",
		`{"a":1}`:                               "a is not a field",
		`{"k6":{"a":1}}`:                        "k6.a is not a field",
		`{"k6":{"a":{}}}`:                       "k6.a is not a field",
		`{"k6":1}`:                              "k6 is not an object",
		`{"labels":[]}`:                         "labels is not an object",
		`{"k6.name":"x"}`:                       `k6.name: the name "k6.name" is empty or has a dot in it`,
		`{"labels":{"a.b":"x"}}`:                `labels.a.b: the name "a.b" is empty or has a dot in it`,
		`{"labels":{"":"x"}}`:                   `labels.: the name "" is empty or has a dot in it`,
		`{"labels":{"a":1}}`:                    "labels.a: 1 does not fit keyword",
		`{"labels":{"a":{"b":"x"}}}`:            "labels.a: { does not fit keyword",
		`{"labels":{"a":null}}`:                 "labels.a: <nil> does not fit keyword",
		`{"k6":{"name":["x"]}}`:                 "k6.name may hold one value only",
		`{"k6":{"tags":["x",1]}}`:               "k6.tags: 1 does not fit keyword",
		`{"k6":{"vu":1},"k6":{"vu":1}}`:         "k6 is there twice",
		`{"k6":{"vu":1,"vu":1}}`:                "k6.vu is there twice",
		`{"k6":{"vu":1.5}}`:                     "k6.vu: 1.5 does not fit long",
		`{"k6":{"elapsed":2147483648}}`:         "k6.elapsed: 2147483648 does not fit integer",
		`{"k6":{"http_req_duration":"1"}}`:      "k6.http_req_duration: 1 does not fit scaled_float",
		`{"k6":{"http_reqs":1e999}}`:            "k6.http_reqs: 1e999 does not fit double",
		`{"k6":{"http_reqs":NaN}}`:              "invalid character",
		`{"@timestamp":"yesterday"}`:            "@timestamp: yesterday does not fit date",
		`{"@timestamp":1}`:                      "@timestamp: 1 does not fit date",
		`{"server":{"ip":"shop"}}`:              "server.ip: shop does not fit ip",
		`{"event":{"dataset":"k6.http","x":1}}`: "event.x is not a field",
	}
	for document, want := range tests {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			err := mappings.Validate(mappings.Metrics, []byte(document))
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
		})
	}
	assert.EqualError(t, mappings.Validate("unknown", []byte(`{}`)), `there is no family "unknown"`)
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"k6":{"tags":["x"],"vu":1},"labels":{"a":"b"}}`))
	f.Add([]byte(`{"k6":`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if mappings.Validate(mappings.Metrics, document) == nil {
			assert.True(t, json.Valid(document))
		}
	})
}
