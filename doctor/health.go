package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/k6es/k6es/elastic"
)

// health is what a cluster says about itself.
type health struct {
	Cluster   string `json:"cluster_name"`
	Status    string `json:"status"`
	DataNodes int    `json:"number_of_data_nodes"`
	Shards    int    `json:"active_shards"`

	err error // it did not say
}

func (p Patient) health(ctx context.Context) health {
	var h health
	h.err = p.get(ctx, "/_cluster/health", &h)
	return h
}

// finding is the line about the server as such.
func (h health) finding(p Patient) Finding {
	version := strings.TrimPrefix(p.Server.String(), p.Server.Product+" ")
	f := Finding{p.Server.Product, OK, fmt.Sprintf("%s · %s, cluster %s", p.Client.URL(), version, p.Server.ClusterName), ""}
	if h.err != nil {
		if h.Cluster == "" && p.Server.ClusterName == "" {
			f.Text = fmt.Sprintf("%s · %s", p.Client.URL(), version)
		}
		return f
	}
	f.Text += ", " + h.Status
	switch h.Status {
	case "yellow":
		f.Mark, f.Text = Warning, f.Text+": copies of some shards are missing"
		f.Fix = "GET _cluster/allocation/explain says why; on a single node, k6es setup --replicas 0 for new indices"
	case "red":
		f.Mark, f.Text = Wrong, f.Text+": some shards are missing, and their documents"
		f.Fix = "GET _cluster/allocation/explain says why"
	}
	return f
}

// Unreachable is the finding for a server, or one node of it, that does not answer as it should.
func Unreachable(err error) Finding {
	var connection *elastic.ConnectionError
	var file *fs.PathError
	var answer *elastic.Error
	switch {
	case errors.As(err, &connection):
		return Of("server", err, "start it, or set K6_ELASTICSEARCH_URL to where it is")
	case errors.As(err, &file):
		return Of("server", err, "name a file that is there and that this user may read")
	case errors.As(err, &answer):
		return Of("server", err, "look into the server's log")
	default:
		return Of("server", err, "put that option right")
	}
}

// Nodes looks at each address of a cluster alone. open makes a client for one address. There is a finding
// for each that does not answer.
func Nodes(ctx context.Context, addresses []string, open func(address string) (*elastic.Client, error)) []Finding {
	if len(addresses) < 2 {
		return nil
	}
	var findings []Finding
	for _, address := range addresses {
		client, err := open(address)
		if err == nil {
			_, err = client.Probe(ctx)
		}
		if err != nil {
			findings = append(findings, Finding{"node", Warning, err.Error(), "start it, or take it out of K6_ELASTICSEARCH_URL"})
		}
	}
	return findings
}
