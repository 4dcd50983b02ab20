package alerts

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed rules/*.yml
var files embed.FS

// Rule is an alarm rule as its file has it.
type Rule struct {
	Name     string   `yaml:"-"` // that of the file: run-failed
	Title    string   `yaml:"title"`
	Question string   `yaml:"question"`
	Severity Severity `yaml:"severity"`
	// Look is what whoever is alarmed looks at first.
	Look Look `yaml:"look"`
	// Facts are fields of a document that an alarm of kind Documents shows, with the words for them.
	Facts []Fact `yaml:"facts"`
	// Parameters are what may be set, in the order in which people are told.
	Parameters []Parameter `yaml:"parameters"`

	condition, while yaml.Node // with parameters, fields and clauses as $name
}

// Severity says how soon somebody has to look.
type Severity string

// The severities.
const (
	Critical Severity = "critical" // now
	Warning  Severity = "warning"  // today
)

// Look says where to look. Dashboard is one of ours: runs, run, compare or logs.
type Look struct {
	Advice    string `yaml:"advice"`
	Dashboard string `yaml:"dashboard"`
}

// Fact is a field worth telling. Field is that of a document, or of a log line by its role, as $host.
type Fact struct {
	Label string `yaml:"label"`
	Field string `yaml:"field"`
}

// Parameter is what a user may set. A default tells its kind: a span of time such as 5m or 7d, a number, or
// text. Spans and numbers have bounds, which are allowed themselves.
type Parameter struct {
	Name    string `yaml:"name"`
	Default string `yaml:"default"`
	Min     string `yaml:"min"`
	Max     string `yaml:"max"`
	Unit    string `yaml:"unit"` // of a number: ms, share, requests, …; days are whole ones
	Help    string `yaml:"help"`
}

// Span is a length of time. In a rule and in options it is written as 90s, 5m, 26h or 7d.
type Span time.Duration

// UnmarshalYAML reads a span.
func (s *Span) UnmarshalYAML(node *yaml.Node) (err error) {
	*s, err = ParseSpan(node.Value)
	return err
}

// ParseSpan reads a span: a Go duration of whole seconds, or whole days.
func ParseSpan(text string) (Span, error) {
	const day = 24 * time.Hour
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return Span(time.Duration(n) * day), nil //nolint:gosec // 16 bits of days fit
		}
	}
	span, err := time.ParseDuration(text)
	if err != nil || span < 0 || span%time.Second != 0 {
		return 0, fmt.Errorf("%q is no span of time, such as 90s, 5m, 26h or 7d", text)
	}
	return Span(span), nil
}

// String writes a span as ParseSpan reads it, in the largest unit that shows it exactly.
func (s Span) String() string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d := time.Duration(s); d >= unit.of && d%unit.of == 0 {
			return strconv.FormatInt(int64(d/unit.of), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(time.Duration(s)/time.Second), 10) + "s"
}

// Rules reads all rules, sorted by name. An error says which file is wrong; a test makes sure there is none.
func Rules() ([]*Rule, error) {
	entries, err := files.ReadDir("rules")
	if err != nil {
		return nil, fmt.Errorf("reading the alarm rules: %w", err)
	}
	var rules []*Rule
	for _, entry := range entries {
		text, err := files.ReadFile(path.Join("rules", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the alarm rules: %w", err)
		}
		rule, err := parseRule(strings.TrimSuffix(entry.Name(), ".yml"), text)
		if err != nil {
			return nil, fmt.Errorf("alarm rule %s: %w", entry.Name(), err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseRule(name string, text []byte) (*Rule, error) {
	file := struct {
		Rule      `yaml:",inline"`
		Condition yaml.Node `yaml:"condition"`
		While     yaml.Node `yaml:"while"`
	}{}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	rule := file.Rule
	rule.Name, rule.condition, rule.while = name, file.Condition, file.While
	return &rule, rule.validate()
}

func (r *Rule) validate() error {
	switch {
	case r.Title == "" || r.Question == "" || r.Look.Advice == "":
		return errors.New("title, question and look.advice must be there")
	case r.Severity != Critical && r.Severity != Warning:
		return fmt.Errorf("severity %q is not known", r.Severity)
	case !slices.Contains([]string{"runs", "run", "compare", "logs"}, r.Look.Dashboard):
		return fmt.Errorf("dashboard %q is not known", r.Look.Dashboard)
	case r.condition.IsZero():
		return errors.New("condition must be there")
	}
	for _, p := range r.Parameters {
		if p.Help == "" {
			return fmt.Errorf("parameter %s has no help", p.Name)
		}
		if err := p.check(p.Default); err != nil {
			return fmt.Errorf("parameter %s: default: %w", p.Name, err)
		}
	}
	return nil
}

func (p Parameter) isNumber() bool {
	_, err := strconv.ParseFloat(p.Default, 64)
	return err == nil
}

// number reads a span as seconds, or a number.
func (p Parameter) number(text string) (float64, error) {
	if p.isNumber() {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return 0, fmt.Errorf("%q is no number", text)
		}
		return n, nil
	}
	span, err := ParseSpan(text)
	return time.Duration(span).Seconds(), err
}

// isText tells a parameter without bounds that is neither a number nor a span.
func (p Parameter) isText() bool {
	_, err := p.number(p.Default)
	return err != nil
}

// check tells whether a value may be given.
func (p Parameter) check(value string) error {
	if p.isText() {
		return nil
	}
	n, err := p.number(value)
	if err != nil {
		return err
	}
	if p.Unit == "days" && n != math.Trunc(n) {
		return fmt.Errorf("%q is no whole number", value)
	}
	if low, err := p.number(p.Min); p.Min != "" && (err != nil || n < low) {
		return fmt.Errorf("%s is less than %s", value, p.Min)
	}
	if high, err := p.number(p.Max); p.Max != "" && (err != nil || n > high) {
		return fmt.Errorf("%s is more than %s", value, p.Max)
	}
	return nil
}
