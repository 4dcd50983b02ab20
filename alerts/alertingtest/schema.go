// Package alertingtest is an alerting plugin for tests: it answers as those of OpenSearch and Open Distro do, as
// far as k6es asks, and refuses monitors that they would refuse, or would take without what is written in them. It
// knows of rules of Kibana, too, what is documented of them.
//
// What it knows of monitors comes from the plugins' own parsers: Monitor, SearchInput, Schedule, QueryLevelTrigger,
// Action and Throttle in org.opensearch.commons.alerting.model (common-utils), and the classes of the same names
// in com.amazon.opendistroforelasticsearch.alerting (1.13). Nothing here was run with a real plugin.
package alertingtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k6es/k6es/alerts"
)

// kind is what a value in JSON must be.
type kind string

const (
	text    kind = "text"
	boolean kind = "boolean"
	number  kind = "whole number"
	decimal kind = "number"
	list    kind = "list"
	fields  kind = "object"
	opaque  kind = "anything" // that the plugin does not look into
)

// shape is what the plugin knows of a value.
type shape struct {
	kind     kind
	optional bool
	values   []string         // of a text; nil: any
	low, top float64          // of a whole number; of the length of a list
	elements *shape           // of a list
	fields   map[string]shape // of an object
}

var (
	words  = shape{kind: text}
	script = func(lang string) shape {
		return shape{kind: fields, fields: map[string]shape{"source": words, "lang": {kind: text, values: []string{lang}}}}
	}
	units = []string{"MINUTES", "HOURS", "DAYS"}
)

// action refuses every field that it does not know. A throttle has minutes, and by default a day at most.
var action = shape{kind: fields, fields: map[string]shape{
	"id": {kind: text, optional: true}, "name": words, "destination_id": words,
	"subject_template":        {kind: fields, optional: true, fields: script("mustache").fields},
	"message_template":        script("mustache"),
	"throttle_enabled":        {kind: boolean},
	"throttle":                {kind: fields, optional: true, fields: map[string]shape{"value": {kind: number, low: 1, top: 24 * 60}, "unit": {kind: text, values: units[:1]}}},
	"action_execution_policy": {kind: opaque, optional: true},
}}

var trigger = shape{kind: fields, fields: map[string]shape{
	"id": {kind: text, optional: true}, "name": words,
	"severity":  {kind: text, values: []string{"1", "2", "3", "4", "5"}},
	"condition": {kind: fields, fields: map[string]shape{"script": script("painless")}},
	"actions":   {kind: list, top: 100, elements: &action},
}}

// monitor is flat in Open Distro; in OpenSearch a trigger is below the name of its type.
func monitor(form alerts.MonitorForm) shape {
	known := map[string]shape{
		"type": {kind: text, values: []string{"monitor"}}, "name": words, "enabled": {kind: boolean},
		"schedule": {kind: fields, fields: map[string]shape{"period": {kind: fields, fields: map[string]shape{
			"interval": {kind: number, low: 1, top: 1 << 31}, "unit": {kind: text, values: units},
		}}}},
		"inputs": {kind: list, low: 1, top: 1, elements: &shape{kind: fields, fields: map[string]shape{"search": {kind: fields, fields: map[string]shape{
			"indices": {kind: list, low: 1, top: 100, elements: &words}, "query": {kind: opaque},
		}}}}},
		"triggers": {kind: list, top: 10, elements: &trigger},
	}
	if form == alerts.OpenSearch {
		known["monitor_type"] = shape{kind: text, values: []string{"query_level_monitor"}}
		known["triggers"] = shape{kind: list, top: 10, elements: &shape{kind: fields, fields: map[string]shape{"query_level_trigger": trigger}}}
	}
	return shape{kind: fields, fields: known}
}

// Validate tells what is wrong with the body of a monitor; an error names the path to it.
func Validate(form alerts.MonitorForm, body []byte) error {
	return validate(monitor(form), "monitor", body)
}

func validate(known shape, name string, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return known.check(name, value)
}

func (s shape) check(path string, value any) error {
	wrong := fmt.Errorf("%s is %v, which is no %s", path, value, s.kind)
	switch value := value.(type) {
	case string:
		if s.kind == text && s.values != nil && !slices.Contains(s.values, value) {
			return fmt.Errorf("%s is %q, not one of %s", path, value, strings.Join(s.values, ", "))
		}
		return unless(s.kind == text || s.kind == opaque, wrong)
	case bool:
		return unless(s.kind == boolean || s.kind == opaque, wrong)
	case float64:
		if s.kind == number && (value < s.low || value > s.top || value != float64(int(value))) {
			return fmt.Errorf("%s is %v, not a whole number from %v to %v", path, value, s.low, s.top)
		}
		return unless(s.kind == number || s.kind == decimal || s.kind == opaque, wrong)
	case []any:
		return s.checkList(path, value, wrong)
	case map[string]any:
		if s.kind == opaque {
			return nil
		}
		if s.kind != fields {
			return wrong
		}
		return s.checkFields(path, value)
	default:
		return wrong
	}
}

func unless(well bool, err error) error {
	if well {
		return nil
	}
	return err
}

func (s shape) checkList(path string, values []any, wrong error) error {
	if s.kind != list {
		return unless(s.kind == opaque, wrong)
	}
	if n := float64(len(values)); n < s.low || n > s.top {
		return fmt.Errorf("%s has %v elements, not from %v to %v", path, n, s.low, s.top)
	}
	for i, value := range values {
		if err := s.elements.check(fmt.Sprintf("%s[%d]", path, i), value); err != nil {
			return err
		}
	}
	return nil
}

func (s shape) checkFields(path string, value map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(value)) {
		known, ok := s.fields[name]
		if !ok {
			return fmt.Errorf("%s.%s is not known", path, name)
		}
		if err := known.check(path+"."+name, value[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if _, there := value[name]; !there && !s.fields[name].optional {
			return fmt.Errorf("%s.%s is not there", path, name)
		}
	}
	if value["throttle_enabled"] == true && value["throttle"] == nil {
		return fmt.Errorf("%s.throttle is not there, though throttle_enabled", path)
	}
	return nil
}
