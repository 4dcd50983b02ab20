package kibana

import (
	"context"
	"fmt"
)

// State says how a saved object in Kibana compares with ours.
type State string

// The states.
const (
	Current State = "current"
	Missing State = "missing"
	// Differs is there, but otherwise than we have it: of another k6es, or edited in Kibana.
	Differs State = "differs"
	// Present is there, in a Kibana that rewrites what it imports, so that it cannot be compared.
	Present State = "present"
)

// Finding is what Kibana has for one object.
type Finding struct {
	Object Object
	State  State
	// Difference names the first place where an object Differs.
	Difference string
}

// OK tells whether there is nothing to do.
func (f Finding) OK() bool { return f.State == Current || f.State == Present }

// String says it in one line, such as "dashboard:k6-run: missing".
func (f Finding) String() string {
	text := f.Object.Key() + ": " + string(f.State)
	if f.Difference != "" {
		text += " (" + f.Difference + ")"
	}
	return text
}

// Check compares what Kibana has with objects as Render returns them, and changes nothing. The findings
// are in the order of the objects.
func (c *Client) Check(ctx context.Context, server Server, objects []Object) ([]Finding, error) {
	keys := make([]string, len(objects))
	for i, object := range objects {
		keys[i] = object.Key()
	}
	found, err := c.Export(ctx, keys, false)
	if err != nil {
		return nil, err
	}
	findings := make([]Finding, len(objects))
	for i, object := range objects {
		saved, there := found[object.Key()]
		finding := Finding{Object: object, State: Missing}
		switch {
		case there && server.rewrites():
			finding.State = Present
		case there:
			if finding.Difference, err = difference(object, saved); err != nil {
				return nil, err
			}
			finding.State = Current
			if finding.Difference != "" {
				finding.State = Differs
			}
		}
		findings[i] = finding
	}
	return findings, nil
}

// difference says where the saved object is other than ours; empty where it is the same.
func difference(ours Object, saved SavedObject) (string, error) {
	our, err := ours.comparable()
	if err != nil {
		return "", err
	}
	their, err := Unfold(saved)
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", err), nil //nolint:nilerr // whatever it is, it is not ours
	}
	if name := missingField(ours, their); name != "" {
		return "the field " + name + " is missing", nil
	}
	return firstDifference(our.Attributes, their.withoutAdditions().Attributes, ""), nil
}

// missingField names a field of our index pattern that theirs does not have as it should be. What theirs
// has beyond, such as labels, came when somebody refreshed its list.
func missingField(ours, theirs Object) string {
	if ours.Type != IndexPattern {
		return ""
	}
	types := map[string]any{}
	for _, field := range fieldsOf(theirs) {
		types[fmt.Sprint(field["name"])] = field["type"]
	}
	for _, field := range fieldsOf(ours) {
		if name := fmt.Sprint(field["name"]); types[name] != field["type"] {
			return name
		}
	}
	return ""
}

func fieldsOf(o Object) []map[string]any {
	list := o.Attributes["fields"]
	if text, isText := list.(string); isText {
		list, _ = decodeAny(text)
	}
	elements, _ := list.([]any)
	fields := make([]map[string]any, 0, len(elements))
	for _, element := range elements {
		if field, ok := element.(map[string]any); ok {
			fields = append(fields, field)
		}
	}
	return fields
}
