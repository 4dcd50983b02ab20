package logs

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Processes are told apart by a field that the server can count by in all indices at once.
func TestInstanceField(t *testing.T) {
	t.Parallel()
	number := map[string]capability{"long": {Aggregatable: true}}
	for name, c := range map[string]struct {
		fields map[string]map[string]capability
		want   string
	}{
		"a number":           {map[string]map[string]capability{"process.pid": number, "pid": number}, "process.pid"},
		"within a wrapper":   {map[string]map[string]capability{"json.pid": number}, "json.pid"},
		"of something else":  {map[string]map[string]capability{"parent.pid": number}, ""},
		"text and a keyword": {map[string]map[string]capability{"pid": {"text": {}}, "pid.keyword": {"keyword": {Aggregatable: true}}}, "pid.keyword"},
		"a number here, a keyword there": {map[string]map[string]capability{"pid": {
			"long": {Aggregatable: true, Indices: []string{"a"}}, "keyword": {Aggregatable: true, Indices: []string{"b"}},
		}}, ""},
	} {
		assert.Equal(t, c.want, Shape{mapping: mapping{Fields: c.fields}}.instanceField(), name)
	}
}

// What the type of the message hinders is said.
func TestLacksWords(t *testing.T) {
	t.Parallel()
	const lack = "no words can be looked for in messages: what servers say when they start or stop cannot be told"
	shape := Shape{Choices: []Choice{{Role: Message, Show: "message"}}}
	for esType, lacking := range map[string]bool{"text": false, "match_only_text": false, "keyword": true} {
		shape.mapping.Fields = map[string]map[string]capability{"message": {esType: {}}}
		assert.Equal(t, lacking, assert.ObjectsAreEqual(lack, lacks(shape)[1]), esType)
	}
}

// Where nothing is lacking, programs get an empty list.
func TestLacksNothing(t *testing.T) {
	t.Parallel()
	shape := Shape{Errors: Condition{Query: map[string]any{}}}
	for _, role := range Roles() {
		shape.Choices = append(shape.Choices, Choice{Role: role, Field: string(role), Show: string(role)})
	}
	shape.mapping.Fields = map[string]map[string]capability{"message": {"text": {}}}
	assert.Equal(t, []string{}, lacks(shape))
}

// What is said all the time is about something else, but not that a process ended abnormally.
func TestOftenSaid(t *testing.T) {
	t.Parallel()
	var a answer
	require.NoError(t, json.Unmarshal([]byte(`{"aggregations":{"said":{"buckets":{
		"shutting down": {"doc_count": 51, "lines": {"hits": {"hits": [{"_source": {"message": "shutting down session 7"}}]}}},
		"listening on": {"doc_count": 50, "lines": {"hits": {"hits": [{"_source": {"message": "listening on 8080"}}]}}},
		"ended abnormally": {"doc_count": 5000, "lines": {"hits": {"hits": [{"_source": {"message": "exited with code 137"}}]}}}
	}}}}`), &a))
	e := &examination{searcher: searcher{shape: Shape{Choices: []Choice{{Role: Message, Show: "message"}}}}, found: &Findings{}}
	require.NoError(t, e.said(a, map[string]Event{"shutting down": Stopped, "listening on": Started, abnormally: Crashed}))
	assert.Equal(t, []ServerEvent{
		{Event: Crashed, Message: "exited with code 137"}, {Event: Started, Message: "listening on 8080"},
	}, e.found.Servers)
}
