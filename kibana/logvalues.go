package kibana

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/k6es/k6es/logs"
)

// LogValues are the values of the placeholders for logs of a shape. The index pattern is one that Kibana
// has, or, if it is the zero value, ours with the index prefix, which then becomes one of the objects.
func LogValues(shape logs.Shape, pattern Pattern, prefix string) (Values, error) {
	values := Values{LogsIndex: shape.Pattern, LogsPattern: pattern.ID}
	if pattern.ID == "" {
		fields, err := json.Marshal(shape.KibanaFields())
		if err != nil {
			return nil, err
		}
		values[LogsPattern], values[LogsFields] = prefix+"-"+LogsDashboard, string(fields)
	}
	for role, names := range map[logs.Role][2]string{
		logs.Time: {LogsTime}, logs.Level: {LogsLevel, LogsLevelText}, logs.Message: {LogsMessage, LogsMessageText},
		logs.Host: {LogsHost, LogsHostText}, logs.Service: {LogsService, LogsServiceText},
		logs.Route: {LogsRoute, LogsRouteText}, logs.Status: {LogsStatus}, logs.Latency: {LogsLatency},
	} {
		choice := shape.Choice(role)
		values.set(names[0], choice.Field)
		values.set(names[1], choice.Show)
	}
	if factor := shape.Unit.Factor(); factor != 0 {
		values.set(LogsLatencyFactor, strconv.FormatFloat(factor, 'f', -1, 64))
	}
	values.set(LogsErrors, shape.Errors.KQL)
	values.set(LogsErrorsLucene, shape.Errors.Lucene)
	values.set(LogsWarnings, shape.Warnings.KQL)
	values.set(LogsServerErrors, shape.ServerErrors.KQL)
	values.set(LogsFailures, shape.Failures.KQL)
	values.set(LogsFailuresOf, shape.FailuresOf.KQL)
	return values, nil
}

// set gives a placeholder its value, if there is one.
func (v Values) set(name, value string) {
	if name != "" && value != "" {
		v[name] = value
	}
}

// Pattern is an index pattern that Kibana has.
type Pattern struct {
	ID, Title string
	Time      string          // empty where lines are not filtered by time
	Fields    map[string]bool // names of its fields, as of when Kibana last looked; nil: it has not
}

// FindPatterns looks for index patterns by their exact title, sorted by id. Kibana lets several have one,
// but its time series charts then ignore them all.
func (c *Client) FindPatterns(ctx context.Context, title string) ([]Pattern, error) {
	const perPage = 1000
	query := url.Values{"type": {IndexPattern}, "per_page": {strconv.Itoa(perPage)}, "fields": {"title", "timeFieldName", "fields"}}
	got, err := c.exchange(ctx, http.MethodGet, c.inSpace("/api/saved_objects/_find?"+query.Encode()), "", nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		SavedObjects []struct {
			ID         string `json:"id"`
			Attributes struct {
				Title         string `json:"title"`
				TimeFieldName string `json:"timeFieldName"`
				Fields        string `json:"fields"`
			} `json:"attributes"`
		} `json:"saved_objects"`
	}
	if err := c.decodeAnswer("the search for index patterns", got.body, &answer); err != nil {
		return nil, err
	}
	var found []Pattern
	for _, object := range answer.SavedObjects {
		if object.Attributes.Title == title {
			found = append(found, Pattern{
				ID: object.ID, Title: title, Time: object.Attributes.TimeFieldName, Fields: fieldNames(object.Attributes.Fields),
			})
		}
	}
	slices.SortFunc(found, func(a, b Pattern) int { return strings.Compare(a.ID, b.ID) })
	return found, nil
}

// fieldNames reads the field list of an index pattern; nil where it has none yet.
func fieldNames(text string) map[string]bool {
	var fields []struct{ Name string }
	if json.Unmarshal([]byte(text), &fields) != nil || len(fields) == 0 {
		return nil
	}
	names := make(map[string]bool, len(fields))
	for _, field := range fields {
		names[field.Name] = true
	}
	return names
}

// LogsIndex is the indices of the production logs that setup was told of when it brought the dashboards
// into Kibana; empty if it was told of none, or has not done so.
func (c *Client) LogsIndex(ctx context.Context, prefix string) (string, error) {
	lines := Object{Type: Search, ID: logLines}.WithPrefix(prefix)
	saved, err := c.Export(ctx, []string{lines.Key()}, true)
	if err != nil {
		return "", err
	}
	for _, key := range sortedKeys(saved) {
		if title, ok := saved[key].Attributes["title"].(string); ok && saved[key].Type == IndexPattern {
			return title, nil
		}
	}
	return "", nil
}

// logLines is the id of the list of log lines, which every kind of logs has.
const logLines = "k6-logs-lines"
