package compare

import "time"

// loads fills in what the latencies of both sides were measured under.
func (c *comparison) loads() {
	c.report.ContenderLoad = c.contender.load()
	for i := range c.baseline {
		c.report.BaselineRuns = append(c.report.BaselineRuns, c.baseline[i].ID)
	}
	if len(c.baseline) > 0 {
		c.report.BaselineLoad = meanLoad(c.baseline)
	}
}

func (r *Run) load() Load {
	load := Load{Dropped: r.counted(Key{Metric: dropped}), Duration: r.Duration}
	if seconds := r.Duration.Seconds(); seconds > 0 {
		load.Requests = r.counted(Key{Metric: requests}) / seconds
		load.Iterations = r.counted(Key{Metric: iterations}) / seconds
	}
	if e, none := ofRate(r.Rates[Key{Metric: failed}]); none == "" {
		load.Failed = e.value
	}
	return load
}

func meanLoad(runs []Run) Load {
	over := func(value func(Load) float64) float64 {
		return mean(runs, func(r Run) float64 { return value(r.load()) })
	}
	return Load{
		Requests:   over(func(l Load) float64 { return l.Requests }),
		Iterations: over(func(l Load) float64 { return l.Iterations }),
		Failed:     over(func(l Load) float64 { return l.Failed }),
		Dropped:    over(func(l Load) float64 { return l.Dropped }),
		Duration:   time.Duration(over(func(l Load) float64 { return float64(l.Duration) })),
	}
}

// counted is a counter's sum, 0 if it has none.
func (r *Run) counted(key Key) float64 {
	if n := r.Counters[key]; countable(n) {
		return n
	}
	return 0
}
