package alerts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// MonitorForm is the form in which a server takes monitors. They differ in how a trigger is written, and in
// the path of the requests.
type MonitorForm string

// The forms. Open Distro's alerting is what Elasticsearch OSS 7 had with Open Distro, and Amazon's Elasticsearch.
const (
	OpenSearch MonitorForm = "opensearch"
	OpenDistro MonitorForm = "opendistro"
)

// Path is that of requests about monitors.
func (f MonitorForm) Path() string {
	return map[MonitorForm]string{OpenSearch: "/_plugins", OpenDistro: "/_opendistro"}[f] + "/_alerting/monitors"
}

// String is how people call it.
func (f MonitorForm) String() string {
	return map[MonitorForm]string{OpenSearch: "OpenSearch alerting", OpenDistro: "Open Distro alerting"}[f]
}

// Monitors writes alarms as monitors of the alerting plugin, one an alarm, each with one trigger. The query
// does all the work: what it finds (Documents), or the buckets that it leaves, are what is abnormal; so the
// condition of each trigger only asks whether there is any, and messages list all of it.
//
// The form of documents is that of Monitor, QueryLevelTrigger and Action in the plugin's model (org.opensearch.
// commons.alerting.model; for Open Distro the classes of the same names in its alerting plugin).
type Monitors struct {
	Form MonitorForm
	// Channels are ids of notification channels, called destinations before OpenSearch 2.0. Without any,
	// alerts are only seen in Dashboards.
	Channels []string
	// Link makes an address of a dashboard, as kibana.Links.Dashboard does; nil or empty: messages have none.
	Link func(dashboard, state string) string
}

// Files makes a file a monitor, as the body of a POST to MonitorForm.Path.
func (m Monitors) Files(alarms []Alarm) ([]File, error) {
	var files []File
	for _, alarm := range alarms {
		text, err := indented(m.monitor(alarm, installedMonitor{}))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", alarm.Name, err)
		}
		files = append(files, File{alarm.Name + ".json", text})
	}
	return files, nil
}

// indented is JSON for people, that ends with a newline.
func indented(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return text.Bytes(), err
}

const (
	monitorDelay = time.Minute // documents may come late by as much
	groupsShown  = 20          // in a message
	maxThrottle  = 24 * time.Hour
	triggerMark  = "k6es-" // what the ids of our triggers begin with
)

// monitor is that of an alarm, with what people made of the one that is installed: it keeps their actions and
// triggers, and stays disabled.
func (m Monitors) monitor(a Alarm, installed installedMonitor) object {
	if len(m.Channels) == 0 {
		m.Channels = installed.channels()
	}
	trigger := m.trigger(a)
	monitor := object{
		"type": "monitor", "name": a.Name,
		"schedule": object{"period": object{"interval": int(every(a.Condition) / time.Minute), "unit": "MINUTES"}},
		"inputs":   []any{object{"search": object{"indices": monitorIndices(a), "query": monitorQuery(a)}}},
		"triggers": []any{trigger},
	}
	trigger["id"] = triggerMark + fingerprint(monitor) + "-" + fingerprint(visible(monitor, trigger))
	actions, _ := trigger["actions"].([]any)
	trigger["actions"] = append(actions, installed.otherActions()...)
	monitor["enabled"] = !installed.disabled()
	if m.Form == OpenSearch {
		monitor["monitor_type"] = "query_level_monitor"
		trigger = object{"query_level_trigger": trigger}
	}
	monitor["triggers"] = append([]any{trigger}, installed.otherTriggers()...)
	return monitor
}

// fingerprint tells one value from another, as the server writes queries back in its own words.
func fingerprint(value any) string {
	text, _ := json.Marshal(value) // it is made of what JSON has
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// visible is what of a monitor the server leaves as it was written.
func visible(monitor, trigger object) any {
	var parts []any
	for _, path := range [][]string{{"schedule", "period", "interval"}, {"schedule", "period", "unit"}} {
		parts = append(parts, dig(monitor, path...))
	}
	inputs, _ := monitor["inputs"].([]any)
	for _, input := range inputs {
		input, _ := input.(object)
		parts = append(parts, dig(input, "search", "indices"))
	}
	return append(parts, trigger["severity"], dig(trigger, "condition", "script", "source"))
}

func dig(from any, path ...string) any {
	for _, key := range path {
		below, _ := from.(object)
		from = below[key]
	}
	return from
}

func (m Monitors) trigger(a Alarm) object {
	condition := "ctx.results[0].aggregations." + judgedAgg + ".buckets.size() > 0"
	if a.Condition.Kind == Documents {
		condition = "ctx.results[0].hits.total.value > 0"
	}
	actions := []any{}
	for _, channel := range m.Channels {
		actions = append(actions, m.action(a, channel))
	}
	return object{
		"name": a.Name, "severity": map[Severity]string{Critical: "1", Warning: "3"}[a.Rule.Severity],
		"condition": object{"script": object{"lang": "painless", "source": condition}},
		"actions":   actions,
	}
}

// action tells a channel. A search finds each document once, so none is kept back.
func (m Monitors) action(a Alarm, channel string) object {
	action := object{
		"name": actionName, "destination_id": channel, "throttle_enabled": false,
		"subject_template": mustache(fmt.Sprintf("[%s] %s", a.Rule.Severity, a.Rule.Title)),
		"message_template": mustache(m.message(a)),
	}
	if a.Condition.Kind != Documents {
		action["throttle_enabled"] = true
		action["throttle"] = object{"value": int(min(a.Realert(), maxThrottle) / time.Minute), "unit": "MINUTES"}
	}
	return action
}

// actionName is how our actions are told from others.
const actionName = "k6es"

func mustache(source string) object { return object{"lang": "mustache", "source": source} }

// every is how often a condition is looked at.
func every(c Condition) time.Duration {
	if c.Kind == Silent {
		return max(seldom(c.Window).Truncate(time.Minute), time.Minute)
	}
	return time.Minute
}

func monitorIndices(a Alarm) []string {
	indices := strings.Split(a.Condition.Index, ",")
	if a.While != nil {
		indices = append(indices, strings.Split(a.While.Index, ",")...)
	}
	return indices
}

// message is a Mustache template of what the plugin knows. What a log says stands in no link and calls nobody:
// fields of documents are made harmless by the query.
func (m Monitors) message(a Alarm) string {
	text, base := a.Rule.Question+"\n", m.link(a)
	if a.Condition.Kind == Documents {
		text += "{{#ctx.results}}{{#hits}}{{#hits}}{{#fields}}"
		for i, fact := range a.Facts {
			text += fmt.Sprintf("{{#%s}}%s: {{.}}\n{{/%[1]s}}", factName(i), fact.Label)
		}
		if base != "" && a.linked() {
			text += "{{#" + linkName + "}}" + base + "{{{.}}}\n{{/" + linkName + "}}"
		}
		text += "{{/fields}}\n{{/hits}}{{/hits}}{{/ctx.results}}"
	} else {
		text += "{{#ctx.results}}{{#aggregations." + judgedAgg + ".buckets}}" + m.line(a) +
			"\n{{/aggregations." + judgedAgg + ".buckets}}{{/ctx.results}}"
	}
	text += "Look at: " + a.Rule.Look.Advice
	if base != "" && !a.linked() {
		text += "\n" + base + fmt.Sprintf("?_g=(time:(from:now-%ds,to:now))", a.before())
	}
	return text
}

func (m Monitors) link(a Alarm) string {
	if m.Link == nil {
		return ""
	}
	return m.Link(a.Rule.Look.Dashboard, "")
}

// line is what a message says of one bucket.
func (m Monitors) line(a Alarm) string {
	c := a.Condition
	about := ""
	if c.Group != "" {
		about = "{{key}}: "
	}
	switch c.Kind {
	case Silent:
		return fmt.Sprintf("%snothing in the last %s, {{doc_count}} in the %s before", about, c.Window, c.Horizon)
	case Unusual:
		return fmt.Sprintf("{{recent.doc_count}} %s in the last %s, {{%s.value}} at this time of the %d days before (mean)",
			c.Metric.Unit, c.Window, shownAgg, c.Days)
	}
	if c.Metric.Of == Count {
		return fmt.Sprintf("%s{{doc_count}} %s in the last %s, limit %s", about, c.Metric.Unit, c.Window, format(c.Limit))
	}
	factor, _, unit := shownAs(c.Metric, a.LatencyUnit)
	return fmt.Sprintf("%s{{%s.value}}%s in the last %s, limit %s%s", about, shownAgg, unit, c.Window, format(c.Limit*factor), unit)
}
