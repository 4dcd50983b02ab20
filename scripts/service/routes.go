package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	stock    = 100 // items are numbered 1 to stock
	pageSize = 20
	maxDelay = time.Minute

	ms = time.Millisecond
)

// route is one line of the API: where it is and how long its work takes.
type route struct {
	name    string // for --slow-route
	pattern string // as net/http writes it
	base    time.Duration
	tail    time.Duration // mean of the exponential part; 0 = none
	flaky   bool          // fails at the error rate
	handle  func(*server, http.ResponseWriter, *http.Request) error
}

var routes = []route{
	{name: "home", pattern: "GET /{$}", base: ms, handle: redirect("/page")},
	{name: "items", pattern: "GET /api/items", base: 4 * ms, tail: ms, handle: (*server).items},
	{name: "item", pattern: "GET /api/items/{id}", base: 2 * ms, tail: ms, handle: (*server).item},
	{
		name: "orders", pattern: "POST /api/orders", base: 6 * ms, tail: 2 * ms, flaky: true,
		handle: (*server).order,
	},
	{
		name: "search", pattern: "GET /api/search", base: 15 * ms, tail: 8 * ms, flaky: true,
		handle: (*server).search,
	},
	{name: "page", pattern: "GET /page", base: 3 * ms, tail: ms, handle: (*server).page},
	{name: "fast", pattern: "GET /fast", base: ms, handle: (*server).fast},
	{name: "old", pattern: "GET /old", base: ms, handle: redirect("/page")},
	{name: "older", pattern: "GET /older", base: ms, handle: redirect("/old")},
	{name: "status", pattern: "GET /status/{code}", base: ms, handle: (*server).status},
	{name: "delay", pattern: "GET /delay/{ms}", handle: (*server).delay},
	{name: "ws", pattern: "GET /ws", base: ms, handle: (*server).webSocket},
}

// grpcRoute is the name under which the gRPC side is slowed down.
const grpcRoute = "grpc"

var parameter = regexp.MustCompile(`\{(\w+)\}`)

// label is the route as express writes it: /api/items/:id.
func (r route) label() string {
	_, path, _ := strings.Cut(r.pattern, " ")
	return parameter.ReplaceAllString(strings.TrimSuffix(path, "{$}"), ":$1")
}

func isRoute(name string) bool {
	for _, r := range routes {
		if r.name == name {
			return true
		}
	}
	return name == grpcRoute
}

func routeNames() string {
	names := make([]string, 0, len(routes)+1)
	for _, r := range routes {
		names = append(names, r.name)
	}
	return strings.Join(append(names, grpcRoute), ", ")
}

// item is an article of the shop. Price is in euros.
type item struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	Price float64 `json:"price"`
}

func newItem(id int) item {
	return item{ID: id, Name: fmt.Sprintf("Item %d", id), Price: float64(id) + 0.99}
}

type itemList struct {
	Total int    `json:"total"`
	Items []item `json:"items"`
}

func (s *server) items(w http.ResponseWriter, _ *http.Request) error {
	list := itemList{Total: stock}
	for id := 1; id <= pageSize; id++ {
		list.Items = append(list.Items, newItem(id))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

func (s *server) item(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id < 1 || id > stock {
		return newFault(http.StatusNotFound, "no such item")
	}
	writeJSON(w, http.StatusOK, newItem(id))
	return nil
}

func (s *server) search(w http.ResponseWriter, r *http.Request) error {
	q := strings.ToLower(r.URL.Query().Get("q"))
	list := itemList{Items: []item{}}
	for id := 1; id <= stock; id++ {
		if it := newItem(id); strings.Contains(strings.ToLower(it.Name), q) {
			list.Items = append(list.Items, it)
		}
	}
	list.Total = len(list.Items)
	list.Items = list.Items[:min(pageSize, list.Total)]
	writeJSON(w, http.StatusOK, list)
	return nil
}

// order is what a client orders, and with ID and Total, what it gets.
type order struct {
	ID       int64   `json:"id"`
	Item     int     `json:"item"`
	Quantity int     `json:"quantity"`
	Total    float64 `json:"total"`
}

func (s *server) order(w http.ResponseWriter, r *http.Request) error {
	var o order
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&o); err != nil {
		return newFault(http.StatusBadRequest, "order is not JSON")
	}
	if o.Item < 1 || o.Item > stock || o.Quantity < 1 {
		return newFault(http.StatusUnprocessableEntity, "order needs an item of the shop and a quantity")
	}
	o.ID = s.orders.Add(1)
	o.Total = newItem(o.Item).Price * float64(o.Quantity)
	w.Header().Set("Location", fmt.Sprintf("/api/orders/%d", o.ID))
	writeJSON(w, http.StatusCreated, o)
	return nil
}

func (s *server) page(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := io.WriteString(w, `<!doctype html>
<html lang="en">
<head><title>Shop</title></head>
<body><h1>Shop</h1><p>Everything for load tests: <a href="/api/items">items</a>.</p></body>
</html>
`)
	return err
}

func (s *server) fast(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "ok\n")
	return err
}

func redirect(to string) func(*server, http.ResponseWriter, *http.Request) error {
	return func(_ *server, w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, to, http.StatusFound)
		return nil
	}
}

func (s *server) status(w http.ResponseWriter, r *http.Request) error {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		return newFault(http.StatusBadRequest, "status must be between 200 and 599")
	}
	w.WriteHeader(code)
	return nil
}

func (s *server) delay(w http.ResponseWriter, r *http.Request) error {
	n, err := strconv.Atoi(r.PathValue("ms"))
	asked := time.Duration(n) * ms
	if err != nil || n < 0 || asked > maxDelay {
		return newFault(http.StatusBadRequest, "delay must be between 0 and 60000 ms")
	}
	if err := wait(r.Context(), s.pace.duration("delay", asked, 0)); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]int{"delay": n})
	return nil
}
