package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oldest answers every search with the time of the oldest line, or with an error.
type oldest struct {
	value string // as JSON
	err   error
}

func (o oldest) JSON(_ context.Context, _, path string, _, out any) error {
	if !strings.HasPrefix(path, "/filebeat-%2A/_search?") {
		return fmt.Errorf("unexpected: %s", path)
	}
	return errors.Join(o.err, json.Unmarshal([]byte(`{"aggregations":{"oldest":{"value":`+o.value+`}}}`), out))
}

// Whoever has fewer days of logs than a rule compares with is told so.
func TestShortHistory(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	made, _, err := Make(Target{Prefix: "k6", Logs: shape()}, map[string]string{"production-errors.days": "3"})
	require.NoError(t, err)
	notes := func(value string) []string {
		found, err := ShortHistory(t.Context(), oldest{value: value}, made, now)
		require.NoError(t, err)
		return found
	}
	ago := func(d time.Duration) string { return fmt.Sprintf("%d.0", now.Add(-d).UnixMilli()) }
	assert.Empty(t, notes(ago(7*24*time.Hour)))
	found := notes(ago(4 * 24 * time.Hour))
	require.Len(t, found, 1, "three days are enough for the other")
	assert.Contains(t, found[0], "production-errors-during-test compares with 7 days, and the logs begin 4 days ago: ")
	assert.Contains(t, found[0], "--alarm production-errors-during-test.days=4")
	assert.Contains(t, notes(ago(24 * time.Hour))[0], "and the logs begin 1 day ago: ")
	assert.Contains(t, notes(ago(time.Hour))[0], "and the logs begin less than a day ago: ")
	found = notes("null")
	require.Len(t, found, 2)
	assert.Contains(t, found[0], "and there are no logs yet: ")
	assert.Contains(t, found[0], ".days=1", "the least that may be set")
	_, err = ShortHistory(t.Context(), oldest{"null", errors.New("no answer")}, made, now)
	assert.ErrorContains(t, err, "looking how old the logs in filebeat-* are: no answer")
}
