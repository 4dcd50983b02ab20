package kibana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/k6es/k6es/elastic"
)

// The products that take our saved objects.
const (
	Kibana               = "Kibana"
	OpenSearchDashboards = "OpenSearch Dashboards"
)

// oldest are the first versions that take our saved objects: those of Kibana 7.10, from which OpenSearch
// Dashboards 1.0 was made.
var oldest = map[string]elastic.Version{Kibana: {Major: 7, Minor: 10}, OpenSearchDashboards: {Major: 1}}

const statusPath = "/api/status"

// Server is what Kibana says about itself.
type Server struct {
	Product string // Kibana or OpenSearchDashboards
	Version elastic.Version
	// Ready tells whether it takes saved objects; if not, State says how it is in its own words.
	Ready bool
	State string
}

// String returns a name for people, such as "Kibana 7.10.2".
func (s Server) String() string { return s.Product + " " + s.Version.String() }

// rewrites tells whether this version changes what it imports, so that it cannot be compared with it.
func (s Server) rewrites() bool {
	return s.Product == Kibana && s.Version.Compare(elastic.Version{Major: 7, Minor: 11}) >= 0
}

// CanPull says why edits cannot be brought back from this version; nil where they can.
func (s Server) CanPull() error {
	if s.rewrites() {
		return fmt.Errorf("%s changes what it imports, so edits cannot be told from that: edit in Kibana 7.10 or OpenSearch Dashboards", s)
	}
	return nil
}

// NotReadyError is Kibana's answer while it starts, or while its server does not answer it.
type NotReadyError struct {
	URL, State string
	Patience   time.Duration
}

// Error says how it is.
func (e *NotReadyError) Error() string {
	text := fmt.Sprintf("%s is not ready (%s)", e.URL, e.State)
	if e.Patience > 0 {
		text += fmt.Sprintf(" after %s", e.Patience)
	}
	return text
}

// Status asks which Kibana this is and whether it is ready. One that k6es cannot work with is an error;
// one that starts, and does not say yet what it is, is a *NotReadyError.
func (c *Client) Status(ctx context.Context) (Server, error) {
	got, err := c.exchange(ctx, http.MethodGet, statusPath, "", nil, http.StatusServiceUnavailable)
	switch {
	case elastic.IsUnknown(err):
		if server, probeErr := c.server.Probe(ctx); probeErr == nil && server.Product != "" {
			return Server{}, fmt.Errorf("%s is %s, not Kibana. Set K6_KIBANA_URL to the address of Kibana", c.URL(), server.Product)
		}
		return Server{}, fmt.Errorf("%w. Check K6_KIBANA_URL: it is the address of Kibana, with its base path if there is one", err)
	case err != nil:
		return Server{}, err
	}
	server, err := parseStatus(got.header, got.body)
	if errors.Is(err, errStranger) && got.status == http.StatusServiceUnavailable {
		return Server{}, &NotReadyError{URL: c.URL(), State: startupText(got.body)}
	}
	if err != nil {
		return Server{}, fmt.Errorf("%s %w", c.URL(), err)
	}
	if least := oldest[server.Product]; server.Version.Compare(least) < 0 {
		return Server{}, fmt.Errorf("%s is %s; k6es needs Kibana %s or later, or OpenSearch Dashboards", c.URL(), server, oldest[Kibana])
	}
	return server, nil
}

var (
	errStranger  = errors.New("is neither Kibana nor OpenSearch Dashboards: it answers GET " + statusPath + " with something else. Check K6_KIBANA_URL")
	errAnonymous = errors.New("tells its version only to those who log in. Set K6_KIBANA_USER and K6_KIBANA_PASSWORD")
)

// statusAnswer has both shapes of the answer: that of Kibana 7 and OpenSearch Dashboards, with a list of
// statuses, and that of Kibana 8 and later.
type statusAnswer struct {
	Version struct{ Number string }
	Status  struct {
		Overall  level
		Statuses []struct {
			ID string
			level
		}
		Core map[string]level
	}
}

// level is how something is: green or available, by the shape.
type level struct{ State, Level, Summary, Message string }

func (l level) good() bool { return l.State == "green" || l.Level == "available" }

func (l level) String() string {
	text := l.State + l.Level
	if said := l.Summary + l.Message; said != "" {
		text += ": " + said
	}
	return text
}

// parseStatus reads the answer to GET /api/status. Only what the import needs must be well: plugins that
// are not are none of our business.
func parseStatus(header http.Header, body []byte) (Server, error) {
	var got statusAnswer
	if err := json.Unmarshal(body, &got); err != nil || got.Status.Overall == (level{}) {
		return Server{}, errStranger
	}
	if got.Version.Number == "" {
		return Server{}, errAnonymous
	}
	version, err := elastic.ParseVersion(got.Version.Number)
	if err != nil {
		return Server{}, errStranger
	}
	server := Server{Product: Kibana, Version: version, Ready: true}
	if header.Get("osd-name") != "" {
		server.Product = OpenSearchDashboards
	}
	core := map[string]level{}
	for name, level := range got.Status.Core {
		core[name] = level
	}
	for _, status := range got.Status.Statuses {
		name, _, _ := strings.Cut(status.ID, "@")
		if name, isCore := strings.CutPrefix(name, "core:"); isCore {
			core[name] = status.level
		}
	}
	if _, opensearch := core["opensearch"]; opensearch {
		server.Product = OpenSearchDashboards
	}
	if len(core) == 0 {
		core["overall"] = got.Status.Overall
	}
	for _, name := range sortedKeys(core) {
		if !core[name].good() {
			server.Ready, server.State = false, name+" is "+core[name].String()
		}
	}
	return server, nil
}

// startupText is what a Kibana says that cannot say yet how it is: a sentence, or a page.
func startupText(body []byte) string {
	const most = 100
	text := strings.Join(strings.Fields(string(body)), " ")
	if text == "" || strings.HasPrefix(text, "<") || len(text) > most {
		return "it starts"
	}
	return text
}

// Wait asks for the status until Kibana is ready, at most as long as patience. One that does not listen is
// waited for only with listening. tell is called once when there is something to wait for.
func (c *Client) Wait(ctx context.Context, patience time.Duration, listening bool, tell func(why error)) (Server, error) {
	deadline := time.Now().Add(patience)
	for first := true; ; first = false {
		server, err := c.Status(ctx)
		if err == nil && !server.Ready {
			err = &NotReadyError{URL: c.URL(), State: server.State}
		}
		var notReady *NotReadyError
		waitable := errors.As(err, &notReady)
		if !waitable && (!listening || !isConnection(err)) {
			return server, err
		}
		if time.Until(deadline) < c.poll {
			if waitable {
				notReady.Patience = patience
			}
			return server, err
		}
		if first {
			tell(err)
		}
		select {
		case <-ctx.Done():
			return server, ctx.Err()
		case <-time.After(c.poll):
		}
	}
}

// CheckSpace makes sure that the chosen space is there: an import into one that is not would put objects
// where nobody finds them.
func (c *Client) CheckSpace(ctx context.Context, server Server) error {
	if c.space == "" {
		return nil
	}
	if server.Product == OpenSearchDashboards {
		return fmt.Errorf("%s is %s, which has no spaces. Leave --kibana-space out; tenants are chosen by --kibana-tenant", c.URL(), server)
	}
	_, err := c.exchange(ctx, http.MethodGet, "/api/spaces/space/"+c.space, "", nil)
	switch {
	case elastic.IsStatus(err, http.StatusNotFound):
		return fmt.Errorf("%s has no space %q: make it in Kibana first, or leave --kibana-space out (Kibana OSS has no spaces)", c.URL(), c.space)
	case elastic.IsStatus(err, http.StatusForbidden): // who may write into a space need not be allowed to look at it
		return nil
	default:
		return err
	}
}
