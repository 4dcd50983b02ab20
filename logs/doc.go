// Package logs finds out what a team's own production logs look like: in which field is the time, the
// level, the message, and so on, of whoever writes them (Filebeat, Logstash, winston, pino, …).
//
//	fields.go   what fields the indices have, and which of them can be aggregated (_field_caps)
//	sample.go   the newest documents, over all indices
//	roles.go    the names that a field of each role goes by
//	choose.go   one field for each role, by name, type and values
//	level.go    which levels are errors and warnings, and the queries that find them
//	latency.go  the unit of the latency
//	kibana.go   the field list of a Kibana index pattern
//
// It only reads, and knows nothing of k6es's own indices. It is not a stable Go API.
package logs
