package doctor

import (
	"context"
	"fmt"
	"time"
)

const (
	// clockAttempts: of several answers, the fastest one tells the time best.
	clockAttempts = 3
	// clockMatters is a difference that one would see on a dashboard.
	clockMatters = time.Second
)

// clock compares this machine's time with that of the node which is furthest from it.
func (p Patient) clock(ctx context.Context) Finding {
	const check = "clock"
	var ahead, within time.Duration
	for attempt := range clockAttempts {
		var answer struct {
			Nodes map[string]struct {
				Timestamp int64 `json:"timestamp"`
			} `json:"nodes"`
		}
		asked := p.Now()
		err := p.get(ctx, "/_nodes/stats/os?filter_path=nodes.*.timestamp", &answer)
		took := p.Now().Sub(asked)
		if err != nil {
			return unseen(check, err)
		}
		if len(answer.Nodes) == 0 {
			return Finding{check, Off, "the server does not tell the time", ""}
		}
		if attempt > 0 && took/2 >= within {
			continue
		}
		ahead, within = 0, took/2
		for _, node := range answer.Nodes {
			if difference := asked.Add(took / 2).Sub(time.UnixMilli(node.Timestamp)); difference.Abs() > ahead.Abs() {
				ahead = difference
			}
		}
	}
	return clockFinding(check, ahead, within)
}

// clockFinding judges by how much this machine is ahead, a figure that is right within some time.
func clockFinding(check string, ahead, within time.Duration) Finding {
	if ahead.Abs() <= clockMatters+within {
		return Finding{check, OK, "this machine and the server agree", ""}
	}
	where, effect := "ahead of", "dashboards \"last 15 minutes\" miss the newest samples"
	if ahead < 0 {
		where, effect = "behind", "samples stand earlier than the server's logs of the same moment"
	}
	return Finding{
		check, Warning, fmt.Sprintf("this machine is %s %s the server: %s", inWords(ahead.Abs()), where, effect),
		"let NTP set both clocks",
	}
}

func inWords(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
