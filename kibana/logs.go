package kibana

import (
	"slices"
	"strings"
)

// Roles of the team's own production logs, as files name them: ${level} stands for whatever field of the
// logs says how grave a line is. Probing the logs finds the values (package logs); what they do not have
// is left out (see Render).
const (
	LogsIndex   = "index"   // the indices, such as "filebeat-*,logs-*"
	LogsPattern = "pattern" // id of the index pattern for them: ours, or one that was there before
	LogsFields  = "fields"  // field list of our index pattern as JSON; missing where we make none
	LogsTime    = "time"

	LogsLevel   = "level" // field to aggregate and filter by, as the next ones
	LogsMessage = "message"
	LogsHost    = "host"
	LogsService = "service"
	LogsRoute   = "route"
	LogsStatus  = "status"
	LogsLatency = "latency"
	// LogsLatencyFactor makes milliseconds of the latency: "0.000001" for nanoseconds.
	LogsLatencyFactor = "latency_factor"

	// The same fields as log lines have them, to be shown: message where LogsMessage is message.keyword.
	LogsLevelText   = "level_text"
	LogsMessageText = "message_text"
	LogsHostText    = "host_text"
	LogsServiceText = "service_text"
	LogsRouteText   = "route_text"

	LogsErrors       = "errors"        // KQL that finds errors, such as "level:(error or fatal)"
	LogsErrorsLucene = "errors_lucene" // the same for a query_string
	LogsWarnings     = "warnings"      // KQL that finds warnings
	LogsServerErrors = "server_errors" // KQL that finds responses with a status of 500 and above
	// LogsFailures are lines of what went wrong, and LogsFailuresOf those that they are a share of: server
	// errors of all responses, or, where there is no status, errors of all lines.
	LogsFailures   = "failures"
	LogsFailuresOf = "failures_of"
)

// Roles lists every name that a placeholder may have.
func Roles() []string {
	return []string{
		LogsIndex, LogsPattern, LogsFields, LogsTime, LogsLevel, LogsMessage, LogsHost, LogsService, LogsRoute,
		LogsStatus, LogsLatency, LogsLatencyFactor, LogsLevelText, LogsMessageText, LogsHostText, LogsServiceText,
		LogsRouteText, LogsErrors, LogsErrorsLucene, LogsWarnings, LogsServerErrors, LogsFailures, LogsFailuresOf,
	}
}

// fieldsBehind tells, for people, which fields of the logs roles come from, each once.
func fieldsBehind(roles []string) []string {
	var fields []string
	for _, role := range roles {
		field, _, _ := strings.Cut(role, "_") // latency_factor, level_text
		switch role {
		case LogsErrors, LogsErrorsLucene, LogsWarnings:
			field = LogsLevel
		case LogsServerErrors:
			field = LogsStatus
		case LogsFailures, LogsFailuresOf:
			field = LogsLevel + " or " + LogsStatus
		}
		if !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return fields
}
