package logs

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
)

const (
	sampleSize    = 200 // documents
	sampleIndices = 10  // of which they are at most
	extraSize     = 20  // documents looked for because they have a field that the sample lacks
)

// document is a log line: its index, and the values of its fields by dotted name.
type document struct {
	index  string
	values map[string][]any
}

// numbered is what differs between the indices of one kind of logs: dates and numbers.
var numbered = regexp.MustCompile(`[0-9]+`)

// newestIndices picks indices to sample: the newest, by name, of each kind in turn.
func newestIndices(indices []string) []string {
	families := map[string][]string{}
	for _, index := range indices {
		family := numbered.ReplaceAllString(index, "")
		families[family] = append(families[family], index)
	}
	for _, family := range families {
		slices.SortFunc(family, func(a, b string) int { return cmp.Compare(b, a) })
	}
	var picked []string
	for round := 0; len(picked) < sampleIndices; round++ {
		before := len(picked)
		for _, name := range slices.Sorted(maps.Keys(families)) {
			if family := families[name]; round < len(family) && len(picked) < sampleIndices {
				picked = append(picked, family[round])
			}
		}
		if len(picked) == before {
			break
		}
	}
	return picked
}

// newest reads the newest documents of some indices, an equal share of each.
func newest(ctx context.Context, client Client, indices []string, time string) ([]document, error) {
	var sample []document
	for _, index := range indices {
		found, err := search(ctx, client, index, map[string]any{
			"size": (sampleSize + len(indices) - 1) / len(indices),
			"sort": newestFirst(time),
		})
		if err != nil {
			return nil, err
		}
		sample = append(sample, found...)
	}
	return sample, nil
}

// having reads some documents that have one of the fields at least, the newest ones.
func having(ctx context.Context, client Client, pattern, time string, fields []string) ([]document, error) {
	exists := make([]any, len(fields))
	for i, field := range fields {
		exists[i] = map[string]any{"exists": map[string]any{"field": field}}
	}
	return search(ctx, client, pathOf(pattern), map[string]any{
		"size":  extraSize,
		"sort":  newestFirst(time),
		"query": map[string]any{"bool": map[string]any{"filter": []any{should(exists)}}},
	})
}

func newestFirst(time string) any { return inOrder(time, "desc") }

func oldestFirst(time string) any { return inOrder(time, "asc") }

func inOrder(time, order string) any {
	return []any{map[string]any{time: map[string]any{"order": order, "unmapped_type": "date"}}}
}

func search(ctx context.Context, client Client, indices string, body map[string]any) ([]document, error) {
	var answer struct {
		Hits struct {
			Hits []struct {
				Index  string         `json:"_index"`
				Source map[string]any `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	body["track_total_hits"] = false
	path := "/" + indices + "/_search?ignore_unavailable=true&allow_no_indices=true"
	if err := client.JSON(ctx, "POST", path, body, &answer); err != nil {
		return nil, err
	}
	documents := make([]document, len(answer.Hits.Hits))
	for i, hit := range answer.Hits.Hits {
		documents[i] = document{hit.Index, map[string][]any{}}
		flatten(documents[i].values, "", hit.Source)
	}
	return documents, nil
}

// flatten collects the values of a document by dotted name, as the server does with nested objects,
// names with dots and lists alike. null is no value.
func flatten(values map[string][]any, name string, node any) {
	switch node := node.(type) {
	case nil:
	case map[string]any:
		for key, child := range node {
			path := key
			if name != "" {
				path = name + "." + key
			}
			flatten(values, path, child)
		}
	case []any:
		for _, element := range node {
			flatten(values, name, element)
		}
	default:
		values[name] = append(values[name], node)
	}
}

// valuesOf lists the first value of the field in each document that has one.
func valuesOf(documents []document, field string) []any {
	var values []any
	for _, d := range documents {
		if found := d.values[field]; len(found) > 0 {
			values = append(values, found[0])
		}
	}
	return values
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
