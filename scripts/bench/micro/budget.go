package main

// budget is what a benchmark may cost.
type budget struct {
	bench string // package and name, without "Benchmark"
	unit  string
	most  float64
	// of is the benchmark that most is a multiple of. Empty: most is absolute, for a time on the machine of
	// the committed results.
	of  string
	why string // for people; may be empty
}

// budgets are those of `go run ./scripts/bench/micro`.
var budgets = []budget{
	{bench: "ingest.ReadJSON", unit: "ns/op", most: 1.0 / 20, of: "ingest.ReadJSONPlainly", why: "20 times as fast as encoding/json"},
	{bench: "ingest.ReadJSONSlow", unit: "ns/op", most: 1.0 / 4, of: "ingest.ReadJSONPlainly", why: "4 times as fast as encoding/json"},
	{bench: "ingest.ReadCSV", unit: "ns/op", most: 0.15, of: "ingest.ReadJSONPlainly", why: "each of its samples, 4 times as fast as encoding/json one of JSON"},
	{bench: "ingest.ReadGzip", unit: "ns/op", most: 1 / 0.85, of: "ingest.Gunzip", why: "85 % of the speed of bare decompression"},
	{bench: "ingest.Pipeline", unit: "ns/request", most: 2000},
	{bench: "ingest.Compress/gzip-1", unit: "ns/request", most: 1200},
	{bench: "ingest.Compress/gzip-1", unit: "wire-B/request", most: 60},
	{bench: "ingest.Compress/gzip-1", unit: "allocs/op", most: 0},
	{bench: "ingest.ParseBulk/created", unit: "allocs/op", most: 0},
	{bench: "ingest.ParseBulk/existing", unit: "ns/document", most: 1500},
	{bench: "ingest/spool.Append", unit: "ns/op", most: 1e6},
	{bench: "ingest/spool.Next", unit: "ns/op", most: 1e6},
	{bench: "runs/series.Add", unit: "ns/request", most: 1200},
	{bench: "runs/series.Add", unit: "allocs/op", most: 100, why: "of 24,000 samples: pages of sketches"},
	{bench: "k6output.AddMetricSamples", unit: "ns/op", most: 1000},
	{bench: "k6output.Worker", unit: "ns/request", most: 3000},
}
