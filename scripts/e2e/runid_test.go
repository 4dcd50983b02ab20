package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/k6es/k6es/scripts/servers/servertest"
)

// TestRunIDOfARunThatHasEnded starts a second test under the run id of the first.
func TestRunIDOfARunThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newStore(t, servertest.URL(t, servertest.FirstClass))
	tiny := func(flags ...string) command {
		return k6Run(t, "../k6/tiny.js", append([]string{"--quiet"}, flags...)...)
	}

	tiny(s.out("run-id=812")).run(t, 0)
	refused := tiny(s.out("run-id=812")).run(t, 104)
	assert.Contains(t, refused.stderr, `run id \"812\" already belongs to another source (test \"tiny\"`)
	assert.Contains(t, refused.stderr, "append")
	tiny(s.out("run-id=812", "append=true")).run(t, 0)
	d := s.run(t, "812")
	assert.Len(t, d.K6.Run.Instances, 2)
	assert.InDelta(t, 2, d.K6.Summary.Requests, 0)

	tiny(s.out(), "--tag", "testid=nightly").run(t, 0)
	second := tiny(s.out(), "--tag", "testid=nightly").run(t, 0)
	assert.Contains(t, second.stderr, `run id \"nightly\" (tag testid) already belongs to another run; this run is \"nightly-`)
	assert.InDelta(t, 1, s.run(t, "nightly").K6.Summary.Requests, 0)
}
