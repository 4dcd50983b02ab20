package series

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	enc "github.com/DataDog/sketches-go/ddsketch/encoding"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// accuracy is the relative error of percentiles, at most.
const accuracy = 0.005

// bucketing maps values to buckets, the same for all sketches, so that they can be merged.
var bucketing = func() mapping.IndexMapping {
	m, _ := mapping.NewCubicallyInterpolatedMapping(accuracy) // refuses only what is not between 0 and 1
	return m
}()

// Sketch is a mergeable summary of values, from which percentiles come within half a percent
// (DDSketch: Masson, Rim, Lee, VLDB 2019). The zero value is empty. It is not safe for concurrent use.
type Sketch struct {
	dd *ddsketch.DDSketch // nil while empty
}

func newDDSketch() *ddsketch.DDSketch {
	return ddsketch.NewDDSketch(bucketing, store.NewBufferedPaginatedStore(), store.NewBufferedPaginatedStore())
}

// Count is how many values the sketch holds.
func (s *Sketch) Count() int64 {
	if s.dd == nil {
		return 0
	}
	return int64(s.dd.GetCount())
}

// Merge adds what another sketch holds.
func (s *Sketch) Merge(other *Sketch) error {
	if other.dd == nil {
		return nil
	}
	if s.dd == nil {
		s.dd = newDDSketch()
	}
	return s.dd.MergeWith(other.dd)
}

// Quantile is the nearest-rank percentile for p from 0 to 1: the value of rank ⌈p·n⌉. ok is false for
// an empty sketch.
func (s *Sketch) Quantile(p float64) (value float64, ok bool) {
	n := s.Count()
	if n == 0 {
		return 0, false
	}
	rank := min(max(math.Ceil(p*float64(n)-1e-9), 1), float64(n)) - 1
	negative, positive := s.dd.GetNegativeValueStore(), s.dd.GetPositiveValueStore()
	below := negative.TotalCount()
	switch {
	case rank < below:
		return -bucketing.Value(negative.KeyAtRank(below - 1 - rank)), true
	case rank < below+s.dd.GetZeroCount():
		return 0, true
	default:
		return bucketing.Value(positive.KeyAtRank(rank - below - s.dd.GetZeroCount())), true
	}
}

// MarshalBinary encodes the sketch in sketches-go's own format, without the mapping; an empty one is
// no bytes.
func (s *Sketch) MarshalBinary() ([]byte, error) {
	if s.dd == nil {
		return nil, nil
	}
	var encoded []byte
	s.dd.Encode(&encoded, true)
	return encoded, nil
}

// UnmarshalBinary decodes what MarshalBinary made.
func (s *Sketch) UnmarshalBinary(encoded []byte) error {
	s.dd = nil
	if len(encoded) == 0 {
		return nil
	}
	var stores []*checkedStore
	read, err := ddsketch.DecodeDDSketch(encoded, func() store.Store {
		stores = append(stores, newCheckedStore())
		return stores[len(stores)-1]
	}, bucketing)
	for _, checked := range stores { // the library forgets what they say
		err = errors.Join(err, checked.err)
	}
	if err == nil && !plausible(read.GetZeroCount()) {
		err = errCount
	}
	if err != nil {
		return fmt.Errorf("decoding a sketch: %w", err)
	}
	dd := ddsketch.NewDDSketch(bucketing, stores[0].BufferedPaginatedStore, stores[1].BufferedPaginatedStore)
	if zeros := read.GetZeroCount(); zeros > 0 {
		err = dd.AddWithCount(0, zeros)
	}
	s.dd = dd
	return err
}

var (
	errCount  = errors.New("a count makes no sense")
	errBucket = errors.New("there is no such bucket")
)

// plausible says whether that can be how many values there are.
func plausible(count float64) bool { return count >= 0 && count < 1<<53 }

// The buckets of the largest and the smallest values: what lies beyond would take any amount of memory.
var firstBucket, lastBucket = bucketing.Index(bucketing.MinIndexableValue()), bucketing.Index(bucketing.MaxIndexableValue())

// checkedStore takes only what can come from values.
type checkedStore struct {
	*store.BufferedPaginatedStore
	err error // of the first thing that it did not take
}

func newCheckedStore() *checkedStore {
	return &checkedStore{BufferedPaginatedStore: store.NewBufferedPaginatedStore()}
}

// Add implements store.Store.
func (c *checkedStore) Add(index int) { c.AddWithCount(index, 1) }

// AddWithCount implements store.Store.
func (c *checkedStore) AddWithCount(index int, count float64) {
	switch {
	case c.err != nil:
	case index < firstBucket || index > lastBucket:
		c.err = errBucket
	case !plausible(count):
		c.err = errCount
	default:
		c.BufferedPaginatedStore.AddWithCount(index, count)
	}
}

// DecodeAndMergeWith implements store.Store.
func (c *checkedStore) DecodeAndMergeWith(encoded *[]byte, mode enc.SubFlag) error {
	err := store.DecodeAndMergeWith(c, encoded, mode)
	if c.err == nil {
		c.err = err
	}
	return err
}

// MarshalJSON encodes the sketch as base64 text.
func (s Sketch) MarshalJSON() ([]byte, error) {
	encoded, err := s.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(encoded)
}

// UnmarshalJSON decodes what MarshalJSON made.
func (s *Sketch) UnmarshalJSON(text []byte) error {
	var encoded []byte
	if err := json.Unmarshal(text, &encoded); err != nil {
		return fmt.Errorf("decoding a sketch: %w", err)
	}
	return s.UnmarshalBinary(encoded)
}

// bins are a sketch while it is filled: without what DDSketch computes anew for each value and key.
type bins struct {
	zeros    float64
	positive *counts // nil until there is a value, as most sections of most series have none
	negative *counts
}

func (b *bins) add(p point) {
	switch {
	case p.sign > 0:
		if b.positive == nil {
			b.positive = &counts{}
		}
		b.positive.add(p.index)
	case p.sign < 0:
		if b.negative == nil {
			b.negative = &counts{}
		}
		b.negative.add(p.index)
	default:
		b.zeros++
	}
}

// merge takes over what another one holds, which is of no use then.
func (b *bins) merge(other *bins) {
	b.zeros += other.zeros
	b.positive = mergeCounts(b.positive, other.positive)
	b.negative = mergeCounts(b.negative, other.negative)
}

func mergeCounts(a, b *counts) *counts {
	if a == nil {
		return b
	}
	if b != nil {
		b.each(a.addMany)
	}
	return a
}

// into adds the bins to a sketch; the bins stay as they are.
func (b *bins) into(s *Sketch) error {
	if b.zeros == 0 && b.positive == nil && b.negative == nil {
		return nil
	}
	if s.dd == nil {
		s.dd = newDDSketch()
	}
	if b.positive != nil {
		b.positive.each(s.dd.GetPositiveValueStore().AddWithCount)
	}
	if b.negative != nil {
		b.negative.each(s.dd.GetNegativeValueStore().AddWithCount)
	}
	if b.zeros == 0 {
		return nil
	}
	return s.dd.AddWithCount(0, b.zeros)
}

// point is a value as bins take it.
type point struct {
	index int
	sign  int8
}

func pointOf(value float64) point {
	abs := math.Abs(value)
	switch {
	case abs < bucketing.MinIndexableValue():
		return point{}
	case value > 0:
		return point{bucketing.Index(min(abs, bucketing.MaxIndexableValue())), 1}
	default:
		return point{bucketing.Index(min(abs, bucketing.MaxIndexableValue())), -1}
	}
}
