//go:build unix

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// kind is what differs between the two products in how a server is configured and started.
type kind struct {
	Program    string // in bin/, and the name of the configuration file
	VersionKey string // in a module's descriptor
	EnvPrefix  string // of the environment variables that the start script reads
}

var (
	elasticsearch = kind{"elasticsearch", "elasticsearch.version", "ES"}
	opensearch    = kind{"opensearch", "opensearch.version", "OPENSEARCH"}
)

// server is one line of the table: all there is to know about how to get and start a server.
type server struct {
	Name     string
	Kind     kind
	Version  string
	Zip      string // Maven coordinates group:artifact of the distribution
	Size     int    // of the download, in MB, to tell the user
	JDK      jdkRange
	Modules  []module
	RestRoot *restRoot // nil where the distribution answers GET / itself
	Settings []string  // further lines of the configuration file
	Plugins  []string  `json:",omitempty"` // Maven coordinates group:artifact:version of plugins, as zips
	Secured  bool      `json:",omitempty"` // wants TLS and a login
	Tight    bool      `json:",omitempty"` // small queues and limits, for tests of faults
}

// module is a part of the stock server that the distribution lacks.
type module struct {
	Name     string
	Artifact string // Maven coordinates group:artifact:version
	Extends  string // module whose classes it needs; empty when none
	Policy   string // permissions for the Java security manager; empty when none
}

const (
	esZip = "org.elasticsearch.distribution.integ-test-zip:elasticsearch"
	osZip = "org.opensearch.distribution.integ-test-zip:opensearch"

	securityOff = "xpack.security.enabled: false"
)

var ossModules = modulesOf("org.codelibs.elasticsearch.module:%s:7.10.2",
	"aggs-matrix-stats", "analysis-common", "ingest-common", "lang-expression", "lang-mustache",
	"lang-painless", "mapper-extras", "parent-join", "percolator", "rank-eval", "reindex", "repository-url")

var table = []server{
	{
		Name: "es-oss-7.10.2", Kind: elasticsearch, Version: "7.10.2", Zip: esZip, Size: 45, JDK: jdkRange{11, 17},
		Modules: ossModules,
	},
	{
		Name: "es-7.17.29", Kind: elasticsearch, Version: "7.17.29", Zip: esZip, Size: 60, JDK: jdkRange{11, 21},
		Modules: modulesOf("org.elasticsearch.plugin:%s-client:7.17.29",
			"lang-mustache", "mapper-extras", "reindex"),
		Settings: []string{securityOff},
	},
	{
		Name: "es-8.19.21", Kind: elasticsearch, Version: "8.19.21", Zip: esZip, Size: 107, JDK: jdkRange{17, 25},
		RestRoot: &restRoot{Source: "es8", Release: 17},
		Settings: []string{securityOff},
	},
	{
		Name: "es-9.5.3", Kind: elasticsearch, Version: "9.5.3", Zip: esZip, Size: 133, JDK: jdkRange{21, 0},
		RestRoot: &restRoot{Source: "es9", Release: 21},
		Settings: []string{securityOff},
	},
	{
		Name: "opensearch-1.3.20", Kind: opensearch, Version: "1.3.20", Zip: osZip, Size: 37, JDK: jdkRange{11, 17},
		Modules: slices.Concat(
			modulesOf("org.opensearch.plugin:%s-client:1.3.20", "lang-mustache", "mapper-extras", "reindex"),
			modulesOf("org.opensearch.plugin:%s:1.3.14", "lang-painless"),
		),
	},
	{
		Name: "opensearch-2.19.6", Kind: opensearch, Version: "2.19.6", Zip: osZip, Size: 63, JDK: jdkRange{11, 21},
		Modules: slices.Concat(
			modulesOf("org.opensearch.plugin:%s-client:2.19.6", "lang-mustache", "mapper-extras", "reindex"),
			modulesOf("org.opensearch.plugin:%s:2.19.6", "analysis-common", "ingest-common", "lang-painless"),
		),
	},
	{
		Name: "opensearch-3.6.0", Kind: opensearch, Version: "3.6.0", Zip: osZip, Size: 162, JDK: jdkRange{21, 0},
	},
	{
		// For faults: it is short of everything, and the tests may kill it.
		Name: "es-oss-7.10.2-tight", Kind: elasticsearch, Version: "7.10.2", Zip: esZip, Size: 45, JDK: jdkRange{11, 17},
		Modules: ossModules,
		Settings: []string{
			"thread_pool.write.size: 1", "thread_pool.write.queue_size: 1", "http.max_content_length: 64kb",
		},
		Tight: true,
	},
	{
		Name: "es-8.19.21-security", Kind: elasticsearch, Version: "8.19.21", Zip: esZip, Size: 107, JDK: jdkRange{17, 25},
		RestRoot: &restRoot{Source: "es8", Release: 17},
		Secured:  true,
	},
	{
		// The newest version for which there is a security plugin.
		Name: "opensearch-2.19.4-security", Kind: opensearch, Version: "2.19.4", Zip: osZip, Size: 106, JDK: jdkRange{11, 21},
		Modules: slices.Concat(
			modulesOf("org.opensearch.plugin:%s-client:2.19.4", "lang-mustache", "mapper-extras", "reindex"),
			modulesOf("org.opensearch.plugin:%s:2.19.4", "analysis-common", "ingest-common", "lang-painless"),
		),
		Plugins: []string{"org.opensearch.plugin:opensearch-security:2.19.4.0"},
		Secured: true,
	},
}

// extends holds the modules that need the classes of another one, when that is installed too.
var extends = map[string]string{
	"analysis-common": "lang-painless",
	"ingest-common":   "lang-painless",
}

const scriptPolicy = `grant {
  permission java.lang.RuntimePermission "createClassLoader";
  permission java.lang.RuntimePermission "getClassLoader";
  permission org.elasticsearch.script.ClassPermission "<<STANDARD>>";
  permission org.elasticsearch.script.ClassPermission "*";
};
`

const remotePolicy = `grant {
  permission java.net.SocketPermission "*", "connect";
  permission java.net.NetPermission "getProxySelector";
};
`

// policies are the permissions that each module cannot work without.
var policies = map[string]string{
	"analysis-common": scriptPolicy,
	"ingest-common":   scriptPolicy,
	"lang-expression": scriptPolicy,
	"lang-painless":   scriptPolicy,
	"lang-mustache": `grant {
  permission java.lang.RuntimePermission "accessDeclaredMembers";
  permission java.lang.reflect.ReflectPermission "suppressAccessChecks";
};
`,
	"reindex":        remotePolicy,
	"repository-url": remotePolicy,
}

// modulesOf makes a module for each name; coordinates is a pattern with one %s for the name.
func modulesOf(coordinates string, names ...string) []module {
	modules := make([]module, len(names))
	for i, name := range names {
		modules[i] = module{
			Name:     name,
			Artifact: fmt.Sprintf(coordinates, name),
			Extends:  extends[name],
			Policy:   policies[name],
		}
	}
	return modules
}

// findServers looks the names up in the table, in the given order.
func findServers(names []string) ([]server, error) {
	servers := make([]server, len(names))
	for i, name := range names {
		at := slices.IndexFunc(table, func(s server) bool { return s.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("unknown server %q: the known ones are %s", name, strings.Join(knownNames(), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("server %s is named twice", name)
		}
		servers[i] = table[at]
	}
	return servers, nil
}

func knownNames() []string {
	names := make([]string, len(table))
	for i, s := range table {
		names[i] = s.Name
	}
	return names
}

var notInVariables = regexp.MustCompile(`[^A-Z0-9]`)

// variable is the environment variable that holds the server's address, such as
// K6ES_TEST_ES_OSS_7_10_2.
func (s server) variable() string {
	return "K6ES_TEST_" + notInVariables.ReplaceAllString(strings.ToUpper(s.Name), "_")
}
