package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// pace decides how long work takes and what fails by chance. The same seed gives the same series.
// It is safe for concurrent use.
type pace struct {
	slowdown float64 // factor on every service time; 1 = none
	route    string  // the only route that is slowed down; "" = all

	mu     sync.Mutex
	random *rand.Rand
}

func newPace(slowdown float64, route string, seed uint64) *pace {
	random := rand.New(rand.NewPCG(seed, seed)) // #nosec G404 -- service times are no secret
	return &pace{slowdown: slowdown, route: route, random: random}
}

// duration is a fixed base and an exponential tail of the given mean, both times the slowdown.
func (p *pace) duration(route string, base, tail time.Duration) time.Duration {
	p.mu.Lock()
	d := float64(base) + float64(tail)*p.random.ExpFloat64()
	p.mu.Unlock()
	if p.route == "" || p.route == route {
		d *= p.slowdown
	}
	return time.Duration(d)
}

// chance is true for a share of calls between 0 (never) and 1 (always).
func (p *pace) chance(share float64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.Float64() < share
}

// wait returns early, with an error, when ctx is done.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
