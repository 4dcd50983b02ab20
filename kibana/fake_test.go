package kibana

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/elastic"
)

// fakeKibana answers as Kibana OSS 7.10.2 does, as far as this package asks.
type fakeKibana struct {
	t      *testing.T
	url    string
	base   string            // path before /api
	header map[string]string // what every request must have

	mu      sync.Mutex
	objects map[string]SavedObject
	status  []func(http.ResponseWriter) // answers to GET /api/status in turn; the last one stays
	refuse  map[string]string           // key → why it is not imported
}

func newFake(t *testing.T) *fakeKibana {
	t.Helper()
	f := &fakeKibana{t: t, objects: map[string]SavedObject{}, status: []func(http.ResponseWriter){status(200, green)}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fakeKibana) client(config Config) *Client {
	f.t.Helper()
	config.Server.URLs = []string{f.url + f.base}
	client, err := New(config)
	require.NoError(f.t, err)
	client.poll = time.Millisecond
	return client
}

// green is the answer of a Kibana OSS 7.10.2, shortened.
const green = `{"name":"vm","uuid":"8","version":{"number":"7.10.2","build_hash":"a0b7","build_number":36136,"build_snapshot":false},` +
	`"status":{"overall":{"since":"2026-11-22T18:00:08.595Z","state":"green","title":"Green","nickname":"Looking good","icon":"success"},` +
	`"statuses":[{"id":"core:elasticsearch@7.10.2","message":"Elasticsearch is available","state":"green"},` +
	`{"id":"core:savedObjects@7.10.2","message":"SavedObjects service has completed migrations and is available","state":"green"},` +
	`{"id":"plugin:reporting@7.10.2","message":"no browser","state":"yellow"}]},"metrics":{}}`

func status(code int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// ServeHTTP implements http.Handler.
func (f *fakeKibana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, value := range f.header {
		if r.Header.Get(name) != value {
			f.t.Errorf("%s %s has %s: %q", r.Method, r.URL, name, r.Header.Get(name))
		}
	}
	path, based := strings.CutPrefix(r.URL.Path, f.base)
	path = strings.TrimPrefix(path, "/s/load")
	switch {
	case !based:
		http.NotFound(w, r)
	case path == "/api/status":
		answer := f.status[0]
		if len(f.status) > 1 {
			f.status = f.status[1:]
		}
		answer(w)
	case path == "/api/spaces/space/load":
		_, _ = io.WriteString(w, `{"id":"load"}`)
	case r.Header.Get("kbn-xsrf") == "" && r.Method != http.MethodGet:
		status(400, `{"statusCode":400,"error":"Bad Request","message":"Request must contain a kbn-xsrf header."}`)(w)
	case path == "/api/saved_objects/_import" && r.URL.RawQuery == "overwrite=true":
		f.load(w, r)
	case path == "/api/saved_objects/_export":
		f.export(w, r)
	default:
		status(404, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`)(w)
	}
}

// load keeps the objects of an import, but for those that are refused.
func (f *fakeKibana) load(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("file")
	if err != nil || !strings.HasSuffix(header.Filename, ".ndjson") {
		status(400, `{"statusCode":400,"error":"Bad Request","message":"Invalid file extension"}`)(w)
		return
	}
	var failures []map[string]any
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	count := 0
	for lines.Scan() {
		var saved SavedObject
		if err := json.Unmarshal(lines.Bytes(), &saved); err != nil {
			f.t.Errorf("import: %v", err)
		}
		key := saved.Type + ":" + saved.ID
		if why, refused := f.refuse[key]; refused {
			failures = append(failures, map[string]any{
				"type": saved.Type, "id": saved.ID, "title": saved.Attributes["title"],
				"error": map[string]any{"type": why, "references": []any{map[string]any{"type": "index-pattern", "id": "gone"}}},
			})
			continue
		}
		f.objects[key] = saved
		count++
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"successCount": count, "success": failures == nil, "errors": failures})
}

// export writes objects, and those that they name, a line each; with one that is not there, nothing.
func (f *fakeKibana) export(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Objects    []struct{ Type, ID string }
		References bool `json:"includeReferencesDeep"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		f.t.Errorf("export: %v", err)
	}
	var missing []any
	var wanted []string
	for _, object := range asked.Objects {
		key := object.Type + ":" + object.ID
		wanted = append(wanted, key)
		if _, there := f.objects[key]; !there {
			missing = append(missing, map[string]any{"id": object.ID, "type": object.Type, "error": map[string]any{
				"statusCode": 404, "error": "Not Found", "message": fmt.Sprintf("Saved object [%s/%s] not found", object.Type, object.ID)}})
		}
	}
	if missing != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"statusCode": 400, "error": "Bad Request", "message": "Bad Request", "attributes": map[string]any{"objects": missing}})
		return
	}
	done := map[string]bool{}
	for len(wanted) > 0 {
		key := wanted[0]
		wanted = wanted[1:]
		saved, there := f.objects[key]
		if done[key] || !there {
			continue
		}
		done[key] = true
		if asked.References {
			for _, reference := range saved.References {
				wanted = append(wanted, reference.key())
			}
		}
		_ = json.NewEncoder(w).Encode(saved)
	}
}

// edit changes what Kibana stores of an object.
func (f *fakeKibana) edit(key string, change func(*SavedObject)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	saved, there := f.objects[key]
	require.True(f.t, there, key)
	change(&saved)
	f.objects[key] = saved
}

func login(user, password string) elastic.Config { return elastic.Config{User: user, Password: password} }

// newAnswering is a client of a server that answers everything alike.
func newAnswering(t *testing.T, answer func(http.ResponseWriter)) *elastic.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	t.Cleanup(server.Close)
	client, err := elastic.New(elastic.Config{URLs: []string{server.URL}})
	require.NoError(t, err)
	return client
}

// rendered is what setup would import.
func rendered(t *testing.T, prefix string, values Values) []Object {
	t.Helper()
	objects, _, err := Rendered(prefix, values)
	require.NoError(t, err)
	return objects
}
