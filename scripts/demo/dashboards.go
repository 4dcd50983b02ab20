package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/k6es/k6es/config"
	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/kibana"
)

const (
	// usualKibana is where a Kibana is looked for when K6_KIBANA_URL names none.
	usualKibana = "http://localhost:5601"
	// kibanaTimeout is how long a Kibana may take to say what it is.
	kibanaTimeout = 5 * time.Second
)

// findKibana finds the Kibana that stands on the server, for dashboards and links. Without one the demo
// does without; it says so only when one was named.
func (d *demo) findKibana(ctx context.Context) {
	given := config.Environ(d.environ)["K6_KIBANA_URL"]
	url := given
	if url == "" {
		url = usualKibana
	}
	ctx, cancel := context.WithTimeout(ctx, kibanaTimeout)
	defer cancel()
	why := d.askKibana(ctx, url)
	switch {
	case why == nil:
		d.kibana = url
		d.environ = append(d.environ, "K6_KIBANA_URL="+url)
		fmt.Fprintf(d.out, "%s: a Kibana on this server, so there will be dashboards\n", url)
	case given != "":
		fmt.Fprintf(d.out, "K6_KIBANA_URL: %v. There will be no dashboards.\n", why)
		d.environ = slices.DeleteFunc(slices.Clone(d.environ), func(entry string) bool { return entry == "K6_KIBANA_URL="+given })
	}
}

// askKibana says why a Kibana cannot show what is in the server; nil: it can.
func (d *demo) askKibana(ctx context.Context, url string) error {
	environ := append(slices.Clone(d.environ), "K6_KIBANA_URL="+url)
	cfg, err := config.Load(config.Sources{Files: config.DefaultFiles(), Env: config.Environ(environ)})
	if err != nil {
		return err
	}
	client, err := kibana.New(cfg.Kibana())
	if err != nil {
		return err
	}
	if _, err := client.Wait(ctx, 0, false, func(error) {}); err != nil {
		return err
	}
	stands, err := standsOn(ctx, d.client)
	if err == nil && !stands {
		err = fmt.Errorf("%s stands on another server than %s", url, d.client.URL())
	}
	return err
}

// standsOn tells whether some Kibana keeps its saved objects in the server.
func standsOn(ctx context.Context, client *elastic.Client) (bool, error) {
	var answer struct {
		Shards struct{ Total int } `json:"_shards"`
	}
	path := "/.kibana*,.opensearch_dashboards*/_count?expand_wildcards=all&ignore_unavailable=true&allow_no_indices=true"
	err := client.JSON(ctx, http.MethodGet, path, nil, &answer)
	return answer.Shards.Total > 0, err
}

// logsIndex is where the sample service logs to.
func (d *demo) logsIndex() string { return d.prefix + "-demo-logs" }

// dashboards brings the dashboards into Kibana, with that beside the logs of the sample service.
func (d *demo) dashboards(ctx context.Context) error {
	if d.kibana == "" {
		return nil
	}
	d.step("Bring the dashboards into Kibana")
	args := []string{"setup", "--dashboards"}
	if d.logging {
		args = append(args, "--logs-index", d.logsIndex()+"-*")
	}
	return d.show(ctx, d.program("k6es"), args...)
}
