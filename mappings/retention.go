package mappings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/k6es/k6es/elastic"
)

// FindEngine asks the server what it has for deleting old indices by itself; NoEngine if there is
// nothing. Who may not ask gets an *elastic.Error.
func FindEngine(ctx context.Context, client Client, prefix string) (Engine, error) {
	for _, probe := range []struct {
		engine Engine
		path   string
	}{
		{ILM, ILM.root() + "/status"},
		{ISM, ISM.policyPath(PolicyName(prefix))},
		{OpenDistroISM, OpenDistroISM.policyPath(PolicyName(prefix))},
	} {
		err := client.JSON(ctx, http.MethodGet, probe.path, nil, nil)
		switch {
		case err == nil, probe.engine != ILM && elastic.IsStatus(err, http.StatusNotFound): // there is no such policy yet
			return probe.engine, nil
		case !elastic.IsUnknown(err):
			return NoEngine, fmt.Errorf("looking for %s: %w", probe.engine, err)
		}
	}
	return NoEngine, nil
}

// RetentionFinding is what the server has for deleting old samples.
type RetentionFinding struct {
	Engine Engine
	Policy string // name
	// State is Missing, Current, Older for a policy with another age than the one that is asked for,
	// Altered for one that does more than to delete, Foreign where the template names another policy, or
	// Unlinked where it names none, or ours although that is not there.
	State State
	// Age is how old an index becomes, such as "61d"; empty when that cannot be told.
	Age string

	template Finding
	version  seqNo // of an ISM policy
	wanted   string
}

type seqNo struct {
	Number int64 `json:"_seq_no"`
	Term   int64 `json:"_primary_term"`
}

// OK tells whether there is nothing to do. Where none is asked for, any policy is well, and so is none.
func (f RetentionFinding) OK() bool {
	return f.State == Current || f.wanted == "" && f.State != Unlinked
}

// String says it in one line.
func (f RetentionFinding) String() string {
	switch {
	case f.Engine == NoEngine:
		return "the server has neither ILM nor ISM"
	case f.State == Missing:
		return f.Policy + ": no policy, samples stay until they are pruned"
	case f.State == Altered:
		return fmt.Sprintf("%s: altered by hand, it does more than to delete (%s)", f.Policy, f.Engine)
	case f.State == Foreign:
		return fmt.Sprintf("%s: the template names another policy, %s (%s)", f.Policy, f.template.lifecycle, f.Engine)
	case f.State == Unlinked && f.Age == "":
		return f.Policy + ": the template names this policy, which is not there"
	case f.State == Unlinked:
		return f.Policy + ": the template does not name this policy, so new indices are not deleted"
	case f.State == Older:
		return fmt.Sprintf("%s: an index is deleted %s after it was made, not %s (%s)", f.Policy, inDays(f.Age), inDays(f.wanted), f.Engine)
	default:
		return fmt.Sprintf("%s: an index of samples is deleted %s after it was made (%s)", f.Policy, inDays(f.Age), f.Engine)
	}
}

// CheckRetention looks at the retention policy and changes nothing. A nil retention means any.
func CheckRetention(ctx context.Context, client Client, opts Options, want *Retention) (RetentionFinding, error) {
	finding := RetentionFinding{Policy: PolicyName(opts.Prefix), State: Missing}
	if want != nil {
		finding.wanted = want.age()
	}
	var err error
	if finding.Engine, err = FindEngine(ctx, client, opts.Prefix); err != nil || finding.Engine == NoEngine {
		return finding, err
	}
	if finding.template, err = samples().check(ctx, client, Options{Prefix: opts.Prefix}); err != nil {
		return finding, err
	}
	age, installed, ok, err := finding.read(ctx, client)
	if err != nil {
		return finding, fmt.Errorf("read the policy %s: %w", finding.Policy, err)
	}
	finding.Age = age
	switch linked := finding.template.lifecycle; {
	case finding.Engine == ILM && linked != "" && linked != finding.Policy:
		finding.State, finding.Age = Foreign, ""
	case !installed && linked == finding.Policy:
		finding.State = Unlinked
	case !installed:
	case !ok:
		finding.State, finding.Age = Altered, ""
	case want != nil && !sameAge(age, finding.wanted):
		finding.State = Older
	case finding.Engine == ILM && linked == "":
		finding.State = Unlinked
	default:
		finding.State = Current
	}
	return finding, nil
}

// samples is the family that retention is for.
func samples() Family {
	return families[slices.IndexFunc(families, func(f Family) bool { return f.Name == Metrics })]
}

// read reads the age out of the installed policy; ok is false if the policy does anything else.
func (f *RetentionFinding) read(ctx context.Context, client Client) (age string, installed, ok bool, err error) {
	var ilm map[string]struct{ Policy ilmPolicy }
	var ism struct {
		seqNo
		Policy ismPolicy `json:"policy"`
	}
	var answer any = &ism
	if f.Engine == ILM {
		answer = &ilm
	}
	err = client.JSON(ctx, http.MethodGet, f.Engine.policyPath(f.Policy), nil, answer)
	if elastic.IsStatus(err, http.StatusNotFound) {
		return "", false, false, nil
	}
	if err != nil {
		return "", false, false, err
	}
	if f.Engine == ILM {
		age, ok = ilm[f.Policy].Policy.age()
		return age, true, ok, nil
	}
	f.version = ism.seqNo
	age, ok = ism.Policy.age()
	return age, true, ok, nil
}

// RetentionChange is what InstallRetention or RemoveRetention did, or would do in a dry run.
type RetentionChange struct {
	// Action is Installed, Upgraded for another age, Replaced, Unchanged, LeftAlone, or Removed.
	Action Action
	// Before is what was there.
	Before RetentionFinding
	// Indices is how many indices that were there already got the policy, or lost it.
	Indices int
	// Others is how many indices have another policy, and keep it.
	Others int
	DryRun bool
}

// Removed says that a policy was taken away.
const Removed Action = "removed"

// String says it in one line.
func (c RetentionChange) String() string {
	would := ""
	if c.DryRun {
		would = "would be "
	}
	after := fmt.Sprintf("an index of samples is deleted %s after it was made (%s)", inDays(c.Before.wanted), c.Before.Engine)
	var text string
	switch c.Action {
	case Unchanged:
		text = "unchanged, " + after
	case Removed:
		text = would + "removed, samples stay until they are pruned"
	case LeftAlone:
		return fmt.Sprintf("%s; left alone (--force replaces it)", c.Before)
	default:
		text = fmt.Sprintf("%s%s, %s", would, string(c.Action), after)
	}
	if c.Before.State == Missing && c.Action == Unchanged {
		text = "no policy, samples stay until they are pruned"
	}
	return c.Before.Policy + ": " + text + c.indices()
}

func (c RetentionChange) indices() string {
	text := ""
	if c.Indices > 0 {
		text = fmt.Sprintf("; so for %s that had been there", indices(c.Indices))
	}
	if c.Others > 0 {
		text += fmt.Sprintf("; %s with another policy left alone", indices(c.Others))
	}
	return text
}

func indices(n int) string {
	if n == 1 {
		return "1 index"
	}
	return fmt.Sprintf("%d indices", n)
}

// NoEngineError says that a server cannot delete old indices by itself.
type NoEngineError struct{}

// Error says so.
func (*NoEngineError) Error() string { return "the server has neither ILM nor ISM" }

// InstallRetention makes the server delete indices of samples by itself, new ones and those that are
// there. The templates must be installed. It may be called again and again. A policy that does more than
// to delete is left alone unless opts.Force says otherwise, and so is that of an index which has another
// one. The error is a *NoEngineError when the server has nothing for it.
func InstallRetention(ctx context.Context, client Client, opts Options, want Retention) (RetentionChange, error) {
	before, err := CheckRetention(ctx, client, opts, &want)
	if err != nil {
		return RetentionChange{}, err
	}
	change := RetentionChange{Action: before.action(opts.Force), Before: before, DryRun: opts.DryRun}
	switch {
	case before.Engine == NoEngine:
		return change, &NoEngineError{}
	case change.Action == LeftAlone || opts.DryRun:
		return change, nil
	}
	if change.Action != Unchanged {
		if err := before.put(ctx, client, opts.Prefix, want); err != nil {
			return change, fmt.Errorf("install the policy %s: %w", before.Policy, err)
		}
	}
	if err := before.link(ctx, client, opts, before.Policy); err != nil {
		return change, err
	}
	err = change.attach(ctx, client, opts.Prefix)
	return change, err
}

// action is what setup does: a policy that the template does not name is installed with its link.
func (f RetentionFinding) action(force bool) Action {
	if f.State == Unlinked {
		return Installed
	}
	return f.State.action(force)
}

// put writes the policy. ISM wants to know which one is replaced.
func (f RetentionFinding) put(ctx context.Context, client Client, prefix string, want Retention) error {
	policy := want.Policy(prefix, f.Engine)
	path := policy.Path
	if f.Engine != ILM && f.State != Missing {
		path += fmt.Sprintf("?if_seq_no=%d&if_primary_term=%d", f.version.Number, f.version.Term)
	}
	return client.JSON(ctx, http.MethodPut, path, policy.Body, nil)
}

// link lets the template name the policy, or none. ISM's policies name the indices instead.
func (f RetentionFinding) link(ctx context.Context, client Client, opts Options, policy string) error {
	if f.Engine != ILM || f.template.State == Missing && policy == "" {
		return nil
	}
	opts.Lifecycle = &policy
	change, err := samples().install(ctx, client, opts)
	if err == nil && change.Action == LeftAlone && change.Before.lifecycle != policy {
		err = fmt.Errorf("new indices will not be deleted: the template %s", change)
	}
	return err
}

// RemoveRetention takes the policy away, from new indices and from those that have it.
func RemoveRetention(ctx context.Context, client Client, opts Options) (RetentionChange, error) {
	before, err := CheckRetention(ctx, client, opts, nil)
	if err != nil {
		return RetentionChange{}, err
	}
	change := RetentionChange{Action: Removed, Before: before, DryRun: opts.DryRun}
	switch {
	case before.Engine == NoEngine || before.State == Missing:
		change.Action = Unchanged
	case (before.State == Altered || before.State == Foreign) && !opts.Force:
		change.Action = LeftAlone
	}
	if change.Action != Removed || opts.DryRun {
		return change, nil
	}
	if err := before.link(ctx, client, opts, ""); err != nil {
		return change, err
	}
	if err := change.detach(ctx, client, opts.Prefix); err != nil {
		return change, err
	}
	err = client.JSON(ctx, http.MethodDelete, before.Engine.policyPath(before.Policy), nil, nil)
	if err != nil && !elastic.IsStatus(err, http.StatusNotFound) {
		return change, fmt.Errorf("remove the policy %s: %w", before.Policy, err)
	}
	return change, nil
}

// managed returns the indices of samples by the policy that they have; those without are under "".
func (f RetentionFinding) managed(ctx context.Context, client Client, prefix string) (map[string][]string, error) {
	policies, err := f.policies(ctx, client, samplePattern(prefix))
	if err != nil {
		return nil, fmt.Errorf("reading which indices have a policy: %w", err)
	}
	managed := map[string][]string{}
	for index, policy := range policies {
		managed[policy] = append(managed[policy], index)
	}
	for _, indices := range managed {
		slices.Sort(indices)
	}
	return managed, nil
}

// policies reads the policy of each index that matches a pattern.
func (f RetentionFinding) policies(ctx context.Context, client Client, pattern string) (map[string]string, error) {
	path := f.Engine.root() + "/explain/" + pattern
	if f.Engine == ILM {
		path = "/" + pattern + "/_settings?flat_settings=true&ignore_unavailable=true&allow_no_indices=true"
	}
	var answer map[string]json.RawMessage
	err := client.JSON(ctx, http.MethodGet, path, nil, &answer)
	if elastic.IsStatus(err, http.StatusNotFound) {
		return nil, nil // there are no indices
	}
	policies := map[string]string{}
	for index, raw := range answer {
		if policy, isIndex := policyOf(raw); isIndex {
			policies[index] = policy
		}
	}
	return policies, err
}

// policyOf reads what is said of one index. ISM's answer has a total beside the indices.
func policyOf(raw json.RawMessage) (policy string, isIndex bool) {
	var said struct {
		Settings struct {
			ILM string `json:"index.lifecycle.name"`
		} `json:"settings"`
		ISM        string `json:"index.plugins.index_state_management.policy_id"`
		OpenDistro string `json:"index.opendistro.index_state_management.policy_id"`
		Policy     string `json:"policy_id"`
	}
	if json.Unmarshal(raw, &said) != nil {
		return "", false
	}
	for _, policy := range []string{said.Settings.ILM, said.Policy, said.ISM, said.OpenDistro} {
		if policy != "" {
			return policy, true
		}
	}
	return "", true
}

// indicesAtOnce keeps the line of a request, which names them, below the 4 KiB that servers take.
const indicesAtOnce = 20

// attach gives the policy to indices that have none, and its new age to those that have it.
func (c *RetentionChange) attach(ctx context.Context, client Client, prefix string) error {
	managed, err := c.Before.managed(ctx, client, prefix)
	if err != nil {
		return err
	}
	policy := c.Before.Policy
	for name, indices := range managed {
		switch {
		case name == "":
			c.Indices = len(indices)
			err = errors.Join(err, c.Before.each(ctx, client, indices, "add", policy))
		case name != policy:
			c.Others += len(indices)
		case c.Action != Unchanged && c.Before.Engine != ILM: // under ISM an index keeps the policy as it was then
			err = errors.Join(err, c.Before.each(ctx, client, indices, "change_policy", policy))
		}
	}
	return err
}

// detach takes the policy off the indices that have it.
func (c *RetentionChange) detach(ctx context.Context, client Client, prefix string) error {
	managed, err := c.Before.managed(ctx, client, prefix)
	if err != nil {
		return err
	}
	c.Indices = len(managed[c.Before.Policy])
	return c.Before.each(ctx, client, managed[c.Before.Policy], "remove", "")
}

// each asks for something to be done with the policy of some indices: add, change_policy or remove.
func (f RetentionFinding) each(ctx context.Context, client Client, indices []string, what, policy string) error {
	for some := range slices.Chunk(indices, indicesAtOnce) {
		escaped := make([]string, len(some))
		for i, index := range some {
			escaped[i] = url.PathEscape(index)
		}
		method, path, body := f.request(strings.Join(escaped, ","), what, policy)
		var answer struct {
			HasFailures bool `json:"has_failures"`
			Failures    bool `json:"failures"`
			Failed      []struct {
				Index  string `json:"index_name"`
				Reason string `json:"reason"`
			} `json:"failed_indices"`
		}
		if err := client.JSON(ctx, method, path, body, &answer); err != nil {
			return fmt.Errorf("%s the policy of indices: %w", strings.ReplaceAll(what, "_", " "), err)
		}
		if len(answer.Failed) > 0 {
			return fmt.Errorf("the policy of %s could not be changed: %s", answer.Failed[0].Index, answer.Failed[0].Reason)
		}
		if answer.Failures || answer.HasFailures {
			return fmt.Errorf("the policy of %s could not be changed", strings.Join(some, ", "))
		}
	}
	return nil
}

func (f RetentionFinding) request(indices, what, policy string) (method, path string, body any) {
	switch {
	case f.Engine == ILM && what == "remove":
		return http.MethodPost, "/" + indices + "/_ilm/remove", nil
	case f.Engine == ILM:
		return http.MethodPut, "/" + indices + "/_settings", object{"index.lifecycle.name": policy}
	case what == "remove":
		return http.MethodPost, f.Engine.root() + "/remove/" + indices, nil
	default:
		return http.MethodPost, f.Engine.root() + "/" + what + "/" + indices, object{"policy_id": policy}
	}
}
