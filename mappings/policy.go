package mappings

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Engine is the part of a server that deletes old indices by itself.
type Engine string

// The engines. Elasticsearch's default distribution has ILM, OpenSearch with its plugin for index
// management has ISM, and so has Open Distro, under the path that the plugin had then.
const (
	NoEngine      Engine = ""
	ILM           Engine = "ILM"
	ISM           Engine = "ISM"
	OpenDistroISM Engine = "Open Distro ISM"
)

// root is what the paths of an engine begin with.
func (e Engine) root() string {
	return map[Engine]string{ILM: "/_ilm", ISM: "/_plugins/_ism", OpenDistroISM: "/_opendistro/_ism"}[e]
}

func (e Engine) policyPath(name string) string {
	if e == ILM {
		return e.root() + "/policy/" + name
	}
	return e.root() + "/policies/" + name
}

// Retention says how long samples stay. What runs add up to has no end: it is small.
type Retention struct {
	// Keep is how long each sample stays at least; a whole number of hours.
	Keep time.Duration
	// Period is the longest time that one index covers. Servers count from the moment when an index was
	// made, so an index goes when Keep and Period have passed.
	Period time.Duration
}

// age is how old an index becomes, as both engines write it.
func (r Retention) age() string { return formatAge(r.Keep + r.Period) }

// Policy is a lifecycle policy as the server takes it: PUT Path with Body.
type Policy struct {
	Name string
	Path string
	// Body is indented JSON that ends with a newline; equal input makes equal bytes.
	Body []byte
}

// PolicyName is the name of the retention policy. An empty prefix means DefaultPrefix.
func PolicyName(prefix string) string {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return prefix + "-" + Metrics
}

// samplePattern finds the indices that a retention policy is for.
func samplePattern(prefix string) string { return PolicyName(prefix) + "-*" }

// Policy returns the policy for an engine other than NoEngine. The shapes are those of Elasticsearch's
// "Create or update lifecycle policy API" and of OpenSearch's "ISM API".
func (r Retention) Policy(prefix string, engine Engine) Policy {
	name := PolicyName(prefix)
	body := r.ism(prefix, engine)
	if engine == ILM {
		body = r.ilm()
	}
	return Policy{name, engine.policyPath(name), indented(object{"policy": body})}
}

func (r Retention) ilm() object {
	return object{"phases": object{
		deletePhase: object{"min_age": r.age(), "actions": object{deletePhase: object{}}},
	}}
}

// deletePhase is what both engines call the last phase, or state, and its action.
const deletePhase = "delete"

func (r Retention) ism(prefix string, engine Engine) object {
	var template any = object{"index_patterns": []string{samplePattern(prefix)}, "priority": priority}
	if engine == ISM { // Open Distro knows only one
		template = []any{template}
	}
	return object{
		"description":   "Deletes old indices of k6 samples.",
		"default_state": "keep",
		"ism_template":  template,
		"states": []object{
			{"name": "keep", "actions": []object{}, "transitions": []object{
				{"state_name": deletePhase, "conditions": object{"min_index_age": r.age()}},
			}},
			{"name": deletePhase, "actions": []object{{deletePhase: object{}}}, "transitions": []object{}},
		},
	}
}

// ilmPolicy and ismPolicy are what is read of installed policies. Servers add more of their own.
type ilmPolicy struct {
	Phases map[string]struct {
		MinAge  string                     `json:"min_age"`
		Actions map[string]json.RawMessage `json:"actions"`
	} `json:"phases"`
}

type ismPolicy struct {
	States []struct {
		Name        string                       `json:"name"`
		Actions     []map[string]json.RawMessage `json:"actions"`
		Transitions []struct {
			State      string         `json:"state_name"`
			Conditions map[string]any `json:"conditions"`
		} `json:"transitions"`
	} `json:"states"`
}

// age tells after how long the policy deletes an index; ok is false if it does anything else.
func (p ilmPolicy) age() (age string, ok bool) {
	last := p.Phases[deletePhase]
	_, deletes := last.Actions[deletePhase]
	return last.MinAge, deletes && len(p.Phases) == 1 && len(last.Actions) == 1
}

func (p ismPolicy) age() (age string, ok bool) {
	if len(p.States) != 2 {
		return "", false
	}
	keep, last := p.States[0], p.States[1]
	if len(keep.Actions) > 0 || len(keep.Transitions) != 1 || len(last.Actions) != 1 || last.Name != keep.Transitions[0].State {
		return "", false
	}
	_, deletes := last.Actions[0][deletePhase]
	age, given := keep.Transitions[0].Conditions["min_index_age"].(string)
	return age, deletes && given && len(keep.Transitions[0].Conditions) == 1
}

const day = 24 * time.Hour

// formatAge writes 61d, or 36h where it is no whole number of days.
func formatAge(age time.Duration) string {
	if age%day == 0 {
		return fmt.Sprintf("%dd", age/day)
	}
	return fmt.Sprintf("%dh", age/time.Hour)
}

// sameAge compares two ages as servers write them: 2d is 48h.
func sameAge(a, b string) bool {
	first, okA := parseAge(a)
	second, okB := parseAge(b)
	return a == b || okA && okB && first == second
}

// ageUnits are those of both servers, with the unit "m" behind those that end like it.
var ageUnits = []struct {
	suffix string
	unit   time.Duration
}{
	{"nanos", time.Nanosecond}, {"micros", time.Microsecond}, {"ms", time.Millisecond},
	{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
}

func parseAge(text string) (time.Duration, bool) {
	for _, u := range ageUnits {
		if number, ok := strings.CutSuffix(text, u.suffix); ok {
			n, err := strconv.ParseInt(number, 10, 32)
			return time.Duration(n) * u.unit, err == nil
		}
	}
	return 0, false
}

// inDays says an age for people: "61 days", "36 hours"; as it stands where it is written otherwise.
func inDays(age string) string {
	unit := map[string]string{"d": "day", "h": "hour"}
	for suffix, word := range unit {
		if number, ok := strings.CutSuffix(age, suffix); ok {
			if number != "1" {
				word += "s"
			}
			return number + " " + word
		}
	}
	return age
}
