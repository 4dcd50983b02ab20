package logs_test

import (
	"fmt"
	"time"
)

// logShape is an index as some shipper or library makes it, and what must be found out about it.
type logShape struct {
	name     string
	index    string // behind the test's own prefix
	mappings map[string]any
	lines    []map[string]any

	fields   map[string]string // role → field to aggregate by; "": not to be aggregated
	show     map[string]string // role → field to show, where it is another one
	missing  []string          // roles that the logs do not have
	unit     string
	errors   string // KQL
	warnings string
	lacks    string // part of a note; "": no note
}

const lineCount = 60

// begin is the time of the first line; they are one second apart.
var begin = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// request is what happened in line i: nine in ten requests go well.
func request(i int) (at time.Time, route string, status int, ms float64) {
	at, route, status = begin.Add(time.Duration(i)*time.Second), "/api/items/:id", 200
	switch i % 10 {
	case 3:
		route, status = "/api/orders", 503
	case 6:
		status = 404
	}
	return at, route, status, 2.5 + float64(i%7)*1.375
}

func lines(make func(i int, at time.Time, route string, status int, ms float64) map[string]any) []map[string]any {
	all := []map[string]any{}
	for i := range lineCount {
		at, route, status, ms := request(i)
		all = append(all, make(i, at, route, status, ms))
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

func iso(at time.Time) string { return at.Format("2006-01-02T15:04:05.000Z") }

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

var shapes = []logShape{
	{
		name: "Filebeat's template", index: "filebeat-7.10.2-2026.11.22-000001",
		mappings: properties(m{
			"@timestamp": date, "message": text, "tags": keyword,
			"log":     properties(m{"level": keyword, "offset": long, "file": properties(m{"path": keyword})}),
			"host":    properties(m{"name": keyword, "hostname": keyword}),
			"agent":   properties(m{"name": keyword, "hostname": keyword, "version": keyword}),
			"service": properties(m{"name": keyword, "type": keyword}),
			"event":   properties(m{"duration": long, "dataset": keyword, "created": date}),
			"http":    properties(m{"response": properties(m{"status_code": long}), "request": properties(m{"method": keyword})}),
			"url":     properties(m{"path": keyword, "original": keyword, "full": keyword}),
			// mapped, as hundreds of fields are, and never filled
			"error":  properties(m{"message": text, "code": keyword}),
			"syslog": properties(m{"severity": long}),
			"nginx":  properties(m{"access": properties(m{"response_time": m{"type": "float"}})}),
		}),
		lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": iso(at), "message": fmt.Sprintf("GET %s %d", route, status), "log": m{"level": word(status), "file": m{"path": "/var/log/shop.log"}},
				"host": m{"name": "web-1"}, "agent": m{"name": "web-1", "hostname": "web-1", "version": "7.10.2"}, "service": m{"name": "shop"},
				"event": m{"duration": int(ms * 1e6), "dataset": "shop.log"}, "http": m{"response": m{"status_code": status}}, "url": m{"path": route},
			}
		}),
		fields: m2("time", "@timestamp", "level", "log.level", "message", "", "host", "host.name", "service", "service.name",
			"route", "url.path", "status", "http.response.status_code", "latency", "event.duration"),
		show: m2("message", "message"), unit: "ns",
		errors: "log.level:" + winstonErrors, warnings: "log.level:" + warnings,
	},
	{
		name: "Logstash's template", index: "logstash-2026.11.22-000001",
		mappings: m{
			"dynamic_templates": []any{
				m{"message_field": m{"path_match": "message", "match_mapping_type": "string", "mapping": text}},
				m{"string_fields": m{"match": "*", "match_mapping_type": "string", "mapping": m{
					"type": "text", "norms": false, "fields": m{"keyword": m{"type": "keyword", "ignore_above": 256}},
				}}},
			},
			"properties": m{"@timestamp": date, "@version": m{"type": "keyword"}},
		},
		lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			// as grok's COMBINEDAPACHELOG and a pattern for the level leave them
			return m{
				"@timestamp": iso(at), "@version": "1", "message": fmt.Sprintf("%s GET %s %d", word(status), route, status), "host": "web-1",
				"path": "/var/log/shop/access.log", "loglevel": map[string]string{"info": "INFO", "warn": "WARN", "error": "ERROR"}[word(status)],
				"request": route, "response": fmt.Sprint(status), "took": int(ms), "program": "shop",
			}
		}),
		fields: m2("time", "@timestamp", "level", "loglevel.keyword", "message", "", "host", "host.keyword", "service", "program.keyword",
			"route", "request.keyword", "status", "response.keyword", "latency", "took"),
		show:     m2("level", "loglevel", "message", "message", "host", "host", "service", "program", "route", "request", "status", "response"),
		unit:     "ms",
		errors:   "loglevel:(ERROR or FATAL or CRITICAL or SEVERE or EMERGENCY or ALERT or PANIC or ERR or CRIT or EMERG)",
		warnings: "loglevel:(WARN or WARNING)",
	},
	{
		name: "pino", index: "app-2026.11.22",
		mappings: properties(m{"@timestamp": date}),
		lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": iso(at), "level": map[string]int{"info": 30, "warn": 40, "error": 50}[word(status)], "time": at.UnixMilli(), "pid": 17,
				"hostname": "web-1", "name": "shop", "req": m{"id": 1, "method": "GET", "url": route}, "res": m{"statusCode": status},
				"responseTime": int(ms), "msg": "request completed",
			}
		}),
		fields: m2("time", "@timestamp", "level", "level", "message", "msg.keyword", "host", "hostname.keyword", "service", "name.keyword",
			"route", "req.url.keyword", "status", "res.statusCode", "latency", "responseTime"),
		show: m2("message", "msg", "host", "hostname", "service", "name", "route", "req.url"),
		unit: "ms", errors: "level >= 50", warnings: "level >= 40 and not level >= 50",
	},
	{
		name: "winston-elasticsearch", index: "logs-2026.11.22",
		mappings: properties(m{"@timestamp": date}),
		lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": iso(at), "message": fmt.Sprintf("GET %s %d", route, status), "severity": word(status),
				"fields": m{"service": "shop", "hostname": "web-1", "route": route, "status": status, "durationMs": ms},
			}
		}),
		fields: m2("time", "@timestamp", "level", "severity.keyword", "message", "message.keyword", "host", "fields.hostname.keyword",
			"service", "fields.service.keyword", "route", "fields.route.keyword", "status", "fields.status", "latency", "fields.durationMs"),
		show: m2("level", "severity", "message", "message", "host", "fields.hostname", "service", "fields.service", "route", "fields.route"),
		unit: "ms", errors: "severity:" + winstonErrors, warnings: "severity:" + warnings,
	},
	{
		name: "JSON lines that Filebeat decodes into json", index: "filebeat-7.10.2-2026.11.22",
		mappings: properties(m{"@timestamp": date}),
		lines: lines(func(_ int, at time.Time, route string, status int, ms float64) m {
			return m{
				"@timestamp": iso(at), "host": m{"name": "web-1"}, "log": m{"file": m{"path": "/var/log/shop.log"}, "offset": 17}, "input": m{"type": "log"},
				"json": m{"level": word(status), "message": fmt.Sprintf("GET %s %d", route, status), "route": route, "status": status, "elapsed": ms / 1000},
			}
		}),
		fields: m2("time", "@timestamp", "level", "json.level.keyword", "message", "json.message.keyword", "host", "host.name.keyword",
			"route", "json.route.keyword", "status", "json.status", "latency", "json.elapsed"),
		show:    m2("level", "json.level", "message", "json.message", "host", "host.name", "route", "json.route"),
		missing: []string{"service"},
		unit:    "s", errors: "json.level:" + winstonErrors, warnings: "json.level:" + warnings,
	},
	{
		name: "lines of text", index: "plain-2026.11.22",
		mappings: properties(m{"@timestamp": date}),
		lines: lines(func(i int, at time.Time, route string, status int, _ float64) m {
			return m{"@timestamp": iso(at), "message": fmt.Sprintf("%d %s %d", i, route, status), "host": m{"name": "web-1"}}
		}),
		fields:  m2("time", "@timestamp", "message", "message.keyword", "host", "host.name.keyword"),
		show:    m2("message", "message", "host", "host.name"),
		missing: []string{"level", "service", "route", "status", "latency"},
	},
}

func m2(pairs ...string) map[string]string {
	fields := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return fields
}
