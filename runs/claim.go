package runs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/ingest"
)

// Origin says where a run's id came from, which decides what happens when the id is taken.
type Origin uint8

// The origins.
const (
	FromOption  Origin = iota // somebody chose it: a clash is an error
	FromTag                   // the tag testid, which may be the same in every run: a clash makes a new id
	FromContent               // the file's fingerprint: there is no clash
)

// Client is what this package needs of *elastic.Client.
type Client interface {
	JSON(ctx context.Context, method, path string, in, out any) error
}

// Claim is a file's wish to be a run.
type Claim struct {
	Run    ingest.Run // Name and Test may be empty: then those of an earlier upload hold
	Origin Origin
	Append bool // a run id that another source has is meant: both are one run, under its names
}

// Claimed is what a claim came to.
type Claimed struct {
	Run ingest.Run
	// Taken is the run id that another source had already, when a new one was made; else empty.
	Taken string
}

// TakenError is a run id that another source has already.
type TakenError struct{ RunID, Test, Name string }

// Error says so, and the ways out.
func (e *TakenError) Error() string {
	return fmt.Sprintf("run id %q already belongs to another source (test %q, run %q). Choose another run id, leave it out, "+
		"or say append (--append, K6_ELASTICSEARCH_APPEND=true) to make both one run on purpose", e.RunID, e.Test, e.Name)
}

// RenamedError is a file that is there already under another test, name or label.
type RenamedError struct {
	RunID, What, Was, Wanted string
}

// Error says so, and how to delete what is there.
func (e *RenamedError) Error() string {
	return fmt.Sprintf("this file is already there as run %s with %s %q, not %q. To load it anew, delete it first: `k6es runs delete %s`",
		e.RunID, e.What, e.Was, e.Wanted, e.RunID)
}

// ShorterError is a file that begins like one that is there already, and ends earlier.
type ShorterError struct {
	RunID    string
	Has, Was string // how much
}

// Error says so, and the ways out.
func (e *ShorterError) Error() string {
	return fmt.Sprintf("run %s begins like this file and is there already, with more: %s, and this file has %s. Nothing was written: "+
		"a shorter copy has nothing to add. If it is another file, `--run-id NEW` makes it a run of its own", e.RunID, e.Was, e.Has)
}

// OtherError is a file that begins like one that is there already, and goes on otherwise.
type OtherError struct{ RunID string }

// Error says so, and the ways out.
func (e *OtherError) Error() string {
	return fmt.Sprintf("run %[1]s begins like this file and is there already, but this file goes on otherwise. Nothing was written: "+
		"`--run-id NEW` makes it a run of its own, and `k6es runs delete %[1]s` makes room for it", e.RunID)
}

// Claimer looks up what the server has.
type Claimer struct {
	Client Client
	Prefix string // index prefix
}

func (c Claimer) index() string { return c.Prefix + "-metrics-*" }

// Claim finds out whether the run id is free, ours already, or another source's. The errors are
// *TakenError, *RenamedError, or what kept the server from answering; a user who may not read is
// believed.
func (c Claimer) Claim(ctx context.Context, claim Claim) (Claimed, error) {
	c.refresh(ctx)
	run := claim.Run
	found, err := c.find(ctx, run.ID)
	if err != nil {
		return Claimed{}, err
	}
	if mine, ok := found[run.Instance]; ok {
		return c.adopt(run, mine)
	}
	if len(found) == 0 {
		return Claimed{Run: run}, nil
	}
	other := found[slices.Sorted(maps.Keys(found))[0]].K6
	if claim.Append {
		run.Test, run.Name = cmp.Or(run.Test, other.Test), cmp.Or(run.Name, other.Run.Name)
		return Claimed{Run: run}, nil
	}
	if claim.Origin != FromTag {
		return Claimed{}, &TakenError{run.ID, other.Test, other.Run.Name}
	}
	taken := run.ID
	run.ID = fmt.Sprintf("%s-%08x", taken, run.Instance>>32)
	if found, err = c.find(ctx, run.ID); err != nil {
		return Claimed{}, err
	}
	if mine, ok := found[run.Instance]; ok {
		claimed, err := c.adopt(run, mine)
		claimed.Taken = taken
		return claimed, err
	}
	return Claimed{Run: run, Taken: taken}, nil
}

// refresh makes an upload of a moment ago visible. Not everybody may; then it is visible seconds later.
func (c Claimer) refresh(ctx context.Context) {
	_ = c.Client.JSON(ctx, http.MethodPost, "/"+url.PathEscape(c.index())+"/_refresh?ignore_unavailable=true&allow_no_indices=true", nil, nil)
}

// trace is what one document tells of the source it came from.
type trace struct {
	K6 struct {
		Test     string `json:"test"`
		Instance string `json:"instance"`
		Run      struct {
			Name string `json:"name"`
		} `json:"run"`
		Tags []string `json:"tags"`
	} `json:"k6"`
	Labels map[string]string `json:"labels"`
}

// has says whether the document carries the label. One that found no room among the labels is in
// k6.tags.
func (t trace) has(label ingest.Tag) bool {
	value, ok := t.Labels[labelKey(label.Key)]
	return ok && value == label.Value || slices.Contains(t.K6.Tags, label.Key+"="+label.Value) ||
		slices.Contains(t.K6.Tags, labelKey(label.Key)+"="+label.Value)
}

// labelKey is the key under which documents have a label.
func labelKey(key string) string { return strings.ReplaceAll(key, ".", "_") }

// maxInstances is how many sources of one run are looked at.
const maxInstances = 100

// find returns one document of each source of the run.
func (c Claimer) find(ctx context.Context, runID string) (map[uint64]trace, error) {
	query := map[string]any{
		"size":    maxInstances,
		"_source": []string{"k6.test", "k6.run.name", "k6.instance", "k6.tags", "labels"},
		"query":   map[string]any{"term": map[string]any{"k6.run.id": runID}},
		"collapse": map[string]any{
			"field": "k6.instance",
		},
	}
	var answer struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	err := c.Client.JSON(ctx, http.MethodPost, "/"+url.PathEscape(c.index())+"/_search?ignore_unavailable=true&allow_no_indices=true", query, &answer)
	if elastic.IsStatus(err, http.StatusForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking whether run %s is there: %w", runID, err)
	}
	found := map[uint64]trace{}
	for _, hit := range answer.Hits.Hits {
		var t trace
		if err := json.Unmarshal(hit.Source, &t); err != nil {
			return nil, fmt.Errorf("reading a document of run %s: %w", runID, err)
		}
		instance, err := strconv.ParseUint(t.K6.Instance, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("a document of run %s has no k6.instance: %w", runID, err)
		}
		found[instance] = t
	}
	return found, nil
}

// adopt takes over the names under which the file is there, and refuses others.
func (c Claimer) adopt(run ingest.Run, was trace) (Claimed, error) {
	renamed := func(what, was, wanted string) (Claimed, error) {
		return Claimed{}, &RenamedError{run.ID, what, was, wanted}
	}
	if run.Test != "" && run.Test != was.K6.Test {
		return renamed("test", was.K6.Test, run.Test)
	}
	if run.Name != "" && run.Name != was.K6.Run.Name {
		return renamed("name", was.K6.Run.Name, run.Name)
	}
	for _, label := range ingest.TagsFromMap(run.Labels) {
		if !was.has(label) {
			return renamed("label "+label.Key, was.Labels[labelKey(label.Key)], label.Value)
		}
	}
	run.Test, run.Name = was.K6.Test, was.K6.Run.Name
	return Claimed{Run: run}, nil
}
