package ingest

// group is a row of samples that k6 made at one moment about one thing: neighbours in the stream with
// equal time, tags and metadata, no metric twice. Nine samples of an HTTP request are one group.
type group struct {
	time     int64
	tags     *TagSet
	meta     *Meta
	position uint64 // of its first sample
	members  []member
	metrics  uint64  // the bits of the built-in metrics in it
	trend    *Metric // the first trend among them, nil if there is none
}

type member struct {
	metric *Metric
	value  float64
}

// accepts says whether the sample belongs to the group. Custom metrics never do.
func (g *group) accepts(s *Sample) bool {
	return len(g.members) > 0 && s.Time == g.time && s.Metric.Builtin() && g.metrics&(1<<s.Metric.builtin) == 0 &&
		g.tags.equal(s.Tags) && g.meta.equal(s.Meta)
}

// isEvent says whether the group is to be a document of its own. The duration of a script's group, which
// comes alone, is not: it folds.
func (g *group) isEvent() bool {
	return g.trend != nil && (len(g.members) > 1 || !g.trend.folds(g.meta))
}

func (g *group) start(s *Sample, position uint64) {
	*g = group{time: s.Time, tags: s.Tags, meta: s.Meta, position: position, members: g.members[:0]}
	g.add(s)
}

func (g *group) add(s *Sample) {
	g.members = append(g.members, member{s.Metric, s.Value})
	g.metrics |= 1 << s.Metric.builtin
	if g.trend == nil && s.Metric.Type == Trend {
		g.trend = s.Metric
	}
}
