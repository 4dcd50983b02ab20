// Package kibana holds the dashboards and brings them into Kibana and OpenSearch Dashboards.
//
// The saved objects are kept in objects/, a readable file each: TYPE/ID.json holds the object's
// attributes. What Kibana stores as text within JSON is nested there, and a reference is written where it
// is used. What happens to them on the way to Kibana, and back, in this order:
//
//	source.go    reads the files, and puts the field lists of mappings/ into the index patterns
//	prefix.go    puts the index prefix into them
//	render.go    puts the fields of the team's logs into them, and leaves out what the logs do not have;
//	             grid.go closes the gaps
//	fold.go      makes them what Kibana stores: text in JSON, numbered references; unfold.go goes back
//	import.go    sends them, and reads what Kibana says of each; check.go compares what is there
//	pull.go      brings edits made in Kibana back into the files
//
// client.go and status.go know where Kibana is, which one it is, and whether it is ready.
//
// It is not a stable Go API; what is stable are the ids of the dashboards.
package kibana
