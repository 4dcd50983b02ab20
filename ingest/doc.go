// Package ingest turns the samples of a k6 run into documents and delivers them. A reader (JSONReader,
// CSVReader) or the k6 output makes samples, a Pipeline makes documents of them, and a Writer sends
// these in bulk requests.
//
// It knows neither k6 nor the command line, and decides nothing about runs: package runs does. It is
// not a stable Go API; what is stable are options, environment variables and document fields.
package ingest
