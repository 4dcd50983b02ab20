package logs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Words for levels, lower case, of winston, pino, log4j, Python, java.util.logging and syslog.
var (
	errorWords   = []string{"error", "fatal", "critical", "severe", "emergency", "alert", "panic", "err", "crit", "emerg"}
	warningWords = []string{"warn", "warning"}
	otherWords   = []string{
		"info", "debug", "trace", "notice", "verbose", "silly", "http", "information", "informational", "config", "fine",
		"finer", "finest", "dbg", "inf",
	}
)

func isLevelWord(text string) bool {
	word := strings.ToLower(text)
	return slices.Contains(errorWords, word) || slices.Contains(warningWords, word) || slices.Contains(otherWords, word)
}

// scale is a numeric scale of levels.
type scale struct {
	name                   string
	values                 []float64
	errors, warnings, ends string // comparisons, as KQL has them
}

// The scales of pino and bunyan, where a graver level is a higher number, and of syslog (RFC 5424,
// section 6.2.1), where it is a lower one.
var scales = []scale{
	{"pino", []float64{10, 20, 30, 40, 50, 60}, ">= 50", ">= 40", ">= 60"},
	{"syslog", []float64{0, 1, 2, 3, 4, 5, 6, 7}, "<= 3", "<= 4", "<= 0"},
}

// scaleOf is the scale that all the numbers are on; false if there is none.
func scaleOf(numbers []float64) (scale, bool) {
	if len(numbers) == 0 {
		return scale{}, false
	}
	for _, s := range scales {
		if !slices.ContainsFunc(numbers, func(n float64) bool { return !slices.Contains(s.values, n) }) {
			return s, true
		}
	}
	return scale{}, false
}

// Condition finds lines of a kind. The zero value is none: the logs cannot tell.
type Condition struct {
	KQL    string         // for Kibana; empty: none
	Lucene string         // the same for a query_string, as where only text can stand
	Query  map[string]any // the same for Elasticsearch; nil: none
}

// levelConditions are the queries for errors and for warnings by one field. Values are those seen.
func levelConditions(field string, numeric bool, values []any) (errors, warnings Condition) {
	if numeric {
		s, ok := scaleOf(numbersOf(values))
		if !ok {
			return Condition{}, Condition{}
		}
		return compare(field, s.errors), and(compare(field, s.warnings), not(compare(field, s.errors)))
	}
	words := stringsOf(values)
	return oneOf(field, spelt(errorWords, words)), oneOf(field, spelt(warningWords, words))
}

// spelt returns the words in the spellings that the values have: as they were seen, and, for those that
// were not, in the case of the others, as a word need not have been seen yet. Without any value, both in
// lower and in upper case.
func spelt(words, seen []string) []string {
	var found []string
	styles := map[string]func(string) string{}
	for _, value := range seen {
		if slices.Contains(words, strings.ToLower(value)) && !slices.Contains(found, value) {
			found = append(found, value)
		}
		style, change := styleOf(value)
		styles[style] = change
	}
	if len(styles) == 0 {
		styles["lower"], styles["upper"] = strings.ToLower, strings.ToUpper
	}
	slices.Sort(found)
	for _, name := range sortedKeys(styles) {
		for _, word := range words {
			if spelling := styles[name](word); !slices.Contains(found, spelling) {
				found = append(found, spelling)
			}
		}
	}
	return found
}

func styleOf(value string) (string, func(string) string) {
	switch {
	case value == strings.ToLower(value):
		return "lower", strings.ToLower
	case value == strings.ToUpper(value):
		return "upper", strings.ToUpper
	default:
		return "title", func(word string) string {
			return string(unicode.ToUpper(rune(word[0]))) + word[1:]
		}
	}
}

// oneOf finds lines whose field is one of the words. Match queries, as Kibana makes them too, fit
// keyword and text alike.
func oneOf(field string, words []string) Condition {
	quoted, quotedAll := make([]string, len(words)), make([]string, len(words))
	matches := make([]any, len(words))
	for i, word := range words {
		quoted[i], quotedAll[i] = quote(word), strconv.Quote(word)
		matches[i] = map[string]any{"match": map[string]any{field: word}}
	}
	return Condition{
		KQL:    fmt.Sprintf("%s:(%s)", escape(field), strings.Join(quoted, " or ")),
		Lucene: fmt.Sprintf("%s:(%s)", escapeLucene(field), strings.Join(quotedAll, " OR ")),
		Query:  should(matches),
	}
}

// compare finds lines by a comparison such as ">= 50".
func compare(field, comparison string) Condition {
	operator, number, _ := strings.Cut(comparison, " ")
	operators := map[string]string{">=": "gte", "<=": "lte"}
	return Condition{
		KQL:    escape(field) + " " + comparison,
		Lucene: escapeLucene(field) + ":" + operator + number,
		Query: map[string]any{"range": map[string]any{
			field: map[string]any{operators[operator]: json.Number(number)},
		}},
	}
}

func not(c Condition) Condition {
	return Condition{KQL: "not " + c.KQL, Lucene: "NOT " + c.Lucene, Query: map[string]any{"bool": map[string]any{"must_not": []any{c.Query}}}}
}

func and(a, b Condition) Condition {
	return Condition{
		KQL:    a.KQL + " and " + b.KQL,
		Lucene: a.Lucene + " AND " + b.Lucene,
		Query:  map[string]any{"bool": map[string]any{"filter": []any{a.Query, b.Query}}},
	}
}

// exists finds lines that have the field.
func exists(field string) Condition {
	return Condition{KQL: escape(field) + ":*", Lucene: "_exists_:" + escapeLucene(field), Query: map[string]any{"exists": map[string]any{"field": field}}}
}

// all finds every line.
var all = Condition{KQL: "*", Lucene: "*", Query: map[string]any{"match_all": map[string]any{}}}

// anyOf finds lines that one of the conditions finds.
func anyOf(conditions []Condition) Condition {
	conditions = slices.DeleteFunc(conditions, func(c Condition) bool { return c.KQL == "" })
	switch len(conditions) {
	case 0:
		return Condition{}
	case 1:
		return conditions[0]
	}
	texts, lucene := make([]string, len(conditions)), make([]string, len(conditions))
	queries := make([]any, len(conditions))
	for i, c := range conditions {
		texts[i], lucene[i], queries[i] = "("+c.KQL+")", "("+c.Lucene+")", c.Query
	}
	return Condition{KQL: strings.Join(texts, " or "), Lucene: strings.Join(lucene, " OR "), Query: should(queries)}
}

func should(queries []any) map[string]any {
	return map[string]any{"bool": map[string]any{"should": queries, "minimum_should_match": 1}}
}

var (
	plainWord  = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	kqlSpecial = regexp.MustCompile(`[\\():<>"*\s]`)
	// https://www.elastic.co/guide/en/elasticsearch/reference/7.10/query-dsl-query-string-query.html#_reserved_characters
	luceneSpecial = regexp.MustCompile(`[-+=&|!(){}\[\]^"~*?:\\/\s]`)
)

// quote writes a value as KQL takes it.
func quote(value string) string {
	if plainWord.MatchString(value) && !slices.Contains([]string{"and", "or", "not"}, strings.ToLower(value)) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

// escapeLucene writes the name of a field as a query_string takes it.
func escapeLucene(field string) string { return luceneSpecial.ReplaceAllString(field, `\$0`) }

// escape writes the name of a field as KQL takes it.
func escape(field string) string { return kqlSpecial.ReplaceAllString(field, `\$0`) }

// numbersOf are the values that are numbers, or text that reads as one.
func numbersOf(values []any) []float64 {
	var numbers []float64
	for _, value := range values {
		if number, ok := numberOf(value); ok {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func stringsOf(values []any) []string {
	var texts []string
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
