package alerts

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/k6es/k6es/logs"
)

// Off is the value of a rule's own name in settings that leaves it out.
const Off = "off"

// Target is the cluster that alarms are for.
type Target struct {
	Prefix string // of indices
	// Logs is what the production logs look like; nil: nobody said where they are.
	Logs *logs.Shape
}

// LeftOut is a rule that no alarm was made of.
type LeftOut struct {
	Rule *Rule
	Why  string
}

// Make makes alarms of all rules. Settings are the user's, by rule and parameter: "run-slow.limit" is "800",
// and "run-slow" is "off" to leave the rule out. A rule that the logs cannot support is left out too. An
// error says which setting is wrong.
func Make(target Target, settings map[string]string) ([]Alarm, []LeftOut, error) {
	rules, err := Rules()
	if err != nil {
		return nil, nil, err
	}
	if err := CheckSettings(rules, settings); err != nil {
		return nil, nil, err
	}
	var alarms []Alarm
	var left []LeftOut
	for _, rule := range rules {
		if settings[rule.Name] == Off {
			left = append(left, LeftOut{rule, "switched off"})
			continue
		}
		alarm, err := rule.bind(target, settings)
		var lacks *lacking
		switch {
		case errors.As(err, &lacks):
			left = append(left, LeftOut{rule, lacks.why})
		case err != nil:
			return nil, nil, fmt.Errorf("alarm rule %s: %w", rule.Name, err)
		default:
			alarms = append(alarms, alarm)
		}
	}
	return alarms, left, nil
}

// CheckSettings tells which of the user's settings is wrong, in the order of their names.
func CheckSettings(rules []*Rule, settings map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if err := checkSetting(rules, key, settings[key]); err != nil {
			return err
		}
	}
	return nil
}

func checkSetting(rules []*Rule, key, value string) error {
	name, parameter, has := strings.Cut(key, ".")
	at := slices.IndexFunc(rules, func(r *Rule) bool { return r.Name == name })
	if at < 0 {
		var names []string
		for _, rule := range rules {
			names = append(names, rule.Name)
		}
		return fmt.Errorf("there is no alarm rule %q; there are %s", name, strings.Join(names, ", "))
	}
	if !has {
		if value != Off {
			return fmt.Errorf("%s=%s: the rule can be %s, or RULE.PARAMETER=VALUE given", key, value, Off)
		}
		return nil
	}
	var names []string
	for _, p := range rules[at].Parameters {
		if p.Name == parameter {
			if err := p.check(value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			return nil
		}
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return fmt.Errorf("alarm rule %s has no parameters", name)
	}
	return fmt.Errorf("alarm rule %s has no parameter %q; it has %s", name, parameter, strings.Join(names, ", "))
}

// bind makes the alarm of a rule.
func (r *Rule) bind(target Target, settings map[string]string) (Alarm, error) {
	b := binding{target: target, values: map[string]string{}, numbers: map[string]bool{}}
	for _, p := range r.Parameters {
		b.values[p.Name] = cmp.Or(settings[r.Name+"."+p.Name], p.Default)
		b.numbers[p.Name] = p.isNumber()
	}
	alarm := Alarm{Name: target.Prefix + "-" + r.Name, Rule: r, Values: b.values}
	var err error
	if alarm.Condition, err = b.condition(&r.condition); err != nil {
		return Alarm{}, err
	}
	if !r.while.IsZero() {
		while, err := b.condition(&r.while)
		if err != nil {
			return Alarm{}, err
		}
		alarm.While = &while
	}
	if alarm.Facts, err = b.facts(r.Facts); err != nil {
		return Alarm{}, err
	}
	if c := &alarm.Condition; b.ofLogs(c) && c.Metric.Unit == milliseconds {
		alarm.LatencyUnit = string(target.Logs.Unit)
		c.Limit /= target.Logs.Unit.Factor()
	}
	return alarm, nil
}

const milliseconds = "ms"

// binding puts values in the place of names.
type binding struct {
	target  Target
	values  map[string]string // of parameters
	numbers map[string]bool   // those of them that are numbers
}

func (b binding) ofLogs(c *Condition) bool {
	return b.target.Logs != nil && c.Index == b.target.Logs.Pattern
}

func (b binding) condition(written *yaml.Node) (Condition, error) {
	node := clone(written)
	if _, err := b.fill(node); err != nil {
		return Condition{}, err
	}
	text, err := yaml.Marshal(node)
	if err != nil {
		return Condition{}, err
	}
	var c Condition
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return Condition{}, err
	}
	if c.Kind == Silent && c.Horizon <= c.Window {
		return Condition{}, fmt.Errorf("its horizon, %s, must be longer than its window, %s", c.Horizon, c.Window)
	}
	if err := b.index(&c); err != nil {
		return Condition{}, err
	}
	if c.Kind == Documents && b.ofLogs(&c) {
		c.Group = b.shown(c.Group)
	}
	return c, nil
}

// shown is a field of the logs as a document has it: host.name, where host.name.keyword is what counts.
func (b binding) shown(field string) string {
	for _, choice := range b.target.Logs.Choices {
		if choice.Field == field {
			return choice.Show
		}
	}
	return field
}

// index makes the names of indices from what a rule calls them.
func (b binding) index(c *Condition) error {
	switch c.Index {
	case "runs", "comparisons":
		c.Index = b.target.Prefix + "-" + c.Index
	case "metrics":
		c.Index = b.target.Prefix + "-metrics-*"
	case "logs":
		if b.target.Logs == nil {
			return errNoLogs
		}
		c.Index = b.target.Logs.Pattern
	default:
		return fmt.Errorf("there are no indices %q", c.Index)
	}
	return nil
}

var errNoLogs = &lacking{"nobody said where your logs are: --logs-index"}

// fill replaces each $name below a node. It returns false where a name stands for nothing: what has it is
// left out of a list, and is empty elsewhere.
func (b binding) fill(node *yaml.Node) (bool, error) {
	if node.Kind == yaml.ScalarNode {
		return b.fillScalar(node)
	}
	kept := node.Content[:0]
	some := true
	for _, child := range node.Content {
		there, err := b.fill(child)
		if err != nil {
			return false, err
		}
		if there || node.Kind == yaml.MappingNode {
			kept = append(kept, child)
		}
		some = some && (there || node.Kind == yaml.SequenceNode)
	}
	node.Content = kept
	return some, nil
}

func (b binding) fillScalar(node *yaml.Node) (bool, error) {
	name, named := strings.CutPrefix(node.Value, "$")
	if !named {
		return true, nil
	}
	if value, ok := b.values[name]; ok {
		node.SetString(value)
		if b.numbers[name] {
			node.Tag, node.Style = "", 0
		}
		return value != "", nil
	}
	value, err := b.ofLog(name)
	if err != nil {
		return false, err
	}
	if value == "" {
		node.SetString("")
		return false, nil
	}
	made, err := jsonNode(value)
	if err != nil {
		return false, err
	}
	*node = *made
	return true, nil
}

// ofLog is the field or the clause that a name of the logs stands for; "" where it need not be there.
func (b binding) ofLog(name string) (any, error) {
	if b.target.Logs == nil {
		return nil, errNoLogs
	}
	if clause, known, err := logClause(b.target.Logs, name); known || err != nil {
		return clause, err
	}
	name, optional := strings.CutSuffix(name, "?")
	if !slices.Contains(logs.Roles(), logs.Role(name)) {
		return nil, fmt.Errorf("$%s is no parameter, field or clause", name)
	}
	field, err := logField(b.target.Logs, name)
	if err != nil && optional {
		return "", nil
	}
	return field, err
}

// facts are those that documents have. A log line shows its field as it was written, of whatever type it is.
func (b binding) facts(written []Fact) ([]Fact, error) {
	var facts []Fact
	for _, fact := range written {
		if role, named := strings.CutPrefix(fact.Field, "$"); named {
			if b.target.Logs == nil {
				return nil, errNoLogs
			}
			if fact.Field = b.target.Logs.Choice(logs.Role(role)).Show; fact.Field == "" {
				continue
			}
		}
		facts = append(facts, fact)
	}
	return facts, nil
}

func clone(node *yaml.Node) *yaml.Node {
	twin := *node
	twin.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		twin.Content[i] = clone(child)
	}
	return &twin
}
