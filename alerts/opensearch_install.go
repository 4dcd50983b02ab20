package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/k6es/k6es/elastic"
)

// Client asks a server; *elastic.Client is one.
type Client interface {
	JSON(ctx context.Context, method, path string, in, out any) error
}

// MonitorState is how an installed monitor differs from the one that belongs there.
type MonitorState string

// The states.
const (
	MonitorMissing MonitorState = "missing"
	MonitorCurrent MonitorState = "current"
	// MonitorOlder has other limits, fields or receivers, or is that of another version.
	MonitorOlder MonitorState = "older"
	// MonitorAltered is one whose schedule, indices, severity or condition somebody changed. What is changed
	// within its query cannot be seen: the server writes queries back in its own words.
	MonitorAltered MonitorState = "altered by hand"
	// MonitorForeign has our name, and was not made by k6es.
	MonitorForeign MonitorState = "not made by k6es"
	// MonitorUnwanted is one of ours, of a rule that is switched off.
	MonitorUnwanted MonitorState = "of a rule that is switched off"
)

// MonitorFinding is what the server has for an alarm.
type MonitorFinding struct {
	Name     string
	State    MonitorState
	Disabled bool // by somebody; it stays so

	alarm     Alarm
	installed installedMonitor
}

// OK tells whether there is nothing to do.
func (f MonitorFinding) OK() bool { return f.State == MonitorCurrent }

// Protected tells whether only force replaces it.
func (f MonitorFinding) Protected() bool {
	return f.State == MonitorAltered || f.State == MonitorForeign
}

// String says it in one line.
func (f MonitorFinding) String() string {
	text := f.Name + ": " + string(f.State)
	if f.Disabled {
		text += ", disabled"
	}
	return text
}

// CheckMonitors finds the alerting plugin of a server, looks at its monitors, and changes nothing. The form
// of m is set to that of the server, and is empty where there is no such plugin. The names in off are those of
// alarms that nobody wants any more.
func (m *Monitors) CheckMonitors(ctx context.Context, client Client, alarms []Alarm, off []string) ([]MonitorFinding, error) {
	names := slices.Clone(off)
	for _, alarm := range alarms {
		names = append(names, alarm.Name)
	}
	form, installed, err := findMonitors(ctx, client, names)
	m.Form = form
	if err != nil || form == "" {
		return nil, err
	}
	var findings []MonitorFinding
	for _, alarm := range alarms {
		findings = append(findings, m.check(alarm, installed[alarm.Name]))
	}
	for _, name := range off {
		if found := installed[name]; found.ours() != nil {
			findings = append(findings, MonitorFinding{Name: name, State: MonitorUnwanted, installed: found})
		}
	}
	return findings, nil
}

func (m *Monitors) check(alarm Alarm, installed installedMonitor) MonitorFinding {
	finding := MonitorFinding{Name: alarm.Name, State: MonitorCurrent, Disabled: installed.disabled(), alarm: alarm, installed: installed}
	ours := installed.ours()
	id, _ := ours["id"].(string)
	_, seen, _ := strings.Cut(strings.TrimPrefix(id, triggerMark), "-")
	switch {
	case installed.ID == "":
		finding.State = MonitorMissing
	case ours == nil:
		finding.State = MonitorForeign
	case seen != fingerprint(visible(installed.Monitor, ours)):
		finding.State = MonitorAltered
	case id != dig(unwrapped(m.monitor(alarm, installed)["triggers"])[0], "id"):
		finding.State = MonitorOlder
	}
	return finding
}

// Install brings one monitor into the state in which it belongs, unless somebody else changes it at the same
// time: then the error says so. What people added to one of ours stays: actions, triggers, and that it is disabled.
func (m *Monitors) Install(ctx context.Context, client Client, f MonitorFinding) error {
	path, installed := m.Form.Path(), f.installed
	method := http.MethodPost
	if f.State != MonitorMissing {
		method = http.MethodPut
		path += "/" + url.PathEscape(installed.ID)
	}
	if f.State == MonitorUnwanted {
		err := client.JSON(ctx, http.MethodDelete, path, nil, nil)
		if elastic.IsStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	}
	if f.State == MonitorForeign {
		installed.Monitor = object{"enabled": !f.Disabled}
	}
	if method == http.MethodPut {
		path += fmt.Sprintf("?if_seq_no=%d&if_primary_term=%d", installed.SeqNo, installed.Term)
	}
	err := client.JSON(ctx, method, path, m.monitor(f.alarm, installed), nil)
	if elastic.IsStatus(err, http.StatusConflict) {
		return fmt.Errorf("monitor %s was changed by somebody at the same time; do it again: %w", f.Name, err)
	}
	if err != nil {
		return fmt.Errorf("install the monitor %s: %w", f.Name, err)
	}
	return nil
}

// installedMonitor is a monitor as the server has it. Its zero value is none.
type installedMonitor struct {
	ID      string `json:"_id"`
	SeqNo   int64  `json:"_seq_no"`
	Term    int64  `json:"_primary_term"`
	Monitor object `json:"_source"`
}

// findMonitors searches monitors by their names. The form is empty where nothing takes monitors.
func findMonitors(ctx context.Context, client Client, names []string) (MonitorForm, map[string]installedMonitor, error) {
	query := object{"size": 10 * len(names), "query": object{"terms": object{"monitor.name.keyword": names}}}
	for _, form := range []MonitorForm{OpenSearch, OpenDistro} {
		var answer struct {
			Hits struct{ Hits []installedMonitor }
		}
		err := client.JSON(ctx, http.MethodPost, form.Path()+"/_search", query, &answer)
		switch {
		case err == nil || neverUsed(err):
			return form, byName(answer.Hits.Hits), nil
		case !elastic.IsUnknown(err):
			return "", nil, fmt.Errorf("look for monitors: %w", err)
		}
	}
	return "", nil, nil
}

// neverUsed tells a plugin that has no index of its own yet from a server without the plugin.
func neverUsed(err error) bool {
	var answer *elastic.Error
	return errors.As(err, &answer) && answer.Status == http.StatusNotFound &&
		(answer.Type == "index_not_found_exception" || answer.Type == "alerting_exception")
}

// byName are the monitors by their names; of several with one name, ours, and of ours the same one each time.
func byName(found []installedMonitor) map[string]installedMonitor {
	slices.SortFunc(found, func(a, b installedMonitor) int { return cmp.Compare(a.ID, b.ID) })
	named := map[string]installedMonitor{}
	for _, one := range found {
		if within, wrapped := one.Monitor["monitor"].(object); wrapped { // the server could not read it itself
			one.Monitor = within
		}
		name, _ := one.Monitor["name"].(string)
		if there, taken := named[name]; !taken || there.ours() == nil && one.ours() != nil {
			named[name] = one
		}
	}
	return named
}

// unwrapped are triggers in Open Distro's form, whichever form they have.
func unwrapped(triggers any) []object {
	list, _ := triggers.([]any)
	var flat []object
	for _, one := range list {
		trigger, _ := one.(object)
		if within, wrapped := trigger["query_level_trigger"].(object); wrapped {
			trigger = within
		}
		flat = append(flat, trigger)
	}
	return flat
}

func isOurs(trigger object) bool {
	id, _ := trigger["id"].(string)
	return strings.HasPrefix(id, triggerMark)
}

// ours is the trigger that k6es made; nil if there is none.
func (i installedMonitor) ours() object {
	for _, trigger := range unwrapped(i.Monitor["triggers"]) {
		if isOurs(trigger) {
			return trigger
		}
	}
	return nil
}

// otherTriggers are those that somebody added.
func (i installedMonitor) otherTriggers() []any {
	all, _ := i.Monitor["triggers"].([]any)
	var others []any
	for at, trigger := range unwrapped(i.Monitor["triggers"]) {
		if !isOurs(trigger) {
			others = append(others, all[at])
		}
	}
	return others
}

// actions are those of our trigger, parted into ours and those that somebody added.
func (i installedMonitor) actions() (ours []object, others []any) {
	all, _ := i.ours()["actions"].([]any)
	for _, one := range all {
		action, _ := one.(object)
		if action["name"] == actionName {
			ours = append(ours, action)
		} else {
			others = append(others, one)
		}
	}
	return ours, others
}

func (i installedMonitor) otherActions() []any {
	_, others := i.actions()
	return others
}

// channels are those that our actions tell.
func (i installedMonitor) channels() []string {
	ours, _ := i.actions()
	var channels []string
	for _, action := range ours {
		if channel, ok := action["destination_id"].(string); ok {
			channels = append(channels, channel)
		}
	}
	return channels
}

func (i installedMonitor) disabled() bool { return i.Monitor["enabled"] == false }
