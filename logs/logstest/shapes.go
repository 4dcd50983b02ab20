// Package logstest makes indices of log lines as shippers and libraries make them, for tests.
package logstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/logs"
)

// Shape is an index as some shipper or library makes it, and what must be found out about it.
type Shape struct {
	Name     string
	Index    string // behind the test's own prefix
	Mappings map[string]any
	Lines    []map[string]any // LineCount of them, one a second from Begin; one in ten an error, one a warning

	Fields   map[logs.Role]string // to aggregate by; empty: there is none that can be
	Show     map[logs.Role]string // to be shown, where it is another field
	Missing  []logs.Role          // roles that the logs do not have
	Unit     logs.Unit
	Errors   string // KQL
	Warnings string
}

// LineCount is how many lines each shape has.
const LineCount = 60

// Begin is the time of the first line.
var Begin = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// request is what happened in line i: nine in ten requests go well.
func request(i int) (at time.Time, route string, status int, ms float64) {
	at, route, status = Begin.Add(time.Duration(i)*time.Second), "/api/items/:id", 200
	switch i % 10 {
	case 3:
		route, status = "/api/orders", 503
	case 6:
		status = 404
	}
	return at, route, status, 2.5 + float64(i%7)*1.375
}

// clientAddress is where all requests come from.
const clientAddress = "203.0.113.7"

func lines(line func(i int, at time.Time, route string, status int, ms float64) map[string]any) []map[string]any {
	all := []map[string]any{}
	for i := range LineCount {
		at, route, status, ms := request(i)
		all = append(all, line(i, at, route, status, ms))
	}
	return all
}

func word(status int) string {
	switch {
	case status >= 500:
		return "error"
	case status >= 400:
		return "warn"
	default:
		return "info"
	}
}

// ISO is a time as log lines have it.
func ISO(at time.Time) string { return at.Format("2006-01-02T15:04:05.000Z") }

type m = map[string]any

var (
	keyword = m{"type": "keyword", "ignore_above": 1024}
	long    = m{"type": "long"}
	text    = m{"type": "text", "norms": false}
	date    = m{"type": "date"}
)

func properties(fields m) m { return m{"properties": fields} }

const (
	winstonErrors = "(error or fatal or critical or severe or emergency or alert or panic or err or crit or emerg)"
	warnings      = "(warn or warning)"
)

// Shapes are those that teams have most.
var Shapes = []Shape{
	{
		Name: "Filebeat's template", Index: "filebeat-7.10.2-2026.11.22-000001",
		Mappings: properties(m{
			"@timestamp": date, "message": text, "tags": keyword,
			"log":     properties(m{"level": keyword, "offset": long, "file": properties(m{"path": keyword})}),
			"host":    properties(m{"name": keyword, "hostname": keyword}),
			"agent":   properties(m{"name": keyword, "hostname": keyword, "version": keyword}),
			"service": properties(m{"name": keyword, "type": keyword}),
			"event":   properties(m{"duration": long, "dataset": keyword, "created": date}),
			"http":    properties(m{"response": properties(m{"status_code": long}), "request": properties(m{"method": keyword})}),
			"url":     properties(m{"path": keyword, "original": keyword, "full": keyword}),
			"source":  properties(m{"ip": m{"type": "ip"}}),
			// mapped, as hundreds of fields are, and never filled
			"error":  properties(m{"message": text, "code": keyword}),
			"syslog": properties(m{"severity": long}),
			"nginx":  properties(m{"access": properties(m{"response_time": m{"type": "float"}})}),
		}),
		Lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": ISO(at), "message": fmt.Sprintf("GET %s %d", route, status), "log": m{"level": word(status), "file": m{"path": "/var/log/shop.log"}},
				"host": m{"name": "web-1"}, "agent": m{"name": "web-1", "hostname": "web-1", "version": "7.10.2"}, "service": m{"name": "shop"},
				"event": m{"duration": int(ms * 1e6), "dataset": "shop.log"}, "http": m{"response": m{"status_code": status}}, "url": m{"path": route},
				"source": m{"ip": clientAddress},
			}
		}),
		Fields: roles("time", "@timestamp", "level", "log.level", "message", "", "host", "host.name", "service", "service.name",
			"route", "url.path", "status", "http.response.status_code", "latency", "event.duration", "client", "source.ip"),
		Show: roles("message", "message"), Unit: "ns",
		Errors: "log.level:" + winstonErrors, Warnings: "log.level:" + warnings,
	},
	{
		Name: "Logstash's template", Index: "logstash-2026.11.22-000001",
		Mappings: m{
			"dynamic_templates": []any{
				m{"message_field": m{"path_match": "message", "match_mapping_type": "string", "mapping": text}},
				m{"string_fields": m{"match": "*", "match_mapping_type": "string", "mapping": m{
					"type": "text", "norms": false, "fields": m{"keyword": m{"type": "keyword", "ignore_above": 256}},
				}}},
			},
			"properties": m{"@timestamp": date, "@version": m{"type": "keyword"}},
		},
		Lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			// as grok's COMBINEDAPACHELOG and a pattern for the level leave them
			return m{
				"@timestamp": ISO(at), "@version": "1", "message": fmt.Sprintf("%s GET %s %d", word(status), route, status), "host": "web-1",
				"path": "/var/log/shop/access.log", "loglevel": map[string]string{"info": "INFO", "warn": "WARN", "error": "ERROR"}[word(status)],
				"request": route, "response": fmt.Sprint(status), "took": int(ms), "program": "shop", "clientip": clientAddress,
			}
		}),
		Fields: roles("time", "@timestamp", "level", "loglevel.keyword", "message", "", "host", "host.keyword", "service", "program.keyword",
			"route", "request.keyword", "status", "response.keyword", "latency", "took", "client", "clientip.keyword"),
		Show:     roles("level", "loglevel", "message", "message", "host", "host", "service", "program", "route", "request", "status", "response", "client", "clientip"),
		Unit:     "ms",
		Errors:   "loglevel:(ERROR or FATAL or CRITICAL or SEVERE or EMERGENCY or ALERT or PANIC or ERR or CRIT or EMERG)",
		Warnings: "loglevel:(WARN or WARNING)",
	},
	{
		Name: "pino", Index: "app-2026.11.22",
		Mappings: properties(m{"@timestamp": date}),
		Lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": ISO(at), "level": map[string]int{"info": 30, "warn": 40, "error": 50}[word(status)], "time": at.UnixMilli(), "pid": 17,
				"hostname": "web-1", "name": "shop", "req": m{"id": 1, "method": "GET", "url": route, "remoteAddress": clientAddress}, "res": m{"statusCode": status},
				"responseTime": int(ms), "msg": "request completed",
			}
		}),
		Fields: roles("time", "@timestamp", "level", "level", "message", "msg.keyword", "host", "hostname.keyword", "service", "name.keyword",
			"route", "req.url.keyword", "status", "res.statusCode", "latency", "responseTime", "client", "req.remoteAddress.keyword"),
		Show: roles("message", "msg", "host", "hostname", "service", "name", "route", "req.url", "client", "req.remoteAddress"),
		Unit: "ms", Errors: "level >= 50", Warnings: "level >= 40 and not level >= 50",
	},
	{
		Name: "winston-elasticsearch", Index: "logs-2026.11.22",
		Mappings: properties(m{"@timestamp": date}),
		Lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": ISO(at), "message": fmt.Sprintf("GET %s %d", route, status), "severity": word(status),
				"fields": m{"service": "shop", "hostname": "web-1", "route": route, "status": status, "durationMs": ms, "ip": clientAddress},
			}
		}),
		Fields: roles("time", "@timestamp", "level", "severity.keyword", "message", "message.keyword", "host", "fields.hostname.keyword",
			"service", "fields.service.keyword", "route", "fields.route.keyword", "status", "fields.status", "latency", "fields.durationMs", "client", "fields.ip.keyword"),
		Show: roles("level", "severity", "message", "message", "host", "fields.hostname", "service", "fields.service", "route", "fields.route", "client", "fields.ip"),
		Unit: "ms", Errors: "severity:" + winstonErrors, Warnings: "severity:" + warnings,
	},
	{
		Name: "JSON lines that Filebeat decodes into json", Index: "filebeat-7.10.2-2026.11.22",
		Mappings: properties(m{"@timestamp": date}),
		Lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": ISO(at), "host": m{"name": "web-1"}, "log": m{"file": m{"path": "/var/log/shop.log"}, "offset": 17}, "input": m{"type": "log"},
				"json": m{"level": word(status), "message": fmt.Sprintf("GET %s %d", route, status), "route": route, "status": status, "elapsed": ms / 1000},
			}
		}),
		Fields: roles("time", "@timestamp", "level", "json.level.keyword", "message", "json.message.keyword", "host", "host.name.keyword",
			"route", "json.route.keyword", "status", "json.status", "latency", "json.elapsed"),
		Show:    roles("level", "json.level", "message", "json.message", "host", "host.name", "route", "json.route"),
		Missing: []logs.Role{"service", "client"},
		Unit:    "s", Errors: "json.level:" + winstonErrors, Warnings: "json.level:" + warnings,
	},
	{
		Name: "lines of text", Index: "plain-2026.11.22",
		Mappings: properties(m{"@timestamp": date}),
		Lines: lines(func(i int, at time.Time, route string, status int, _ float64) m {
			return m{"@timestamp": ISO(at), "message": fmt.Sprintf("%d %s %d", i, route, status), "host": m{"name": "web-1"}}
		}),
		Fields:  roles("time", "@timestamp", "message", "message.keyword", "host", "host.name.keyword"),
		Show:    roles("message", "message", "host", "host.name"),
		Missing: []logs.Role{"level", "service", "route", "status", "latency", "client"},
	},
}

// roles pairs roles with fields.
func roles(pairs ...string) map[logs.Role]string {
	fields := map[logs.Role]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[logs.Role(pairs[i])] = pairs[i+1]
	}
	return fields
}

// Fill makes an index with one shard and no replica, and puts lines into it.
func Fill(t testing.TB, client logs.Client, index string, mappings map[string]any, lines []map[string]any) {
	t.Helper()
	settings := m{"number_of_shards": 1, "number_of_replicas": 0}
	require.NoError(t, client.JSON(t.Context(), "PUT", "/"+index, m{"settings": settings, "mappings": mappings}, nil))
	if len(lines) == 0 {
		return
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, line := range lines {
		require.NoError(t, encoder.Encode(m{"create": m{}}))
		require.NoError(t, encoder.Encode(line))
	}
	var answer struct{ Errors bool }
	require.NoError(t, client.JSON(t.Context(), "POST", "/"+index+"/_bulk?refresh=true", body.Bytes(), &answer))
	require.False(t, answer.Errors)
}
