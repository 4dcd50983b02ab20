package logs

import (
	"regexp"
	"slices"
	"strings"
)

// Role is what a field of the logs is for.
type Role string

// The roles. Time is the only one that logs must have.
const (
	Time    Role = "time"
	Level   Role = "level"
	Message Role = "message"
	Host    Role = "host"
	Service Role = "service"
	Route   Role = "route"   // of a request: /items/:id, or its path
	Status  Role = "status"  // of a response, 100 to 599
	Latency Role = "latency" // how long the service took for a request
	Address Role = "client"  // where the request came from, an IP address
)

// Roles lists the roles in the order in which people are told of them.
func Roles() []Role {
	return []Role{Time, Level, Message, Host, Service, Route, Status, Latency, Address}
}

// names are what fields of each role are called, and how well the name fits, up to 100. Names are
// compared without case, "_" and "-": responseTime is response_time. A field that is called so within
// an object (json.level, res.statusCode) fits a little less well.
//
// They are those of the Elastic Common Schema 1.6, of Filebeat's modules, of Logstash's grok patterns, of
// winston, pino, bunyan, log4j and Python's logging, and of web servers' own logs.
var names = map[Role]map[string]float64{
	Time: {
		"@timestamp": 100, "timestamp": 80, "time": 75, "datetime": 70, "date": 65, "ts": 65, "eventtime": 60,
		"logtime": 60, "event.created": 30,
	},
	Level: {
		"log.level": 100, "level": 98, "loglevel": 96, "severity": 94, "severitytext": 94, "levelname": 94,
		"lvl": 85, "priority": 50, "syslog.severity": 60, "log.syslog.severity.name": 60,
	},
	Message: {"message": 100, "msg": 96, "shortmessage": 80, "body": 60, "text": 50, "event.original": 40, "log": 40},
	Host: {
		"host.name": 100, "hostname": 96, "host": 94, "host.hostname": 92, "servername": 70, "kubernetes.pod.name": 90,
		"kubernetes.node.name": 70, "container.name": 60, "agent.hostname": 50, "agent.name": 48, "beat.hostname": 48,
		"instance": 40, "instanceid": 38, "node": 38,
	},
	Service: {
		"service.name": 100, "service": 96, "servicename": 94, "app": 88, "application": 88, "appname": 88,
		"app.name": 88, "application.name": 88, "applicationname": 88, "kubernetes.labels.app": 86,
		"kubernetes.deployment.name": 84, "component": 60, "program": 60, "container.name": 50, "logger": 30,
		"name": 30,
	},
	Route: {
		"http.route": 100, "route": 98, "routepath": 96, "url.template": 96, "req.route.path": 94, "url.path": 92,
		"endpoint": 88, "url.original": 86, "path": 84, "uri": 82, "uripath": 84, "requesturi": 82, "req.url": 82,
		"requesturl": 80, "requestpath": 84, "url": 78, "originalurl": 76, "url.full": 60, "request": 50, "csuristem": 60,
	},
	Status: {
		"http.response.status.code": 100, "http.response.statuscode": 100, "statuscode": 96, "httpstatus": 94,
		"http.statuscode": 94, "http.status": 94, "status": 90, "responsestatus": 90, "responsecode": 90,
		"httpcode": 80, "scstatus": 80, "response": 60, "code": 40,
	},
	Latency: {
		"event.duration": 100, "responsetime": 98, "intervaltime": 96, "response.time": 96, "duration": 90, "latency": 90,
		"requesttime": 88, "requestduration": 88, "responseduration": 88, "elapsed": 86, "elapsedtime": 86, "took": 84,
		"timetaken": 84, "processingtime": 80, "executiontime": 76, "upstreamresponsetime": 60, "runtime": 40,
	},
	Address: {
		"client.ip": 100, "source.ip": 98, "client.address": 96, "source.address": 94, "clientip": 96, "remoteaddr": 92,
		"remoteaddress": 92, "remoteip": 92, "clientaddress": 90, "clientaddr": 90, "remotehost": 60, "ip": 80, "peer": 40,
	},
}

// wrappers are objects that shippers and libraries put a line's own fields into.
var wrappers = []string{"json", "log", "fields", "parsed", "payload", "data", "meta", "context", "body", "attributes", "http"}

// Losing a leading part of its path makes a name fit less well: by little where it is a wrapper.
const (
	wrapperPenalty = 2
	objectPenalty  = 12
)

// unlike are fields that are called so and are something else.
var unlike = regexp.MustCompile(`^(log\.(file|offset)|agent\.version|ecs\.|process\.|user_agent\.|k6\.|labels\.k6|(host|server|destination|observer|kubernetes\.\w+)\.ip$)`)

// nameScore is how well the name of a field fits a role, 0 for not at all.
func nameScore(role Role, field string) float64 {
	if unlike.MatchString(field) {
		return 0
	}
	known := names[role]
	parts := strings.Split(field, ".")
	if role == Latency {
		parts[len(parts)-1], _ = cutUnit(parts[len(parts)-1])
	}
	penalty := 0.0
	for i, part := range parts {
		name := normal(strings.Join(parts[i:], "."))
		if score, ok := known[name]; ok && (i == 0 || !onlyWhole[name]) {
			return max(score-penalty, 1)
		}
		if slices.Contains(wrappers, normal(part)) {
			penalty += wrapperPenalty
		} else {
			penalty += objectPenalty
		}
	}
	return 0
}

// onlyWhole are names that mean nothing within an object, such as user.name.
var onlyWhole = map[string]bool{
	"name": true, "code": true, "log": true, "text": true, "body": true, "node": true, "date": true, "request": true,
	"response": true, "instance": true, "runtime": true, "priority": true,
}

// normal is a name as the table has it.
func normal(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}
