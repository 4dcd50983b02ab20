package kibana

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana/kibanatest"
)

// FuzzStatus: whatever answers, it is a version, or an error that says what to do.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(kibanatest.Green))
	f.Add([]byte(`{"version":{"number":"8.19.1"},"status":{"overall":{"level":"degraded"},"core":{"elasticsearch":{"level":"available"}}}}`))
	f.Add([]byte(`{"status":{"overall":{"level":"available"}}}`))
	f.Add([]byte(`{"version":null,"status":{"overall":{"state":1}}}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		server, err := parseStatus(http.Header{}, body)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotEmpty(t, server.String())
		require.Equal(t, server.Ready, server.State == "")
		_ = startupText(body)
	})
}

// FuzzImportAnswer: whatever Kibana says of an import, it is taken for a success only if it says so.
func FuzzImportAnswer(f *testing.F) {
	client, err := New(Config{Server: elastic.Config{URLs: []string{"http://kibana:5601"}}})
	require.NoError(f, err)
	f.Add([]byte(`{"successCount":2,"success":true}`))
	f.Add([]byte(`{"success":false,"errors":[{"type":"lens","id":"a","title":"A","error":{"type":"missing_references","references":[{"type":"index-pattern","id":"x"}]}}]}`))
	f.Add([]byte(`{"success":false,"errors":null}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		err := client.readImport(body)
		var said struct{ Success *bool }
		if json.Unmarshal(body, &said) != nil || said.Success == nil || !*said.Success {
			require.Error(t, err)
		}
	})
}

// FuzzExportAnswer: whatever Kibana has in place of our objects, comparing and pulling it does not panic.
func FuzzExportAnswer(f *testing.F) {
	var sources []Object
	for key, text := range map[string]string{
		"visualization:k6-a":    source,
		"visualization:k6-b":    `{"title":"B","uiStateJSON":{},"visState":{"aggs":[{"id":"1","params":{"json":{"x":1}}}],"params":{"spec":{"data":[]}}}}`,
		"search:k6-lines":       `{"title":"Lines","columns":["message"],"kibanaSavedObjectMeta":{"searchSourceJSON":{"indexRef":"index-pattern:k6-runs"}}}`,
		"index-pattern:k6-runs": `{"title":"k6-runs","timeFieldName":"@timestamp","fieldFormatMap":{}}`,
		"dashboard:k6-d":        `{"title":"D","optionsJSON":{},"panelsJSON":[{"at":[0,0,24,5],"panel":"visualization:k6-a"},{"at":[24,0,24,5],"panel":"visualization:k6-b"}]}`,
	} {
		kind, id, _ := strings.Cut(key, ":")
		attributes, err := decode([]byte(text))
		require.NoError(f, err)
		sources = append(sources, Object{Type: kind, ID: id, Attributes: attributes})
	}
	objects, _, err := Complete(sources, "", Values{LogsErrors: "level:error"})
	require.NoError(f, err)
	for _, object := range objects {
		if object.Type != IndexPattern { // its field list is long, and all alike
			line, err := NDJSON([]Object{object})
			require.NoError(f, err)
			f.Add(line)
		}
	}
	f.Add([]byte(`{"type":"dashboard","id":"k6-d","attributes":{"panelsJSON":"[null,1,{\"gridData\":[]}]","kibanaSavedObjectMeta":7}}`))
	f.Add([]byte(`{"type":"visualization","id":"k6-a","attributes":{"visState":"{\"aggs\":{},\"params\":{\"spec\":\"{\"}}","uiStateJSON":"null"}}`))
	f.Add([]byte("{\"type\":\"dashboard\",\"id\":\"k6-d\",\"attributes\":null}\n\n{}"))
	client, err := New(Config{Server: elastic.Config{URLs: []string{"http://kibana:5601"}}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		saved := map[string]SavedObject{}
		if client.readExport(body, saved) != nil {
			return
		}
		for _, object := range objects {
			if theirs, there := saved[object.Key()]; there {
				_, err := difference(object, theirs)
				require.NoError(t, err)
			}
		}
		pulled, err := Pull(sources, saved, "", Values{LogsErrors: "level:error"})
		if err != nil {
			return
		}
		for _, one := range pulled {
			_, err := Format(one.Object.Attributes)
			require.NoError(t, err)
		}
		rest, _ := withoutMissing([]string{"dashboard:k6-d"}, body)
		require.LessOrEqual(t, len(rest), 1)
	})
}
