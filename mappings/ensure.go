package mappings

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/k6es/k6es/elastic"
)

// NotReadyError says that documents must not be written, because an index that came to be now would
// lack its mappings.
type NotReadyError struct {
	Findings []Finding // those that keep documents from being written
	Reason   error     // why they could not be mended; nil when that was not allowed
}

// Error says what is wrong with the first template, and the way out.
func (e *NotReadyError) Error() string {
	text := "the template " + e.Findings[0].sentence()
	if e.Reason != nil {
		text += fmt.Sprintf(" and cannot be installed (%v)", e.Reason)
	}
	return text + ". Run `k6es setup --index-management` as a user who may install templates, or hand `k6es export template` to one"
}

// Unwrap returns why a template could not be installed.
func (e *NotReadyError) Unwrap() error { return e.Reason }

// Ensure makes sure that documents may be written: that each template is there and knows all fields. With
// mayInstall it installs or upgrades what is not. Templates that were altered by hand are left as they
// are. Without mayInstall, a user who may not look at templates is trusted to have them. The error is a
// *NotReadyError, or an *elastic.Error or *elastic.ConnectionError when the server
// could not be asked.
func Ensure(ctx context.Context, client Client, opts Options, mayInstall bool) error {
	findings, err := Check(ctx, client, opts)
	if elastic.IsStatus(err, http.StatusForbidden) && !mayInstall {
		return nil
	}
	if elastic.IsStatus(err, http.StatusForbidden) {
		return fmt.Errorf("looking for the templates: %w. When an administrator has installed them (`k6es setup`), "+
			"say so with K6_ELASTICSEARCH_SETUP=off", err)
	}
	if err != nil {
		return fmt.Errorf("looking for the templates: %w", err)
	}
	lacking := unwritable(findings)
	if len(lacking) == 0 {
		return nil
	}
	if !mayInstall {
		return &NotReadyError{Findings: lacking}
	}
	if _, err = Install(ctx, client, opts); err != nil {
		var answer *elastic.Error
		if errors.As(err, &answer) && answer.Status != http.StatusTooManyRequests && answer.Status < http.StatusInternalServerError {
			return &NotReadyError{Findings: lacking, Reason: err}
		}
		return err
	}
	if findings, err = Check(ctx, client, opts); err != nil {
		return fmt.Errorf("looking for the templates: %w", err)
	}
	if lacking = unwritable(findings); len(lacking) > 0 {
		return &NotReadyError{Findings: lacking}
	}
	return nil
}

// unwritable picks the templates with which an index would lack fields.
func unwritable(findings []Finding) []Finding {
	var lacking []Finding
	for _, finding := range findings {
		switch finding.State {
		case Missing, Older, Foreign:
			lacking = append(lacking, finding)
		}
	}
	return lacking
}
