package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/terminal"
)

// bulkFilter asks the server to answer with just what is read here.
const bulkFilter = "errors,items.*.status,items.*.error"

// bulkItem is the server's word on one document.
type bulkItem struct {
	Status int        `json:"status"`
	Error  *itemError `json:"error"`
}

type itemError struct {
	Type     string     `json:"type"`
	Reason   string     `json:"reason"`
	CausedBy *itemError `json:"caused_by"`
}

func (e *itemError) String() string {
	if e == nil {
		return "no reason given"
	}
	if missing := elastic.Explain(e.Reason); missing != e.Reason {
		return terminal.Escape(missing)
	}
	if e.CausedBy != nil && e.CausedBy.Reason != "" {
		return fmt.Sprintf("%s: %s (%s)", firstLine(e.Type), firstLine(e.Reason), firstLine(e.CausedBy.Reason))
	}
	return firstLine(e.Type) + ": " + firstLine(e.Reason)
}

// fieldLimit tells whether the index may have no more fields. Elasticsearch 7.17 says it as the cause of a
// document that it cannot parse; others say it at once.
func (e *itemError) fieldLimit() bool {
	for ; e != nil; e = e.CausedBy {
		if strings.Contains(e.Reason, "Limit of total fields") {
			return true
		}
	}
	return false
}

// firstLine leaves out what a parser adds in further lines: the request, other documents included.
func firstLine(reason string) string {
	line, _, _ := strings.Cut(reason, "\n")
	return terminal.Escape(line)
}

// verdict is what is to be done about one document.
type verdict uint8

const (
	created verdict = iota
	existing
	again   // the server cannot take it now
	barred  // nothing can be written there until somebody mends it
	relabel // its labels would pass the index's field limit
	refused
)

func (i *bulkItem) verdict() verdict {
	switch {
	case i.Status >= 200 && i.Status < 300:
		return created
	case i.Status == 409:
		return existing
	case i.Status == 429 || i.Status >= 500:
		return again
	case i.Error.fieldLimit():
		return relabel
	case i.Status == 401 || i.Status == 403 || i.Status == 404:
		return barred
	default:
		return refused
	}
}

// parseBulk reads the answer to a bulk request of that many documents. It returns nil items when all
// of them were created.
func parseBulk(body []byte, docs int) ([]bulkItem, error) {
	if bytes.HasPrefix(body, []byte(`{"errors":false,`)) || bytes.Equal(body, []byte(`{"errors":false}`)) {
		return nil, nil
	}
	var answer struct {
		Errors *bool                 `json:"errors"`
		Items  []map[string]bulkItem `json:"items"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Errors == nil {
		return nil, errors.New("the answer to a bulk request is not one that Elasticsearch gives: " + terminal.Escape(shorten(body)))
	}
	if !*answer.Errors {
		return nil, nil
	}
	if len(answer.Items) != docs {
		return nil, fmt.Errorf("the answer to a bulk request speaks of %d documents instead of %d", len(answer.Items), docs)
	}
	items := make([]bulkItem, 0, docs)
	for _, item := range answer.Items {
		for _, result := range item {
			items = append(items, result)
		}
	}
	if len(items) != docs {
		return nil, fmt.Errorf("the answer to a bulk request speaks of %d documents instead of %d", len(items), docs)
	}
	return items, nil
}

// relabelled moves the labels of a document into k6.tags, as "key=value". An entry without labels comes
// back as it is.
func relabelled(entry []byte) ([]byte, error) {
	action, doc, _ := bytes.Cut(entry, []byte{'\n'})
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(doc, &fields); err != nil {
		return nil, err
	}
	var labels map[string]string
	var k6 map[string]json.RawMessage
	var tags []string
	if err := errors.Join(json.Unmarshal(orEmpty(fields["labels"]), &labels), json.Unmarshal(orEmpty(fields["k6"]), &k6)); err != nil {
		return nil, err
	}
	if len(labels) == 0 {
		return entry, nil
	}
	if old, ok := k6["tags"]; ok {
		if err := json.Unmarshal(old, &tags); err != nil {
			return nil, err
		}
	}
	for _, label := range TagsFromMap(labels) {
		tags = append(tags, label.Key+"="+label.Value)
	}
	delete(fields, "labels")
	var err error
	if k6["tags"], err = json.Marshal(tags); err != nil {
		return nil, err
	}
	if fields["k6"], err = json.Marshal(k6); err != nil {
		return nil, err
	}
	if doc, err = json.Marshal(fields); err != nil {
		return nil, err
	}
	return append(append(append(bytes.Clone(action), '\n'), doc...), '\n'), nil
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}
