package alertingtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/k6es/k6es/alerts"
)

// Plugin is a server with an alerting plugin. Its exported fields are set before the first request.
type Plugin struct {
	URL  string
	Form alerts.MonitorForm // the server's; OpenSearch takes requests of Open Distro's, too
	// Meanwhile, unless nil, is called before a monitor is changed: as if somebody else did at the same time.
	Meanwhile func()

	t     testing.TB
	elses http.Handler // answers all else

	mu       sync.Mutex // guards what follows
	monitors map[string]*stored
	count    int
	writes   int
}

type stored struct {
	seqNo   int
	monitor map[string]any
}

// New starts a plugin of a server. The URL is of a real one that answers all other requests; empty: there is
// nothing else. It stops when the test ends.
func New(t testing.TB, form alerts.MonitorForm, behind string) *Plugin {
	t.Helper()
	p := &Plugin{Form: form, t: t, elses: http.HandlerFunc(noHandler), monitors: map[string]*stored{}}
	if behind != "" {
		address, err := url.Parse(behind)
		if err != nil {
			t.Fatal(err)
		}
		p.elses = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(address) }}
	}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Writes is how many monitors were made, changed or deleted.
func (p *Plugin) Writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

// Names are those of the monitors, sorted.
func (p *Plugin) Names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, one := range p.monitors {
		names = append(names, fmt.Sprint(one.monitor["name"]))
	}
	slices.Sort(names)
	return names
}

// Edit changes the monitor of a name as somebody does in Dashboards, or adds one where there is none.
func (p *Plugin) Edit(name string, change func(monitor map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.monitors {
		if one.monitor["name"] == name {
			change(one.monitor)
			p.count++
			one.seqNo = p.count
			return
		}
	}
	monitor := map[string]any{"type": "monitor", "name": name, "enabled": true, "triggers": []any{}}
	change(monitor)
	p.add(monitor)
}

func (p *Plugin) add(monitor map[string]any) string {
	p.count++
	id := fmt.Sprintf("id-%d", p.count)
	p.monitors[id] = &stored{p.count, monitor}
	return id
}

// ServeHTTP implements http.Handler.
func (p *Plugin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	below, ours := "", false
	for _, form := range []alerts.MonitorForm{alerts.OpenSearch, alerts.OpenDistro} {
		if rest, found := strings.CutPrefix(r.URL.Path, form.Path()); found && (p.Form == alerts.OpenSearch || form == p.Form) {
			below, ours = rest, true
		}
	}
	switch {
	case !ours && strings.Contains(r.URL.Path, "/_alerting/"):
		noHandler(w, r)
		return
	case !ours:
		p.elses.ServeHTTP(w, r)
		return
	}
	if meanwhile := p.Meanwhile; meanwhile != nil && r.Method == http.MethodPut {
		meanwhile()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch id := strings.TrimPrefix(below, "/"); {
	case r.Method == http.MethodPost && id == "_search":
		p.search(w, r)
	case r.Method == http.MethodPost && id == "":
		if monitor := p.read(w, r); monitor != nil {
			p.writes++
			w.WriteHeader(http.StatusCreated)
			p.reply(w, map[string]any{"_id": p.add(monitor)})
		}
	case r.Method == http.MethodPut && p.monitors[id] != nil:
		p.put(w, r, p.monitors[id])
	case r.Method == http.MethodDelete && p.monitors[id] != nil:
		p.writes++
		delete(p.monitors, id)
		p.reply(w, map[string]any{"_id": id})
	default:
		refuse(w, http.StatusNotFound, "Monitor not found.")
	}
}

func noHandler(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"error":"no handler found for uri [%s] and method [%s]"}`, r.URL.Path, r.Method)
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"type": "alerting_exception", "reason": reason}, "status": status})
}

func (p *Plugin) reply(w io.Writer, answer any) {
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		p.t.Errorf("answer: %v", err)
	}
}

// search finds monitors by names. Before the first one there is no index: Open Distro says so.
func (p *Plugin) search(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Query struct {
			Terms map[string][]string `json:"terms"`
		} `json:"query"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if p.count == 0 && p.Form == alerts.OpenDistro {
		refuse(w, http.StatusNotFound, "Configured indices are not found: [.opendistro-alerting-config]")
		return
	}
	hits := []any{}
	for id, one := range p.monitors {
		if name, _ := one.monitor["name"].(string); slices.Contains(asked.Query.Terms["monitor.name.keyword"], name) {
			hits = append(hits, map[string]any{"_id": id, "_seq_no": one.seqNo, "_primary_term": 1, "_source": one.monitor})
		}
	}
	p.reply(w, map[string]any{"hits": map[string]any{"hits": hits}})
}

// read takes a monitor. The server writes it back with more than was sent, and the query in its own words.
func (p *Plugin) read(w http.ResponseWriter, r *http.Request) map[string]any {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = Validate(p.Form, body)
	}
	var monitor map[string]any
	if err == nil {
		err = json.Unmarshal(body, &monitor)
	}
	if err != nil {
		p.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		refuse(w, http.StatusBadRequest, err.Error())
		return nil
	}
	monitor["schema_version"], monitor["last_update_time"] = 0.0, 1795385031000.0
	if monitor["enabled"] == true {
		monitor["enabled_time"] = 1795385031000.0
	}
	search := monitor["inputs"].([]any)[0].(map[string]any)["search"].(map[string]any)
	search["query"] = map[string]any{"in": "its own words", "boost": 1.0}
	return monitor
}

func (p *Plugin) put(w http.ResponseWriter, r *http.Request, one *stored) {
	if asked := r.URL.Query(); asked.Get("if_seq_no") != strconv.Itoa(one.seqNo) || asked.Get("if_primary_term") != "1" {
		refuse(w, http.StatusConflict, "version conflict")
		return
	}
	if monitor := p.read(w, r); monitor != nil {
		p.writes++
		p.count++
		one.seqNo, one.monitor = p.count, monitor
		p.reply(w, map[string]any{"_seq_no": one.seqNo})
	}
}
