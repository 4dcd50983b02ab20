package ingest

import (
	"cmp"
	"math"
	"slices"
)

// fold is what a second of one series adds up to; of a trend, a list of its values.
type fold struct {
	seriesKey
	position     uint64 // of its first sample
	lastPosition uint64 // of its last one
	time         int64  // of its first sample
	count        int64
	sum          float64 // counter
	passes       int64   // rate: values that are not 0, as k6 counts
	fails        int64
	last         float64 // gauge
	min, max     float64
	values       []float64 // trend: all of them, in the order of the stream
	pair         [2]half   // built-in counters and gauges
}

// half is what a built-in metric, or its partner, adds up to: a counter's sum, a gauge's maximum.
type half struct {
	metric *Metric // nil while no sample came
	value  float64
}

type seriesKey struct {
	metric *Metric // the first of a pair stands for both
	tags   *TagSet
}

// foldedPairs are metrics that share a document: k6 hands over a sample of each at once. Where they are
// the beginning of an event whose rest is missing, the document has the event's id, and a later reading
// that finds the rest writes it anew.
var foldedPairs = [][2]string{{"vus", "vus_max"}, {"data_sent", "data_received"}, {"browser_data_sent", "browser_data_received"}}

// second holds the open folds of one second, in the order in which they were opened.
type second struct {
	at    int64 // seconds since 1970
	folds []fold
	index map[seriesKey]int
}

// Bounds of the folder's memory, against a stream whose time runs backwards, or in which everything is
// unique. A second that is closed because of them is written in parts, which add up to the same.
const (
	maxOpenFolds  = 100_000
	maxOpenText   = 32 << 20 // bytes of tags
	maxOpenValues = 1 << 20  // of trends
	maxValues     = 1000     // of a trend in one document; those beyond make another one
	maxFree       = 4        // seconds, and
	maxFreeLists  = 256      // lists of values, that are kept for use again
)

// folder sums up samples by series and second, or lists them where they are of a trend. A second is closed by
// the stream alone: when a sample passes that is at least two seconds newer. So a file makes the same documents
// whenever it is read.
type folder struct {
	open     []*second // by time
	free     []*second
	lists    [][]float64         // free ones
	count    int                 // of open folds
	text     int                 // bytes of their tags
	values   int                 // of trends in them
	partner  map[*Metric]*Metric // from the second of a pair to the first
	newest   *second             // the second of the last sample: most samples go there
	closable int64               // a sample of this second or newer closes the oldest one
}

func newFolder(r *Registry) folder {
	f := folder{partner: map[*Metric]*Metric{}, closable: math.MaxInt64}
	for _, pair := range foldedPairs {
		first, second := r.metrics[pair[0]], r.metrics[pair[1]]
		if first.Builtin() && second.Builtin() {
			f.partner[second] = first
		}
	}
	return f
}

// add adds a sample to the fold of its series and second.
func (f *folder) add(metric *Metric, tags *TagSet, value float64, time int64, position uint64) {
	key := seriesKey{metric, tags}
	first, second := f.partner[metric]
	if second {
		key.metric = first
	}
	sec := f.second(floorSecond(time))
	i, ok := sec.index[key]
	if !ok || len(sec.folds[i].values) == maxValues {
		i = len(sec.folds)
		sec.index[key] = i
		sec.folds = append(sec.folds, fold{seriesKey: key, position: position, time: time})
		f.count++
		f.text += tags.Size()
	}
	sec.folds[i].lastPosition = position
	if metric.Type == Trend {
		f.list(&sec.folds[i], value)
		return
	}
	sec.folds[i].add(metric, value, second)
}

// list adds a value of a trend to its fold.
func (f *folder) list(o *fold, value float64) {
	if n := len(f.lists); o.values == nil && n > 0 {
		o.values, f.lists = f.lists[n-1], f.lists[:n-1]
	}
	o.count++
	o.values = append(o.values, value)
	f.values++
}

func (o *fold) add(metric *Metric, value float64, second bool) {
	o.count++
	switch {
	case metric.Builtin() && metric.Type != Rate:
		h := &o.pair[0]
		if second {
			h = &o.pair[1]
		}
		h.add(metric, value)
	case metric.Type == Counter:
		o.sum = total(o.sum, value)
	case metric.Type == Rate && value != 0:
		o.passes++
	case metric.Type == Rate:
		o.fails++
	default:
		if o.count == 1 || value < o.min {
			o.min = value
		}
		if o.count == 1 || value > o.max {
			o.max = value
		}
		o.last = value
	}
}

func (h *half) add(metric *Metric, value float64) {
	switch {
	case h.metric == nil:
		*h = half{metric, value}
	case metric.Type == Counter:
		h.value = total(h.value, value)
	default:
		h.value = max(h.value, value)
	}
}

// total is a sum that JSON has a word for, which it has not for infinity.
func total(sum, value float64) float64 {
	return max(-math.MaxFloat64, min(math.MaxFloat64, sum+value))
}

// second finds or opens the second.
func (f *folder) second(at int64) *second {
	if f.newest != nil && f.newest.at == at {
		return f.newest
	}
	i, found := slices.BinarySearchFunc(f.open, at, func(s *second, at int64) int { return cmp.Compare(s.at, at) })
	if !found {
		f.open = slices.Insert(f.open, i, f.reuse(at))
		f.closable = f.open[0].at + 2
	}
	f.newest = f.open[i]
	return f.newest
}

// reopen says that an earlier reading ended before that position, and wrote what is open as it was then.
func (f *folder) reopen(position uint64) {
	for _, s := range f.open {
		for i := range s.folds {
			s.folds[i].lastPosition = position
		}
	}
}

func (f *folder) reuse(at int64) *second {
	if n := len(f.free); n > 0 {
		s := f.free[n-1]
		f.free = f.free[:n-1]
		s.at = at
		return s
	}
	return &second{at: at, index: map[seriesKey]int{}}
}

// due returns a second that a sample at that time closes, nil if there is none (left). The caller
// writes its folds and gives it back by done.
func (f *folder) due(time int64) *second {
	if f.count < maxOpenFolds && f.text < maxOpenText && f.values < maxOpenValues && (f.closable == math.MaxInt64 || time < f.closable*nanos) {
		return nil
	}
	return f.oldest()
}

// oldest takes the oldest open second out, nil if none is open.
func (f *folder) oldest() *second {
	if len(f.open) == 0 {
		return nil
	}
	s := f.open[0]
	f.open = slices.Delete(f.open, 0, 1)
	f.newest, f.closable = nil, math.MaxInt64
	if len(f.open) > 0 {
		f.closable = f.open[0].at + 2
	}
	f.count -= len(s.folds)
	for i := range s.folds {
		f.text -= s.folds[i].tags.Size()
		f.values -= len(s.folds[i].values)
	}
	return s
}

// done takes back a second whose folds were written.
func (f *folder) done(s *second) {
	for i := range s.folds {
		if list := s.folds[i].values; list != nil && len(f.lists) < maxFreeLists {
			f.lists = append(f.lists, list[:0])
		}
	}
	if len(f.free) >= maxFree {
		return
	}
	clear(s.index)
	clear(s.folds)
	s.folds = s.folds[:0]
	f.free = append(f.free, s)
}
