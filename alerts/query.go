package alerts

import (
	"fmt"
	"slices"
	"time"
)

// object is one of JSON.
type object = map[string]any

// all is a query for what fits every clause.
func all(clauses []any, more ...any) object {
	return object{"bool": object{"filter": slices.Concat(clauses, more)}}
}

// anyOf is a query for what fits one of the clauses, or more.
func anyOf(clauses ...any) object {
	return object{"bool": object{"should": clauses, "minimum_should_match": 1}}
}

// within finds the documents of the window some days ago.
func within(field string, window Span, days int) object {
	ago := ""
	if days > 0 {
		ago = fmt.Sprintf("-%dd", days)
	}
	seconds := int(time.Duration(window).Seconds())
	return object{"range": object{field: object{
		"gt": fmt.Sprintf("now%s-%ds", ago, seconds), "lte": "now" + ago,
	}}}
}

// sameTimes finds the documents of the window at the same time of each of the days before, from so many days ago
// on; from 0 on, now as well.
func sameTimes(c Condition, from int) object {
	var days []any
	for day := from; day <= c.Days; day++ {
		days = append(days, within(c.Time, c.Window, day))
	}
	return anyOf(days...)
}
