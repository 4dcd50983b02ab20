package cmd

import (
	"fmt"

	"github.com/k6es/k6es/notify"
	"github.com/k6es/k6es/terminal"
)

// tellDeliveries says what became of notifications. None of it changes how a command ends.
func (env Env) tellDeliveries(deliveries []notify.Delivery, err error) {
	if err != nil {
		env.warnf("%v", err)
	}
	for _, delivery := range deliveries {
		if delivery.Err == nil {
			fmt.Fprintln(env.Err, terminal.Escape(delivery.String()))
		} else {
			env.warnf("%s", delivery)
		}
	}
}
