// Package doctor looks at a server with the eyes of somebody who wants to write k6's samples there: what
// would be in the way, and what to do about it. It only looks: it changes nothing on the server.
//
// It is not a stable Go API; what is stable is the JSON of `k6es doctor --output json`.
package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
)

// Mark says how a check came out.
type Mark string

// The marks, from good to bad.
const (
	OK      Mark = "ok"
	Off     Mark = "off"     // not in use, or not to be seen by this user; nothing is wrong with that
	Warning Mark = "warning" // works, but not as well as it could
	Wrong   Mark = "wrong"   // does not work
)

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"` // what was looked at, in a word or two
	Mark  Mark   `json:"mark"`
	Text  string `json:"text"`          // what was found
	Fix   string `json:"fix,omitempty"` // what to do; empty: nothing
}

// Of is the finding for an error: what to do about it is what the error says of that, else the fix.
func Of(check string, err error, fix string) Finding {
	what, advice := elastic.Advice(err.Error())
	if advice == "" {
		advice = fix
	}
	return Finding{check, Wrong, what, advice}
}

// Patient is the server that is looked at.
type Patient struct {
	Client *elastic.Client
	// Stranger is the same server for somebody who does not log in.
	Stranger *elastic.Client
	Server   elastic.Server
	Mappings mappings.Options
	Now      func() time.Time
}

// Examine makes all checks of a server that answers, in the order in which one would read them.
func (p Patient) Examine(ctx context.Context) []Finding {
	health := p.health(ctx)
	settings := p.settings(ctx)
	return []Finding{
		health.finding(p),
		p.credentials(ctx),
		p.templates(ctx),
		p.indices(ctx),
		p.retention(ctx),
		p.clock(ctx),
		p.blocks(ctx, settings),
		p.disk(ctx, settings),
		p.newIndices(health, settings),
	}
}

// get asks the server for something.
func (p Patient) get(ctx context.Context, path string, out any) error {
	return p.Client.JSON(ctx, http.MethodGet, path, nil, out)
}

// unseen is the finding where the server did not say: users need not have the right to everything.
func unseen(check string, err error) Finding {
	if shut(err) {
		return Finding{check, Off, "not shown to this user", ""}
	}
	return Finding{check, Warning, "could not be looked at: " + err.Error(), ""}
}

func (p Patient) templates(ctx context.Context) Finding {
	const check, fix = "templates", "k6es setup"
	findings, err := mappings.Check(ctx, p.Client, p.Mappings)
	if err != nil {
		return unseen(check, err)
	}
	var wrong []mappings.Finding
	for _, finding := range findings {
		if !finding.OK() {
			wrong = append(wrong, finding)
		}
	}
	switch {
	case len(wrong) == 0:
		return Finding{check, OK, fmt.Sprintf("%d current (version %d)", len(findings), mappings.SchemaVersion), ""}
	case wrong[0].State == mappings.Altered || wrong[0].State == mappings.Foreign:
		mark := Warning
		if wrong[0].State == mappings.Foreign {
			mark = Wrong
		}
		return Finding{check, mark, wrong[0].String() + more(len(wrong)-1), fix + " --force"}
	default:
		return Finding{check, Wrong, wrong[0].String() + more(len(wrong)-1), fix}
	}
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}

func (p Patient) retention(ctx context.Context) Finding {
	const check = "retention"
	finding, err := mappings.CheckRetention(ctx, p.Client, p.Mappings, nil)
	switch {
	case err != nil:
		return unseen(check, err)
	case finding.Engine == mappings.NoEngine:
		return Finding{check, Off, finding.String(), "k6es runs prune --older-than 90d, by cron"}
	case finding.State == mappings.Missing:
		return Finding{check, Off, finding.String(), "k6es setup --retention 90d"}
	case !finding.OK():
		return Finding{check, Wrong, finding.String(), "k6es setup --retention 90d"}
	default:
		return Finding{check, OK, finding.String(), ""}
	}
}
