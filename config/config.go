// Package config holds the one table of options and turns whatever a user gave – flags, environment
// variables, the argument of k6's --out, k6's JSON config, a config file – into one Config.
//
// A new option is one line in the table (options.go) and one field in Config; flags, environment
// variables, keys, the masked print and the documentation follow from that line.
//
// It is not a stable Go API; what is stable are the names of options and environment variables. It
// opens no connection and does not know k6; apply.go hands options on to the packages that they are for.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k6es/k6es/notify"
)

//go:generate go run ./generate

// Config is what all sources together say. Load fills it; after that it is only read, so copies may
// be used by several goroutines. Printing one, with any verb of fmt or as JSON, masks the secrets;
// but fmt cannot see that a Config is one when it sits in an unexported field of another struct that
// is printed, so do not print such a struct.
type Config struct {
	File string // the config file that was read; empty: none

	URLs                []string // addresses of the server, at least one unless CloudID is set
	CloudID             string   // Elastic Cloud deployment; empty: URLs are used
	User                string   // basic authentication; empty: none
	Password            string
	APIKey              string // base64, as Elasticsearch returns it; empty: none
	ServiceAccountToken string // bearer token; empty: none
	BearerToken         string // empty: none
	SigV4Region         string // AWS region to sign requests for; empty: they are not signed
	SigV4Service        string // es or aoss
	SigV4AccessKey      string // empty: AWS's own variables, files and roles
	SigV4SecretKey      string
	SigV4SessionToken   string // of temporary keys
	SigV4Profile        string
	Headers             map[string]string // sent with every request; nil: none
	CACertFile          string            // PEM; empty: the system's certificates
	ClientCertFile      string            // PEM; given together with ClientKeyFile or not at all
	ClientKeyFile       string
	InsecureSkipVerify  bool
	Proxy               string        // empty: that of the environment
	Timeout             time.Duration // one request

	IndexPrefix string // a legal start of an index name, never empty
	IndexPeriod string // month or day
	Replicas    int    // -1: as the number of data nodes asks for
	Setup       string // auto or off: whether a run may install templates

	KibanaURL      string // Kibana or OpenSearch Dashboards; empty: not known
	KibanaUser     string // empty: the login of the server
	KibanaPassword string
	KibanaSpace    string // empty: the default space
	KibanaTenant   string // of OpenSearch Dashboards; empty: the user's default

	LogsIndex       []string          // indices of production logs; nil: none
	LogsFields      map[string]string // role → field, where probing is not to be trusted
	Alarms          map[string]string // rule.parameter → value, rule → off
	LogsLatencyUnit string            // ns, us, ms or s; empty: probed

	NotifyURLs       []string // who is told of ends of runs and of comparisons; nil: nobody
	NotifyOn         []string // always, failed, worse: one is enough
	NotifySecret     string   // empty: notifications are not signed
	NotifyCACertFile string   // PEM; empty: the system's certificates

	RunID    string // empty: the run chooses
	Append   bool   // the run id may be that of a run that has ended
	TestName string // empty: from the script or the file
	RunName  string // empty: from CI, git or the time
	RunNote  string
	Labels   map[string]string // on every document of the run; nil: none

	Environment string // what was tested: staging, production, …; empty: not said
	Service     string // the service under test; empty: not said

	// Where the tested version came from; empty: CI's variables and git are asked.
	Branch, Commit, BaseBranch, Change, PipelineURL string

	MaxLabels int    // distinct label keys of a run
	MaxURLs   int    // distinct URLs of a run, beyond which url.full is left out
	URLTag    string // auto, on or off: whether url.full is kept

	FlushPeriod  time.Duration // longest wait of a sample before it is sent
	BulkSize     Bytes         // body of a bulk request before compression
	InFlight     int           // parallel bulk requests
	Compression  int           // gzip level, 0: none
	RetryTimeout time.Duration // 0: 2 minutes for an upload, to the end for a live run
	Memory       Bytes         // samples and documents of a live run that wait
	StopTimeout  time.Duration // longest wait at the end of a live run
	SpoolDir     string        // empty: in the user's state folder
	SpoolSize    Bytes         // of all runs; 0: nothing is spooled
	OnError      string        // warn or abort
	RejectsFile  string        // empty: the uploaded file's name, or that of the run, and ".rejects"

	// Warnings are sentences for the user about what was given; nil: none. No secret is in them.
	Warnings []string

	sources map[string]string // option name → where its value came from
	onlyK6  map[string]bool   // names of options whose value the k6es command does not learn by itself
}

// DefaultFiles returns the config files that are looked for when none is named, in order:
// k6es.yaml in the working directory and in the user's own config folder.
func DefaultFiles() []string {
	files := []string{"k6es.yaml"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "k6es", "k6es.yaml"))
	}
	return files
}

// Load merges the sources: default < config file < JSON config < environment < argument and flags.
// The value of a higher source replaces that of a lower one; labels and headers merge key by key, and
// an empty value removes the key. The error names every source that was wrong, one on a line, and
// what it should look like; no secret is in it.
func Load(s Sources) (Config, error) {
	settings, err := s.settings()
	if err != nil {
		return Config{}, err
	}
	c := Config{sources: make(map[string]string, len(options)), onlyK6: map[string]bool{}}
	var errs []error
	for _, given := range settings {
		errs = append(errs, c.apply(given))
	}
	c.Warnings = append(c.Warnings, s.unknownEnvironment()...)
	if err := errors.Join(errs...); err != nil {
		return Config{}, err
	}
	if err := c.check(); err != nil {
		return Config{}, err
	}
	c.KibanaURL = withoutApp(c.KibanaURL)
	c.warnOfAccess(settings)
	return c, nil
}

func (c *Config) apply(given setting) error {
	option := given.option
	if option.Ignored != "" {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s is ignored: %s", given.place(), option.Ignored))
		return nil
	}
	if err := option.set(c, given.value); err != nil {
		return fmt.Errorf("%s: %w", given.place(), err)
	}
	c.note(option, given.from)
	c.onlyK6[option.Name] = given.onlyK6
	if given.exposed && option.exposes(given.value) {
		c.Warnings = append(c.Warnings, fmt.Sprintf(
			"%s holds a secret that the list of processes shows: give it by %s or in a config file",
			given.place(), option.Env))
	}
	return nil
}

// note remembers where a value came from; maps merge, so theirs may come from several sources.
func (c *Config) note(option *Option, from string) {
	before := c.sources[option.Name]
	if option.Kind() == Map && before != "" && before != from {
		from = before + ", " + from
	}
	c.sources[option.Name] = from
}

// check looks at what no single option can tell.
func (c *Config) check() error {
	if c.CloudID != "" && c.sources["url"] == fromDefault {
		c.URLs = nil
	}
	return errors.Join(
		c.either("address", "cloud-id", "url"),
		c.either("way to log in", "user", "api-key", "service-account-token", "bearer-token", "sigv4-region"),
		c.signs(),
		c.needs("password", "user"),
		c.needs("kibana-password", "kibana-user"),
		c.either("place for dashboards (spaces are Kibana's, tenants those of OpenSearch Dashboards)", "kibana-space", "kibana-tenant"),
		c.needs("client-cert-file", "client-key-file"),
		c.needs("client-key-file", "client-cert-file"),
		c.fitBulk(),
		c.notifies(),
	)
}

// either makes sure that at most one of the options is given.
func (c *Config) either(what string, names ...string) error {
	given := slices.DeleteFunc(names, func(name string) bool { return !c.given(name) })
	if len(given) < 2 {
		return nil
	}
	for i, name := range given {
		given[i] = c.cited(name)
	}
	return fmt.Errorf("more than one %s: %s; give only one", what, strings.Join(given, " and "))
}

func (c *Config) needs(name, other string) error {
	if !c.given(name) || c.given(other) {
		return nil
	}
	return fmt.Errorf("%s is given without %s", c.cited(name), other)
}

// notifies looks at addresses, of which no error may repeat anything.
func (c *Config) notifies() error {
	if err := notify.CheckURLs(c.NotifyURLs); err != nil {
		return fmt.Errorf("%s: %w", c.cited("notify"), err)
	}
	return nil
}

// fitBulk makes bulk requests no larger than the memory, unless somebody said how large they are.
func (c *Config) fitBulk() error {
	if !c.given("bulk-size") {
		c.BulkSize = min(c.BulkSize, c.Memory)
	}
	if c.Memory >= c.BulkSize {
		return nil
	}
	return fmt.Errorf("%s is %v, less than one bulk request: %s is %v",
		c.cited("memory"), c.Memory, c.cited("bulk-size"), c.BulkSize)
}

// given tells whether an option has a value that is neither empty nor its default.
func (c *Config) given(name string) bool {
	return c.sources[name] != fromDefault && byKey[name].text(c) != ""
}

func (c *Config) cited(name string) string {
	return fmt.Sprintf("%s (%s)", name, c.sources[name])
}
