package notify

import (
	"encoding/json"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

// payload is a notice for programs. Its shape is stable: members are added, and none is renamed or removed.
type payload struct {
	Kind       string           `json:"kind"` // run or comparison
	Text       string           `json:"text"` // in a line, for people
	Test       string           `json:"test"`
	Status     runs.Status      `json:"status"`            // of the run, or of the contender
	Verdict    compare.Verdict  `json:"verdict,omitempty"` // of the comparison; absent without one
	Links      payloadLinks     `json:"links"`
	Worst      *payloadRequest  `json:"worst_request,omitempty"`
	Run        *runs.Document   `json:"run,omitempty"`        // as in <prefix>-runs
	Comparison *runs.Comparison `json:"comparison,omitempty"` // as `k6es compare --format json`
}

type payloadLinks struct {
	Dashboard string `json:"dashboard,omitempty"`
	Pipeline  string `json:"pipeline,omitempty"`
}

type payloadRequest struct {
	Name   string   `json:"name"`
	P95    *float64 `json:"p95,omitempty"`         // ms
	Failed *float64 `json:"failed_rate,omitempty"` // 0 to 1
}

func jsonBody(n *Notice) ([]byte, error) {
	run := n.subject()
	p := payload{
		Kind: "run", Text: n.title().plainText(), Test: run.Test, Status: run.Status,
		Links: payloadLinks{n.Dashboard, run.PipelineURL}, Worst: n.worstRequest(), Comparison: n.comparison(),
	}
	if n.Run == nil {
		p.Kind = "comparison"
	} else {
		document := *n.Run
		document.K6.Run.Parts = nil // for merging only
		p.Run = &document
	}
	if n.Comparison != nil {
		p.Verdict = n.Comparison.Report.Verdict
	}
	return json.Marshal(p)
}

func (n *Notice) worstRequest() *payloadRequest {
	worst := n.worst()
	if worst == nil {
		return nil
	}
	p := &payloadRequest{Name: worst.name}
	if value, ok := measured(n.Numbers, p95Of(worst.name)); ok {
		p.P95 = &value
	}
	if value, ok := measured(n.Numbers, failuresOf(worst.name)); ok {
		p.Failed = &value
	}
	return p
}

// mostRows bounds how large a notice gets, of each kind of values; a run may have thousands.
const mostRows = 200

// comparison is the comparison with the values that somebody wants to know of: those of the whole run, and of the
// others those in which something may have changed.
func (n *Notice) comparison() *runs.Comparison {
	if n.Comparison == nil {
		return nil
	}
	short := *n.Comparison
	short.Report.Rows, short.Report.NotJudged = nil, nil
	room := map[bool]int{true: mostRows, false: mostRows} // the worst come first, of whatever scope
	for _, row := range n.Comparison.Report.Rows {
		whole := row.Key.Scope == compare.WholeRun
		if room[whole] > 0 && (whole || row.Verdict != compare.Same) {
			short.Report.Rows = append(short.Report.Rows, row)
			room[whole]--
		}
	}
	for _, unjudged := range n.Comparison.Report.NotJudged {
		if len(short.Report.NotJudged) < mostRows && unjudged.Key.Scope == compare.WholeRun {
			short.Report.NotJudged = append(short.Report.NotJudged, unjudged)
		}
	}
	return &short
}
