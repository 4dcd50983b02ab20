package alerts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/k6es/k6es/logs"
)

// message is what an alarm says, as Jinja templates of what ElastAlert2 knows of a match.
type message struct {
	subject, body, about, link string
	fields                     []string // of a document, that it shows
}

// macros are what templates begin with. say writes a field of a match: its key may have dots in it, or objects
// may be in one another. What stands there may be hostile: Slack would read <…> as a link or as a call to
// everybody, Teams […](…) as a link. line writes it with a label, if there is anything. All is in one line,
// since a payload's newline is no space to Jinja but two characters.
const macros = `{% macro say(field) %}{% set v = namespace(of=_data) %}` +
	`{% for part in field.split('.') %}{% set v.of = (v.of or {})[part] %}{% endfor %}` +
	`{% set v.of = _data[field] or v.of or '' %}` +
	`{{ (v.of|join('; ') if v.of is sequence and v.of is not string else v.of)|string` +
	`|replace('<', '‹')|replace('>', '›')|replace('](', '] (') }}{% endmacro %}` +
	"{% macro line(label, field) %}{% if say(field) %}{{ label }}: {{ say(field) }}\n{% endif %}{% endmacro %}"

// text makes the message of an alarm.
func (e ElastAlert2) text(a Alarm) message {
	c := a.Condition
	m := message{subject: fmt.Sprintf("[%s] %s", a.Rule.Severity, a.Rule.Title), link: e.link(a)}
	if c.Group != "" && a.While == nil {
		m.about = "{{ say(" + quoted(c.Group) + ") }}"
	}
	body := ""
	if c.Kind == Documents {
		body = m.facts(a)
	} else {
		if m.about != "" {
			m.subject = macros + m.subject + ": " + m.about
			body = label(c.Group) + ": " + m.about + "\n"
		}
		body += measured(a) + "\n"
	}
	m.body = macros + a.Rule.Question + "\n" + body + "Look at: " + a.Rule.Look.Advice
	if m.link != "" {
		m.body += "\n" + m.link
	}
	return m
}

// facts are the lines of a document.
func (m *message) facts(a Alarm) string {
	text := ""
	for _, fact := range a.Facts {
		m.fields = append(m.fields, fact.Field)
		text += fmt.Sprintf("{{ line('%s', %s) }}", fact.Label, quoted(fact.Field))
	}
	for _, field := range []string{a.Condition.Group, a.Condition.Time, stateField} {
		if field != "" && !slices.Contains(m.fields, field) {
			m.fields = append(m.fields, field)
		}
	}
	return text
}

// label is what people call a field.
func label(field string) string {
	return strings.TrimSuffix(strings.TrimPrefix(field, "k6."), ".keyword")
}

// measured says what was measured.
func measured(a Alarm) string {
	c := a.Condition
	switch {
	case c.Kind == Above:
		of := map[string]string{
			Count: c.Metric.Unit, Mean: "mean of " + c.Metric.Field,
			Percentile: "p" + format(c.Metric.Percent) + " of " + c.Metric.Field,
		}[c.Metric.Of]
		factor, decimals, unit := shownAs(c.Metric, a.LatencyUnit)
		return fmt.Sprintf("%s in the last %s: {{ '%%.%df'|format(metric_agg_value * %s) }}%s, limit %s%s",
			of, c.Window, decimals, format(factor), unit, format(c.Limit*factor), unit)
	case c.Kind == Silent:
		return fmt.Sprintf("nothing in the last %s, {{ denominator }} in the %s before", c.Window, c.Horizon)
	case a.While != nil:
		return fmt.Sprintf("over %s %s", format(c.Limit), than(c))
	default:
		return "{{ '%.0f'|format(metric_agg_value) }} " + than(c)
	}
}

// than says what the number of kind Unusual is more than.
func than(c Condition) string {
	return fmt.Sprintf("%s more than %s times the usual at this time of day (the mean of %d days), in the last %s",
		c.Metric.Unit, format(c.Times), c.Days, c.Window)
}

// shownAs is the unit in which people read a value, and its factor.
func shownAs(metric Metric, latencyUnit string) (factor float64, decimals int, unit string) {
	switch {
	case metric.Unit == "share":
		return 100, 1, " %"
	case latencyUnit != "":
		return logs.Unit(latencyUnit).Factor(), 0, " " + metric.Unit
	case metric.Of == Count:
		return 1, 0, ""
	default:
		return 1, 0, " " + metric.Unit
	}
}

func format(value float64) string { return strconv.FormatFloat(value, 'g', 10, 64) }

// quoted is a text of Jinja. A name with quotes in it, which no field has in practice, must not end it.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, "", "'", "", `"`, "").Replace(text) + "'"
}

// withoutQuotes escapes quotes in a link. A payload has a backslash before double ones, and no template may
// have any of these itself, as it becomes JSON before it is read: 34, 39 and 92 stand for them.
const withoutQuotes = `|replace('%c'|format(92), '')|replace('%c'|format(34), '%22')|replace('%c'|format(39), '%27')`

// stateField has what follows the address of a dashboard, of a run or a comparison.
const stateField = "links.dashboard"

// link is the address of the dashboard: with what the document says, or from an hour before until now. It is
// escaped, as chats end a link at a quote.
func (e ElastAlert2) link(a Alarm) string {
	if e.Link == nil {
		return ""
	}
	base := e.Link(a.Rule.Look.Dashboard, "")
	switch {
	case base == "":
		return ""
	case a.linked():
		return base + "{{ ((links or {}).dashboard or '')|replace(' ', '%20')" + withoutQuotes + " }}"
	}
	field := a.Condition.Time
	if a.While != nil {
		field = "@timestamp"
	}
	at := "{{ say(" + quoted(field) + ")|replace(' ', 'T')|replace('+00:00', 'Z')|replace('+', '%2B') }}"
	return base + "?_g=(time:(from:%27" + at + fmt.Sprintf("%%7C%%7C-%ds", a.before()) + "%27,to:now))"
}

// payload is what a webhook gets; the text is an alias of the rule's own.
func (e ElastAlert2) payload(a Alarm, text message) mapping {
	if len(e.to(Webhook)) == 0 {
		return nil
	}
	return mapping{{"http_post2_payload", mapping{
		{"text", alias("text")}, // first, as the macros are in it
		{"alarm", a.Name}, {"severity", string(a.Rule.Severity)}, {"title", a.Rule.Title},
		{"about", text.about}, {"link", text.link},
	}}}
}
