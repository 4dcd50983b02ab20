// Package searches translates the saved objects of package kibana into the searches that Kibana 7.10 sends
// to draw them, so that a test can run each on a real server and see whether a panel would have data.
//
//	classic.go   tables, metrics, line charts: the aggregations of a visualization
//	tsvb.go      time series visual builder: a search for each series and annotation
//	vega.go      the urls in a Vega specification
//	control.go   the options of input controls
//	saved.go     saved searches
//	kql.go       Kibana's query language
//	answer.go    whether a server's answer has data for all that was asked
//	fields.go    the fields that a search names, and how it uses them
//
// A construct that it does not know is an error, not a gap in the test.
package searches
