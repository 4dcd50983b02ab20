package kibana

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

// Client sends requests to Kibana; *elastic.Client, made with Kibana's address, is one.
type Client interface {
	Perform(*http.Request) (*http.Response, error)
	CheckResponse(*http.Response) error
	URL() string
}

// NDJSON writes objects as Kibana's import takes them, one a line.
func NDJSON(objects []Object) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, object := range objects {
		saved, err := Fold(object)
		if err != nil {
			return nil, err
		}
		if err := encoder.Encode(saved); err != nil {
			return nil, fmt.Errorf("%s: %w", object.Key(), err)
		}
	}
	return out.Bytes(), nil
}

// Import sends objects to Kibana and replaces those that are there. Kibana answers 200 even when some
// fail; the error names each of those, and why.
func Import(ctx context.Context, client Client, objects []Object) error {
	lines, err := NDJSON(objects)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "k6es.ndjson")
	if err != nil {
		return err
	}
	if _, err := part.Write(lines); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "/api/saved_objects/_import?overwrite=true", &body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("kbn-xsrf", "k6es")
	response, err := client.Perform(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := client.CheckResponse(response); err != nil {
		return err
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return importErrors(client.URL(), answer)
}

// importErrors reads what Kibana says of each object.
func importErrors(url string, text []byte) error {
	var answer struct {
		Success bool
		Errors  []struct {
			Type, ID, Title string
			Error           struct {
				Type, Message string
				References    []Reference
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s answered the import with what is not the expected JSON: %w", url, err)
	}
	if answer.Success {
		return nil
	}
	var failures []error
	for _, e := range answer.Errors {
		why := strings.TrimSpace(e.Error.Type + " " + e.Error.Message)
		for _, missing := range e.Error.References {
			why += " " + missing.key()
		}
		failures = append(failures, fmt.Errorf("%s did not take %s:%s (%q): %s", url, e.Type, e.ID, e.Title, why))
	}
	return errors.Join(failures...)
}
