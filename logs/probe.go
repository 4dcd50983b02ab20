package logs

import (
	"context"
	"fmt"
	"strings"
)

// Shape is what the logs of some indices look like.
type Shape struct {
	// Pattern is the indices that were asked for, such as "filebeat-*,logs-*", and Indices those that there are.
	Pattern string
	Indices []string
	// Absent are the parts of Pattern that there are no indices of, or that this user may not see.
	Absent []string
	// Documents is how many lines were looked at; 0 where the indices are empty.
	Documents int
	// Choices has one for each of Roles, in that order.
	Choices []Choice
	// Unit is that of the latency; empty where there is none.
	Unit Unit
	// Errors and Warnings find such lines, by their level; ServerErrors those with a status of 500 and above.
	Errors, Warnings, ServerErrors Condition
	// Ended finds lines that say that a process ended abnormally.
	Ended Condition
	// Failures find lines of what went wrong, and FailuresOf those that they are a share of: server errors of
	// all responses, or, where there is no status, errors of all lines.
	Failures, FailuresOf Condition
	// Notes are sentences for the user about what could not be done well.
	Notes []string

	mapping mapping
}

// Choice is the one for a role.
func (s Shape) Choice(role Role) Choice {
	for _, choice := range s.Choices {
		if choice.Role == role {
			return choice
		}
	}
	return Choice{Role: role}
}

// HasField tells whether an index has the field.
func (s Shape) HasField(name string) bool {
	_, known := s.mapping.Fields[name]
	return known && !s.mapping.isObject(name)
}

// Overrides are what the user knows better. The zero value is nothing.
type Overrides struct {
	Fields map[Role]string // an empty field: the logs have none
	Unit   Unit            // of the latency; empty: found out
}

// Probe looks at the indices of a pattern and chooses a field for each role. It only reads: what fields
// there are, and some 200 of the newest documents. An error says that there are no such indices, that they
// have no time, that an override names a field that is not there, or that the server did not answer.
func Probe(ctx context.Context, client Client, pattern string, overrides Overrides) (Shape, error) {
	found, err := readMapping(ctx, client, pattern, "*")
	if err != nil {
		return Shape{}, fmt.Errorf("looking for logs in %s: %w", pattern, err)
	}
	c := &chooser{mapping: found}
	if err := c.check(pattern, overrides); err != nil {
		return Shape{}, err
	}
	time, err := c.time(pattern, overrides)
	if err != nil {
		return Shape{}, err
	}
	if c.documents, err = newest(ctx, client, newestIndices(found.Indices), time); err != nil {
		return Shape{}, fmt.Errorf("reading the newest lines of %s: %w", pattern, err)
	}
	shape := Shape{Pattern: pattern, Indices: found.Indices, Documents: len(c.documents), mapping: found}
	if shape.Absent, err = absent(ctx, client, pattern); err != nil {
		return Shape{}, fmt.Errorf("looking for logs in %s: %w", pattern, err)
	}
	for _, role := range Roles() {
		choice, err := c.decide(ctx, client, pattern, role, time, overrides)
		if err != nil {
			return Shape{}, fmt.Errorf("reading lines of %s: %w", pattern, err)
		}
		shape.Choices = append(shape.Choices, choice)
	}
	c.conclude(&shape, overrides.Unit)
	return shape, nil
}

// check refuses what cannot be probed.
func (c *chooser) check(pattern string, overrides Overrides) error {
	if len(c.mapping.Indices) == 0 {
		return fmt.Errorf("no index is called %s, or this user may not see it", pattern)
	}
	for _, role := range Roles() {
		field, given := overrides.Fields[role]
		if !given || field == "" {
			continue
		}
		if _, known := c.mapping.Fields[field]; !known || c.mapping.isObject(field) {
			return fmt.Errorf("no index of %s has the field %s that is to be the %s%s", pattern, field, role, c.instead(role))
		}
	}
	return nil
}

func (c *chooser) instead(role Role) string {
	var fields []string
	for _, one := range c.candidates(role) {
		fields = append(fields, one.field)
	}
	if len(fields) == 0 {
		return ""
	}
	return "; there is " + strings.Join(fields[:min(len(fields), 5)], ", ")
}

// time finds the field by which the newest lines can be asked for, so it is chosen without having seen any.
func (c *chooser) time(pattern string, overrides Overrides) (string, error) {
	if field := overrides.Fields[Time]; field != "" {
		if c.kind(field) != kindDate || c.mapping.clash(field) {
			return "", fmt.Errorf("%s of %s is no date everywhere, so it cannot be the time", field, pattern)
		}
		return field, nil
	}
	candidates := c.candidates(Time)
	if len(candidates) == 0 || candidates[0].reject != "" {
		why := "no field looks like a time"
		if len(candidates) > 0 {
			why = candidates[0].reject
		}
		return "", fmt.Errorf("%s has no date to show lines by (%s): name one by --logs-field time=FIELD", pattern, why)
	}
	return candidates[0].field, nil
}

// decide makes the choice for a role: the user's, or the best. Where the sample has no line with any of
// the fields that may have the role, such lines are looked for.
func (c *chooser) decide(
	ctx context.Context, client Client, pattern string, role Role, time string, overrides Overrides,
) (Choice, error) {
	if field, given := overrides.Fields[role]; given {
		return c.given(role, field), nil
	}
	if role == Time {
		return c.take(role, time), nil
	}
	choice := c.choose(role)
	if choice.Found() || c.documents == nil {
		return choice, nil
	}
	var unseen []string
	for _, one := range c.candidates(role) {
		if len(one.values) == 0 {
			unseen = append(unseen, one.field)
		}
	}
	if len(unseen) == 0 {
		return choice, nil
	}
	further, err := having(ctx, client, pattern, time, unseen)
	if err != nil || len(further) == 0 {
		return choice, err
	}
	rare := &chooser{mapping: c.mapping, documents: further}
	if second := rare.choose(role); second.Found() {
		second.Why += " that have such a field; the newest have none"
		c.notes = append(c.notes, rare.notes...)
		c.documents = append(c.documents, further...)
		return second, nil
	}
	return choice, nil
}

// given is the choice that the user made.
func (c *chooser) given(role Role, field string) Choice {
	if field == "" {
		return Choice{Role: role, Why: "none, as you said"}
	}
	show := field
	if parent := c.mapping.parent(field); parent != "" {
		show = parent
	}
	choice := c.take(role, show)
	if c.mapping.aggregatableEverywhere(field) {
		choice.Field = field
	}
	choice.Why += "; as you said"
	return choice
}

// conclude makes the queries of the choices, and finds the unit of the latency.
func (c *chooser) conclude(shape *Shape, unit Unit) {
	c.findLevels(shape)
	shape.Failures, shape.FailuresOf = shape.Errors, all
	c.findServerErrors(shape)
	c.findEnded(shape)
	for i := range shape.Choices {
		if latency := &shape.Choices[i]; latency.Role == Latency && latency.Found() {
			var why string
			shape.Unit, why = unitOf(latency.Show, numbersOf(valuesOf(c.documents, latency.Show)))
			if unit != "" {
				shape.Unit, why = unit, fmt.Sprintf("%s, as you said", unit)
			}
			latency.Why += "; in " + why
		}
	}
	shape.Notes = c.notes
}

// findLevels makes the queries for errors and warnings, by every field that holds levels.
func (c *chooser) findLevels(shape *Shape) {
	level := shape.Choice(Level)
	if !level.Found() {
		return
	}
	var errors, warnings []Condition
	for _, one := range append([]Choice{level}, c.complements(level)...) {
		e, w := levelConditions(one.Show, one.Numeric, valuesOf(c.documents, one.Show))
		errors, warnings = append(errors, e), append(warnings, w)
	}
	shape.Errors, shape.Warnings = anyOf(errors), anyOf(warnings)
	if shape.Errors.KQL == "" {
		c.notes = append(c.notes, fmt.Sprintf("%s holds numbers of no known scale of levels (pino's 10 to 60, syslog's 0 to 7): "+
			"errors cannot be told from other lines", level.Show))
	}
}

// findServerErrors goes by the status of responses, where there is one.
func (c *chooser) findServerErrors(shape *Shape) {
	status := shape.Choice(Status)
	var errors, responses []Condition
	for _, one := range append([]Choice{status}, c.complements(status)...) {
		field := one.Field
		if field == "" && one.Show != "" {
			field, _ = c.aggregate(one.Show)
		}
		if field != "" {
			errors = append(errors, compare(field, ">= 500"))
			responses = append(responses, exists(field))
		}
	}
	shape.ServerErrors = anyOf(errors)
	if len(errors) > 0 {
		shape.Failures, shape.FailuresOf = shape.ServerErrors, anyOf(responses)
	}
}
