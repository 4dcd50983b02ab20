package searches

import (
	"fmt"
	"strings"
	"unicode"
)

// KQL translates a query in Kibana's language into the one of Elasticsearch, as Kibana 7.10 does; nil for
// an empty query. It knows what the dashboards use: field:value, value groups, ranges, field:*, wildcards,
// and, or, not, parentheses, and words without a field.
func KQL(text string) (map[string]any, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil //nolint:nilnil // no query, and that is well
	}
	p := parser{tokens: tokenize(text)}
	query, err := p.or("")
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("%q is unexpected", p.tokens[p.at].text)
	}
	if err != nil {
		return nil, fmt.Errorf("KQL %q: %w", text, err)
	}
	return query, nil
}

type token struct {
	text   string
	quoted bool
}

// tokenize splits a query into words, quoted texts, and the signs ( ) : < > <= >=.
func tokenize(text string) []token {
	var tokens []token
	runes := []rune(text)
	for i := 0; i < len(runes); {
		switch c := runes[i]; {
		case unicode.IsSpace(c):
			i++
		case c == '"':
			word := ""
			for i++; i < len(runes) && runes[i] != '"'; i++ {
				if runes[i] == '\\' && i+1 < len(runes) {
					i++
				}
				word += string(runes[i])
			}
			i++
			tokens = append(tokens, token{word, true})
		case strings.ContainsRune("():", c):
			tokens = append(tokens, token{string(c), false})
			i++
		case c == '<' || c == '>':
			sign := string(c)
			if i++; i < len(runes) && runes[i] == '=' {
				sign += "="
				i++
			}
			tokens = append(tokens, token{sign, false})
		default:
			word := ""
			for ; i < len(runes) && !unicode.IsSpace(runes[i]) && !strings.ContainsRune(`():<>"`, runes[i]); i++ {
				if runes[i] == '\\' && i+1 < len(runes) {
					i++
				}
				word += string(runes[i])
			}
			tokens = append(tokens, token{word, false})
		}
	}
	return tokens
}

type parser struct {
	tokens []token
	at     int
}

func (p *parser) peek(words ...string) bool {
	if p.at >= len(p.tokens) || p.tokens[p.at].quoted {
		return false
	}
	for _, word := range words {
		if strings.EqualFold(p.tokens[p.at].text, word) {
			return true
		}
	}
	return false
}

func (p *parser) take(words ...string) bool {
	found := p.peek(words...)
	if found {
		p.at++
	}
	return found
}

// or reads alternatives; in a group of values, field is that of all of them.
func (p *parser) or(field string) (map[string]any, error) {
	return p.list("or", "should", field, p.and)
}

func (p *parser) and(field string) (map[string]any, error) {
	return p.list("and", "filter", field, p.not)
}

func (p *parser) list(word, clause, field string, next func(string) (map[string]any, error)) (map[string]any, error) {
	first, err := next(field)
	queries := []any{first}
	for err == nil && p.take(word) {
		first, err = next(field)
		queries = append(queries, first)
	}
	if err != nil || len(queries) == 1 {
		return first, err
	}
	body := map[string]any{clause: queries}
	if clause == "should" {
		body["minimum_should_match"] = 1
	}
	return map[string]any{"bool": body}, nil
}

func (p *parser) not(field string) (map[string]any, error) {
	if p.take("not") {
		query, err := p.not(field)
		return map[string]any{"bool": map[string]any{"must_not": []any{query}}}, err
	}
	if p.take("(") {
		query, err := p.or(field)
		if err == nil && !p.take(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return query, err
	}
	return p.leaf(field)
}

var comparisons = map[string]string{"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}

// leaf reads one condition, or with a field, one value of a group.
func (p *parser) leaf(field string) (map[string]any, error) {
	if p.at >= len(p.tokens) || p.peek(")", ":", "and", "or") {
		return nil, fmt.Errorf("something is missing")
	}
	word := p.tokens[p.at]
	p.at++
	if field != "" {
		return condition(field, word), nil
	}
	if p.take(":") {
		if p.peek("(") {
			return p.not(word.text)
		}
		return p.leaf(word.text)
	}
	if p.at+1 < len(p.tokens) && !p.tokens[p.at].quoted {
		if sign, isComparison := comparisons[p.tokens[p.at].text]; isComparison {
			p.at += 2
			return map[string]any{"range": map[string]any{word.text: map[string]any{sign: p.tokens[p.at-1].text}}}, nil
		}
	}
	return map[string]any{"multi_match": map[string]any{"query": word.text, "type": "best_fields", "lenient": true}}, nil
}

func condition(field string, value token) map[string]any {
	switch {
	case value.quoted:
		return map[string]any{"match_phrase": map[string]any{field: value.text}}
	case value.text == "*":
		return map[string]any{"exists": map[string]any{"field": field}}
	case strings.Contains(value.text, "*"):
		return map[string]any{"query_string": map[string]any{"fields": []any{field}, "query": value.text}}
	default:
		return map[string]any{"match": map[string]any{field: value.text}}
	}
}
