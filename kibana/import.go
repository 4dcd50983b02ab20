package kibana

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
)

const (
	importPath = "/api/saved_objects/_import?overwrite=true"
	exportPath = "/api/saved_objects/_export"
)

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
// fail, and keeps the others; the error names each of those that failed, and why.
func (c *Client) Import(ctx context.Context, objects []Object) error {
	lines, err := NDJSON(objects)
	if err != nil {
		return err
	}
	body, contentType, err := upload(lines)
	if err != nil {
		return err
	}
	got, err := c.exchange(ctx, http.MethodPost, c.inSpace(importPath), contentType, body)
	if err != nil {
		return fmt.Errorf("import the dashboards: %w", err)
	}
	return c.readImport(got.body)
}

// upload is a form with one file, which Kibana wants to be named so.
func upload(lines []byte) (body []byte, contentType string, err error) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	part, err := form.CreateFormFile("file", "k6es.ndjson")
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(lines); err != nil {
		return nil, "", err
	}
	err = form.Close()
	return out.Bytes(), form.FormDataContentType(), err
}

// importAnswer is what Kibana says of an import.
type importAnswer struct {
	Success *bool
	Errors  []importFailure
}

type importFailure struct {
	Type, ID, Title string
	Meta            struct{ Title string }
	Error           struct {
		Type, Message string
		References    []Reference
	}
}

// readImport reads what Kibana says of each object.
func (c *Client) readImport(body []byte) error {
	var got importAnswer
	if err := c.decodeAnswer("the import", body, &got); err != nil {
		return err
	}
	if got.Success == nil {
		return fmt.Errorf("%s answered the import without saying whether it went well", c.URL())
	}
	if *got.Success {
		return nil
	}
	if len(got.Errors) == 0 {
		return fmt.Errorf("%s says that the import failed, and not why", c.URL())
	}
	failures := make([]error, len(got.Errors))
	for i, failure := range got.Errors {
		failures[i] = fmt.Errorf("%s did not take %s", c.URL(), failure)
	}
	return errors.Join(failures...)
}

// String names the object and says why it failed.
func (f importFailure) String() string {
	name := f.Type + ":" + f.ID
	if title := cmp.Or(f.Title, f.Meta.Title); title != "" {
		name += fmt.Sprintf(" (%q)", title)
	}
	why := []string{strings.ReplaceAll(f.Error.Type, "_", " ")}
	if f.Error.Message != "" {
		why = append(why, f.Error.Message)
	}
	for _, missing := range f.Error.References {
		why = append(why, missing.key())
	}
	return name + ": " + strings.Join(why, " ")
}

// Export reads saved objects, by key; those that Kibana does not have are not in the result. With
// references, it also has the objects that those name, and so on.
//
// It goes by the export, which is the one way to read objects that all versions keep.
func (c *Client) Export(ctx context.Context, keys []string, references bool) (map[string]SavedObject, error) {
	found := map[string]SavedObject{}
	for len(keys) > 0 {
		got, err := c.exportOnce(ctx, keys, references)
		if err != nil {
			return nil, fmt.Errorf("read the dashboards: %w", err)
		}
		if got.status == http.StatusOK {
			return found, c.readExport(got.body, found)
		}
		rest, why := withoutMissing(keys, got.body)
		if len(rest) == len(keys) {
			return nil, fmt.Errorf("%s answered the export with %d: %s", c.URL(), got.status, why)
		}
		keys = rest
	}
	return found, nil
}

func (c *Client) exportOnce(ctx context.Context, keys []string, references bool) (answer, error) {
	type named struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	}
	objects := make([]named, len(keys))
	for i, key := range keys {
		objects[i].Type, objects[i].ID, _ = strings.Cut(key, ":")
	}
	body, err := json.Marshal(map[string]any{
		"objects": objects, "includeReferencesDeep": references, "excludeExportDetails": true,
	})
	if err != nil {
		return answer{}, err
	}
	return c.exchange(ctx, http.MethodPost, c.inSpace(exportPath), "application/json", body, http.StatusBadRequest)
}

// withoutMissing takes out of the keys those that Kibana says it does not have. If there are none, why is
// what it says instead.
func withoutMissing(keys []string, body []byte) (rest []string, why string) {
	var refusal struct {
		Message    string
		Attributes struct {
			Objects []struct{ Type, ID string }
		}
	}
	if err := json.Unmarshal(body, &refusal); err != nil {
		return keys, "with what is no JSON"
	}
	missing := map[string]bool{}
	for _, object := range refusal.Attributes.Objects {
		missing[object.Type+":"+object.ID] = true
	}
	for _, key := range keys {
		if !missing[key] {
			rest = append(rest, key)
		}
	}
	return rest, refusal.Message
}

// readExport reads the lines of an export.
func (c *Client) readExport(body []byte, into map[string]SavedObject) error {
	for line := range bytes.Lines(body) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var saved SavedObject
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&saved); err != nil {
			return fmt.Errorf("%s answered the export with what is not the expected JSON: %w", c.URL(), err)
		}
		into[saved.Type+":"+saved.ID] = saved
	}
	return nil
}
