package logs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Choice is the field that was chosen for a role.
type Choice struct {
	Role Role
	// Field is what to filter and aggregate by, such as message.keyword; empty where nothing can be
	// aggregated, and where Show is empty.
	Field string
	// Show is the field as a log line has it, such as message; empty: the logs have none for this role.
	Show string
	// Why says what spoke for it, or why there is none.
	Why string
	// Alternatives are other fields that would do, the best first.
	Alternatives []string
	// Numeric tells whether the field holds numbers.
	Numeric bool
}

// Found tells whether the logs have a field for the role.
func (c Choice) Found() bool { return c.Show != "" }

// candidate is a field that may be the one for a role.
type candidate struct {
	field  string
	name   float64 // how well the name fits, up to 100
	values []any   // those of the sample
	reject string  // why it cannot be taken, if so
	clash  bool    // because its types differ between indices
	score  float64
}

// What speaks for a candidate beside its name: that documents have it, that its values look right, and
// that it can be aggregated.
const (
	weightSeen         = 30
	weightValues       = 40
	weightAggregatable = 10
	leastFit           = 0.5 // share of values that must look right
)

// chooser knows what choices are made from.
type chooser struct {
	mapping   mapping
	documents []document
	notes     []string
}

// candidates lists the fields that may have a role, the best first; those that cannot be taken are at
// the end.
func (c *chooser) candidates(role Role) []candidate {
	var found []candidate
	for _, field := range sortedKeys(c.mapping.Fields) {
		if strings.HasPrefix(field, "_") || c.mapping.isObject(field) || c.mapping.parent(field) != "" {
			continue
		}
		one := candidate{field: field, name: nameScore(role, field), values: valuesOf(c.documents, field)}
		if role == Level && one.name == 0 && levelsByValue(one.values) {
			one.name = 30
		}
		if one.name == 0 {
			continue
		}
		c.judge(role, &one)
		found = append(found, one)
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		if refused := cmp.Compare(len(a.reject), len(b.reject)); (a.reject == "") != (b.reject == "") {
			return refused
		}
		return cmp.Compare(b.score, a.score)
	})
	return found
}

// levelsByValue tells whether a field whose name says nothing holds levels all the same: several of them,
// and nothing else.
func levelsByValue(values []any) bool {
	words := stringsOf(values)
	slices.Sort(words)
	return len(slices.Compact(words)) > 1 && fit(Level, values) == 1
}

// judge gives a candidate its score, or the reason why it cannot be taken.
func (c *chooser) judge(role Role, one *candidate) {
	kind := c.kind(one.field)
	fitting := fit(role, one.values)
	switch {
	case c.mapping.clash(one.field):
		one.reject, one.clash = fmt.Sprintf("%s is %s", one.field, c.mapping.places(one.field)), true
	case role == Time && kind != kindDate:
		one.reject = fmt.Sprintf("%s is %s, not a date", one.field, kind)
	case role == Latency && kind != kindNumber && len(numbersOf(one.values)) > 0:
		one.reject = fmt.Sprintf("%s holds numbers, and is mapped as %s", one.field, kind)
	case role == Latency && kind != kindNumber:
		one.reject = fmt.Sprintf("%s is %s, not a number", one.field, kind)
	case role != Latency && role != Status && role != Level && role != Time && kind == kindNumber:
		one.reject = fmt.Sprintf("%s is a number", one.field)
	case len(c.documents) > 0 && len(one.values) == 0:
		one.reject = fmt.Sprintf("no line has %s", one.field)
	case len(one.values) > 0 && fitting < leastFit:
		one.reject = fmt.Sprintf("%s holds %s", one.field, example(one.values))
	}
	seen := float64(len(one.values)) / float64(max(len(c.documents), 1))
	one.score = one.name + weightSeen*seen + weightValues*fitting
	if aggregate, _ := c.aggregate(one.field); aggregate != "" {
		one.score += weightAggregatable
	}
}

func (c *chooser) kind(field string) string {
	types := c.mapping.types(field)
	if len(types) == 0 {
		return ""
	}
	return kindOf(types[0])
}

// aggregate finds what to aggregate instead of a field that is shown: itself, or a multi-field. Where the
// indices differ it is the one that more lines can be counted by; the note says which are left out.
func (c *chooser) aggregate(field string) (name, note string) {
	if c.mapping.aggregatableEverywhere(field) {
		return field, ""
	}
	below := c.mapping.subfields(field)
	itself, others := 0, 0
	for _, d := range c.documents {
		switch _, has := d.values[field]; {
		case !has:
		case c.mapping.aggregatable(field, d.index):
			itself++
		default:
			others++
		}
	}
	switch {
	case len(c.mapping.Fields[field]) == 1 && itself == 0:
		if len(below) > 0 {
			return below[0], ""
		}
		return "", ""
	case itself >= others || len(below) == 0:
		return field, fmt.Sprintf("%s is %s: Kibana warns of the indices where it cannot be counted by, and leaves them out of "+
			"tables. Leave them out of --logs-index, or index them anew", field, c.mapping.places(field))
	default:
		return below[0], fmt.Sprintf("%s is %s: tables by it leave out the lines where there is no %s",
			field, c.mapping.places(field), below[0])
	}
}

// choose picks the field for a role.
func (c *chooser) choose(role Role) Choice {
	candidates := c.candidates(role)
	choice := Choice{Role: role}
	if len(candidates) == 0 {
		choice.Why = "no field looks like one"
		return choice
	}
	if candidates[0].reject != "" {
		var reasons []string
		for _, one := range candidates[:min(2, len(candidates))] {
			reasons = append(reasons, one.reject)
		}
		choice.Why = strings.Join(reasons, "; ")
		return choice
	}
	choice = c.take(role, candidates[0].field)
	for _, one := range candidates[1:] {
		switch {
		case one.reject == "":
			choice.Alternatives = append(choice.Alternatives, one.field)
		case one.clash && one.name > candidates[0].name:
			c.notes = append(c.notes, fmt.Sprintf("%s, so it is not the %s; name fewer indices to use it", one.reject, role))
		}
	}
	return choice
}

// take makes a choice of a field, and says what it is like.
func (c *chooser) take(role Role, field string) Choice {
	choice := Choice{Role: role, Show: field, Numeric: c.kind(field) == kindNumber}
	var note string
	choice.Field, note = c.aggregate(field)
	if note != "" {
		c.notes = append(c.notes, note)
	}
	var parts []string
	if n := len(c.documents); n > 0 {
		parts = append(parts, fmt.Sprintf("in %d of %d lines", len(valuesOf(c.documents, field)), n))
	}
	switch {
	case choice.Field == "":
		parts = append(parts, strings.Join(c.mapping.types(field), " and ")+", cannot be counted by")
	case choice.Field != field:
		parts = append(parts, strings.Join(c.mapping.types(field), " and ")+", counted by "+choice.Field)
	default:
		parts = append(parts, strings.Join(c.mapping.types(field), " and "))
	}
	choice.Why = strings.Join(parts, "; ")
	return choice
}

// complements are further fields for a role that lines have which lack the chosen one, where that is
// the case for a good share of them: other services may log in another way.
func (c *chooser) complements(choice Choice) []Choice {
	const goodShare = 0.05
	lacking := slices.DeleteFunc(slices.Clone(c.documents), func(d document) bool { return len(d.values[choice.Show]) > 0 })
	var found []Choice
	for _, field := range choice.Alternatives {
		values := valuesOf(lacking, field)
		if len(values) == 0 || float64(len(values)) < goodShare*float64(len(c.documents)) {
			continue
		}
		found = append(found, Choice{Role: choice.Role, Show: field, Numeric: c.kind(field) == kindNumber})
		lacking = slices.DeleteFunc(lacking, func(d document) bool { return len(d.values[field]) > 0 })
	}
	return found
}

// fit is the share of values that look like the role; 1 where there are none to look at.
func fit(role Role, values []any) float64 {
	if len(values) == 0 {
		return 1
	}
	if role == Level {
		if numbers := numbersOf(values); len(numbers) == len(values) {
			if _, ok := scaleOf(numbers); ok {
				return 1
			}
			return 0
		}
	}
	looks := map[Role]func(any) bool{
		Level:   isLevel,
		Message: isMessage,
		Host:    isName,
		Service: isName,
		Route:   isRoute,
		Status:  isStatus,
		Latency: isDuration,
		Address: isClient,
	}[role]
	if looks == nil {
		return 1
	}
	count := 0
	for _, value := range values {
		if looks(value) {
			count++
		}
	}
	return float64(count) / float64(len(values))
}

func isLevel(value any) bool {
	text, ok := value.(string)
	return ok && isLevelWord(text)
}

// isMessage is false for a whole line of JSON, whose parts are in fields of their own.
func isMessage(value any) bool {
	text, ok := value.(string)
	whole := strings.HasPrefix(text, "{") && strings.HasSuffix(strings.TrimSpace(text), "}")
	return ok && !whole
}

func isName(value any) bool {
	text, ok := value.(string)
	const longest = 255
	return ok && text != "" && len(text) <= longest && !strings.ContainsAny(text, "\n\t/")
}

var fileName = regexp.MustCompile(`\.(log|json|txt|out|gz)(\.\d+)?$`)

func isRoute(value any) bool {
	text, ok := value.(string)
	if !ok || fileName.MatchString(text) {
		return false
	}
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

func isStatus(value any) bool {
	number, ok := numberOf(value)
	return ok && number >= 100 && number <= 599 && !isFraction(number)
}

func isDuration(value any) bool {
	number, ok := numberOf(value)
	return ok && number >= 0
}

func isClient(value any) bool {
	text, ok := value.(string)
	return ok && isAddress(text)
}

func numberOf(value any) (float64, bool) {
	switch value := value.(type) {
	case float64:
		return value, true
	case json.Number:
		number, err := value.Float64()
		return number, err == nil
	case string:
		number, err := strconv.ParseFloat(value, 64)
		return number, err == nil
	default:
		return 0, false
	}
}

// example shows what a field holds.
func example(values []any) string {
	const longest = 40
	text := fmt.Sprint(values[0])
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strconv.Quote(text)
}
