package k6output

import (
	"context"
	"time"
)

// leastNotify is how long notifications may take, with the search for a baseline, where the option stop-timeout
// leaves them less.
const leastNotify = 8 * time.Second

// notify tells of the run's end, until the moment given or for leastNotify, and says what became of it.
func (o *Output) notify(until time.Time) {
	if o.ended == nil {
		return
	}
	if least := time.Now().Add(leastNotify); until.Before(least) {
		until = least
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	deliveries, err := o.notifier.Run(ctx, o.store, o.ended, o.dashboard)
	if err != nil {
		o.log.Warnf("nobody was notified: %v", err)
	}
	for _, delivery := range deliveries {
		if delivery.Err == nil {
			o.log.Info(delivery)
		} else {
			o.log.Warn(delivery)
		}
	}
}
