package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// between is a server whose lines all came at once, between the slices that samples are chosen from.
type between struct{ searches atomic.Int64 }

func (b *between) JSON(_ context.Context, _, _ string, in, out any) error {
	b.searches.Add(1)
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if strings.Contains(string(body), "minimum_should_match") {
		return json.Unmarshal([]byte(`{}`), out)
	}
	hits := strings.Repeat(`{"_source":{"message":"no stock of item 17"}},`, sampleLines)
	return json.Unmarshal(fmt.Appendf(nil, `{"hits":{"hits":[%s]}}`, strings.TrimSuffix(hits, ",")), out)
}

// What came all at once is read, too.
func TestBurst(t *testing.T) {
	t.Parallel()
	server := &between{}
	begin := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	during := Span{begin, begin.Add(time.Hour)}
	e := &examination{
		searcher: searcher{client: server, time: "@timestamp", shape: Shape{Choices: []Choice{{Role: Message, Show: "message"}}}},
		Question: Question{During: during, Reference: during.Earlier(time.Hour)},
		found:    &Findings{},
		strata:   []*stratum{{class: Errors, during: sample{total: 3 * chosenFrom}, before: sample{total: sampleLines}}},
	}
	require.NoError(t, e.ask(t.Context(), e.samples()...))
	assert.Empty(t, e.strata[0].during.lines)
	require.NoError(t, e.readBursts(t.Context()))
	assert.Len(t, e.strata[0].during.lines, sampleLines)
	assert.Len(t, e.strata[0].before.lines, sampleLines)
	assert.Equal(t, 3, int(server.searches.Load()), "only what was not read is asked for again")
	e.shape = Shape{}
	assert.Empty(t, e.samples(), "lines without a message or a route say nothing")
	e.shape = Shape{Choices: []Choice{{Role: Route, Show: "url"}}}
	assert.NotEmpty(t, e.samples())
}
