package series

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch/store"
)

const (
	// maxListed is how many values are listed one by one: most series have few.
	maxListed = 64
	// slack is by how many buckets more than it must a row of counts grows.
	slack = 32
	// maxRow bounds a row, in buckets: its values are within a factor of 10^17.
	maxRow = 4096
)

// counts is how many values fell into each bucket: a list of buckets while the values are few, then a row
// of counts from the lowest bucket to the highest. Adding a value touches one place in memory, which is
// most of what it costs while a load test runs. The zero value is empty.
type counts struct {
	listed []int32
	first  int                           // the bucket of row[0]
	row    []uint32                      // nil while values are listed
	rest   *store.BufferedPaginatedStore // what is too often, or too far away, for the row; nil: nothing
}

func (c *counts) add(index int) {
	if i := index - c.first; uint(i) < uint(len(c.row)) && c.row[i] < math.MaxUint32 {
		c.row[i]++
		return
	}
	c.addMany(index, 1)
}

// addMany adds a value that came n times.
func (c *counts) addMany(index int, n float64) {
	if c.row == nil && n == 1 && len(c.listed) < maxListed {
		c.listed = append(c.listed, int32(index))
		return
	}
	if c.reach(index) {
		at := &c.row[index-c.first]
		if sum := float64(*at) + n; sum <= math.MaxUint32 {
			*at = uint32(sum)
			return
		}
	}
	if c.rest == nil {
		c.rest = store.NewBufferedPaginatedStore()
	}
	c.rest.AddWithCount(index, n)
}

// reach makes the row reach to a bucket, unless it would be too long; what was listed goes where it belongs.
func (c *counts) reach(index int) bool {
	if c.row == nil {
		listed := c.listed
		c.listed, c.first, c.row = nil, index-slack, make([]uint32, 2*slack)
		for _, known := range listed {
			c.addMany(int(known), 1)
		}
	}
	end := c.first + len(c.row)
	low, high := c.first, end
	switch {
	case index < c.first:
		low = index - slack
	case index >= end:
		high = index + slack
	default:
		return true
	}
	if high-low > maxRow {
		return false
	}
	row := make([]uint32, high-low)
	copy(row[c.first-low:], c.row)
	c.first, c.row = low, row
	return true
}

// each calls do for every bucket that has values, for some more than once, with a count that is above 0.
func (c *counts) each(do func(index int, count float64)) {
	for _, index := range c.listed {
		do(int(index), 1)
	}
	for i, count := range c.row {
		if count > 0 {
			do(c.first+i, float64(count))
		}
	}
	if c.rest != nil {
		c.rest.ForEach(func(index int, count float64) bool {
			do(index, count)
			return false
		})
	}
}
