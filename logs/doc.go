// Package logs finds out what a team's own production logs look like: in which field is the time, the
// level, the message, and so on, of whoever writes them (Filebeat, Logstash, winston, pino, …); and what
// they said during a run, against another span of time.
//
//	fields.go   what fields the indices have, and which of them can be aggregated (_field_caps)
//	sample.go   the newest documents, over all indices
//	roles.go    the names that a field of each role goes by
//	choose.go   one field for each role, by name, type and values
//	level.go    which levels are errors and warnings, and the queries that find them
//	ended.go    the query for processes that ended abnormally
//	latency.go  the unit of the latency
//	kibana.go   the field list of a Kibana index pattern
//
//	examine.go       Examine: what is asked, in which order, and what must be known of the answers
//	findings.go      what is found
//	search.go        searches, several at a time, and lines of their answers
//	sampled.go       the lines that are read, a sample where there are many; those of the worst seconds
//	fold.go          messages and paths that differ in numbers and ids only are of one pattern
//	compare.go       what came more often
//	significance.go  … than chance explains
//	verify.go        exact counts and times of what the sample has little of
//	servers.go       who started, stopped, and fell silent
//
// It only reads, and knows nothing of k6es's own indices. It is not a stable Go API.
package logs
