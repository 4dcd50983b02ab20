package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/k6es/k6es/elastic"
)

// health is what a cluster says about itself.
type health struct {
	Cluster   string `json:"cluster_name"`
	Status    string `json:"status"`
	DataNodes int    `json:"number_of_data_nodes"`
	Shards    int    `json:"active_shards"`
	// Indices are all that there are, by name.
	Indices map[string]struct{ Status string }

	err error // it did not say
}

func (p Patient) health(ctx context.Context) health {
	var h health
	h.err = p.get(ctx, "/_cluster/health?level=indices&filter_path=cluster_name,status,number_of_data_nodes,active_shards,indices.*.status", &h)
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
		ours, others := h.ill(p, "yellow")
		f.Text += ": copies of shards are missing of " + named(ours, others)
		if len(ours) > 0 || len(others) == 0 {
			f.Mark, f.Fix = Warning, p.replicas(h)
		}
	case "red":
		ours, others := h.ill(p, "red")
		f.Mark, f.Fix = Warning, "GET _cluster/allocation/explain says why"
		f.Text += ": shards are missing, and their documents, of " + named(ours, others)
		if len(ours) > 0 || len(others) == 0 {
			f.Mark = Wrong
		}
	}
	return f
}

// ill are the indices of that status, k6's and others.
func (h health) ill(p Patient, status string) (ours, others []string) {
	for _, name := range slices.Sorted(maps.Keys(h.Indices)) {
		switch {
		case h.Indices[name].Status != status:
		case p.ours(name):
			ours = append(ours, name)
		default:
			others = append(others, name)
		}
	}
	return ours, others
}

// ours tells whether an index is one of k6's.
func (p Patient) ours(index string) bool {
	return slices.ContainsFunc(p.names(), func(name string) bool {
		begin, pattern := strings.CutSuffix(name, "*")
		return index == name || pattern && strings.HasPrefix(index, begin)
	})
}

// named names some indices: k6's, or else that they are none of them.
func named(ours, others []string) string {
	const most = 3
	names, whose := ours, ""
	if len(ours) == 0 {
		names, whose = others, ", not k6's"
	}
	if len(names) == 0 {
		return "indices that the server does not name"
	}
	rest := len(names) - min(most, len(names))
	return strings.Join(names[:len(names)-rest], ", ") + more(rest) + whose
}

// replicas is what to do about copies that are missing: a single node has no place for any.
func (p Patient) replicas(h health) string {
	if h.DataNodes != 1 {
		return "GET _cluster/allocation/explain says why"
	}
	return fmt.Sprintf(`a single node holds no copies: k6es setup --replicas 0 for new indices, PUT %s-*/_settings {"index.number_of_replicas":0} for these`, p.prefix())
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
