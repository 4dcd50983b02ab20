package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

// object is a JSON object.
type object = map[string]any

// store is where documents land: a server, and an index prefix of the test's own.
type store struct{ url, prefix string }

func newStore(t testing.TB, url string) store {
	t.Helper()
	return store{url, servertest.Prefix(t, url)}
}

// firstClass is a store on the server that every test runs on.
func firstClass(t testing.TB) store {
	t.Helper()
	return newStore(t, servertest.URL(t, servertest.FirstClass))
}

func (s store) indices() string  { return s.prefix + "-metrics-*" }
func (s store) template() string { return s.prefix + "-metrics" }

// send sends in as JSON (or as it is, if it is text), and decodes the answer into out where that is not nil.
// It returns the status.
func (s store) send(t testing.TB, method, path string, in, out any) int {
	t.Helper()
	body, kind := io.Reader(http.NoBody), "application/json"
	switch in := in.(type) {
	case nil:
	case string:
		body, kind = strings.NewReader(in), "application/x-ndjson"
	default:
		text, err := json.Marshal(in)
		require.NoError(t, err)
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if out != nil {
		require.Equal(t, http.StatusOK, response.StatusCode, "%s %s: %s", method, path, text)
		require.NoError(t, json.Unmarshal(text, out), "%s %s: %s", method, path, text)
	}
	return response.StatusCode
}

func (s store) refresh(t testing.TB) {
	t.Helper()
	require.Equal(t, http.StatusOK, s.send(t, http.MethodPost, "/"+s.indices()+"/_refresh", nil, nil))
}

// count is how many documents there are.
func (s store) count(t testing.TB) int {
	t.Helper()
	s.refresh(t)
	var answer struct{ Count int }
	s.send(t, http.MethodGet, "/"+s.indices()+"/_count", nil, &answer)
	return answer.Count
}

// exists says whether there is any index of samples.
func (s store) exists(t testing.TB) bool {
	t.Helper()
	var found []object
	s.send(t, http.MethodGet, "/_cat/indices/"+s.indices()+"?format=json", nil, &found)
	return len(found) > 0
}

// hasTemplate says whether the template is installed.
func (s store) hasTemplate(t testing.TB) bool {
	t.Helper()
	return s.send(t, http.MethodGet, "/_index_template/"+s.template(), nil, nil) == http.StatusOK
}

// wipe removes indices and template.
func (s store) wipe(t testing.TB) {
	t.Helper()
	var found []struct{ Index string }
	s.send(t, http.MethodGet, "/_cat/indices/"+s.indices()+"?format=json&h=index", nil, &found)
	for _, index := range found {
		require.Equal(t, http.StatusOK, s.send(t, http.MethodDelete, "/"+index.Index, nil, nil))
	}
	require.Equal(t, http.StatusOK, s.send(t, http.MethodDelete, "/_index_template/"+s.template(), nil, nil))
}

// requests is how many requests the documents tell of that all the terms find.
func (s store) requests(t testing.TB, terms ...object) float64 {
	t.Helper()
	s.refresh(t)
	return series{store: s, t: t, metric: "http_reqs", builtin: true, filter: terms}.stats("sum")["sum"].sum
}

// documents returns every document by index and id; the prefix is left out of the index.
func (s store) documents(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	s.refresh(t)
	const page = 5000
	type hits struct {
		ID   string `json:"_scroll_id"`
		Hits struct {
			Hits []struct {
				Index  string          `json:"_index"`
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	documents := map[string]json.RawMessage{}
	var found hits
	s.send(t, http.MethodPost, "/"+s.indices()+"/_search?scroll=1m", object{"size": page, "sort": []string{"_doc"}}, &found)
	for len(found.Hits.Hits) > 0 {
		for _, hit := range found.Hits.Hits {
			documents[strings.TrimPrefix(hit.Index, s.prefix)+"/"+hit.ID] = hit.Source
		}
		next := object{"scroll": "1m", "scroll_id": found.ID}
		found = hits{}
		s.send(t, http.MethodPost, "/_search/scroll", next, &found)
	}
	s.send(t, http.MethodDelete, "/_search/scroll", object{"scroll_id": []string{found.ID}}, nil)
	return documents
}

// contents returns the documents as canonical JSON, with how often each is there. What tells one
// process from another, the ids and k6.instance, is left out.
func (s store) contents(t testing.TB) map[string]int {
	t.Helper()
	contents := map[string]int{}
	for _, source := range s.documents(t) {
		fields := decode(t, source)
		delete(fields["k6"].(object), "instance")
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		contents[string(text)]++
	}
	return contents
}

// writeLines writes documents of others, such as log lines.
func (s store) writeLines(t testing.TB, index string, lines []object) {
	t.Helper()
	var bulk strings.Builder
	for _, line := range lines {
		text, err := json.Marshal(line)
		require.NoError(t, err)
		fmt.Fprintf(&bulk, `{"index":{}}`+"\n%s\n", text)
	}
	var answer struct{ Errors bool }
	s.send(t, http.MethodPost, "/"+index+"/_bulk?refresh=true", bulk.String(), &answer)
	require.False(t, answer.Errors)
}

// decode reads a JSON object, with its numbers as they are written.
func decode(t testing.TB, text []byte) object {
	t.Helper()
	var fields object
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&fields))
	return fields
}

// requireSame demands that two sets of documents are equal, and names the first few that are not.
func requireSame[V comparable](t testing.TB, want, got map[string]V) {
	t.Helper()
	var differences []string
	for key, value := range want {
		if other, ok := got[key]; !ok || other != value {
			differences = append(differences, fmt.Sprintf("wanted %s: %v\n   got %v", key, value, other))
		}
	}
	for key, value := range got {
		if _, ok := want[key]; !ok {
			differences = append(differences, fmt.Sprintf("not wanted %s: %v", key, value))
		}
	}
	shown := differences[:min(len(differences), 6)]
	require.Empty(t, shown, "%d differences between %d and %d documents", len(differences), len(want), len(got))
}

// texts turns documents into strings, which can be compared.
func texts(documents map[string]json.RawMessage) map[string]string {
	result := make(map[string]string, len(documents))
	for key, source := range documents {
		result[key] = string(source)
	}
	return result
}
