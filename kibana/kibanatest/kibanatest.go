// Package kibanatest is a Kibana for tests: it answers as Kibana OSS 7.10.2 does, as far as k6es asks, and
// keeps saved objects in memory. The shapes of its answers are those of a real one.
package kibanatest

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
)

// Green is what a Kibana OSS 7.10.2 that is ready says of itself, shortened.
const Green = `{"name":"vm","uuid":"8","version":{"number":"7.10.2","build_hash":"a0b7","build_number":36136,"build_snapshot":false},` +
	`"status":{"overall":{"since":"2026-11-22T18:00:08.595Z","state":"green","title":"Green","nickname":"Looking good","icon":"success"},` +
	`"statuses":[{"id":"core:elasticsearch@7.10.2","message":"Elasticsearch is available","state":"green"},` +
	`{"id":"core:savedObjects@7.10.2","message":"SavedObjects service has completed migrations and is available","state":"green"},` +
	`{"id":"plugin:reporting@7.10.2","message":"no browser","state":"yellow"}]},"metrics":{}}`

// Space is the one space there is, besides the default one.
const Space = "load"

// Saved is a saved object as Kibana stores it.
type Saved = map[string]any

// Answer is a fixed answer to a request.
type Answer func(http.ResponseWriter)

// Says makes an answer of a status, a body, and pairs of a header's name and value.
func Says(status int, body string, header ...string) Answer {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Kibana is a running one. Its exported fields are set before the first request.
type Kibana struct {
	URL    string            // with the base path
	Header map[string]string // what every request must have
	Status []Answer          // to GET /api/status, in turn; the last one stays
	Refuse map[string]string // type:id → why an import does not take the object

	t    testing.TB
	base string

	mu      sync.Mutex
	objects map[string]Saved
}

// New starts a Kibana below a base path, such as "/kb" or "", which stops when the test ends.
func New(t testing.TB, base string) *Kibana {
	t.Helper()
	k := &Kibana{t: t, base: base, objects: map[string]Saved{}, Status: []Answer{Says(http.StatusOK, Green, "kbn-name", "vm")}}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	k.URL = server.URL + base
	return k
}

// Object returns a saved object by type:id; nil if it is not there.
func (k *Kibana) Object(key string) Saved {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.objects[key]
}

// Len is how many saved objects there are.
func (k *Kibana) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.objects)
}

// Edit changes the attributes of a saved object, as somebody does in the browser.
func (k *Kibana) Edit(key string, change func(attributes map[string]any)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	attributes, there := k.objects[key]["attributes"].(map[string]any)
	if !there {
		k.t.Fatalf("there is no %s", key)
	}
	change(attributes)
}

// Delete removes a saved object.
func (k *Kibana) Delete(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.objects, key)
}

// ServeHTTP implements http.Handler.
func (k *Kibana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, value := range k.Header {
		if r.Header.Get(name) != value {
			k.t.Errorf("%s %s has %s: %q", r.Method, r.URL, name, r.Header.Get(name))
		}
	}
	path, based := strings.CutPrefix(r.URL.Path, k.base)
	path = strings.TrimPrefix(path, "/s/"+Space)
	switch {
	case !based:
		http.NotFound(w, r)
	case path == "/api/status":
		answer := k.Status[0]
		if len(k.Status) > 1 {
			k.Status = k.Status[1:]
		}
		answer(w)
	case path == "/api/spaces/space/"+Space:
		_, _ = io.WriteString(w, `{"id":"load"}`)
	case path == "/api/saved_objects/_find" && r.Method == http.MethodGet:
		k.find(w, r)
	case r.Header.Get("kbn-xsrf") == "":
		Says(http.StatusBadRequest, `{"statusCode":400,"error":"Bad Request","message":"Request must contain a kbn-xsrf header."}`)(w)
	case path == "/api/saved_objects/_import" && r.URL.RawQuery == "overwrite=true":
		k.load(w, r)
	case path == "/api/saved_objects/_export":
		k.export(w, r)
	default:
		Says(http.StatusNotFound, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`)(w)
	}
}

func (k *Kibana) reply(w http.ResponseWriter, answer any) {
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		k.t.Errorf("answer: %v", err)
	}
}

func (k *Kibana) find(w http.ResponseWriter, r *http.Request) {
	found := []any{}
	for _, saved := range k.objects {
		if saved["type"] == r.URL.Query().Get("type") {
			found = append(found, saved)
		}
	}
	k.reply(w, map[string]any{"page": 1, "per_page": 1000, "total": len(found), "saved_objects": found})
}

// load keeps the objects of an import, but for those that are refused.
func (k *Kibana) load(w http.ResponseWriter, r *http.Request) {
	file, header, err := r.FormFile("file")
	if err != nil || !strings.HasSuffix(header.Filename, ".ndjson") {
		Says(http.StatusBadRequest, `{"statusCode":400,"error":"Bad Request","message":"Invalid file extension"}`)(w)
		return
	}
	failures := []any{}
	count := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var saved Saved
		if err := json.Unmarshal(lines.Bytes(), &saved); err != nil {
			k.t.Errorf("import: %v", err)
			continue
		}
		key := fmt.Sprintf("%s:%s", saved["type"], saved["id"])
		if why, refused := k.Refuse[key]; refused {
			attributes, _ := saved["attributes"].(map[string]any)
			failures = append(failures, map[string]any{
				"type": saved["type"], "id": saved["id"], "title": attributes["title"], "meta": map[string]any{"title": attributes["title"]},
				"error": map[string]any{"type": why, "references": []any{map[string]any{"type": "index-pattern", "id": "gone"}}},
			})
			continue
		}
		k.objects[key] = saved
		count++
	}
	answer := map[string]any{"successCount": count, "success": len(failures) == 0}
	if len(failures) > 0 {
		answer["errors"] = failures
	}
	k.reply(w, answer)
}

// export writes objects, and those that they name, a line each; with one that is not there, nothing.
func (k *Kibana) export(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Objects    []struct{ Type, ID string }
		References bool `json:"includeReferencesDeep"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		k.t.Errorf("export: %v", err)
	}
	var missing []any
	var wanted []string
	for _, object := range asked.Objects {
		key := object.Type + ":" + object.ID
		wanted = append(wanted, key)
		if _, there := k.objects[key]; !there {
			missing = append(missing, map[string]any{"id": object.ID, "type": object.Type, "error": map[string]any{
				"statusCode": 404, "error": "Not Found", "message": fmt.Sprintf("Saved object [%s/%s] not found", object.Type, object.ID),
			}})
		}
	}
	if missing != nil {
		w.WriteHeader(http.StatusBadRequest)
		k.reply(w, map[string]any{
			"statusCode": 400, "error": "Bad Request", "message": "Bad Request", "attributes": map[string]any{"objects": missing},
		})
		return
	}
	done := map[string]bool{}
	for ; len(wanted) > 0; wanted = wanted[1:] {
		key := wanted[0]
		saved, there := k.objects[key]
		if done[key] || !there {
			continue
		}
		done[key] = true
		k.reply(w, saved)
		references, _ := saved["references"].([]any)
		for _, element := range references {
			if reference, _ := element.(map[string]any); asked.References {
				wanted = append(wanted, fmt.Sprintf("%s:%s", reference["type"], reference["id"]))
			}
		}
	}
}
