package alerts

import (
	"fmt"

	"github.com/k6es/k6es/logs"
)

// lacking says what the logs lack for a rule.
type lacking struct{ why string }

func (l *lacking) Error() string { return l.why }

// logField is the field of a role that can be filtered and counted by, as a rule names it: $host.
func logField(shape *logs.Shape, name string) (string, error) {
	choice := shape.Choice(logs.Role(name))
	switch {
	case !choice.Found():
		return "", &lacking{fmt.Sprintf("the logs have no %s (%s); --logs-field %s=FIELD names one", name, choice.Why, name)}
	case choice.Field == "":
		return "", &lacking{fmt.Sprintf("the logs' %s cannot be counted by (%s)", name, choice.Why)}
	default:
		return choice.Field, nil
	}
}

// logClause is the query that finds a kind of log lines, as a rule names it: $failures.
func logClause(shape *logs.Shape, name string) (query map[string]any, known bool, err error) {
	switch name {
	case "failures":
		query = either(shape.ServerErrors.Query, shape.Errors.Query)
	case "ended":
		query = shape.Ended.Query
	case "unknown":
		status, err := logField(shape, string(logs.Status))
		if err != nil {
			return nil, true, err
		}
		query = map[string]any{"term": map[string]any{status: "404"}}
	default:
		return nil, false, nil
	}
	if query == nil {
		return nil, true, &lacking{map[string]string{
			"failures": "the logs do not tell failures from other lines: they have no level and no status",
			"ended":    "the logs do not tell how a process ended: they have no level, no exit code and no message to search",
		}[name]}
	}
	return query, true, nil
}

// either finds what one of two queries finds. A query that is nil finds nothing. Who fails without a response, as
// a worker does, only says so by its level; who fails by a response may log it as information.
func either(a, b map[string]any) map[string]any {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	default:
		return anyOf(a, b)
	}
}
