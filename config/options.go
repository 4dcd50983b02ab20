package config

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/agnivade/levenshtein"
)

// Where says who has an option: the k6 output, the command line tool, or both.
type Where uint8

// The two places where an option can apply.
const (
	Output Where = 1 << iota
	CLI
	Both = Output | CLI
)

// Kind says how an option's value is written.
type Kind string

// The kinds of value. A list is separated by commas, a map is key=value pairs separated by commas; a
// duration needs its unit, except where Millis says otherwise.
const (
	Text     Kind = "string"
	List     Kind = "list"
	Bool     Kind = "bool"
	Int      Kind = "int"
	Duration Kind = "duration"
	Size     Kind = "bytes"
	Map      Kind = "map"
)

// Group is a heading below which the help of commands shows options.
type Group string

// The groups of options, in the order in which the help shows them.
const (
	RunGroup           Group = "Run"
	DocumentGroup      Group = "Documents"
	SendingGroup       Group = "Sending"
	LogsGroup          Group = "Production logs"
	AlarmGroup         Group = "Alarms"
	NotificationGroup  Group = "Notifications"
	IndexGroup         Group = "Indices"
	DashboardGroup     Group = "Kibana"
	ConnectionGroup    Group = "Connection"
	AmazonGroup        Group = "Amazon OpenSearch Service"
	ConfigurationGroup Group = "Configuration"
)

// Groups returns all groups, in order.
func Groups() []Group {
	return []Group{
		RunGroup, DocumentGroup, SendingGroup, LogsGroup, AlarmGroup, NotificationGroup, IndexGroup, DashboardGroup,
		ConnectionGroup, AmazonGroup, ConfigurationGroup,
	}
}

// Option is one line of the table. Its kind is that of the field it fills.
type Option struct {
	Name       string   // kebab-case: the key in a config file and in the --out argument
	Flag       string   // the flag where it differs from Name; Name works too
	Aliases    []string // other names that are understood
	Env        string   // environment variable
	EnvAliases []string // other environment variables that are understood; Env wins
	Default    string   // as a user would write it; empty: the zero value
	Choices    []string // the only values allowed; nil: any
	Min, Max   string   // inclusive bounds, as a user would write them; empty: none
	Secret     bool     // never printed
	Millis     bool     // a duration without a unit is in milliseconds, as k6 has it; else it is refused
	Address    bool     // printed without the login that may be in it
	NotInFile  bool     // no key of a config file or of the JSON config
	Where      Where
	Group      Group  // heading in the help of commands; empty: that of the option before
	Help       string // one sentence without a full stop
	Ignored    string // not empty: accepted and ignored, and this is why

	valid func(text string) error // what Choices, Min and Max cannot say; nil: nothing
	field func(*Config) any       // pointer to the field; nil when Ignored
}

var options = []Option{
	{Name: "config", Group: ConfigurationGroup, Env: "K6ES_CONFIG", Where: Both, NotInFile: true,
		Help:  "config file; without it ./k6es.yaml, else k6es/k6es.yaml in the user's config folder, if there",
		field: func(c *Config) any { return &c.File }},

	{Name: "url", Group: ConnectionGroup, Aliases: []string{"address"}, Env: "K6_ELASTICSEARCH_URL", EnvAliases: []string{"K6_ELASTICSEARCH_ADDRESS"},
		Default: "http://localhost:9200", Address: true, Where: Both, valid: validAddress,
		Help:  "addresses of the server; with several, requests are spread over them",
		field: func(c *Config) any { return &c.URLs }},
	{Name: "cloud-id", Env: "K6_ELASTICSEARCH_CLOUD_ID", Where: Both,
		Help:  "Elastic Cloud deployment, instead of url",
		field: func(c *Config) any { return &c.CloudID }},
	{Name: "user", Aliases: []string{"username"}, Env: "K6_ELASTICSEARCH_USER", EnvAliases: []string{"K6_ELASTICSEARCH_USERNAME"}, Where: Both,
		Help:  "user name for basic authentication",
		field: func(c *Config) any { return &c.User }},
	{Name: "password", Env: "K6_ELASTICSEARCH_PASSWORD", Secret: true, Where: Both,
		Help:  "password of the user",
		field: func(c *Config) any { return &c.Password }},
	{Name: "api-key", Env: "K6_ELASTICSEARCH_API_KEY", Secret: true, Where: Both,
		Help:  "API key in base64, instead of user and password",
		field: func(c *Config) any { return &c.APIKey }},
	{Name: "service-account-token", Env: "K6_ELASTICSEARCH_SERVICE_ACCOUNT_TOKEN", Secret: true, Where: Both,
		Help:  "service account token, instead of user and password",
		field: func(c *Config) any { return &c.ServiceAccountToken }},
	{Name: "bearer-token", Env: "K6_ELASTICSEARCH_BEARER_TOKEN", Secret: true, Where: Both,
		Help:  "token sent as \"Authorization: Bearer\", instead of user and password",
		field: func(c *Config) any { return &c.BearerToken }},
	{Name: "sigv4-region", Group: AmazonGroup, Env: "K6_ELASTICSEARCH_SIGV4_REGION", Where: Both,
		Help:  "AWS region: requests are signed with Signature Version 4, instead of user and password",
		field: func(c *Config) any { return &c.SigV4Region }},
	{Name: "sigv4-service", Env: "K6_ELASTICSEARCH_SIGV4_SERVICE", Default: "es", Choices: []string{"es", "aoss"}, Where: Both,
		Help:  "what is signed for: es is Amazon OpenSearch Service, aoss its serverless form",
		field: func(c *Config) any { return &c.SigV4Service }},
	{Name: "sigv4-access-key", Env: "K6_ELASTICSEARCH_SIGV4_ACCESS_KEY", Where: Both,
		Help:  "AWS access key id; else AWS's own variables, files and roles are looked at",
		field: func(c *Config) any { return &c.SigV4AccessKey }},
	{Name: "sigv4-secret-key", Env: "K6_ELASTICSEARCH_SIGV4_SECRET_KEY", Secret: true, Where: Both,
		Help:  "AWS secret access key of sigv4-access-key",
		field: func(c *Config) any { return &c.SigV4SecretKey }},
	{Name: "sigv4-session-token", Env: "K6_ELASTICSEARCH_SIGV4_SESSION_TOKEN", Secret: true, Where: Both,
		Help:  "AWS session token, where sigv4-access-key is a temporary one",
		field: func(c *Config) any { return &c.SigV4SessionToken }},
	{Name: "sigv4-profile", Env: "K6_ELASTICSEARCH_SIGV4_PROFILE", Where: Both,
		Help:  "profile in AWS's shared config files",
		field: func(c *Config) any { return &c.SigV4Profile }},
	{Name: "headers", Group: ConnectionGroup, Flag: "header", Env: "K6_ELASTICSEARCH_HEADERS", Secret: true, Where: Both,
		Help:  "HTTP headers for every request, for example for a proxy",
		field: func(c *Config) any { return &c.Headers }},
	{Name: "ca-cert-file", Env: "K6_ELASTICSEARCH_CA_CERT_FILE", Where: Both,
		Help:  "PEM file with the certificate authority of the server",
		field: func(c *Config) any { return &c.CACertFile }},
	{Name: "client-cert-file", Env: "K6_ELASTICSEARCH_CLIENT_CERT_FILE", Where: Both,
		Help:  "PEM file with a client certificate",
		field: func(c *Config) any { return &c.ClientCertFile }},
	{Name: "client-key-file", Env: "K6_ELASTICSEARCH_CLIENT_KEY_FILE", Where: Both,
		Help:  "PEM file with the key of the client certificate",
		field: func(c *Config) any { return &c.ClientKeyFile }},
	{Name: "insecure-skip-verify", Aliases: []string{"insecure-skip-tls-verify"}, Env: "K6_ELASTICSEARCH_INSECURE_SKIP_VERIFY",
		EnvAliases: []string{"K6_ELASTICSEARCH_INSECURE_SKIP_TLS_VERIFY"}, Default: "false", Where: Both,
		Help:  "accept any certificate of the server",
		field: func(c *Config) any { return &c.InsecureSkipVerify }},
	{Name: "proxy", Env: "K6_ELASTICSEARCH_PROXY", Address: true, Where: Both, valid: validProxy,
		Help:  "HTTP proxy for requests to the server, as http://user:password@host:port; else HTTP_PROXY, HTTPS_PROXY and NO_PROXY",
		field: func(c *Config) any { return &c.Proxy }},
	{Name: "timeout", Env: "K6_ELASTICSEARCH_TIMEOUT", Default: "30s", Min: "1ms", Where: Both,
		Help:  "how long one request may take",
		field: func(c *Config) any { return &c.Timeout }},

	{Name: "index-prefix", Group: IndexGroup, Env: "K6_ELASTICSEARCH_INDEX_PREFIX", Default: "k6", Where: Both, valid: validPrefix,
		Help:  "what the name of every index and template begins with",
		field: func(c *Config) any { return &c.IndexPrefix }},
	{Name: "index-period", Env: "K6_ELASTICSEARCH_INDEX_PERIOD", Default: "month", Choices: []string{"month", "day"}, Where: Both,
		Help:  "what one metrics index covers",
		field: func(c *Config) any { return &c.IndexPeriod }},
	{Name: "replicas", Env: "K6_ELASTICSEARCH_REPLICAS", Default: "-1", Min: "-1", Where: Both,
		Help:  "copies of each index; -1: none on a single node, else one",
		field: func(c *Config) any { return &c.Replicas }},
	{Name: "setup", Env: "K6_ELASTICSEARCH_SETUP", Default: "auto", Choices: []string{"auto", "off"}, Where: Both,
		Help:  "whether a run installs missing templates; off: it only looks whether they are there, if the user may",
		field: func(c *Config) any { return &c.Setup }},
	{Name: "kibana-url", Group: DashboardGroup, Env: "K6_KIBANA_URL", Address: true, Where: Both,
		Help:  "address of Kibana or OpenSearch Dashboards, for dashboards and links",
		field: func(c *Config) any { return &c.KibanaURL }},
	{Name: "kibana-user", Env: "K6_KIBANA_USER", Where: Both,
		Help:  "user name for Kibana; else that of the server",
		field: func(c *Config) any { return &c.KibanaUser }},
	{Name: "kibana-password", Env: "K6_KIBANA_PASSWORD", Secret: true, Where: Both,
		Help:  "password of kibana-user",
		field: func(c *Config) any { return &c.KibanaPassword }},
	{Name: "kibana-space", Env: "K6_KIBANA_SPACE", Where: Both, valid: validSpace,
		Help:  "Kibana space of the dashboards; else the default one",
		field: func(c *Config) any { return &c.KibanaSpace }},
	{Name: "kibana-tenant", Env: "K6_KIBANA_TENANT", Where: Both,
		Help:  "tenant of OpenSearch Dashboards that has the dashboards; else the user's default",
		field: func(c *Config) any { return &c.KibanaTenant }},

	{Name: "logs-index", Group: LogsGroup, Env: "K6_ELASTICSEARCH_LOGS_INDEX", Where: CLI,
		Help:  "indices of the team's production logs, such as filebeat-*,logs-*",
		field: func(c *Config) any { return &c.LogsIndex }},
	{Name: "logs-fields", Flag: "logs-field", Env: "K6_ELASTICSEARCH_LOGS_FIELDS", Where: CLI,
		Help:  "fields of the logs where probing finds the wrong ones, as role=field: time, level, message, host, service, route, status, latency, client; role=none: there is no such field",
		field: func(c *Config) any { return &c.LogsFields }},
	{Name: "logs-latency-unit", Env: "K6_ELASTICSEARCH_LOGS_LATENCY_UNIT", Choices: []string{"ns", "us", "ms", "s"}, Where: CLI,
		Help:  "unit of the logs' latency field; else probed",
		field: func(c *Config) any { return &c.LogsLatencyUnit }},

	{Name: "alarms", Group: AlarmGroup, Flag: "alarm", Env: "K6_ELASTICSEARCH_ALARMS", Where: CLI,
		Help:  "limits of alarm rules, as rule.parameter=value; rule=off leaves the rule out",
		field: func(c *Config) any { return &c.Alarms }},

	{Name: "notify", Group: NotificationGroup, Env: "K6_ELASTICSEARCH_NOTIFY_URL", EnvAliases: []string{"K6_ELASTICSEARCH_NOTIFY"}, Secret: true, Where: Both,
		Help:  "addresses that are told how a run or comparison ended: webhooks of Slack or Teams, or any other, which gets JSON",
		field: func(c *Config) any { return &c.NotifyURLs }},
	{Name: "notify-on", Env: "K6_ELASTICSEARCH_NOTIFY_ON", Default: "always", Choices: []string{"always", "failed", "worse"}, Where: Both,
		Help:  "when to notify: always, if the run failed or is not stored whole, or if it is worse than its baseline; failed,worse: if either is so",
		field: func(c *Config) any { return &c.NotifyOn }},
	{Name: "notify-secret", Env: "K6_ELASTICSEARCH_NOTIFY_SECRET", Secret: true, Where: Both,
		Help:  "signs notifications that are sent as JSON, by HMAC-SHA256",
		field: func(c *Config) any { return &c.NotifySecret }},
	{Name: "notify-ca-cert-file", Env: "K6_ELASTICSEARCH_NOTIFY_CA_CERT_FILE", Where: Both,
		Help:  "PEM file with the certificate authority of receivers of notifications, beside the system's",
		field: func(c *Config) any { return &c.NotifyCACertFile }},

	{Name: "index-name", Group: IndexGroup, Env: "K6_ELASTICSEARCH_INDEX_NAME", Where: Output,
		Help:    "ignored: index names are made from index-prefix",
		Ignored: "index names are made from a prefix, set K6_ELASTICSEARCH_INDEX_PREFIX instead"},

	{Name: "run-id", Group: RunGroup, Env: "K6_ELASTICSEARCH_RUN_ID", Where: Both,
		Help:  "id of the run; else the tag testid, else a new one; for a file, from its content",
		field: func(c *Config) any { return &c.RunID }},
	{Name: "append", Env: "K6_ELASTICSEARCH_APPEND", Default: "false", Where: Both,
		Help:  "join the run that has the run-id already, though it has ended: several files or k6 processes are one run",
		field: func(c *Config) any { return &c.Append }},
	{Name: "test-name", Flag: "test", Env: "K6_ELASTICSEARCH_TEST_NAME", Where: Both, valid: validName,
		Help:  "name of the test, by which runs are compared; else from the script or the file",
		field: func(c *Config) any { return &c.TestName }},
	{Name: "run-name", Env: "K6_ELASTICSEARCH_RUN_NAME", Where: Both, valid: validName,
		Help:  "name of the run for people; else from CI and git, else the time",
		field: func(c *Config) any { return &c.RunName }},
	{Name: "run-note", Env: "K6_ELASTICSEARCH_RUN_NOTE", Where: Both, valid: validName,
		Help:  "a note on the run, for people",
		field: func(c *Config) any { return &c.RunNote }},
	{Name: "environment", Env: "K6_ELASTICSEARCH_ENVIRONMENT", Where: Both, valid: validName,
		Help:  "what was tested: staging, production, …; runs are compared within one",
		field: func(c *Config) any { return &c.Environment }},
	{Name: "service", Env: "K6_ELASTICSEARCH_SERVICE", Where: Both, valid: validName,
		Help:  "name of the service under test",
		field: func(c *Config) any { return &c.Service }},
	{Name: "branch", Env: "K6_ELASTICSEARCH_BRANCH", Where: Both, valid: validName,
		Help:  "git branch of what was tested; else from CI, else from git",
		field: func(c *Config) any { return &c.Branch }},
	{Name: "commit", Env: "K6_ELASTICSEARCH_COMMIT", Where: Both, valid: validName,
		Help:  "git commit of what was tested; else from CI, else from git",
		field: func(c *Config) any { return &c.Commit }},
	{Name: "base-branch", Env: "K6_ELASTICSEARCH_BASE_BRANCH", Where: Both, valid: validName,
		Help:  "branch that the change is to be merged into; else from CI",
		field: func(c *Config) any { return &c.BaseBranch }},
	{Name: "change", Env: "K6_ELASTICSEARCH_CHANGE", Where: Both, valid: validName,
		Help:  "number of the pull or merge request; else from CI",
		field: func(c *Config) any { return &c.Change }},
	{Name: "pipeline-url", Env: "K6_ELASTICSEARCH_PIPELINE_URL", Address: true, Where: Both, valid: validName,
		Help:  "page of the pipeline's run; else from CI",
		field: func(c *Config) any { return &c.PipelineURL }},
	{Name: "labels", Flag: "label", Env: "K6_ELASTICSEARCH_LABELS", Where: Both, valid: validName,
		Help:  "labels on every document of the run",
		field: func(c *Config) any { return &c.Labels }},

	{Name: "max-labels", Group: DocumentGroup, Env: "K6_ELASTICSEARCH_MAX_LABELS", Default: "100", Min: "0", Where: Both,
		Help:  "distinct label keys of a run; those beyond it go to k6.tags",
		field: func(c *Config) any { return &c.MaxLabels }},
	{Name: "max-urls", Env: "K6_ELASTICSEARCH_MAX_URLS", Default: "1000", Min: "0", Where: Both,
		Help:  "distinct URLs of a run; beyond it url.full is left out",
		field: func(c *Config) any { return &c.MaxURLs }},
	{Name: "url-tag", Env: "K6_ELASTICSEARCH_URL_TAG", Default: "auto", Choices: []string{"auto", "on", "off"}, Where: Both,
		Help:  "whether url.full is kept; auto: until max-urls is met",
		field: func(c *Config) any { return &c.URLTag }},

	{Name: "flush-period", Group: SendingGroup, Aliases: []string{"push-interval"}, Env: "K6_ELASTICSEARCH_FLUSH_PERIOD",
		EnvAliases: []string{"K6_ELASTICSEARCH_PUSH_INTERVAL"}, Default: "1s", Min: "10ms", Millis: true, Where: Both,
		Help:  "how long a sample waits at most before it is sent",
		field: func(c *Config) any { return &c.FlushPeriod }},
	{Name: "bulk-size", Env: "K6_ELASTICSEARCH_BULK_SIZE", Default: "5MiB", Min: "1KiB", Max: "90MiB", Where: Both,
		Help:  "size of a bulk request before compression",
		field: func(c *Config) any { return &c.BulkSize }},
	{Name: "in-flight", Env: "K6_ELASTICSEARCH_IN_FLIGHT", Default: "2", Min: "1", Max: "64", Where: Both,
		Help:  "bulk requests at the same time",
		field: func(c *Config) any { return &c.InFlight }},
	{Name: "compression", Env: "K6_ELASTICSEARCH_COMPRESSION", Default: "1", Min: "0", Max: "9", Where: Both,
		Help:  "gzip level of requests; 0: not compressed",
		field: func(c *Config) any { return &c.Compression }},
	{Name: "retry-timeout", Env: "K6_ELASTICSEARCH_RETRY_TIMEOUT", Default: "0s", Min: "0s", Where: Both,
		Help:  "how long a request is tried again before an upload ends, or a live run leaves the rest to the spool; 0s: 2m for an upload, to the end for a live run",
		field: func(c *Config) any { return &c.RetryTimeout }},
	{Name: "memory", Env: "K6_ELASTICSEARCH_MEMORY", Default: "64MiB", Where: Output,
		Help:  "what a live run holds in memory of samples and documents that wait; while the server is down they go to the spool",
		field: func(c *Config) any { return &c.Memory }},
	{Name: "stop-timeout", Env: "K6_ELASTICSEARCH_STOP_TIMEOUT", Default: "15s", Min: "1ms", Where: Output,
		Help:  "how long the end of a live run waits for the last documents",
		field: func(c *Config) any { return &c.StopTimeout }},
	{Name: "spool-dir", Env: "K6_ELASTICSEARCH_SPOOL_DIR", Where: Both,
		Help:  "where a live run keeps what the server did not take; else k6es/spool in the user's state folder",
		field: func(c *Config) any { return &c.SpoolDir }},
	{Name: "spool-size", Env: "K6_ELASTICSEARCH_SPOOL_SIZE", Default: "2GiB", Where: Output,
		Help:  "what the spool may hold of all runs; 0: nothing is spooled",
		field: func(c *Config) any { return &c.SpoolSize }},
	{Name: "on-error", Env: "K6_ELASTICSEARCH_ON_ERROR", Default: "warn", Choices: []string{"warn", "abort"}, Where: Output,
		Help:  "what happens when, during the test, documents are refused or lost, the server refuses the login, or takes nothing for a minute: warn, or abort the test",
		field: func(c *Config) any { return &c.OnError }},
	{Name: "rejects-file", Env: "K6_ELASTICSEARCH_REJECTS_FILE", Where: Both,
		Help:  "where lines and documents that cannot be stored are kept; else FILE.rejects, k6es-RUN.rejects for a live run",
		field: func(c *Config) any { return &c.RejectsFile }},
}

// byKey has every key that names an option: kebab-case and camelCase, aliases too.
var byKey = indexOptions()

func indexOptions() map[string]*Option {
	index := make(map[string]*Option, 2*len(options))
	for i := range options {
		for _, name := range options[i].names() {
			index[name] = &options[i]
			index[camel(name)] = &options[i]
		}
	}
	return index
}

// Options returns the table, in the order in which options are shown.
func Options() []Option {
	return append([]Option(nil), options...)
}

// blank is there for the types of its fields; nobody writes to it.
var blank Config

// Kind says how the option's value is written.
func (o *Option) Kind() Kind {
	if o.field == nil {
		return Text
	}
	switch o.field(&blank).(type) {
	case *[]string:
		return List
	case *map[string]string:
		return Map
	case *bool:
		return Bool
	case *int:
		return Int
	case *time.Duration:
		return Duration
	case *Bytes:
		return Size
	default:
		return Text
	}
}

// JSONKey is the option's camelCase key in k6's JSON config.
func (o *Option) JSONKey() string { return camel(o.Name) }

// flag is the name under which the option is shown as a flag.
func (o *Option) flag() string {
	if o.Flag != "" {
		return o.Flag
	}
	return o.Name
}

// names are all names of the option, the one shown as a flag first.
func (o *Option) names() []string {
	names := []string{o.flag()}
	if o.Flag != "" {
		names = append(names, o.Name)
	}
	return append(names, o.Aliases...)
}

func (o *Option) envNames() []string {
	return append([]string{o.Env}, o.EnvAliases...)
}

// repeats tells whether giving the option again adds to it.
func (o *Option) repeats() bool {
	return o.Kind() == List || o.Kind() == Map
}

// format says in a word how the value is written.
func (o *Option) format() string {
	switch kind := o.Kind(); {
	case o.Choices != nil:
		return strings.Join(o.Choices, "|")
	case kind == Map:
		return "key=value"
	default:
		return string(kind)
	}
}

// Nearest is the name that a mistyped one probably meant; empty when none is near. One mistake is forgiven, and
// one for every three letters.
func Nearest(key string, names []string) string {
	best, distance := "", 1+max(1, len(key)/3)
	for _, name := range names {
		if d := mistakes(key, name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}

// mistakes are the letters that were mistyped, left out or added; two that changed places are one.
func mistakes(key, name string) int {
	d := levenshtein.ComputeDistance(key, name)
	if d == 2 && len(key) == len(name) && letters(key) == letters(name) {
		return 1
	}
	return d
}

// letters are those of a word, in order of the alphabet.
func letters(word string) string {
	sorted := []byte(word)
	slices.Sort(sorted)
	return string(sorted)
}

// camel turns ca-cert-file into caCertFile.
func camel(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// kebab turns caCertFile, or ca_cert_file, into ca-cert-file.
func kebab(key string) string {
	var b strings.Builder
	for i, r := range key {
		switch {
		case r == '_':
			r = '-'
		case unicode.IsUpper(r) && i > 0:
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
