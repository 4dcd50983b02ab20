package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
)

// Logs looks at the indices of production logs.
func (p Patient) Logs(ctx context.Context, indices []string) Finding {
	const check = "logs"
	if len(indices) == 0 {
		return Finding{check, Off, "no index of production logs chosen", "set K6_ELASTICSEARCH_LOGS_INDEX, such as filebeat-*"}
	}
	names := strings.Join(indices, ",")
	var answer struct{ Count int64 }
	err := p.get(ctx, "/"+names+"/_count?ignore_unavailable=true&allow_no_indices=true", &answer)
	switch {
	case err != nil:
		return unseen(check, err)
	case answer.Count == 0:
		return Finding{check, Warning, names + " has no documents", "look with GET _cat/indices, and set K6_ELASTICSEARCH_LOGS_INDEX"}
	default:
		return Finding{check, OK, fmt.Sprintf("%s, %s documents", names, humanize.Comma(answer.Count)), ""}
	}
}
