package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/k6es/k6es/elastic"
)

// Pauses between attempts: doubling from the first to the longest, each shortened by up to a half at
// random so that several senders do not come back as one.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 10 * time.Second
	longestAfter = time.Minute // the longest Retry-After that is obeyed
	hurriedPause = 500 * time.Millisecond
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
// context is over. When hurry is closed there is little time left: what waits tries again at once, and
// pauses stay short. A pause that the server asks for is kept all the same.
func (r *retry) wait(ctx context.Context, hurry <-chan struct{}, err error) bool {
	pause := r.pause - rand.N(r.pause/2)
	r.pause = min(2*r.pause, longestPause)
	var answer *elastic.Error
	if errors.As(err, &answer) && answer.RetryAfter > 0 {
		pause, hurry = min(answer.RetryAfter, longestAfter), nil
	}
	select {
	case <-hurry:
		pause, hurry = min(pause, hurriedPause), nil
	default:
	}
	if !r.until.IsZero() && time.Now().Add(pause).After(r.until) {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-hurry:
	case <-timer.C:
	}
	return true
}

// maxReasons is how many different reasons of refused documents are shown.
const maxReasons = 5

// outage tells the user, once, that the server does not take documents, and once that it does again.
// It is safe for concurrent use.
type outage struct {
	log     Logger
	waiting string // where documents are meanwhile, for people
	mu      sync.Mutex
	since   time.Time // zero: there is none
	err     error     // why
	over    time.Time // when the last one was over
	told    bool      // the user knows of this one
	reasons map[string]bool
}

// calm is how long a server must have been well for the next outage to be told of: one that takes some
// documents and refuses others for lack of room would fill the screen.
const calm = 10 * time.Second

func (o *outage) begin(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
	if o.since.IsZero() {
		o.since, o.told = time.Now(), false
	}
	if !o.told && (o.over.IsZero() || time.Since(o.over) >= calm) {
		o.told = true
		what, advice := elastic.Advice(err.Error())
		text := fmt.Sprintf("%s, since %s; %s", what, o.since.Format(time.TimeOnly), o.waiting)
		if advice != "" {
			text += ". " + advice
		}
		o.log.Warnf("%s", text)
	}
}

// end says what happens now, behind for how long the server was away. It returns false if there was no
// outage.
func (o *outage) end(url string, spooled int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return false
	}
	lasted := time.Since(o.since).Round(time.Second)
	o.since, o.err, o.over = time.Time{}, nil, time.Now()
	if !o.told {
		return true
	}
	text := fmt.Sprintf("%s is back after %s", url, lasted)
	if spooled > 0 {
		text += fmt.Sprintf("; sending %s documents from the spool", humanize.Comma(spooled))
	}
	o.log.Infof("%s", text)
	return true
}

// state is since when the server does not take documents, and why; zero and nil while it does.
func (o *outage) state() (since time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, o.err
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
