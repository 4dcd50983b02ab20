package alerts

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/dustin/go-humanize/english"
)

// ShortHistory tells which alarms compare with more days than there are logs of, one sentence each. A day without
// logs counts as one without failures, so they would be raised by what is usual.
func ShortHistory(ctx context.Context, client Client, alarms []Alarm, now time.Time) ([]string, error) {
	var notes []string
	for _, alarm := range alarms {
		c := alarm.Condition
		if c.Kind != Unusual {
			continue
		}
		days, reach, err := daysOfLogs(ctx, client, c, now)
		if err != nil {
			return nil, err
		}
		if days < c.Days {
			notes = append(notes, fmt.Sprintf("%s compares with %d days, and %s: days without logs count as "+
				"days without failures. Until there are more, or if logs are deleted earlier: --alarm %[1]s.days=%[4]d",
				alarm.Rule.Name, c.Days, reach, max(days, 1)))
		}
	}
	return notes, nil
}

// daysOfLogs is how many whole days ago the oldest line is from, and that in words.
func daysOfLogs(ctx context.Context, client Client, c Condition, now time.Time) (days int, reach string, err error) {
	query := object{"size": 0, "aggs": object{"oldest": object{"min": object{"field": c.Time}}}}
	var answer struct {
		Aggregations struct {
			Oldest struct{ Value *float64 } // milliseconds since 1970; null without any line
		}
	}
	path := "/" + url.PathEscape(c.Index) + "/_search?ignore_unavailable=true&allow_no_indices=true"
	if err := client.JSON(ctx, http.MethodPost, path, query, &answer); err != nil {
		return 0, "", fmt.Errorf("looking how old the logs in %s are: %w", c.Index, err)
	}
	if answer.Aggregations.Oldest.Value == nil {
		return 0, "there are no logs yet", nil
	}
	oldest := time.UnixMilli(int64(*answer.Aggregations.Oldest.Value))
	if days = int(now.Sub(oldest) / (24 * time.Hour)); days < 1 {
		return 0, "the logs begin less than a day ago", nil
	}
	return days, fmt.Sprintf("the logs begin %s ago", english.Plural(days, "day", "")), nil
}
