package ingest

// Sample is one measurement, as k6 made it, in a form that both doors share.
type Sample struct {
	Time   int64 // nanoseconds since 1970 in UTC
	Value  float64
	Metric *Metric
	Tags   *TagSet
	Meta   *Meta // nil when the sample has none
}

// Run names what the documents of a stream belong to.
type Run struct {
	ID       string            // k6.run.id
	Name     string            // k6.run.name: for people
	Test     string            // k6.test: what the run is a run of
	Instance uint64            // k6.instance: one k6 process, or the content of one file
	Labels   map[string]string // labels that every document of the run carries; may be nil
}
