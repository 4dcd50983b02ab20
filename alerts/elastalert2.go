package alerts

import (
	"fmt"
	"strings"
	"time"
)

// ElastAlert2 writes alarms as the files that ElastAlert2 (2.19 and later) reads: config.yaml, and in rules/ one
// file an alarm, which imports receivers.yaml. Its rule types count in memory, and forget when it is restarted;
// so conditions are aggregations, which see all that is in the index each time.
//
// The files are YAML in which ElastAlert2 puts environment variables for $NAME: that is how receivers stay
// secret, and why every other $ is written as \x24.
type ElastAlert2 struct {
	Server    ElastAlert2Server
	Receivers []Receiver
	// Writeback is the index that ElastAlert2 keeps its own state in.
	Writeback string
	// Link makes an address of a dashboard, as kibana.Links.Dashboard does; nil or empty: messages have none.
	Link func(dashboard, state string) string
	// Version is that of k6es, for the head of each file.
	Version string
}

// ElastAlert2Server is how ElastAlert2 reaches the server. It takes a login from its own environment:
// ES_USERNAME and ES_PASSWORD, or ES_API_KEY.
type ElastAlert2Server struct {
	Host              string
	Port              int
	Path              string // behind host and port; empty as a rule
	TLS               bool
	SkipVerify        bool
	CA, Cert, CertKey string // PEM files
	AWSRegion         string
}

// File is a file to write. Path is relative, with slashes.
type File struct {
	Path string
	Text []byte
}

const (
	runEvery        = time.Minute
	documentsBuffer = time.Hour // documents may come late by as much
	longestRun      = 7 * 24 * time.Hour
	maxGroups       = 1000 // values of a group that are judged, those with the most documents
	maxDocuments    = 100  // a search
)

// Paths are those of the files that an alarm of this name is written to, as any kind of file.
func Paths(name string) []string {
	return []string{"rules/" + name + ".yaml", "rules/" + name + riseSuffix + ".yaml", name + ".json", ruleID(name) + ".json"}
}

// Files makes the files. An error says that something cannot be written as YAML, which cannot be.
func (e ElastAlert2) Files(alarms []Alarm) ([]File, error) {
	type file struct {
		path, comment string
		content       mapping
	}
	files := []file{
		{"config.yaml", configComment, e.config()},
		{"receivers.yaml", receiversComment, e.receivers()},
	}
	for _, alarm := range alarms {
		comment := alarm.Rule.Question + "\nLook at: " + alarm.Rule.Look.Advice
		path := "rules/" + alarm.Name
		if alarm.While != nil {
			files = append(files, file{path + riseSuffix + ".yaml", riseComment, e.rise(alarm)})
		}
		files = append(files, file{path + ".yaml", comment, e.rule(alarm)})
	}
	var written []File
	for _, file := range files {
		text, err := file.content.yaml(fmt.Sprintf("Made by k6es %s, for ElastAlert2.\n%s", e.Version, file.comment))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.path, err)
		}
		written = append(written, File{file.path, text})
	}
	return written, nil
}

const configComment = `The login comes from the environment: ES_USERNAME and ES_PASSWORD, or ES_API_KEY.
Start it in this folder: elastalert-create-index --config config.yaml, once, then
elastalert --config config.yaml`

func (e ElastAlert2) config() mapping {
	s := e.Server
	m := mapping{{"es_host", s.Host}, {"es_port", s.Port}}
	m = m.with("es_url_prefix", strings.Trim(s.Path, "/")).with("use_ssl", s.TLS)
	m = append(m, entry{"verify_certs", !s.SkipVerify}) // without it rules would not get ca_certs and client_cert either
	m = m.with("ca_certs", s.CA).with("client_cert", s.Cert).with("client_key", s.CertKey).with("aws_region", s.AWSRegion)
	return append(m,
		entry{"writeback_index", e.Writeback},
		entry{"rules_folder", "rules"},
		entry{"run_every", span(runEvery)},
		entry{"buffer_time", span(15 * time.Minute)},
		entry{"alert_time_limit", span(2 * 24 * time.Hour)},
		entry{"disable_rules_on_error", false}, // else a rule ends, unseen, at the first log line that it cannot tell of
	)
}

// rule is the file of an alarm.
func (e ElastAlert2) rule(a Alarm) mapping {
	c := a.Condition
	m := mapping{{"name", a.Name}, {"import", "../receivers.yaml"}}
	if a.While != nil {
		m = append(m, e.both(a)...)
	} else {
		m = append(m, query(c)...)
		m = append(m, judged(c)...)
	}
	m = append(m, entry{"realert", span(a.Realert())})
	text := e.text(a)
	m = append(m,
		entry{"alert_subject", text.subject},
		entry{"alert_text_type", "alert_text_jinja"},
		entry{"alert_text", anchored{"text", text.body}},
	)
	if c.Kind == Documents {
		m = append(m, entry{"include", text.fields})
	}
	return append(m, e.payload(a, text)...)
}

// query is what a condition asks.
func query(c Condition) mapping {
	m := mapping{{"index", c.Index}, {"timestamp_field", c.Time}}
	filter := c.Filter
	if c.Kind == Unusual {
		filter = append(filter[:len(filter):len(filter)], sameTimes(c, 0))
	}
	if len(filter) == 0 {
		filter = []any{object{"match_all": object{}}}
	}
	return append(m, entry{"filter", filter})
}

// judged is when a condition holds, as a rule type.
func judged(c Condition) mapping {
	switch c.Kind {
	case Documents:
		m := mapping{{"type", "any"}, {"buffer_time", span(documentsBuffer)}, {"max_query_size", maxDocuments}}
		return m.with("query_key", c.Group)
	case Silent:
		return append(mapping{
			{"type", "percentage_match"}, {"query_key", c.Group}, {"terms_size", maxGroups},
			{"match_bucket_filter", []any{within(c.Time, c.Window, 0)}},
			{"min_percentage", 1e-6}, // less than one document of a hundred million
			{"min_denominator", c.Least},
			{"run_every", span(seldom(c.Window))},
		}, lookBack(time.Duration(c.Horizon))...)
	case Unusual:
		return append(append(unusual(c), entry{"max_threshold", c.Limit}),
			lookBack(time.Duration(c.Days)*24*time.Hour+time.Duration(c.Window))...)
	default:
		return append(above(c), lookBack(time.Duration(c.Window))...)
	}
}

// lookBack is how far back from now a rule looks that counts. ElastAlert2 would begin at its last look when it
// is started again, and take a time that ends then for the last minutes: every host would be silent.
func lookBack(by time.Duration) mapping {
	return mapping{
		{"buffer_time", span(by)}, {"allow_buffer_time_overlap", true},
		{"timeframe", span(by)}, {"scan_entire_timeframe", true},
	}
}

// seldom is how often to look for what has been silent: not every minute, as it goes far back.
func seldom(window Span) time.Duration {
	const often, parts = 10 * time.Minute, 5
	return min(max(time.Duration(window)/parts, runEvery), often).Truncate(time.Second)
}

func above(c Condition) mapping {
	m := mapping{{"type", "metric_aggregation"}}
	switch c.Metric.Of {
	case Count:
		m = append(m, entry{"metric_agg_key", c.Time}, entry{"metric_agg_type", "value_count"})
	case Mean:
		m = append(m, entry{"metric_agg_key", c.Metric.Field}, entry{"metric_agg_type", "avg"})
	case Percentile:
		m = append(m, entry{"metric_agg_key", c.Metric.Field}, entry{"metric_agg_type", "percentiles"},
			entry{"percentile_range", c.Metric.Percent})
	}
	group := c.Group
	if group == "" && c.Least > 1 {
		group = "_index" // ElastAlert2 knows a least number of documents of a group alone
	}
	if group != "" {
		m = append(m, entry{"query_key", group}, entry{"terms_size", maxGroups}, entry{"min_doc_count", int(max(c.Least, 1))})
	}
	return append(m, entry{"max_threshold", c.Limit})
}

// unusual adds up the documents of the window, and takes off their usual number times Times.
func unusual(c Condition) mapping {
	const source = "doc[params.time].value.toInstant().toEpochMilli() > new Date().getTime() - params.window ? 1 : -params.weight"
	return mapping{
		{"type", "metric_aggregation"},
		{"metric_agg_key", c.Time},
		{"metric_agg_type", "sum"},
		{"metric_agg_script", mapping{{"script", mapping{
			{"lang", "painless"}, {"source", source},
			{"params", mapping{
				{"time", c.Time}, {"window", time.Duration(c.Window).Milliseconds()}, {"weight", c.Times / float64(c.Days)},
			}},
		}}}},
	}
}

// Two conditions at once: one rule that nobody is told of has the first, and ElastAlert2 notes in its own
// index whether it held; another finds that note and a document of the second.
const (
	riseSuffix  = "-rise"
	riseComment = "The first of two conditions: nobody is told of it. ElastAlert2 notes in its own index whether it holds."
)

func (e ElastAlert2) rise(a Alarm) mapping {
	m := append(mapping{{"name", a.Name + riseSuffix}}, query(a.Condition)...)
	m = append(m, judged(a.Condition)...)
	return append(m, entry{"realert", span(0)}, entry{"alert", "debug"})
}

func (e ElastAlert2) both(a Alarm) mapping {
	note := []any{
		object{"term": object{"rule_name": a.Name + riseSuffix}},
		object{"range": object{"matches": object{"gt": 0}}},
		object{"range": object{"@timestamp": object{"gte": "now-2m"}}},
	}
	return append(mapping{
		{"index", e.Writeback + "_status," + a.While.Index},
		{"timestamp_field", "@timestamp"},
		{"filter", []any{anyOf(all(note), all(a.While.Filter))}},
		{"type", "metric_aggregation"},
		{"metric_agg_key", "_index"},
		{"metric_agg_type", "cardinality"},
		{"max_threshold", 1},
	}, lookBack(longestRun)...)
}

// span is a length of time as ElastAlert2 takes it.
func span(d time.Duration) mapping {
	switch {
	case d >= 24*time.Hour && d%(24*time.Hour) == 0:
		return mapping{{"days", int(d / (24 * time.Hour))}}
	case d%time.Minute == 0:
		return mapping{{"minutes", int(d / time.Minute)}}
	default:
		return mapping{{"seconds", int(d / time.Second)}}
	}
}
