package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The products that k6es knows.
const (
	Elasticsearch = "Elasticsearch"
	OpenSearch    = "OpenSearch"
)

// Version is the version of a server.
type Version struct{ Major, Minor, Patch int }

// oldest is the first Elasticsearch with composable index templates, which every OpenSearch has.
var oldest = Version{7, 8, 0}

// ParseVersion reads "7.10.2", and "8.0.0-rc1" as 8.0.0.
func ParseVersion(text string) (Version, error) {
	number, _, _ := strings.Cut(text, "-")
	parts := strings.Split(number, ".")
	var numbers [3]int
	if len(parts) != len(numbers) {
		return Version{}, fmt.Errorf("%q is not a version like 7.10.2", text)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%q is not a version like 7.10.2", text)
		}
		numbers[i] = int(n)
	}
	return Version{numbers[0], numbers[1], numbers[2]}, nil
}

// String returns "7.10.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Compare returns -1, 0 or 1 as v is older than, the same as or newer than other.
func (v Version) Compare(other Version) int {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor), cmp.Compare(v.Patch, other.Patch))
}

// Server is what a cluster says about itself; the zero value: nothing.
type Server struct {
	// Product is Elasticsearch or OpenSearch.
	Product string
	// Flavor is Elasticsearch's build flavour, "oss" or "default"; empty for OpenSearch.
	Flavor string
	// Version is the one that the server claims: an OpenSearch in compatibility mode claims 7.10.2.
	Version     Version
	ClusterName string
	ClusterUUID string
}

// String returns a name for people, such as "Elasticsearch OSS 7.10.2" or "OpenSearch 2.19.6".
func (s Server) String() string {
	switch {
	case s.Product == "":
		return "a server that does not say to this user what it is"
	case s.Product == OpenSearch && s.Version == Version{7, 10, 2}:
		return "OpenSearch (in compatibility mode, as 7.10.2)"
	case s.Flavor == "oss":
		return s.Product + " OSS " + s.Version.String()
	default:
		return s.Product + " " + s.Version.String()
	}
}

// Probe asks which server this is. A server that k6es cannot work with is an error.
func (c *Client) Probe(ctx context.Context) (Server, error) {
	response, err := c.send(ctx, http.MethodGet, "/", nil)
	if err != nil {
		return Server{}, err
	}
	defer drain(response.Body)
	if dashboards(response.Header) {
		return Server{}, fmt.Errorf("%s is Kibana or OpenSearch Dashboards, not the server behind it. "+
			"Set K6_ELASTICSEARCH_URL to that, and K6_KIBANA_URL to this", c.URL())
	}
	if status := response.StatusCode; status == http.StatusNotFound || status/100 == 3 {
		return Server{}, c.stranger(strconv.Itoa(status))
	}
	if err := c.CheckResponse(response); err != nil {
		return Server{}, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	if err != nil {
		return Server{}, c.exchanger.failure(ctx, response.Request, err)
	}
	server, ok := parseServer(body)
	if !ok {
		return Server{}, c.stranger("something else")
	}
	if server.Product == Elasticsearch && server.Version.Compare(oldest) < 0 {
		return Server{}, fmt.Errorf("%s is %s; k6es needs Elasticsearch %s or later, or OpenSearch", c.URL(), server, oldest)
	}
	return server, nil
}

// parseServer reads what a server says about itself; false when it is none that k6es knows.
func parseServer(body []byte) (Server, bool) {
	var answer struct {
		ClusterName string `json:"cluster_name"`
		ClusterUUID string `json:"cluster_uuid"`
		Tagline     string `json:"tagline"`
		Version     struct {
			Number       string `json:"number"`
			Flavor       string `json:"build_flavor"`
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Server{}, false
	}
	product := productOf(answer.Tagline, answer.Version.Distribution)
	version, err := ParseVersion(answer.Version.Number)
	server := Server{product, answer.Version.Flavor, version, answer.ClusterName, answer.ClusterUUID}
	return server, product != "" && err == nil
}

// dashboards tells by the header that both send with every answer.
func dashboards(header http.Header) bool {
	return header.Get("kbn-name") != "" || header.Get("osd-name") != ""
}

// productOf goes by the tagline too: an OpenSearch in compatibility mode names no distribution.
func productOf(tagline, distribution string) string {
	switch {
	case distribution == "opensearch" || strings.HasPrefix(tagline, "The OpenSearch Project"):
		return OpenSearch
	case tagline == "You Know, for Search":
		return Elasticsearch
	default:
		return ""
	}
}

func (c *Client) stranger(answer string) error {
	return fmt.Errorf("%s is neither Elasticsearch nor OpenSearch: it answers GET / with %s. Check K6_ELASTICSEARCH_URL", c.URL(), answer)
}
