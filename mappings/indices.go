package mappings

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/k6es/k6es/elastic"
)

// MissingIndices lists the indices that dashboards ask and that are not there: one of each family, by
// name. Samples have one of a date each; if they have none at all, that of now is missing, by day or by
// month.
func MissingIndices(ctx context.Context, client Client, prefix string, daily bool, now time.Time) ([]string, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	layout := "2006.01"
	if daily {
		layout = "2006.01.02"
	}
	var missing []string
	for _, family := range families {
		pattern := prefix + "-" + family.Pattern
		there, err := hasIndex(ctx, client, pattern)
		if err != nil {
			return missing, fmt.Errorf("look for the index %s: %w", pattern, err)
		}
		if !there {
			missing = append(missing, strings.Replace(pattern, "*", now.UTC().Format(layout), 1))
		}
	}
	return missing, nil
}

// hasIndex tells whether an index, or one that a pattern covers, is there.
func hasIndex(ctx context.Context, client Client, pattern string) (bool, error) {
	var found map[string]any
	err := client.JSON(ctx, http.MethodGet, "/"+pattern+"/_alias", nil, &found)
	switch {
	case elastic.IsStatus(err, http.StatusNotFound):
		return false, nil
	case elastic.IsStatus(err, http.StatusForbidden): // who may not look need not know
		return true, nil
	}
	return len(found) > 0, err
}

// CreateIndex makes an empty index with the mappings of its template. One that has come to be meanwhile
// is well. It is for names of MissingIndices, once Install has installed the templates.
func CreateIndex(ctx context.Context, client Client, name string) error {
	err := client.JSON(ctx, http.MethodPut, "/"+name, nil, nil)
	var answer *elastic.Error
	if errors.As(err, &answer) && answer.Type == "resource_already_exists_exception" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create the index %s: %w", name, err)
	}
	return nil
}
