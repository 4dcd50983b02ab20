package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSlowdownMultipliesServiceTime(t *testing.T) {
	t.Parallel()
	plain, slow := newPace(1, "", 7), newPace(1.5, "", 7)
	for range 100 {
		base := plain.duration("search", 15*time.Millisecond, 8*time.Millisecond)
		assert.GreaterOrEqual(t, base, 15*time.Millisecond)
		assert.InDelta(t, 1.5*float64(base), float64(slow.duration("search", 15*time.Millisecond, 8*time.Millisecond)), 2)
	}
}

func TestSlowdownOfOneRoute(t *testing.T) {
	t.Parallel()
	p := newPace(2, "search", 1)
	assert.Equal(t, 10*time.Millisecond, p.duration("items", 10*time.Millisecond, 0))
	assert.Equal(t, 20*time.Millisecond, p.duration("search", 10*time.Millisecond, 0))
}

func TestTailHasItsMean(t *testing.T) {
	t.Parallel()
	p := newPace(1, "", 1)
	const n = 20_000
	var sum time.Duration
	for range n {
		sum += p.duration("search", 0, time.Millisecond)
	}
	assert.InDelta(t, float64(time.Millisecond), float64(sum)/n, float64(time.Millisecond)/20)
}

func TestChance(t *testing.T) {
	t.Parallel()
	p := newPace(1, "", 1)
	hits := 0
	for range 10_000 {
		assert.False(t, p.chance(0))
		assert.True(t, p.chance(1))
		if p.chance(0.1) {
			hits++
		}
	}
	assert.InDelta(t, 1000, hits, 150)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, wait(ctx, time.Hour), context.Canceled)
	assert.NoError(t, wait(t.Context(), time.Nanosecond))
}
