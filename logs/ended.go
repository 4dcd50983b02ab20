package logs

import (
	"slices"
	"strconv"
	"strings"
)

// endWords are levels that a process logs as its last, of winston, pino, log4j, Go and syslog.
var endWords = []string{"fatal", "panic", "emergency", "emerg"}

// exitFields are the last parts of names that exit codes go by: ECS's process.exit_code, Docker's exitCode.
var exitFields = []string{"exitcode", "exitstatus"}

// exitPhrases come before an exit code in what pm2, Docker, Node.js, shells and systemd log of a process; the
// last two are systemd's for a process that was killed (9 is SIGKILL, also of who runs out of memory) or crashed.
var exitPhrases = []string{
	"exited with code", "exited with status", "exit code", "exit status", "code exited status",
	"code killed status 9", "code dumped status",
}

// findEnded makes the query for lines that say that a process ended abnormally: by their level, by a field
// with an exit code other than 0, or by their text.
func (c *chooser) findEnded(shape *Shape) {
	var conditions []Condition
	level := shape.Choice(Level)
	if level.Found() {
		for _, one := range append([]Choice{level}, c.complements(level)...) {
			conditions = append(conditions, endCondition(one.Show, one.Numeric, valuesOf(c.documents, one.Show)))
		}
	}
	for _, field := range sortedKeys(c.mapping.Fields) {
		parts := strings.Split(field, ".")
		kind := c.kind(field)
		if slices.Contains(exitFields, normal(parts[len(parts)-1])) && (kind == kindNumber || kind == kindKeyword) {
			conditions = append(conditions, and(exists(field), not(equal(field, "0"))))
		}
	}
	if message := shape.Choice(Message); c.mapping.isText(message.Show) {
		for _, text := range exitPhrases {
			conditions = append(conditions, and(phrase(message.Show, text), not(phrase(message.Show, text+" 0"))))
		}
	}
	shape.Ended = anyOf(conditions)
}

// endCondition finds the levels of an end by one field.
func endCondition(field string, numeric bool, values []any) Condition {
	if !numeric {
		return oneOf(field, spelt(endWords, stringsOf(values)))
	}
	if s, ok := scaleOf(numbersOf(values)); ok {
		return compare(field, s.ends)
	}
	return Condition{}
}

func equal(field, value string) Condition { return has("term", field, value) }

func phrase(field, text string) Condition { return has("match_phrase", field, text) }

// has finds lines whose field has a value, in Elasticsearch by a query of that kind.
func has(query, field, value string) Condition {
	return Condition{
		KQL:    escape(field) + ":" + quote(value),
		Lucene: escapeLucene(field) + ":" + strconv.Quote(value),
		Query:  map[string]any{query: map[string]any{field: value}},
	}
}
