package ingest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/k6es/k6es/elastic"
)

// Pauses between attempts: doubling from the first to the longest, each shortened by up to a half at
// random so that several senders do not come back as one.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 10 * time.Second
	longestAfter = time.Minute // the longest Retry-After that is obeyed
)

// retry counts the attempts at one block.
type retry struct {
	pause time.Duration
	until time.Time // zero: without end
}

func newRetry(patience time.Duration) *retry {
	r := &retry{pause: firstPause}
	if patience > 0 {
		r.until = time.Now().Add(patience)
	}
	return r
}

// wait pauses before the next attempt. It returns false when there shall be none: the patience or the
// context is over.
func (r *retry) wait(ctx context.Context, err error) bool {
	pause := r.pause - rand.N(r.pause/2)
	r.pause = min(2*r.pause, longestPause)
	var answer *elastic.Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		pause = min(answer.RetryAfter, longestAfter)
	}
	if !r.until.IsZero() && time.Now().Add(pause).After(r.until) {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// maxReasons is how many different reasons of refused documents are shown.
const maxReasons = 5

// outage tells the user, once, that the server does not take documents, and once that it does again.
// It is safe for concurrent use.
type outage struct {
	log     Logger
	mu      sync.Mutex
	since   time.Time
	reasons map[string]bool
}

func (o *outage) begin(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		return
	}
	o.since = time.Now()
	o.log.Warnf("%v, since %s; documents wait in memory and are sent again", err, o.since.Format(time.TimeOnly))
}

func (o *outage) over(url string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return
	}
	o.log.Infof("%s takes documents again, after %s", url, time.Since(o.since).Round(time.Second))
	o.since = time.Time{}
}

// refused shows the reasons why documents were refused: the first few, each once.
func (o *outage) refused(count int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reasons[reason] || len(o.reasons) >= maxReasons {
		return
	}
	if o.reasons == nil {
		o.reasons = map[string]bool{}
	}
	o.reasons[reason] = true
	o.log.Warnf("the server refused a document (%d in this request): %s", count, reason)
}
