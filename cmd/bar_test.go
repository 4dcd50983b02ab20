package cmd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
)

func TestBar(t *testing.T) {
	t.Parallel()
	b := &bar{name: "nightly.json.gz", total: 200}
	assert.Equal(t, "nightly.json.gz              0 %  9 docs", b.line(0, "9 docs", 40))
	assert.Equal(t, "nightly.json.gz ███         30 %  9 docs", b.line(60, "9 docs", 40))
	assert.Equal(t, "nightly.json.gz █████▌      55 %  9 docs", b.line(110, "9 docs", 40))
	full := b.line(200, "9 docs", 40)
	assert.Equal(t, "nightly.json.gz ██████████ 100 %  9 docs", full)
	assert.Equal(t, full, b.line(500, "9 docs", 40), "more than there was to be")
	unknown := &bar{name: b.name}
	assert.Equal(t, "nightly.json.gz  9 docs", unknown.line(60, "9 docs", 40), "nobody knows how much there is")
	for columns := range 80 {
		assert.LessOrEqual(t, text.StringWidth(b.line(60, "9 docs", columns)), columns)
		assert.LessOrEqual(t, text.StringWidth(unknown.line(60, "9 docs", columns)), columns)
	}
}

// A message stands in a line of its own, and the bar below it; at the end the bar is gone.
func TestMessagesStandAboveTheBar(t *testing.T) {
	t.Parallel()
	var screen bytes.Buffer
	env := Env{Err: &aboveBar{w: &screen}}
	b := env.newBar("a name that is much too long to stand before a bar", 10)
	b.width = func() int { return 50 }
	b.draw(1, "1 doc")
	env.warnf("look")
	b.draw(10, "10 docs")
	b.wipe()
	assert.Equal(t, []string{
		"", "a name that is mu… █▌                 10 %  1 doc",
		"warning: look\n",
		"a name that is mu… ███████████████ 100 %  10 docs", "",
	}, strings.Split(screen.String(), wipe))
}
