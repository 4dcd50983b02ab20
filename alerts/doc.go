// Package alerts holds alarms: what is abnormal in load tests and in production logs, in one set of rules,
// written for each alerting system from the same data.
//
//	rules/*.yml   the rules, one a file: question, severity, what to look at, parameters, condition
//	rule.go       reading them
//	bind.go       a rule with its parameters, for one cluster: indices and fields instead of names
//	history.go    which alarms compare with more days than there are logs of
//	alarm.go      what comes of it: all that a renderer must know
//	elastalert2*  alarms as files for ElastAlert2; receivers.go, yaml.go: who is told, and how the files are written
//	opensearch*   alarms as monitors of OpenSearch's and Open Distro's alerting, and installing them
//	kibanarules*  alarms as rules of Kibana, as far as they go
//	clauses.go    which log lines are of a kind, and which fields they go by
//	query.go      what queries of all of them are made of
//
// Only history.go, and who installs monitors, ask a server. It is not a stable Go API.
package alerts
