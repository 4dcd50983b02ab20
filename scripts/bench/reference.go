package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v7" //nolint:depguard // what is compared with, not what is used
	"github.com/elastic/go-elasticsearch/v7/esutil"
	"github.com/spf13/cobra"
)

// referenceMapping is what one gets who stores k6's samples one by one and takes care: tags and names are
// keywords, values numbers, times dates. Elastic's own k6 output makes such documents.
const referenceMapping = `{
  "settings": {"index": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "5s"}},
  "mappings": {
    "dynamic_templates": [{"tags": {"path_match": "Tags.*", "mapping": {"type": "keyword"}}}],
    "properties": {
      "MetricName": {"type": "keyword"},
      "MetricType": {"type": "keyword"},
      "Value": {"type": "double"},
      "Tags": {"type": "object", "dynamic": true},
      "Time": {"type": "date"}
    }
  }
}`

// line is one of k6 JSON.
type line struct {
	Type   string `json:"type"`
	Metric string `json:"metric"`
	Data   struct {
		Type  string            `json:"type"` // of a line that declares a metric
		Time  time.Time         `json:"time"`
		Value float64           `json:"value"`
		Tags  map[string]string `json:"tags"`
	} `json:"data"`
}

// referenceDocument is a sample as the reference stores it.
type referenceDocument struct {
	MetricName string
	MetricType string
	Value      float64
	Tags       map[string]string
	Time       time.Time
}

// ingested is what the reference tells when it is done.
type ingested struct {
	Documents uint64 `json:"documents"`
	Bytes     int64  `json:"bytes"` // on the wire
}

// newReference makes the hidden command that loads a file as its peers do: encoding/json, one document for
// each sample, esutil.BulkIndexer. It is a process of its own, so that its processor time is its own.
func newReference() *cobra.Command {
	var s server
	var index string
	cmd := &cobra.Command{
		Use:    "reference FILE",
		Short:  "Load a file with one document for each sample",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
	}
	s.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&index, "index", "reference", "index to make")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		done, err := ingest(cmd.Context(), s, index, args[0])
		if err != nil {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(done)
	}
	return cmd
}

// ingest makes the index and loads a file into it.
func ingest(ctx context.Context, s server, index, name string) (ingested, error) {
	if err := s.do(ctx, http.MethodPut, "/"+index, json.RawMessage(referenceMapping), nil); err != nil {
		return ingested{}, err
	}
	file, err := os.Open(name)
	if err != nil {
		return ingested{}, err
	}
	defer file.Close()
	wire := &meter{RoundTripper: http.DefaultTransport}
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{s.url}, Transport: wire})
	if err != nil {
		return ingested{}, err
	}
	var failed atomic.Pointer[error]
	// Two workers and 5 MB a request were the best on two cores; gzip would cost the server more.
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: client, Index: index, NumWorkers: 2, FlushBytes: 5 << 20,
		FilterPath: []string{"errors", "items.*.error"},
		OnError:    func(_ context.Context, err error) { failed.CompareAndSwap(nil, &err) },
	})
	if err != nil {
		return ingested{}, err
	}
	if err := addAll(ctx, indexer, file); err != nil {
		return ingested{}, err
	}
	if err := indexer.Close(ctx); err != nil {
		return ingested{}, err
	}
	if err := failed.Load(); err != nil {
		return ingested{}, *err
	}
	stats := indexer.Stats()
	if stats.NumFailed > 0 {
		return ingested{}, fmt.Errorf("%d of %d documents were refused", stats.NumFailed, stats.NumAdded)
	}
	return ingested{stats.NumAdded, wire.bytes.Load()}, nil
}

// addAll hands the samples of a file to the indexer, one by one.
func addAll(ctx context.Context, indexer esutil.BulkIndexer, file io.Reader) error {
	kinds := map[string]string{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		if l.Type == "Metric" {
			kinds[l.Metric] = l.Data.Type
			continue
		}
		body, err := json.Marshal(referenceDocument{l.Metric, kinds[l.Metric], l.Data.Value, l.Data.Tags, l.Data.Time})
		if err != nil {
			return err
		}
		if err := indexer.Add(ctx, esutil.BulkIndexerItem{Action: "create", Body: bytes.NewReader(body)}); err != nil {
			return err
		}
	}
	return lines.Err()
}

// meter counts the bytes of the bodies that pass.
type meter struct {
	http.RoundTripper
	bytes atomic.Int64
}

func (m *meter) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		request.Body = &counted{request.Body, &m.bytes}
	}
	return m.RoundTripper.RoundTrip(request)
}

type counted struct {
	io.ReadCloser
	bytes *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}
