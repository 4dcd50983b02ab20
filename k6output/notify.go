package k6output

import (
	"context"
	"time"
)

// leastNotify is how long notifications may take, with the search for a baseline, where the option stop-timeout
// leaves them less, and how long after it they end at the latest.
const leastNotify = 8 * time.Second

// notifyTime is how long notifications may take; left is what there is left of the option stop-timeout, below 0 if
// it is over.
func notifyTime(left time.Duration) time.Duration {
	return min(max(left, leastNotify), left+leastNotify)
}

// notify tells of the run's end, in the time that is left of the option stop-timeout, or a little longer, and says
// what became of it.
func (o *Output) notify(left time.Duration) {
	if o.ended == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), notifyTime(left))
	defer cancel()
	deliveries, err := o.notifier.Run(ctx, o.store, o.ended, o.dashboard)
	if err != nil {
		o.log.Warn(err)
	}
	for _, delivery := range deliveries {
		if delivery.Err == nil {
			o.log.Info(delivery)
		} else {
			o.log.Warn(delivery)
		}
	}
}
