package logs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Counts by words replace an estimate only if the sample can be of so many lines.
func TestBelieve(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		counted Count
		want    []Count // of what is told
		exact   bool
	}{
		"borne out":                    {Count{90, 0}, []Count{{90, 0}}, true},
		"as frequent before":           {Count{90, 80}, nil, false},
		"words of other messages too":  {Count{4000, 0}, []Count{{100, 0}}, false},
		"that came before, too":        {Count{90, 5000}, []Count{{100, 0}}, false},
		"words that are not found":     {Count{0, 0}, []Count{{100, 0}}, false},
		"… or only in the other span":  {Count{0, 30}, []Count{{100, 0}}, false},
		"fewer than the sample itself": {Count{5, 0}, []Count{{100, 0}}, false},
	} {
		lines := make([]Line, 1000)
		first := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		e := &examination{found: &Findings{Compared: true, More: []Difference{{
			Role: Message, Class: Errors, Value: "no stock", Count: Count{100, 0}, sampled: Count{10, 0}, Approximate: true,
			counted: &occurrences{c.counted, extent{first, first.Add(time.Second)}},
		}}}}
		e.strata = []*stratum{{class: Errors, during: sample{10_000, lines}, before: sample{10_000, lines}}}
		e.believe()
		var told []Count
		for _, d := range e.found.More {
			told = append(told, d.Count)
			assert.Equal(t, c.exact, !d.Approximate, name)
			assert.Equal(t, c.exact, d.First.Equal(first), name)
		}
		assert.Equal(t, c.want, told, name)
	}
}

func TestSampleMayBeOf(t *testing.T) {
	t.Parallel()
	assert.True(t, mayBeOf(0, 0, 0.1))
	assert.True(t, mayBeOf(0, 0, 1))
	assert.True(t, mayBeOf(7, 7, 1), "all lines were read")
	assert.False(t, mayBeOf(7, 8, 1))
	assert.False(t, mayBeOf(8, 7, 1))
	grown := sample{total: 4, lines: make([]Line, 5)}
	assert.False(t, mayBeOf(2, 4, grown.share()), "lines that came after they were counted")
	assert.True(t, mayBeOf(0, 20, 0.1))
	assert.False(t, mayBeOf(0, 200, 0.1))
}
